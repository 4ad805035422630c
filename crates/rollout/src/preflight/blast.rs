//! How much the path risks at once, against what the policy allows.

use staunch_model::{Capacity, Limit, Step, Strategy, StrategyKind, Weight, human_duration};

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

/// Where each kind of path says how much it risks.
struct Keys {
    steps: &'static str,
    hold: &'static str,
    bake: &'static str,
    surge: &'static str,
    unavailable: &'static str,
}

fn keys(kind: StrategyKind) -> Keys {
    match kind {
        StrategyKind::Canary => Keys {
            steps: "canary.steps",
            hold: "canary.hold",
            bake: "canary.bake",
            surge: "replicas",
            unavailable: "replicas",
        },
        StrategyKind::BlueGreen => Keys {
            steps: "blue-green.switch",
            hold: "blue-green.hold",
            bake: "blue-green.bake",
            surge: "replicas",
            unavailable: "replicas",
        },
        // A worker's shares follow from its number of instances.
        StrategyKind::Rolling => Keys {
            steps: "replicas",
            hold: "rolling.hold",
            bake: "rolling.bake",
            surge: "rolling.max-surge",
            unavailable: "rolling.max-unavailable",
        },
    }
}

/// What is too much, and the key that asks for it.
fn exceeded(facts: &Facts<'_>, limit: Limit) -> Option<(String, &'static str)> {
    let strategy = &facts.spec.strategy;
    let steps = &strategy.steps;
    let keys = keys(strategy.kind);
    match limit {
        Limit::MaxShare(most) => {
            let step = steps.iter().find(|step| strategy.reach(step.weight) > most)?;
            let by_name = strategy.who.as_ref().map(|who| format!(" with {} by name on top", who.most));
            let by_name = by_name.unwrap_or_default();
            let text = format!(
                "the step at {}{by_name} is above the largest share before the promotion, {most}",
                step.weight
            );
            Some((text, if step.weight > most { keys.steps } else { "canary.who.max-share" }))
        }
        Limit::MaxRise(most) => {
            let (from, to) = rises(strategy).into_iter().find(|(from, to)| rise(*from, *to) > most)?;
            Some((format!("from {from} to {to} at once; the largest rise is {most}"), keys.steps))
        }
        Limit::MinSteps(least) => (by_weight(steps).count() < least as usize).then(|| {
            let steps = by_weight(steps).count();
            (format!("{steps} steps before the promotion; the least is {least}"), keys.steps)
        }),
        Limit::MinHold(least) => {
            let step = by_weight(steps).find(|step| step.hold < least)?;
            let (hold, least) = (human_duration(step.hold), human_duration(least));
            Some((format!("the step at {} holds for {hold}; the least is {least}", step.weight), keys.hold))
        }
        Limit::MinBake(least) => (strategy.bake < least).then(|| {
            let (bake, least) = (human_duration(strategy.bake), human_duration(least));
            (format!("the bake lasts {bake}; the least is {least}"), keys.bake)
        }),
        Limit::MaxSurge(most) => {
            let surge = surge(facts);
            (surge > most).then(|| {
                (format!("{surge} instances run beyond the full number; the most is {most}"), keys.surge)
            })
        }
        Limit::MaxUnavailable(most) => {
            let missing = unavailable(facts);
            (missing > most).then(|| {
                (format!("{missing} instances are missing on purpose; the most is {most}"), keys.unavailable)
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

/// Everything new comes beside the old version, which keeps its full capacity until the bake is over: the new one up to
/// the full number, and before that the twins of stable that it is compared with. A worker's instances are replaced.
fn surge(facts: &Facts<'_>) -> u32 {
    let (spec, strategy) = (facts.spec, &facts.spec.strategy);
    if let Some(bounds) = strategy.rolling {
        return bounds.max_surge;
    }
    let twinned = spec.evidence.fresh_baseline && strategy.shadow.is_none() && !strategy.by_time;
    let compared = strategy.steps.iter().filter(|_| twinned).map(|step| match strategy.capacity {
        Capacity::Share => 2 * step.weight.of_replicas(spec.replicas),
        Capacity::Full => 2 * spec.replicas,
    });
    compared.fold(spec.replicas, u32::max)
}

/// For the same reason nothing of the full number is ever missing; only a worker may be told otherwise.
fn unavailable(facts: &Facts<'_>) -> u32 {
    facts.spec.strategy.rolling.map_or(0, |bounds| bounds.max_unavailable)
}
