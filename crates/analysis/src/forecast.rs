//! About how many canary requests a gate will need: for `plan`, before anything runs.

use staunch_evidence::{detection_bound_requests, requests_to_pass};
use staunch_model::{GateLimit, GateSpec};

/// What a mixture and the overshoot cost over the information bound (measured: 1.2 to 1.5).
const OVERHEAD: f64 = 1.4;
/// Canary requests that show "not 10 % slower" at a small share and 5 %, measured on log-normal latencies.
const LATENCY_REQUESTS: f64 = 340.0;

/// For a canary that is as good as stable, whose error ratio is `stable` (0 when unknown), with `share` of the
/// traffic and `next` after the pass; `None` when it could never pass.
pub fn canary_requests(
    gate: &GateSpec,
    false_promotion: f64,
    stable: f64,
    share: f64,
    next: f64,
) -> Option<u64> {
    match gate.limit {
        GateLimit::MaxRatio { max } if stable <= 0.0 => requests_to_pass(max, false_promotion),
        GateLimit::MaxRatio { max } => one_sample(stable, max, false_promotion),
        GateLimit::VsStablePoints { margin } => not_worse(stable, margin, share, false_promotion),
        GateLimit::BlastRadius { share: most } => not_worse(stable, most / next, share, false_promotion),
        GateLimit::VsStableRatio { margin } => {
            let scale = (0.1 / margin.max(1e-3)).powi(2);
            let strictness = (1.0 / false_promotion).ln() / 20.0_f64.ln();
            whole(LATENCY_REQUESTS * scale * strictness / (1.0 - share).max(0.05))
        }
        GateLimit::MaxMicros { .. } => {
            let limit = 1.0 - gate.metric.quantile()?;
            one_sample(limit / 5.0, limit, false_promotion)
        }
    }
}

fn not_worse(stable: f64, margin: f64, share: f64, beta: f64) -> Option<u64> {
    let total = detection_bound_requests(stable.max(1e-6), stable + margin, share, beta);
    whole(OVERHEAD * total * share)
}

fn one_sample(rate: f64, limit: f64, false_promotion: f64) -> Option<u64> {
    if rate >= limit {
        return None;
    }
    let divergence = rate * (rate / limit).ln() + (1.0 - rate) * ((1.0 - rate) / (1.0 - limit)).ln();
    whole(OVERHEAD * (1.0 / false_promotion).ln() / divergence)
}

fn whole(requests: f64) -> Option<u64> {
    (requests.is_finite() && requests < 1e15).then(|| requests.ceil().max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use staunch_model::{Metric, NoData};

    use super::*;

    fn gate(metric: Metric, limit: GateLimit) -> GateSpec {
        GateSpec { metric, limit, no_data: NoData::Hold }
    }

    #[test]
    fn one_percent_needs_a_few_hundred_clean_requests() {
        let needs = canary_requests(
            &gate(Metric::ErrorRate, GateLimit::MaxRatio { max: 0.01 }),
            0.05,
            0.0,
            0.05,
            0.25,
        );
        assert!(needs.is_some_and(|needs| (300..=500).contains(&needs)), "{needs:?}");
    }

    #[test]
    fn a_limit_that_stable_breaks_cannot_be_passed() {
        let gate = gate(Metric::ErrorRate, GateLimit::MaxRatio { max: 0.01 });
        assert_eq!(canary_requests(&gate, 0.05, 0.02, 0.05, 0.25), None);
        assert!(
            canary_requests(&gate, 0.05, 0.005, 0.05, 0.25) > canary_requests(&gate, 0.05, 0.001, 0.05, 0.25)
        );
    }

    #[test]
    fn a_narrow_latency_margin_is_dear() {
        let narrow = gate(Metric::LatencyP95, GateLimit::VsStableRatio { margin: 0.02 });
        let wide = gate(Metric::LatencyP95, GateLimit::VsStableRatio { margin: 0.2 });
        assert!(
            canary_requests(&narrow, 0.05, 0.0, 0.05, 0.25) > canary_requests(&wide, 0.05, 0.0, 0.05, 0.25)
        );
    }
}
