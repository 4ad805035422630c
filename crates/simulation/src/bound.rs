//! What no rule can beat: the information in a request about the fault of a world.

use staunch_evidence::information_per_request;

use crate::latency::{Cells, Shape};
use crate::policy::Policy;
use crate::world::World;

/// The least expected time, in seconds of steady traffic, until any rule whose chance of a false alarm is `α` can tell
/// the world's fault at one share (Wald); `None` when there is nothing that a gate could tell, and for a policy that goes
/// through several shares: its time depends on when it goes on.
pub(crate) fn bound_secs(world: &World, policy: &Policy) -> Option<f64> {
    let [only] = policy.strategy.steps.as_slice() else { return None };
    let share = only.weight.ratio();
    let errors = information_per_request(world.errors, world.canary_errors, share);
    let errors = if world.canary_errors > world.errors { errors } else { 0.0 };
    // Only what is answered is timed; failures are few where latency is the fault.
    let latency = policy.latency_margin().map_or(0.0, |margin| latency_information(world, margin, share));
    let nats = -libm::log(policy.evidence.false_rollback);
    let secs = nats / (errors + latency) / world.rps;
    (secs.is_finite() && share > 0.0 && share < 1.0).then_some(secs)
}

/// Nats per request about "slower than stable by more than the margin": the most that bets on a score that never falls
/// with the latency can win on average. The best such score is the likelihood ratio made monotone, pooling neighbours
/// that violate the order (isotonic regression).
fn latency_information(world: &World, margin: f64, share: f64) -> f64 {
    let stable = Cells::new(world, Shape::USUAL, &[0.0]);
    let canary = Cells::new(world, Shape { slower: world.slower / (1.0 + margin), tail: world.tail }, &[0.0]);
    let part = |p: f64, pooled: f64| if p > 0.0 { p * libm::log(p / pooled) } else { 0.0 };
    let gain = |(canary, stable): &(f64, f64)| {
        let pooled = share * canary + (1.0 - share) * stable;
        share * part(*canary, pooled) + (1.0 - share) * part(*stable, pooled)
    };
    monotone(&canary, &stable).iter().map(gain).sum()
}

/// Neighbouring cells pooled until the canary's share over stable's never falls: `(canary, stable)`.
fn monotone(canary: &Cells, stable: &Cells) -> Vec<(f64, f64)> {
    let mut blocks: Vec<(f64, f64)> = Vec::new();
    for cell in side_by_side(canary, stable) {
        let mut block = cell;
        while let Some(before) = blocks.pop_if(|before| before.0 * block.1 >= block.0 * before.1) {
            block = (before.0 + block.0, before.1 + block.1);
        }
        blocks.push(block);
    }
    blocks
}

fn side_by_side(canary: &Cells, stable: &Cells) -> Vec<(f64, f64)> {
    let mut cells = std::collections::BTreeMap::<u16, (f64, f64)>::new();
    canary.shares().for_each(|(bucket, share)| cells.entry(bucket).or_default().0 = share);
    stable.shares().for_each(|(bucket, share)| cells.entry(bucket).or_default().1 = share);
    cells.into_values().collect()
}

#[cfg(test)]
mod tests {
    use staunch_model::{ServiceName, Weight};

    use super::*;

    fn bound(text: &str, margin: f64) -> Option<f64> {
        let name = ServiceName::try_from("shop".to_owned()).unwrap();
        let mut policy = Policy::standard(name).holding(Weight::percent(5.0).unwrap());
        policy.gates.retain(|gate| gate.metric == staunch_model::Metric::ErrorRate);
        policy.gates.push(staunch_model::GateSpec {
            metric: staunch_model::Metric::LatencyP95,
            limit: staunch_model::GateLimit::VsStableRatio { margin },
            no_data: staunch_model::NoData::Hold,
        });
        bound_secs(&World::read(text).unwrap(), &policy)
    }

    /// Known bounds at 5 % and α = 1 %, latencies lognormal with σ = 0.6.
    #[test]
    fn bounds_are_the_known_ones() {
        let cases = [
            ("errors-0.1-to-1", 74.9),
            ("errors-1-to-5,rps=1000", 2.46),
            ("slower=1.1", 76.9),
            ("slower-20", 21.0),
            ("slower-100", 1.5),
        ];
        for (text, expected) in cases {
            let secs = bound(text, 0.0).unwrap();
            assert!((secs / expected - 1.0).abs() < 0.03, "{text}: {secs}, known {expected}");
        }
    }

    #[test]
    fn a_margin_asks_for_more_and_nothing_has_no_bound() {
        assert!(bound("slower-20", 0.1) > bound("slower-20", 0.0));
        assert!(bound("tail", 0.1) > bound("tail", 0.0));
        for text in ["plain", "no-traffic", "errors-1-to-5,rps=0", "errors=0.5,canary-errors=0.1"] {
            assert_eq!(bound(text, 0.1), None, "{text}");
        }
    }
}
