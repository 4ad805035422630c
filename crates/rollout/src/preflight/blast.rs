//! How much the path risks at once, against what the policy allows.

use staunch_model::{Limit, Step, Strategy, Weight, human_duration};

use super::{Facts, Finding, FindingCode};

pub(super) fn check(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    // The first revision has nobody to be compared with and no path.
    if facts.service.stable.is_none() {
        return;
    }
    for limit in &facts.spec.policy.limits {
        if let Some((text, key)) = exceeded(facts, *limit) {
            let place = facts.place(key);
            let bound = facts.place(&format!("policy.{}", limit.key()));
            let fix = format!("change `{key}`, or `{bound}`");
            findings.push(Finding::new(FindingCode::LimitExceeded, place, text).fix(fix));
        }
    }
}

/// What is too much, and the key that asks for it.
fn exceeded(facts: &Facts<'_>, limit: Limit) -> Option<(String, &'static str)> {
    let strategy = &facts.spec.strategy;
    let steps = &strategy.steps;
    // A worker's shares follow from its number of instances.
    let worker = strategy.rolling.is_some();
    let steps_key = if worker { "replicas" } else { "canary.steps" };
    match limit {
        Limit::MaxShare(most) => {
            let step = steps.iter().find(|step| strategy.reach(step.weight) > most)?;
            let by_name = strategy.who.as_ref().map(|who| format!(" with {} by name on top", who.most));
            let by_name = by_name.unwrap_or_default();
            let text = format!(
                "the step at {}{by_name} is above the largest share before the promotion, {most}",
                step.weight
            );
            Some((text, if step.weight > most { steps_key } else { "canary.who.max-share" }))
        }
        Limit::MaxRise(most) => {
            let (from, to) = rises(strategy).into_iter().find(|(from, to)| rise(*from, *to) > most)?;
            Some((format!("from {from} to {to} at once; the largest rise is {most}"), steps_key))
        }
        Limit::MinSteps(least) => (by_weight(steps).count() < least as usize).then(|| {
            let steps = by_weight(steps).count();
            (format!("{steps} steps before the promotion; the least is {least}"), steps_key)
        }),
        Limit::MinHold(least) => {
            let step = by_weight(steps).find(|step| step.hold < least)?;
            let (hold, least) = (human_duration(step.hold), human_duration(least));
            Some((
                format!("the step at {} holds for {hold}; the least is {least}", step.weight),
                if worker { "rolling.hold" } else { "canary.hold" },
            ))
        }
        Limit::MinBake(least) => (strategy.bake < least).then(|| {
            let (bake, least) = (human_duration(strategy.bake), human_duration(least));
            (
                format!("the bake lasts {bake}; the least is {least}"),
                if worker { "rolling.bake" } else { "canary.bake" },
            )
        }),
        Limit::MaxSurge(most) => {
            let surge = surge(facts);
            (surge > most).then(|| {
                (
                    format!("{surge} instances run beyond the full number; the most is {most}"),
                    if worker { "rolling.max-surge" } else { "replicas" },
                )
            })
        }
        Limit::MaxUnavailable(most) => {
            let missing = unavailable(facts);
            (missing > most).then(|| {
                (
                    format!("{missing} instances are missing on purpose; the most is {most}"),
                    if worker { "rolling.max-unavailable" } else { "replicas" },
                )
            })
        }
    }
}

/// The steps that somebody has by chance.
fn by_weight(steps: &[Step]) -> impl Iterator<Item = &Step> {
    steps.iter().filter(|step| !step.weight.is_zero())
}

/// Each share and the next one, with what is sent by name, the promotion last.
fn rises(strategy: &Strategy) -> Vec<(Weight, Weight)> {
    let reached = || strategy.steps.iter().map(|step| strategy.reach(step.weight));
    let from = [Weight::ZERO].into_iter().chain(reached());
    from.zip(reached().chain([Weight::FULL])).collect()
}

fn rise(from: Weight, to: Weight) -> Weight {
    Weight::try_from(to.basis_points().saturating_sub(from.basis_points())).unwrap_or(Weight::ZERO)
}

/// A canary comes beside the old version, which keeps its full capacity until the bake is over; a worker's instances
/// are replaced one by one.
fn surge(facts: &Facts<'_>) -> u32 {
    facts.spec.strategy.rolling.map_or(facts.spec.replicas, |bounds| bounds.max_surge)
}

/// For the same reason nothing of the full number is ever missing; only a worker may be told otherwise.
fn unavailable(facts: &Facts<'_>) -> u32 {
    facts.spec.strategy.rolling.map_or(0, |bounds| bounds.max_unavailable)
}
