//! Two samples in order, and the rank statistic of one against the other.

use super::{Mode, NoShift, Shift, compatible, exact};

/// The points of both sides in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    control: Vec<f64>,
    experiment: Vec<f64>,
}

/// Ranks of the experiment among all points.
struct Ranks {
    sum: f64,
    /// Σ (t³ − t) over the sets of t equal points.
    ties: f64,
}

impl Samples {
    /// NaN is left out.
    pub fn new(control: &[f64], experiment: &[f64]) -> Self {
        Self { control: ascending(control), experiment: ascending(experiment) }
    }

    pub(super) fn control(&self) -> &[f64] {
        &self.control
    }

    pub(super) fn experiment(&self) -> &[f64] {
        &self.experiment
    }

    /// Whether no test can tell the sides apart: the same points, or one value everywhere.
    pub(super) fn indistinguishable(&self) -> bool {
        let mut all = self.control.iter().chain(&self.experiment);
        let one_value = all.next().is_none_or(|first| all.all(|value| value == first));
        one_value || self.control == self.experiment
    }

    /// The largest absolute value on either side; 0 without points.
    pub(super) fn magnitude(&self) -> f64 {
        self.control.iter().chain(&self.experiment).fold(0.0, |largest: f64, value| largest.max(value.abs()))
    }

    /// The smallest and the largest of the pairwise differences experiment − control.
    pub(super) fn differences(&self) -> Option<(f64, f64)> {
        let (control_low, control_high) = (self.control.first()?, self.control.last()?);
        let (experiment_low, experiment_high) = (self.experiment.first()?, self.experiment.last()?);
        Some((experiment_low - control_high, experiment_high - control_low))
    }

    /// By how much the experiment lies above the control, with a confidence interval: the exact one for a mode that has
    /// none of its own.
    pub fn shift(&self, mode: Mode, confidence: f64) -> Result<Shift, NoShift> {
        match mode {
            Mode::Compatible => compatible::shift(self, confidence),
            Mode::Exact | Mode::MeanInequality => exact::shift(self, confidence),
        }
    }

    /// The pairs in which the experiment is above the control, ties counting half: Mann and Whitney's U.
    pub fn u_statistic(&self) -> f64 {
        let n = self.experiment.len() as f64;
        self.ranks(0.0).sum - n * (n + 1.0) / 2.0
    }

    /// How many standard deviations the rank sum of the experiment, moved down by `shift`, lies above its expectation:
    /// with average ranks, the variance corrected for ties, and half a rank of continuity correction towards zero, as
    /// R's `wilcox.test`. None when all points are tied or a side is empty.
    pub fn rank_z(&self, shift: f64) -> Option<f64> {
        let (n, m) = (self.experiment.len() as f64, self.control.len() as f64);
        let ranks = self.ranks(shift);
        let excess = ranks.sum - n * (n + 1.0) / 2.0 - n * m / 2.0;
        let towards_zero = if excess == 0.0 { 0.0 } else { 0.5 * excess.signum() };
        let variance = (n * m / 12.0) * ((n + m + 1.0) - ranks.ties / ((n + m) * (n + m - 1.0)));
        (variance > 0.0).then(|| (excess - towards_zero) / variance.sqrt())
    }

    /// A merge of the two sorted sides, so one look costs n + m.
    fn ranks(&self, shift: f64) -> Ranks {
        let (mut experiment, mut control) = (self.experiment.as_slice(), self.control.as_slice());
        let (mut ranks, mut before) = (Ranks { sum: 0.0, ties: 0.0 }, 0.0);
        while let Some(value) = lower(experiment.first().map(|x| x - shift), control.first().copied()) {
            let mine = take(&mut experiment, |x| (x - shift).total_cmp(&value).is_le());
            let tied = mine + take(&mut control, |y| y.total_cmp(&value).is_le());
            ranks.sum += mine * (before + (tied + 1.0) / 2.0);
            ranks.ties += tied * tied * tied - tied;
            before += tied;
        }
        ranks
    }
}

fn ascending(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

fn lower(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(if left.total_cmp(&right).is_le() { left } else { right }),
        (one, other) => one.or(other),
    }
}

/// Takes the points at the front for which `wanted` holds, and says how many they were.
fn take(values: &mut &[f64], wanted: impl Fn(f64) -> bool) -> f64 {
    let taken = values.iter().take_while(|&&value| wanted(value)).count();
    *values = &values[taken..];
    taken as f64
}
