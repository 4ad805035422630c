//! `staunch plan`: what a deploy would do, before anything is done.

use std::time::Duration;

use staunch_api::v1::{Plan, PlanStep, PolicyFinding};
use staunch_model::human_duration;
use staunch_rollout::{Stop, finding_info};

use crate::args::{Output, PlanArgs};
use crate::commands::policy;
use crate::exit::{Exit, Outcome};
use crate::remote::Remote;
use crate::term::{Term, Tone};

pub(crate) async fn run(term: &Term, remote: &Remote, args: &PlanArgs) -> Outcome {
    let service = remote.one(args.service.as_deref()).await?;
    let plan = remote.plan(&service.name).await?;
    match term.output {
        Output::Text => {
            show(term, &plan);
            if let Some(budget) = &plan.budget {
                term.result(&format!("  {}", super::budget::line(budget)));
            }
        }
        Output::Json | Output::Jsonl => term.json(&serde_json::to_value(&plan).unwrap_or_default()),
    }
    let changes = !plan.unchanged && args.exit_code;
    Ok(if changes { Exit::Changes } else { Exit::Ok })
}

fn show(term: &Term, plan: &Plan) {
    let from = plan.from.as_deref().unwrap_or("nothing");
    if plan.unchanged {
        term.result(&format!("{}: nothing to do, {from} has this very content", plan.service));
        return;
    }
    term.result(&format!("{}: {from} → {}", term.paint_result(Tone::Strong, &plan.service), plan.to));
    plan.changed.iter().for_each(|line| term.result(&format!("  {line}")));
    plan.path.iter().for_each(|line| term.result(&format!("  {line}")));
    if !plan.steps.is_empty() && !plan.worker {
        term.result(&format!("  at today's {:.1} requests a second:", plan.requests_per_second));
    }
    plan.steps.iter().for_each(|step| term.result(&format!("  {}", step_line(step, plan.worker))));
    if let Some(total) = plan.total_ms.filter(|_| !plan.steps.is_empty()) {
        let bake = human_duration(Duration::from_millis(plan.bake_ms));
        let high = plan.total_high_ms.filter(|high| *high > total);
        let high =
            high.map_or_else(String::new, |high| format!(" ({} at most, 19 times in 20 a step)", ms(high)));
        let then = if plan.worker { "watched" } else { "with the old version kept warm" };
        let least = if plan.worker { "at least" } else { "about" };
        term.result(&format!("  100 % after {least} {}{high}, then {bake} {then}", ms(total)));
    }
    plan.vetting.lines.iter().for_each(|line| term.result(&format!("  {line}")));
    plan.notes
        .iter()
        .for_each(|note| term.result(&format!("  {} {note}", term.paint_result(Tone::Warn, "!"))));
    policy::show(term, &plan.findings);
    if let Some(exit) = refusal(&plan.findings) {
        term.result(&format!(
            "  a deploy would be refused (exit {exit}): {}",
            policy::summary(&plan.findings)
        ));
    }
}

/// The exit status of a deploy that these findings refuse.
fn refusal(findings: &[PolicyFinding]) -> Option<u8> {
    let errors = findings.iter().filter(|finding| finding.severity == "error");
    let stop = |finding: &PolicyFinding| finding_info(&finding.code).map_or(Stop::Policy, |info| info.stop);
    errors.map(stop).min().map(Stop::exit)
}

fn step_line(step: &PlanStep, worker: bool) -> String {
    let percent = || format!("{} %", (step.weight_ratio * 10_000.0).round() / 100.0);
    let weight = if step.weight_ratio > 0.0 { percent() } else { "by name".to_owned() };
    let expected = match (step.expected_ms, step.low_ms, step.high_ms) {
        (None, _, _) => "not foreseeable".to_owned(),
        (Some(span), Some(low), Some(high)) if high > low => {
            format!("about {} ({} to {})", ms(span), ms(low), ms(high))
        }
        (Some(span), _, _) if worker => format!("at least {}", ms(span)),
        (Some(span), _, _) => format!("about {}", ms(span)),
    };
    let needs = match (&step.slowest_gate, step.needs_requests) {
        (Some(gate), Some(needs)) => {
            format!(": {gate} needs ≈ {needs} canary requests at {:.1}/s", step.canary_requests_per_second)
        }
        (Some(gate), None) => format!(": {gate} cannot pass"),
        (None, _) => String::new(),
    };
    let pause = if step.pause { ", then waits for a person" } else { "" };
    format!("{weight:>6}  {expected}{needs}{pause}")
}

fn ms(span: u64) -> String {
    human_duration(Duration::from_millis(span))
}

#[cfg(test)]
mod tests {
    use staunch_analysis::{Outlook, canary_requests};
    use staunch_model::{GateLimit, GateSpec};

    /// `validate` refuses what would only wait for its deadline, and little else.
    #[test]
    fn the_tightest_limits_are_decided_by_ten_million_requests() {
        let outlook = Outlook { stable: 0.0, share: 0.05, next: 0.25, false_promotion: 0.05 };
        let decided =
            |gate: &GateSpec| canary_requests(gate, outlook).is_some_and(|needs| needs.median <= 10_000_000);
        for gate in staunch_config::tightest_limits() {
            assert!(decided(&gate), "{gate:?}");
            let limit = match gate.limit {
                GateLimit::MaxRatio { max } => GateLimit::MaxRatio { max: max / 10.0 },
                GateLimit::VsStableRatio { margin } => GateLimit::VsStableRatio { margin: margin / 10.0 },
                // How small a difference of rates can be depends on how often stable fails.
                GateLimit::VsStablePoints { .. }
                | GateLimit::MaxMicros { .. }
                | GateLimit::BlastRadius { .. } => continue,
            };
            assert!(!decided(&GateSpec { limit, ..gate.clone() }), "{gate:?}");
        }
    }
}
