//! What a deploy would do now: the change, and how long each step takes at today's traffic.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_analysis::canary_requests;
use staunch_model::{Revision, ServiceSpec, Weight};

use crate::ServiceView;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    pub service: String,
    pub from: Option<String>,
    pub to: String,
    pub digest: String,
    /// Nothing to do: this content runs.
    pub unchanged: bool,
    pub changed: Vec<String>,
    pub requests_per_second: f64,
    pub steps: Vec<PlannedStep>,
    pub bake_ms: u64,
    /// Until all traffic is on the new revision; `None` when a gate cannot be decided at today's traffic.
    pub total_ms: Option<u64>,
    /// What a person should know before.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub weight: Weight,
    pub hold_ms: u64,
    pub canary_per_second: f64,
    /// The gate that takes longest, and about how many canary requests it needs.
    pub slowest_gate: Option<String>,
    pub needs: Option<u64>,
    pub expected_ms: Option<u64>,
    /// The step stops for a person.
    pub pause: bool,
}

pub(crate) fn plan(
    spec: &ServiceSpec,
    to: &Revision,
    from: Option<&Revision>,
    view: &ServiceView,
) -> PlanView {
    let rate = view.stable_rates.per_second + view.canary_rates.per_second;
    let stable = view.stable_rates.error_ratio.unwrap_or(0.0);
    let next = spec.canary.steps.iter().skip(1).map(|step| step.weight).chain([Weight::FULL]);
    let steps = spec.canary.steps.iter().zip(next);
    let steps: Vec<_> = steps.map(|(step, next)| planned(spec, step, next, rate, stable)).collect();
    let first = from.is_none();
    let steps = if first { vec![] } else { steps };
    let total_ms = steps.iter().map(|step| step.expected_ms).sum();
    PlanView {
        service: spec.name.to_string(),
        from: from.map(|from| from.label.clone()),
        to: to.label.clone(),
        digest: to.digest.to_string(),
        unchanged: from.is_some_and(|from| from.digest == to.digest),
        changed: staunch_rollout::changed(from, to),
        requests_per_second: rate,
        notes: notes(spec, &steps, rate, first),
        steps,
        bake_ms: millis(spec.canary.bake),
        total_ms,
    }
}

fn planned(
    spec: &ServiceSpec,
    step: &staunch_model::Step,
    next: Weight,
    rate: f64,
    stable: f64,
) -> PlannedStep {
    let share = step.weight.ratio();
    let needs = |gate| canary_requests(gate, spec.evidence.false_promotion, stable, share, next.ratio());
    // A gate that never passes is the slowest of all.
    let slowest = spec.gates.iter().max_by_key(|gate| needs(gate).unwrap_or(u64::MAX));
    let needed = slowest.map_or(Some(0), needs);
    let canary_per_second = rate * share;
    let expected = needed.and_then(|needed| seconds(needed, canary_per_second));
    PlannedStep {
        weight: step.weight,
        hold_ms: millis(step.hold),
        canary_per_second,
        slowest_gate: slowest.map(staunch_model::GateSpec::name),
        needs: needed,
        expected_ms: expected.map(|span| millis(span.max(step.hold))),
        pause: step.pause,
    }
}

fn seconds(requests: u64, per_second: f64) -> Option<Duration> {
    if requests == 0 {
        return Some(Duration::ZERO);
    }
    (per_second > 0.0).then(|| Duration::from_secs_f64((requests as f64 / per_second).min(1e9)))
}

fn notes(spec: &ServiceSpec, steps: &[PlannedStep], rate: f64, first: bool) -> Vec<String> {
    let mut notes = vec![];
    if first {
        notes.push("the first revision takes all traffic as soon as it is ready".to_owned());
        return notes;
    }
    if rate <= 0.0 {
        notes.push(
            "there is no traffic now: gates will wait for it; `staunch promote` goes on without evidence"
                .to_owned(),
        );
    }
    if let Some(step) = steps.iter().find(|step| step.needs.is_none()) {
        let gate = step.slowest_gate.as_deref().unwrap_or("a gate");
        notes.push(format!("{gate} cannot pass: stable itself is at or above its limit"));
    }
    let slow =
        steps.iter().find(|step| step.expected_ms.is_some_and(|ms| ms > millis(spec.canary.step_deadline)));
    if let Some(step) = slow {
        notes.push(format!(
            "the step at {} would take longer than its deadline of {}: use a larger weight or a wider limit",
            step.weight,
            staunch_model::human_duration(spec.canary.step_deadline)
        ));
    }
    notes
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
