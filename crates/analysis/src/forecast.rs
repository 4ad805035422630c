//! About how many canary requests a gate needs until it passes: a plan before anything runs, the time that is left
//! while it does. The processes that will decide are run on drawn traffic: see [`staunch_evidence::VerdictRange`].

use serde::{Deserialize, Serialize};
use staunch_evidence::{
    LatencyShares, NonInferiority, OneSample, RankComparison, Traffic, VerdictRange, log_normal_shares,
};
use staunch_model::{GateLimit, GateSpec};

/// Canary requests until a verdict, nine times in ten between `low` and `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    pub low: u64,
    pub median: u64,
    /// `None`: one time in twenty it takes longer than can be said.
    pub high: Option<u64>,
}

/// What a step looks like to a version that is as good as stable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// Stable's error ratio, 0 to 1; 0 when unknown.
    pub stable: f64,
    /// The canary's share of the traffic, and the one that a pass opens.
    pub share: f64,
    pub next: f64,
    /// The chance that a version at the limit passes.
    pub false_promotion: f64,
}

/// Latencies are taken for log-normal with this deviation of their logarithms when nothing is known of them.
const DEVIATION: f64 = 0.6;

impl Needs {
    pub(crate) fn of(range: VerdictRange) -> Self {
        let whole = |requests: f64| requests.ceil().clamp(0.0, 1e15) as u64;
        let high = range.high.is_finite().then(|| whole(range.high));
        Self { low: range.low.clamp(0.0, 1e15) as u64, median: whole(range.median), high }
    }

    /// Both are needed.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            low: self.low.max(other.low),
            median: self.median.max(other.median),
            high: self.high.zip(other.high).map(|(one, two)| one.max(two)),
        }
    }
}

/// For a canary that is as good as stable; `None` when it could never pass, or not in a number that can be said.
pub fn canary_requests(gate: &GateSpec, outlook: Outlook) -> Option<Needs> {
    let Outlook { stable, share, next, false_promotion } = outlook;
    let level = -libm::log(false_promotion.clamp(1e-12, 0.5));
    let not_worse = |margin: f64| {
        let traffic = Traffic { p_stable: stable, p_canary: stable, share };
        NonInferiority::new(margin).forecast(traffic, level)
    };
    let range = match gate.limit {
        GateLimit::MaxRatio { max } => OneSample::pass(max).forecast(stable, level),
        GateLimit::VsStablePoints { margin } => not_worse(margin),
        GateLimit::BlastRadius { share: most } => not_worse(most / next),
        GateLimit::VsStableRatio { margin } => not_slower(margin, share, level),
        GateLimit::MaxMicros { .. } => {
            // How far stable is below the limit is not known: a fifth of what is allowed is slower.
            let allowed = 1.0 - gate.metric.quantile()?;
            OneSample::pass(allowed).forecast(allowed / 5.0, level)
        }
    };
    range.map(Needs::of)
}

fn not_slower(margin: f64, share: f64, level: f64) -> Option<VerdictRange> {
    let stable = log_normal_shares(0.0);
    let canary = log_normal_shares(-libm::log1p(margin) / DEVIATION);
    let mut test = RankComparison::new(stable.len() as u16);
    // The baseline is known before anything is bet.
    let baseline: Vec<_> = (0..).zip(stable.map(|part| (part * 2_000.0).round() as u64)).collect();
    test.observe(0.0, &[], &baseline, true);
    test.forecast_pass(LatencyShares { canary: &canary, stable: &stable }, share, level)
}

#[cfg(test)]
mod tests {
    use staunch_model::{Metric, NoData};

    use super::*;

    fn gate(metric: Metric, limit: GateLimit) -> GateSpec {
        GateSpec { metric, limit, no_data: NoData::Hold }
    }

    fn needs(gate: &GateSpec, stable: f64) -> Option<Needs> {
        canary_requests(gate, Outlook { stable, share: 0.05, next: 0.25, false_promotion: 0.05 })
    }

    #[test]
    fn one_percent_needs_a_few_hundred_clean_requests() {
        let needs = needs(&gate(Metric::ErrorRate, GateLimit::MaxRatio { max: 0.01 }), 0.0).unwrap();
        assert!((300..=500).contains(&needs.median), "{needs:?}");
    }

    #[test]
    fn a_limit_that_stable_breaks_cannot_be_passed() {
        let gate = gate(Metric::ErrorRate, GateLimit::MaxRatio { max: 0.01 });
        assert_eq!(needs(&gate, 0.02), None);
        assert!(needs(&gate, 0.005).unwrap().median > needs(&gate, 0.001).unwrap().median);
    }

    #[test]
    fn a_narrow_latency_margin_is_dear() {
        let of = |margin| needs(&gate(Metric::LatencyP95, GateLimit::VsStableRatio { margin }), 0.0).unwrap();
        assert!((150..=600).contains(&of(0.1).median), "{:?}", of(0.1));
        assert!(of(0.05).median > 2 * of(0.1).median);
    }

    #[test]
    fn the_blast_radius_is_dearer_for_everyone_than_for_a_quarter() {
        let gate = gate(Metric::ErrorRate, GateLimit::BlastRadius { share: 0.005 });
        let at = |next| {
            canary_requests(&gate, Outlook { stable: 0.001, share: 0.05, next, false_promotion: 0.05 })
        };
        assert!(at(1.0).unwrap().median > at(0.25).unwrap().median);
    }
}
