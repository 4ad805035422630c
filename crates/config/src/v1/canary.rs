//! `[canary]`: the steps and their deadlines.

use std::ops::Range;
use std::time::Duration;

use staunch_model::{Step, Strategy, Weight};
use toml::de::DeValue;

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar::{self, Flaw};
use crate::syntax::Value;
use crate::v1::keys::{Given, STEP};
use crate::v1::service::span;
use crate::v1::who;

pub(crate) fn read(reader: &mut Reader<'_>, service: &Section<'_>) -> Strategy {
    let section = reader.section(service, "canary");
    let hold = span(reader, &section, "hold");
    let (who, alone) = who::read(reader, &section);
    let steps = alone.into_iter().chain(steps(reader, &section, hold)).collect();
    let bake = span(reader, &section, "bake");
    Strategy { steps, bake, holdback: holdback(reader, &section), who, ..with_deadlines(reader, &section) }
}

/// A path of no steps with the deadlines of its table.
pub(crate) fn with_deadlines(reader: &mut Reader<'_>, section: &Section<'_>) -> Strategy {
    Strategy {
        prepare_deadline: span(reader, section, "prepare-deadline"),
        step_deadline: span(reader, section, "step-deadline"),
        pause_deadline: span(reader, section, "pause-deadline"),
        ..Strategy::default()
    }
}

pub(crate) fn holdback(reader: &mut Reader<'_>, section: &Section<'_>) -> Weight {
    let share = reader.value(section, "holdback", scalar::share);
    // The key's range keeps it far below what a weight can hold.
    Weight::try_from((share * 10_000.0).round() as u16).unwrap_or(Weight::ZERO)
}

/// A step and where it stands.
pub(crate) struct Placed {
    pub(crate) step: Step,
    span: Range<usize>,
    /// Has keys of its own beside the weight.
    furnished: bool,
}

fn steps(reader: &mut Reader<'_>, section: &Section<'_>, hold: Duration) -> Vec<Step> {
    let key = section.key("steps");
    reader.note_origin(section, key);
    let Some(value) = section.find("steps") else { return default_steps(hold) };
    list(reader, section, "steps", value, hold)
}

/// Rising steps below 100 %.
pub(crate) fn list(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    name: &str,
    value: &Value<'_>,
    hold: Duration,
) -> Vec<Step> {
    let Some(items) = value.get_ref().as_array() else {
        let flaw = Flaw::wrong_type(section.key(name), "a list of percentages", value.get_ref());
        reader.flawed(value, flaw);
        return Vec::new();
    };
    let path = section.path_of(name);
    let placed: Vec<Placed> = items
        .iter()
        .enumerate()
        .filter_map(|(number, item)| step(reader, item, hold, format!("{path}[{number}]")))
        .collect();
    refuse_not_rising(reader, &placed);
    let below = without_promotion(reader, &placed);
    if below.is_empty() && placed.len() == items.len() {
        reader.report(Diagnostic::error(
            Code::StepsEmpty,
            format!("`{name}` has no step below 100 %"),
            value.span(),
        ));
    }
    below
}

fn default_steps(hold: Duration) -> Vec<Step> {
    let Some(Given::Default(literal)) = crate::v1::keys::CANARY.key("steps").map(|key| key.given) else {
        return Vec::new();
    };
    let parsed = DeValue::parse(literal).ok();
    let items =
        parsed.as_ref().and_then(|value| value.get_ref().as_array()).into_iter().flat_map(|list| list.iter());
    items
        .filter_map(|item| scalar::weight(weight_key(), item.get_ref()).ok())
        .filter(|weight| *weight < Weight::FULL)
        .map(|weight| Step { weight, hold, pause: false })
        .collect()
}

fn weight_key() -> &'static crate::v1::keys::Key {
    STEP.key("weight").expect("a step has a weight")
}

fn step(reader: &mut Reader<'_>, item: &Value<'_>, hold: Duration, path: String) -> Option<Placed> {
    let Some(entries) = item.get_ref().as_table() else {
        return plain_step(reader, item, hold);
    };
    let section = reader.open(Section::new(&STEP, entries, item.span(), path));
    let weight = reader.get(&section, "weight", scalar::weight);
    let own_hold = reader.get(&section, "hold", scalar::duration);
    let pause = reader.value(&section, "pause", scalar::flag);
    let step = Step { weight: weight?, hold: own_hold.unwrap_or(hold), pause };
    Some(Placed { step, span: item.span(), furnished: own_hold.is_some() || pause })
}

pub(crate) fn plain_step(reader: &mut Reader<'_>, item: &Value<'_>, hold: Duration) -> Option<Placed> {
    let read = scalar::weight(weight_key(), item.get_ref());
    let weight = read.map_err(|flaw| reader.flawed(item, flaw)).ok()?;
    Some(Placed { step: Step { weight, hold, pause: false }, span: item.span(), furnished: false })
}

fn refuse_not_rising(reader: &mut Reader<'_>, placed: &[Placed]) {
    for pair in placed.windows(2) {
        let [before, after] = pair else { continue };
        if after.step.weight <= before.step.weight {
            let (low, high) = (after.step.weight, before.step.weight);
            let what =
                if low == high { format!("{low} is there twice") } else { format!("{low} after {high}") };
            let finding =
                Diagnostic::error(Code::StepsOrder, format!("steps must rise: {what}"), after.span.clone());
            reader.report(finding.here("not above …").and(before.span.clone(), "… this one"));
        }
    }
}

/// A last 100 % stands for the promotion that follows the steps.
fn without_promotion(reader: &mut Reader<'_>, placed: &[Placed]) -> Vec<Step> {
    for full in placed.iter().filter(|one| one.step.weight == Weight::FULL && one.furnished) {
        let message = "100 % is the promotion and has no hold or pause of its own";
        reader.report(Diagnostic::error(Code::StepsEnd, message, full.span.clone()));
    }
    placed.iter().map(|one| one.step.clone()).filter(|step| step.weight < Weight::FULL).collect()
}
