//! `[rolling]`: a worker's instances are replaced one by one.

use std::time::Duration;

use staunch_model::{RollingSpec, Step, Strategy, StrategyKind, Weight};

use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::v1::canary;
use crate::v1::service::{small, span};
use crate::{Diagnostic, scalar};

/// Long enough to see a process end that cannot do its work …
const UNASKED: Duration = Duration::from_secs(10);
/// … and where gates judge, they take the time they need.
const ASKED: Duration = Duration::from_secs(5);

/// `asked`: there are gates of the file's own. `None` when a value without a default is wrong.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    service: &Section<'_>,
    replicas: u32,
    asked: bool,
) -> Option<Strategy> {
    let section = reader.section(service, "rolling");
    let bounds = RollingSpec {
        max_surge: small(reader, &section, "max-surge"),
        max_unavailable: small(reader, &section, "max-unavailable"),
    };
    let hold = reader.get(&section, "hold", scalar::duration);
    let hold = hold.unwrap_or(if asked { ASKED } else { UNASKED });
    let pause = pause(reader, &section, replicas);
    refuse_standstill(reader, &section, bounds);
    Some(Strategy {
        kind: StrategyKind::Rolling,
        steps: steps(bounds, replicas, hold, pause),
        bake: span(reader, &section, "bake"),
        rolling: Some(bounds),
        ..canary::with_deadlines(reader, &section)
    })
}

fn steps(bounds: RollingSpec, replicas: u32, hold: Duration, pause: Option<u32>) -> Vec<Step> {
    let step =
        |count: u32| Step { weight: Weight::of_count(count, replicas), hold, pause: pause == Some(count) };
    bounds.counts(replicas, pause).into_iter().map(step).collect()
}

/// Behind the last replacement there is no step to pause at.
fn pause(reader: &mut Reader<'_>, section: &Section<'_>, replicas: u32) -> Option<u32> {
    let after = reader.get(section, "pause-after", scalar::integer)?;
    let after = u32::try_from(after).unwrap_or(u32::MAX);
    if after < replicas {
        return Some(after);
    }
    let place = section.value_span("pause-after").unwrap_or_else(|| section.span.clone());
    let message =
        format!("`pause-after` is {after}, and `replicas` is {replicas}: nothing is left to wait with");
    let help = if replicas > 1 {
        format!("`pause-after` is at most {}", replicas - 1)
    } else {
        "give the worker more `replicas`, or watch its one instance with `bake`".to_owned()
    };
    reader.report(Diagnostic::error(Code::ValuesDisagree, message, place).help(help));
    None
}

fn refuse_standstill(reader: &mut Reader<'_>, section: &Section<'_>, bounds: RollingSpec) {
    if bounds.max_surge > 0 || bounds.max_unavailable > 0 {
        return;
    }
    let place = |name: &str| section.value_span(name).unwrap_or_else(|| section.span.clone());
    let message = "with `max-surge` and `max-unavailable` both 0 no instance could ever be replaced";
    let finding = Diagnostic::error(Code::ValuesDisagree, message, place("max-surge")).here("none more");
    let finding = match section.value_span("max-unavailable") {
        Some(other) => finding.and(other, "and none less"),
        None => finding,
    };
    reader.report(finding.help(
        "max-surge = 1 starts the new one beside the old; max-unavailable = 1 stops the old one first",
    ));
}
