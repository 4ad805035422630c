use crate::confseq::{NormalMixture, Sides};

/// Is a metric of the canary above stable's by more than a tolerance, in the mean of their differences per scrape?
///
/// Null: given the past, each difference `canary − stable` is symmetric about some point of at most the tolerance. Then
/// with `x` the difference less the tolerance, `exp(λ x − λ² x² / 2)` has expectation at most 1 for every `λ ≥ 0`
/// (de la Peña, 1999; about a point below zero it is less still), and so has their normal mixture. Each square is at
/// least that of a floor, so that a metric that hardly moves does not make a trifle certain.
///
/// For the pass exchange the arms and give the negative tolerance. Finds small shifts of quiet metrics sooner than the
/// signs do, and gross ones later: a scrape is worth at most half an e-folding. Broken by differences that lean to one
/// side (compare signs), and by scrapes that follow from each other (give means of blocks).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MeanDifference {
    tolerance: f64,
    floor: f64,
    mixture: NormalMixture,
    sum: f64,
    squares: f64,
    missing: u64,
}

/// Sharpest after this many scrapes at the floor: a quarter of an hour at 15 s.
const SCRAPES_OPT: f64 = 60.0;
const ALPHA_OPT: f64 = 0.01;

impl MeanDifference {
    /// `tolerance` (not finite counts as 0) and `floor` (not positive counts as next to nothing) in the metric's unit.
    pub fn new(tolerance: f64, floor: f64) -> Self {
        let floor = if floor.is_finite() { floor.max(f64::EPSILON) } else { f64::EPSILON };
        Self {
            tolerance: if tolerance.is_finite() { tolerance } else { 0.0 },
            floor,
            mixture: NormalMixture::new(Sides::One, SCRAPES_OPT * floor * floor, ALPHA_OPT),
            sum: 0.0,
            squares: 0.0,
            missing: 0,
        }
    }

    /// One scrape, in the metric's unit. Without a finite difference it is missing.
    pub fn observe(&mut self, canary: f64, stable: f64) {
        let excess = canary - stable - self.tolerance;
        let square = excess * excess;
        if !square.is_finite() {
            self.missing = self.missing.saturating_add(1);
            return;
        }
        self.sum += excess;
        self.squares += square.max(self.floor * self.floor);
    }

    pub fn log_e(&self) -> f64 {
        self.mixture.log_e(self.sum, self.squares)
    }

    /// Scrapes left out.
    pub fn missing(&self) -> u64 {
        self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;

    /// Mean of the e-value over all signs of `sizes` about `centre`.
    fn expectation(sizes: &[f64], centre: f64) -> f64 {
        let paths = 1_u32 << sizes.len();
        let e = |path: u32| {
            let mut process = MeanDifference::new(3.0, 1.0);
            for (at, size) in sizes.iter().enumerate() {
                let difference = if path >> at & 1 == 1 { *size } else { -size };
                process.observe(10.0 + centre + difference, 10.0);
            }
            exp(process.log_e())
        };
        (0..paths).map(e).sum::<f64>() / f64::from(paths)
    }

    #[test]
    fn symmetric_differences_gain_nothing_about_the_tolerance_or_below() {
        for sizes in [&[1.0][..], &[0.2, 5.0], &[3.0, 30.0, 0.0, 3.0, 1.0, 8.0, 2.0, 40.0]] {
            for centre in [3.0, 2.5, 0.0, -50.0] {
                let mean = expectation(sizes, centre);
                assert!(mean <= 1.0 + 1e-12, "{mean} {sizes:?} {centre}");
            }
        }
        assert!(expectation(&[1.0; 8], 6.0) > 1.5, "beyond the tolerance it gains");
    }

    #[test]
    fn a_trifle_below_the_floor_is_not_made_certain() {
        let (mut trifle, mut shift) = (MeanDifference::new(0.0, 1.0), MeanDifference::new(0.0, 1.0));
        for _ in 0..60 {
            trifle.observe(10.001, 10.0);
            shift.observe(11.0, 10.0);
        }
        assert!(trifle.log_e() < 1.0 && shift.log_e() > 100_f64.ln());
    }

    #[test]
    fn what_is_not_finite_is_missing() {
        let mut process = MeanDifference::new(f64::NAN, f64::NAN);
        for (canary, stable) in [(f64::NAN, 1.0), (1.0, f64::NEG_INFINITY), (1e300, 1.0)] {
            process.observe(canary, stable);
        }
        assert_eq!((process.missing(), process.log_e()), (3, 0.0));
    }
}
