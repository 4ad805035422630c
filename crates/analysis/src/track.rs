//! How releases of a service went, learned one by one: the chance that the next is good, and how true that chance was.
//!
//! Beta-Binomial with forgetting. The chance is the mean of a Beta distribution that begins at four good releases
//! and one bad (80 %, worth five releases) and adds each outcome; before that, what was learned fades by a twentieth,
//! so about the last twenty releases count. Each outcome is first held against the chance that was said before it:
//! that is the reliability table.

use serde::{Deserialize, Serialize};

/// What is believed before the first release.
const PRIOR_GOOD: f64 = 4.0;
const PRIOR_BAD: f64 = 1.0;
const KEPT: f64 = 0.95;
const BINS: usize = 5;

/// A fold over outcomes; five numbers and a small table, however long the history.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    good: f64,
    bad: f64,
    /// All that were counted, none faded.
    releases: u64,
    were_good: u64,
    table: [Bin; BINS],
    /// Sum of squared differences between what was said and what came.
    squares: f64,
}

/// Releases whose chance was said to lie in one fifth of 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    pub releases: u64,
    pub good: u64,
    /// Sum of the chances that were said.
    said: f64,
}

impl Bin {
    /// The mean chance that was said; 0 without a release.
    pub fn said(&self) -> f64 {
        if self.releases == 0 { 0.0 } else { self.said / self.releases as f64 }
    }
    /// The share that was good; 0 without a release.
    pub fn came(&self) -> f64 {
        if self.releases == 0 { 0.0 } else { self.good as f64 / self.releases as f64 }
    }
}

impl Track {
    /// The chance that the next release is good.
    pub fn chance(&self) -> f64 {
        let good = PRIOR_GOOD + self.good;
        good / (good + PRIOR_BAD + self.bad)
    }

    pub fn note(&mut self, good: bool) {
        let said = self.chance();
        let bin = &mut self.table[((said * BINS as f64) as usize).min(BINS - 1)];
        bin.releases += 1;
        bin.good += u64::from(good);
        bin.said += said;
        let came = f64::from(u8::from(good));
        self.squares += (said - came) * (said - came);
        self.releases += 1;
        self.were_good += u64::from(good);
        self.good = self.good * KEPT + came;
        self.bad = self.bad * KEPT + 1.0 - came;
    }

    pub fn releases(&self) -> u64 {
        self.releases
    }
    pub fn good(&self) -> u64 {
        self.were_good
    }
    /// Fifths of 0 to 1, lowest first.
    pub fn table(&self) -> &[Bin; BINS] {
        &self.table
    }
    /// The mean squared difference between chance and outcome: 0 is perfect, 0.25 is a coin's. `None` without one.
    pub fn brier(&self) -> Option<f64> {
        (self.releases > 0).then(|| self.squares / self.releases as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_begins_at_the_prior_and_follows_the_releases() {
        let mut track = Track::default();
        assert!((track.chance() - 0.8).abs() < 1e-12);
        track.note(true);
        assert!((track.chance() - 5.0 / 6.0).abs() < 1e-12);
        track.note(false);
        assert!((track.chance() - (4.0 + 0.95) / (4.0 + 0.95 + 2.0)).abs() < 1e-12);
    }

    /// Old failures fade: what a team learned counts.
    #[test]
    fn what_is_long_ago_fades() {
        let mut track = Track::default();
        (0..20).for_each(|_| track.note(false));
        assert!(track.chance() < 0.3);
        (0..40).for_each(|_| track.note(true));
        assert!(track.chance() > 0.85, "{}", track.chance());
    }

    /// Outcomes that come as often as was said fill a table on its diagonal; the opposite does not.
    #[test]
    fn the_table_tells_a_steady_service_from_one_that_turned() {
        let mut steady = Track::default();
        (0..400).for_each(|n| steady.note(n % 5 != 0));
        let all = |what: fn(&Bin) -> f64| -> f64 { steady.table().iter().map(what).sum() };
        let (said, came) = (all(|bin| bin.said() * bin.releases as f64), all(|bin| bin.good as f64));
        assert!((said - came).abs() < 0.05 * 400.0, "{said} {came}");
        let mut turned = Track::default();
        (0..30).for_each(|_| turned.note(true));
        (0..5).for_each(|_| turned.note(false));
        let last = turned.table()[4];
        assert!(last.said() - last.came() > 0.03, "{last:?}");
        assert_eq!(turned.table().iter().map(|bin| bin.releases).sum::<u64>(), turned.releases());
        assert!(steady.brier().unwrap() < 0.25);
        assert_eq!(Track::default().brier(), None);
    }
}
