//! What a deploy would do now: the change, and how long each step takes at today's traffic.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_analysis::{Needs, Outlook, canary_requests};
use staunch_model::{Capacity, Revision, RollingSpec, ServiceSpec, StrategyKind, Weight};
use staunch_rollout::{Objection, Preflight, PreflightFinding, Vetting};

use crate::{BudgetView, ServiceView};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    pub service: String,
    pub from: Option<String>,
    pub to: String,
    pub digest: String,
    /// It has no requests: a step's share is one of instances, and its least time is all that can be foreseen.
    #[serde(default)]
    pub worker: bool,
    /// Nothing to do: this content runs.
    pub unchanged: bool,
    pub changed: Vec<String>,
    pub requests_per_second: f64,
    pub steps: Vec<PlannedStep>,
    pub bake_ms: u64,
    /// Until all traffic is on the new revision; `None` when a gate cannot be decided at today's traffic.
    pub total_ms: Option<u64>,
    /// The same if every step took its longest.
    pub total_high_ms: Option<u64>,
    /// What happens beside the steps, in its order.
    #[serde(default)]
    pub path: Vec<String>,
    /// What a person should know before.
    pub notes: Vec<String>,
    /// The checks and the score, and why they refuse the version if they do.
    pub vetting: Vetting,
    pub objections: Vec<Objection>,
    /// The error budget as it stands; a frozen one refuses the deploy.
    #[serde(default)]
    pub budget: Option<BudgetView>,
    /// What speaks against it, the gravest first.
    pub findings: Vec<PreflightFinding>,
    /// The digest of all that approvers agree to.
    pub plan: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub weight: Weight,
    pub hold_ms: u64,
    pub canary_per_second: f64,
    /// The gate that takes longest, and about how many canary requests it needs.
    pub slowest_gate: Option<String>,
    pub needs: Option<Needs>,
    /// Half the time it takes less than `expected_ms`; nine times in ten it lies between the other two. Warm-up and
    /// hold are in it.
    pub expected_ms: Option<u64>,
    pub low_ms: Option<u64>,
    pub high_ms: Option<u64>,
    /// The step stops for a person.
    pub pause: bool,
}

pub(crate) fn plan(
    spec: &ServiceSpec,
    to: &Revision,
    from: Option<&Revision>,
    view: &ServiceView,
    said: Preflight,
) -> PlanView {
    let rate = view.stable_rates.per_second + view.canary_rates.per_second;
    let stable = error_ratio(view);
    let weights = spec.strategy.steps.iter().map(|step| step.weight).chain([Weight::FULL]);
    let weights: Vec<Weight> = weights.collect();
    let steps = spec.strategy.steps.iter().enumerate().map(|(at, step)| {
        let before = at.checked_sub(1).map_or(Weight::ZERO, |before| weights[before]);
        planned(spec, step, Around { before, next: weights[at + 1] }, rate, stable)
    });
    let steps: Vec<_> = steps.collect();
    let first = from.is_none();
    let steps = if first { vec![] } else { steps };
    let total_ms = steps.iter().map(|step| step.expected_ms).sum();
    let total_high_ms = steps.iter().map(|step| step.high_ms).sum();
    PlanView {
        service: spec.name.to_string(),
        from: from.map(|from| from.label.clone()),
        to: to.label.clone(),
        digest: to.digest.to_string(),
        worker: spec.is_worker(),
        unchanged: from.is_some_and(|from| from.digest == to.digest),
        changed: staunch_rollout::changed(from, to),
        requests_per_second: rate,
        path: path(spec, first),
        notes: notes(spec, &steps, rate, first).into_iter().chain(view.dispersion.clone()).collect(),
        steps,
        budget: view.budget.clone(),
        bake_ms: millis(spec.strategy.bake),
        total_ms,
        total_high_ms,
        vetting: Vetting::default(),
        objections: vec![],
        findings: said.findings,
        plan: said.plan,
    }
}

/// The weights before and after a step.
#[derive(Clone, Copy)]
struct Around {
    before: Weight,
    next: Weight,
}

/// Over all that is remembered of the last minutes: ten seconds of a service that rarely fails say nothing.
fn error_ratio(view: &ServiceView) -> f64 {
    let (all, failed) = view
        .series
        .iter()
        .fold((0, 0), |(all, failed), point| (all + point.stable, failed + point.stable_failed));
    if all == 0 { 0.0 } else { failed as f64 / all as f64 }
}

fn planned(
    spec: &ServiceSpec,
    step: &staunch_model::Step,
    around: Around,
    rate: f64,
    stable: f64,
) -> PlannedStep {
    let share = step.weight.ratio();
    let false_promotion = spec.evidence.false_promotion;
    let outlook = Outlook { stable, share: compared(spec, step), next: around.next.ratio(), false_promotion };
    let asked = spec.gates.iter().filter(|_| !spec.strategy.by_time && share > 0.0);
    let gates: Vec<_> = asked.map(|gate| (gate, canary_requests(gate, outlook))).collect();
    // A gate that never passes is the slowest of all.
    let slowest = gates.iter().max_by_key(|(_, needs)| needs.map_or(u64::MAX, |needs| needs.median));
    let nothing = Needs { low: 0, median: 0, high: Some(0) };
    let needs = gates.iter().try_fold(nothing, |all, (_, needs)| Some(all.and((*needs)?)));
    let canary_per_second = rate * share;
    let warm = warm_up(spec, around.before, step.weight, canary_per_second);
    let span = |requests: u64| {
        let evidence =
            seconds(requests, canary_per_second)? + if requests > 0 { warm } else { Duration::ZERO };
        Some(millis(evidence.max(step.hold)))
    };
    PlannedStep {
        weight: step.weight,
        hold_ms: millis(step.hold),
        canary_per_second,
        slowest_gate: slowest.map(|(gate, _)| gate.name()),
        needs,
        expected_ms: needs.and_then(|needs| span(needs.median)),
        low_ms: needs.and_then(|needs| span(needs.low)),
        high_ms: needs.and_then(|needs| span(needs.high?)),
        pause: step.pause,
    }
}

/// A shadow is warm before the first step and needs none.
fn has_twins(spec: &ServiceSpec) -> bool {
    spec.evidence.fresh_baseline && spec.strategy.shadow.is_none() && !spec.strategy.by_time
}

/// The canary's part of the requests that are compared.
fn compared(spec: &ServiceSpec, step: &staunch_model::Step) -> f64 {
    let share = step.weight.ratio();
    if has_twins(spec) { share / (share + step.weight.of_twins().ratio()) } else { share }
}

/// How long the requests that new instances set aside delay the evidence: all of it while every instance is new, their
/// part of it when others are warm already.
fn warm_up(spec: &ServiceSpec, before: Weight, now: Weight, canary_per_second: f64) -> Duration {
    let instances = |share: Weight| match spec.strategy.capacity {
        Capacity::Share if share.is_zero() => 0,
        Capacity::Share => spec.strategy.reach(share).of_replicas(spec.replicas),
        Capacity::Full if share > Weight::ZERO => spec.replicas,
        Capacity::Full => 0,
    };
    let (had, has) = (instances(before), instances(now).max(1));
    let fresh = has.saturating_sub(had);
    // Twins warm up as the canary does: nothing is set aside.
    if fresh == 0 || canary_per_second <= 0.0 || has_twins(spec) {
        return Duration::ZERO;
    }
    let part = f64::from(fresh) / f64::from(has);
    let each = canary_per_second / f64::from(has);
    let alone = spec.evidence.warm_up.as_secs_f64().min(spec.evidence.warm_up_requests as f64 / each);
    Duration::from_secs_f64(alone * part)
}

fn seconds(requests: u64, per_second: f64) -> Option<Duration> {
    if requests == 0 {
        return Some(Duration::ZERO);
    }
    (per_second > 0.0).then(|| Duration::from_secs_f64((requests as f64 / per_second).min(1e9)))
}

const TAKES_ALL: &str = "takes all traffic as soon as it is ready";

/// What the strategy does beside its steps, in words.
fn path(spec: &ServiceSpec, first: bool) -> Vec<String> {
    let strategy = &spec.strategy;
    let mut path = vec![];
    if strategy.capacity == Capacity::Full && !first {
        let all = spec.replicas;
        path.push(format!("{}: {all} new instances start beside the {all} old ones", strategy.kind.name()));
    }
    let checks = strategy.smoke.iter().map(|check| format!("before any user: {}", check.line()));
    path.extend(checks);
    path.extend(by_name(spec).filter(|_| !first));
    if let Some(bounds) = strategy.rolling.filter(|_| !first) {
        path.push(rolling(spec, bounds));
    }
    match strategy.kind {
        StrategyKind::Canary | StrategyKind::Rolling => return path,
        StrategyKind::BlueGreen if first => return path,
        StrategyKind::BlueGreen => {}
    }
    if strategy.steps.is_empty() {
        let kept = if strategy.bake.is_zero() { Weight::ZERO } else { strategy.holdback };
        let judged = if kept > Weight::ZERO {
            format!("compared with the {kept} that stay behind until the bake is over")
        } else {
            "with nobody left on the old version to compare with".to_owned()
        };
        path.push(format!("then everybody at once; no gate is asked, and harm is judged {judged}"));
    } else if strategy.by_time {
        path.push("shares rise by the clock; no gate is asked, and harm takes it back".to_owned());
    }
    path
}

/// Who gets it whatever its weight.
fn by_name(spec: &ServiceSpec) -> Option<String> {
    let who = spec.strategy.who.as_ref()?;
    let alone = spec.strategy.steps.first().filter(|step| step.weight.is_zero());
    let when = match (alone, who.requests) {
        (Some(_), 1) => ", alone until a request of theirs was answered".to_owned(),
        (Some(_), 2..) => format!(", alone until {} requests of theirs were answered", who.requests),
        (Some(_), 0) => ", alone at first".to_owned(),
        (None, _) => ", from the first step on".to_owned(),
    };
    Some(format!("by name{when}, at most {} of all requests: {who}", who.most))
}

fn rolling(spec: &ServiceSpec, bounds: RollingSpec) -> String {
    let all = spec.replicas;
    let least = all.saturating_sub(bounds.max_unavailable);
    let most = all.saturating_add(bounds.max_surge);
    let counts = spec.strategy.steps.iter().map(|step| step.weight.of_replicas(all)).chain([all]);
    let counts: Vec<String> = counts.map(|count| count.to_string()).collect();
    format!(
        "{} of {all} instances are replaced, one after the other; at least {least} are ready, at most {most} run",
        counts.join(", ")
    )
}

fn notes(spec: &ServiceSpec, steps: &[PlannedStep], rate: f64, first: bool) -> Vec<String> {
    let mut notes = vec![];
    if first {
        let what = if spec.is_worker() { "starts all its instances at once" } else { TAKES_ALL };
        notes.push(format!("the first revision {what}"));
        return notes;
    }
    if spec.is_worker() {
        return notes;
    }
    if rate <= 0.0 {
        notes.push(
            "there is no traffic now: gates will wait for it; `staunch promote` goes on without evidence"
                .to_owned(),
        );
    }
    if let Some(most) = steps.last().filter(|_| has_twins(spec)) {
        notes.push(format!(
            "the new version is compared with fresh instances of the old one: up to {} more run until the promotion",
            most.weight.of_replicas(spec.replicas)
        ));
    }
    if let Some(step) = steps.iter().find(|step| step.needs.is_none()) {
        let gate = step.slowest_gate.as_deref().unwrap_or("a gate");
        notes.push(format!("{gate} cannot pass: stable itself is at or above its limit"));
    }
    let slow =
        steps.iter().find(|step| step.expected_ms.is_some_and(|ms| ms > millis(spec.strategy.step_deadline)));
    if let Some(step) = slow {
        notes.push(format!(
            "the step at {} would take longer than its deadline of {}: use a larger weight or a wider limit",
            step.weight,
            staunch_model::human_duration(spec.strategy.step_deadline)
        ));
    }
    notes
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
