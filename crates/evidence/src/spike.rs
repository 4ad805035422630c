//! A watch over one stream that never ends: do failures rise above what the service is used to?

use crate::Counts;
use crate::change_point::{Attribution, ChangePoint};
use crate::math::{exp, ln, open_unit};
use crate::usual_rate::UsualRate;

/// Alternatives as multiples of the tolerated rate …
const RATIOS: [f64; 4] = [2.0, 4.0, 10.0, 40.0];
/// … and gross failure, which must be found at once whatever is tolerated.
const GROSS: [f64; 2] = [0.3, 0.9];
const BETS: usize = RATIOS.len() + GROSS.len();

/// The alarm has long been raised at this value; the bound keeps it a number and lets it fall again within sight.
const LARGEST: f64 = 1e300;
/// Log likelihood ratio of an alternative that cannot be: finite, so that it can be added up.
const IMPOSSIBLE: f64 = -700.0;

/// Shiryaev-Roberts e-detector (Shin, Ramdas and Rinaldo, 2023): `M ← (M + 1) · LR` per look and alternative, the mean
/// over the alternatives.
///
/// Null: at each look the failure rate is at most the one given with it, given the past. Then `M` grows by at most one
/// a look in expectation, so that the mean number of looks until it first reaches `A` is at least `A`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ShiryaevRoberts {
    m: [f64; BETS],
}

impl Default for ShiryaevRoberts {
    fn default() -> Self {
        Self { m: [0.0; BETS] }
    }
}

impl ShiryaevRoberts {
    /// One look, closed without looking at failures; `null_rate` is chosen before it. Without attempts it is none.
    pub fn observe(&mut self, counts: Counts, null_rate: f64) {
        if !counts.is_empty() {
            self.gain(log_ratios(counts, null_rate));
        }
    }

    /// Log of the mean of `M` over the alternatives; that of the smallest positive number stands for zero.
    pub fn log_m(&self) -> f64 {
        let mean = self.m.iter().map(|m| m / BETS as f64).sum::<f64>();
        ln(mean.max(f64::MIN_POSITIVE))
    }

    fn gain(&mut self, log_ratios: [f64; BETS]) {
        for (m, log_ratio) in self.m.iter_mut().zip(log_ratios) {
            *m = ((*m + 1.0) * exp(log_ratio)).min(LARGEST);
        }
    }
}

/// Log likelihood ratios of the alternatives that lie above the null. The others give up what they had instead of
/// growing by one a look without a bet, which would raise an alarm of its own after a year.
fn log_ratios(counts: Counts, null_rate: f64) -> [f64; BETS] {
    let null_rate = open_unit(null_rate);
    let alternatives = RATIOS.map(|ratio| ratio * null_rate).into_iter().chain(GROSS);
    let mut ratios = [IMPOSSIBLE; BETS];
    for (ratio, rate) in ratios.iter_mut().zip(alternatives) {
        if rate > null_rate && rate < 1.0 {
            *ratio = counts.log_ratio(rate, null_rate);
        }
    }
    ratios
}

/// How a [`SpikeDetector`] is set.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SpikeSettings {
    /// Seconds between looks.
    pub look_secs: f64,
    /// Mean number of false alarms that are tolerated in a year of 365.25 days; a look is never asked to be rarer than
    /// one in 1 nor surer than one in 10^15.
    pub false_alarms_per_year: f64,
    /// A failure rate below which nothing is a spike, such as the error budget: 0.001 = 0.1 %.
    pub tolerated_rate: f64,
}

/// How far above its usual rate a service may drift without an alarm: real services are not stationary.
const MARGIN: f64 = 1.5;
const YEAR_SECS: f64 = 365.25 * 86_400.0;
/// A start this many looks before a change counts as the change's.
const GRACE_LOOKS: f64 = 2.0;

/// Do failures of a service rise above the usual, outside of any rollout?
///
/// Null: at each look the failure rate is at most the larger of the tolerated rate and 1.5 times the usual one, and
/// failures are independent given the past. Calibrated in mean time between false alarms. Broken by clients that fail
/// in bursts (count distinct failing clients) and by a usual rate that swings by more than half within a day.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SpikeDetector {
    settings: SpikeSettings,
    usual: UsualRate,
    detector: ShiryaevRoberts,
    change: ChangePoint<BETS>,
}

impl SpikeDetector {
    pub fn new(settings: SpikeSettings) -> Self {
        let (detector, change) = (ShiryaevRoberts::default(), ChangePoint::new());
        Self { settings, usual: UsualRate::new(settings.look_secs), detector, change }
    }

    /// One look: what happened in the `look_secs` that began at `from_ms`, on a clock of the caller's that never goes
    /// back. Attempts and failing ones, or clients and failing ones.
    pub fn observe(&mut self, from_ms: u64, counts: Counts) {
        if counts.is_empty() {
            return;
        }
        let log_ratios = log_ratios(counts, self.null_rate());
        self.detector.gain(log_ratios);
        self.change.observe(from_ms, log_ratios);
        if self.detector.log_m() < self.log_threshold() / 2.0 {
            self.usual.learn(counts);
        }
    }

    /// Whether failures have risen. Stays so until the evidence is lost or [`restart`](Self::restart)ed.
    pub fn is_alarmed(&self) -> bool {
        self.detector.log_m() >= self.log_threshold()
    }

    /// Log of the detector's value, and of the value that raises the alarm: the tolerated number of looks between
    /// false alarms.
    pub fn log_m(&self) -> f64 {
        self.detector.log_m()
    }
    pub fn log_threshold(&self) -> f64 {
        let looks = YEAR_SECS / (self.settings.look_secs * self.settings.false_alarms_per_year);
        if looks.is_nan() { ln(YEAR_SECS) } else { ln(looks.clamp(1.0, 1e15)) }
    }

    /// The highest failure rate at which the next look is no sign of a spike.
    pub fn null_rate(&self) -> f64 {
        let tolerated = open_unit(self.settings.tolerated_rate);
        self.usual.upper().map_or(1.0, |usual| open_unit((MARGIN * usual).max(tolerated)))
    }

    /// The most likely beginning of a rise that has gone on ever since, on the caller's clock.
    pub fn began_at_ms(&self) -> Option<u64> {
        self.change.estimate()
    }

    /// Whether the rise began before or after a change, such as the switch to another version.
    pub fn attribution(&self, switch_at_ms: u64) -> Attribution {
        let grace_ms = GRACE_LOOKS * self.settings.look_secs * 1_000.0;
        self.change.attribution(switch_at_ms, grace_ms as u64)
    }

    /// After an alarm was dealt with: evidence begins anew, what is usual stays known.
    pub fn restart(&mut self) {
        self.detector = ShiryaevRoberts::default();
        self.change = ChangePoint::new();
    }

    /// After an alarm was accepted as the new normal: what is usual is learnt anew.
    pub fn relearn(&mut self) {
        *self = Self::new(self.settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binomial(n: u64, k: u64, p: f64) -> f64 {
        let choose: f64 = (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product();
        choose * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32)
    }

    #[test]
    fn grows_by_one_a_look_at_the_boundary_and_by_less_below() {
        // Up to here every alternative lies between the null and 1, and the growth is exact.
        let all_bet = 0.024;
        for null_rate in [0.0015, all_bet, 0.4, 0.95] {
            for past in [0, 1, 3] {
                let mut start = ShiryaevRoberts::default();
                start.observe(Counts::new(4, past), null_rate);
                let mean = |rate: f64| -> f64 {
                    let after = |k| {
                        let mut next = start.clone();
                        next.observe(Counts::new(6, k), null_rate);
                        binomial(6, k, rate) * exp(next.log_m())
                    };
                    (0..=6).map(after).sum()
                };
                let expected = exp(start.log_m()) + 1.0;
                let growth = mean(null_rate) / expected;
                assert!(growth <= 1.0 + 1e-9 && (growth > 1.0 - 1e-9 || null_rate > all_bet), "{growth}");
                assert!(mean(null_rate / 2.0) <= expected);
            }
        }
    }

    fn watch(tolerated_rate: f64) -> SpikeDetector {
        SpikeDetector::new(SpikeSettings { look_secs: 1.0, false_alarms_per_year: 1.0, tolerated_rate })
    }

    /// A day of looks at a failure in every ten seconds of 100 requests: 0.1 %.
    fn after_a_day() -> SpikeDetector {
        let mut detector = watch(0.0);
        for look in 0..86_400 {
            detector.observe(look * 1_000, Counts::new(100, u64::from(look % 10 == 0)));
        }
        detector
    }

    #[test]
    fn the_threshold_is_the_number_of_looks_between_false_alarms() {
        assert!((exp(watch(0.0).log_threshold()) / 31_557_600.0 - 1.0).abs() < 1e-9);
        let fast = SpikeSettings { look_secs: 0.1, false_alarms_per_year: 2.0, tolerated_rate: 0.0 };
        assert!((exp(SpikeDetector::new(fast).log_threshold()) / 157_788_000.0 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_usual_is_learnt_and_a_spike_is_not() {
        let mut detector = after_a_day();
        assert!(!detector.is_alarmed());
        let usual = detector.null_rate();
        assert!((0.0015..0.0017).contains(&usual), "{usual}");
        (86_400..87_400).for_each(|look| detector.observe(look * 1_000, Counts::new(100, 5)));
        assert!(detector.is_alarmed());
        assert!(detector.null_rate() < 1.01 * usual, "frozen while high");
        detector.restart();
        assert!(!detector.is_alarmed() && detector.null_rate() < 1.01 * usual);
        detector.relearn();
        assert_eq!(detector.null_rate(), watch(0.0).null_rate());
    }

    #[test]
    fn a_spike_is_attributed_to_the_side_of_the_switch_on_which_it_began() {
        let mut detector = after_a_day();
        assert_eq!(detector.attribution(86_000_000), Attribution::Unclear);
        (86_400..86_420).for_each(|look| detector.observe(look * 1_000, Counts::new(100, 5)));
        assert_eq!(detector.began_at_ms(), Some(86_400_000));
        assert_eq!(detector.attribution(86_400_000), Attribution::BeganAfter);
        assert_eq!(detector.attribution(86_410_000), Attribution::BeganBefore);
        assert_eq!(detector.attribution(86_450_000), Attribution::BeganBefore);
    }

    #[test]
    fn nothing_known_or_nothing_seen_is_no_spike() {
        let mut detector = watch(f64::NAN);
        detector.observe(0, Counts::new(1, 1));
        assert!(!detector.is_alarmed(), "the first request ever");
        (0..1_000).for_each(|look| detector.observe(look, Counts::default()));
        assert!(!detector.is_alarmed());
    }

    #[test]
    fn no_input_makes_it_anything_but_a_number() {
        let wild = [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300, 1e300];
        for (look_secs, rate) in wild.into_iter().flat_map(|a| wild.map(|b| (a, b))) {
            let settings = SpikeSettings { look_secs, false_alarms_per_year: rate, tolerated_rate: rate };
            let mut detector = SpikeDetector::new(settings);
            for (at, failures) in [(5, 0), (5, 1_000_000_000_000), (0, 3), (u64::MAX, 0)] {
                detector.observe(at, Counts::new(1_000_000_000_000, failures));
                assert!(detector.log_m().is_finite() && detector.log_threshold().is_finite());
                let null_rate = detector.null_rate();
                assert!(null_rate > 0.0 && null_rate <= 1.0, "{null_rate}");
            }
        }
    }
}
