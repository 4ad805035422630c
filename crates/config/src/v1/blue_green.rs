//! `[blue-green]`: full capacity beside the old version, checks, then the switch.

use std::time::Duration;

use staunch_model::{Capacity, SmokeScope, SmokeSpec, Step, Strategy, StrategyKind, Weight};

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar::{self, Flaw};
use crate::v1::canary;
use crate::v1::keys::SWITCH;
use crate::v1::service::span;

/// The table is read even when it is absent, so that its keys are known; `None` then.
pub(crate) fn read(reader: &mut Reader<'_>, service: &Section<'_>) -> Option<Strategy> {
    let section = reader.section(service, "blue-green");
    let hold = span(reader, &section, "hold");
    let (first, switch) = (shares(reader, &section, hold), switch(reader, &section, hold));
    refuse_two_paths(reader, &section);
    let strategy = Strategy {
        kind: StrategyKind::BlueGreen,
        capacity: Capacity::Full,
        smoke: smoke(reader, &section),
        by_time: switch.by_time,
        steps: if first.is_empty() { switch.steps } else { first },
        bake: span(reader, &section, "bake"),
        holdback: canary::holdback(reader, &section),
        ..canary::with_deadlines(reader, &section)
    };
    section.is_present().then_some(strategy)
}

fn smoke(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<SmokeSpec> {
    let timeout = span(reader, section, "smoke-timeout");
    let commands = reader.list(section, "smoke", scalar::words);
    commands.into_iter().map(|words| SmokeSpec { words, timeout, scope: SmokeScope::One }).collect()
}

fn shares(reader: &mut Reader<'_>, section: &Section<'_>, hold: Duration) -> Vec<Step> {
    reader.note_origin(section, section.key("canary"));
    let Some(value) = section.find("canary") else { return Vec::new() };
    if value.get_ref().as_array().is_some() {
        return canary::list(reader, section, "canary", value, hold);
    }
    let Some(placed) = canary::plain_step(reader, value, hold) else { return Vec::new() };
    if placed.step.weight == Weight::FULL {
        let message = "`canary` is below 100 %: the switch follows";
        reader.report(Diagnostic::error(Code::StepsEmpty, message, value.span()));
    }
    vec![placed.step]
}

#[derive(Default)]
struct Switch {
    steps: Vec<Step>,
    by_time: bool,
}

fn switch(reader: &mut Reader<'_>, section: &Section<'_>, hold: Duration) -> Switch {
    let key = section.key("switch");
    reader.note_origin(section, key);
    let Some(value) = section.find("switch") else { return Switch::default() };
    if value.get_ref().as_array().is_some() {
        return Switch { steps: canary::list(reader, section, "switch", value, hold), by_time: false };
    }
    if let Some(entries) = value.get_ref().as_table() {
        let path = section.path_of("switch");
        let table = reader.open(Section::new(&SWITCH, entries, value.span(), path));
        return Switch { steps: gradual(reader, &table), by_time: true };
    }
    if value.get_ref().as_str() != Some("immediate") {
        let wanted = "\"immediate\", { increment, interval } or a list of percentages";
        reader.flawed(value, Flaw::wrong_type(key, wanted, value.get_ref()));
    }
    Switch::default()
}

/// `increment`, twice `increment`, … below 100 %.
fn gradual(reader: &mut Reader<'_>, table: &Section<'_>) -> Vec<Step> {
    let increment = reader.get(table, "increment", scalar::weight);
    let hold = reader.get(table, "interval", scalar::duration);
    let Some((increment, hold)) = increment.zip(hold) else { return Vec::new() };
    if increment.basis_points() < LEAST {
        let message = format!("`increment` is at least {} %: this is {increment}", LEAST / 100);
        let place = table.value_span("increment").unwrap_or_else(|| table.span.clone());
        reader.report(Diagnostic::error(Code::OutOfRange, message, place));
        return Vec::new();
    }
    let rising = (1..).map(|times: u16| times.saturating_mul(increment.basis_points()));
    let below = rising.take_while(|points| *points < Weight::FULL.basis_points());
    below
        .filter_map(|points| Weight::try_from(points).ok())
        .map(|weight| Step { weight, hold, pause: false })
        .collect()
}

/// A hundred increments are plenty.
const LEAST: u16 = 100;

fn refuse_two_paths(reader: &mut Reader<'_>, section: &Section<'_>) {
    let stepwise = section.find("switch").filter(|value| value.get_ref().as_str().is_none());
    if let Some((canary, switch)) = section.find("canary").zip(stepwise) {
        let message = "`canary` and the steps of `switch` are two paths";
        let finding = Diagnostic::error(Code::ValuesDisagree, message, canary.span()).here("first these …");
        reader.report(
            finding
                .and(switch.span(), "… or these")
                .help("keep `canary` with switch = \"immediate\", or put all shares into `switch`"),
        );
    }
}
