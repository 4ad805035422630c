//! `[slo]`: what users are promised, and what follows when too much of it is broken.

use staunch_model::{BudgetLevels, LatencyObjective, SloSpec};

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar;

/// `None` when there is no `[slo]`, or one without its objective.
pub(crate) fn read(reader: &mut Reader<'_>, service: &Section<'_>) -> Option<SloSpec> {
    let section = reader.section(service, "slo");
    let target = reader.get(&section, "target", scalar::share);
    let window = reader.get(&section, "window", scalar::duration);
    let latency = latency(reader, &section);
    let levels = levels(reader, &section);
    let min_failures = reader.value(&section, "min-failures", scalar::integer);
    let rollout_spend = reader.get(&section, "rollout-spend", scalar::share);
    Some(SloSpec { target: target?, window: window?, latency, levels, min_failures, rollout_spend })
}

fn latency(reader: &mut Reader<'_>, slo: &Section<'_>) -> Option<LatencyObjective> {
    let section = reader.section(slo, "latency");
    let target = reader.get(&section, "target", scalar::share);
    let under = reader.get(&section, "under", scalar::duration);
    Some(LatencyObjective { under: under?, target: target? })
}

fn levels(reader: &mut Reader<'_>, section: &Section<'_>) -> BudgetLevels {
    let levels = BudgetLevels {
        warn: reader.value(section, "warn", scalar::share),
        freeze: reader.value(section, "freeze", scalar::share),
        critical: reader.value(section, "critical", scalar::share),
        reopen: reader.value(section, "reopen", scalar::share),
    };
    let BudgetLevels { warn, freeze, critical, reopen } = levels;
    let rising = [("critical", critical, "freeze", freeze), ("freeze", freeze, "reopen", reopen)];
    for (low, least, high, most) in rising {
        if least >= most {
            let why =
                format!("`{low}` must be below `{high}`, or a freeze could not begin and end as described");
            disagree(reader, section, &why, low, high);
        }
    }
    if freeze > warn {
        disagree(
            reader,
            section,
            "`warn` must not be below `freeze`: the warning would never come",
            "freeze",
            "warn",
        );
    }
    levels
}

/// Marks both values, or the one that is in the file; the other is then the default.
fn disagree(reader: &mut Reader<'_>, section: &Section<'_>, message: &str, low: &str, high: &str) {
    let mut given = [low, high].into_iter().filter_map(|name| Some((section.value_span(name)?, name)));
    let (first, name) = given.next().unwrap_or_else(|| (section.span.clone(), ""));
    let start = Diagnostic::error(Code::ValuesDisagree, message.to_owned(), first).here(name);
    let help =
        "from small to large: critical, freeze, reopen; their defaults are 5 %, 10 %, 15 %, and warn is 25 %";
    reader.report(given.fold(start, |finding, (place, name)| finding.and(place, name)).help(help));
}
