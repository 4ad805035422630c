//! A share of requests over slices of time that do not overlap: a burst is seen once, and not as long as it stays in a
//! sliding window.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_evidence::Counts;
use staunch_model::Timestamp;

use super::state::{GAP, Sight};
use super::sure::{SURE, surprise};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

/// Bad requests among all, slice by slice. A slice takes a third of the time that must be sustained, one to ten
/// seconds, and longer while it has too few requests, up to the whole time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Slices {
    began: Option<Timestamp>,
    open: Counts,
    first_bad: Option<Timestamp>,
    last_bad: Option<Timestamp>,
    last_look: Timestamp,
    /// Everything since the suspicion began, the open slice included.
    run: Counts,
    suspected: bool,
}

/// What a slice is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    /// The share that may be bad.
    pub(crate) share: f64,
    pub(crate) min_count: u64,
    pub(crate) sustain: Duration,
}

impl Allowed {
    fn slice(&self) -> Duration {
        (self.sustain / 3).clamp(SHORTEST, LONGEST)
    }
    fn is_beyond(&self, counts: Counts) -> bool {
        counts.attempts() >= self.min_count && counts.rate().is_some_and(|rate| rate > self.share)
    }
}

impl Slices {
    /// Takes what happened since the last look, and says how it stands.
    pub(crate) fn look(&mut self, counts: Counts, allowed: &Allowed, now: Timestamp) -> Sight {
        let began = self.began.filter(|_| now >= self.last_look && now.since(self.last_look) <= GAP);
        self.last_look = now;
        let Some(began) = began else {
            // The time before is unknown, and what came in now is from then.
            *self = Self { began: Some(now), last_look: now, ..Self::default() };
            return Sight::Unknown;
        };
        self.add(counts, now);
        let (age, enough) = (now.since(began), self.open.attempts() >= allowed.min_count);
        let closes = age >= allowed.slice() && (enough || age >= allowed.sustain.max(LONGEST));
        let sight = self.sight(closes, allowed);
        if closes {
            self.close(sight, now);
        }
        sight
    }

    fn add(&mut self, counts: Counts, now: Timestamp) {
        self.open = self.open.plus(counts);
        self.run = self.run.plus(counts);
        if counts.failures() > 0 {
            self.first_bad.get_or_insert(now);
            self.last_bad = Some(now);
        }
    }

    /// A suspicion that is kept up goes on within a slice; it begins and ends only with one.
    fn sight(&self, closes: bool, allowed: &Allowed) -> Sight {
        let so_far = self.open.rate().is_some_and(|rate| rate > allowed.share);
        let beyond = if closes { allowed.is_beyond(self.open) } else { self.suspected && so_far };
        match self.first_bad.zip(self.last_bad) {
            Some((from, until)) if beyond => Sight::Beyond { from, until },
            _ if !closes => Sight::Open,
            _ if self.open.attempts() < allowed.min_count => Sight::Unknown,
            Some(_) | None => Sight::Calm,
        }
    }

    fn close(&mut self, sight: Sight, now: Timestamp) {
        self.suspected = matches!(sight, Sight::Beyond { .. });
        if !self.suspected {
            self.run = Counts::default();
        }
        (self.began, self.open) = (Some(now), Counts::default());
        (self.first_bad, self.last_bad) = (None, None);
    }

    /// All that happened since the suspicion began; `None` without requests.
    pub(crate) fn counts(&self) -> Option<Counts> {
        Some(self.run).filter(|run| !run.is_empty())
    }

    /// Whether all that happened since the suspicion began is certainly beyond what is allowed.
    pub(crate) fn is_sure(&self, allowed: &Allowed) -> bool {
        surprise(self.run, allowed.share) >= SURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trigger::state::Alarm;

    const ALLOWED: Allowed = Allowed { share: 0.05, min_count: 20, sustain: Duration::from_secs(30) };

    /// Ten looks a second; `world` gives the requests and bad ones of each tenth. When it fires, in tenths.
    fn fired(allowed: &Allowed, tenths: i64, world: impl Fn(i64) -> (u64, u64)) -> Option<i64> {
        let (mut slices, mut alarm) = (Slices::default(), Alarm::default());
        (0..tenths).find(|tenth| {
            let now = Timestamp(tenth * 100);
            let (all, bad) = world(*tenth);
            let sight = slices.look(Counts::new(all, bad), allowed, now);
            alarm.look(sight, allowed.sustain, slices.is_sure(allowed), now)
        })
    }

    #[test]
    fn a_fault_of_thirty_seconds_fires_and_a_shorter_one_never() {
        for start in [50, 55, 81, 99, 133] {
            let bad_for =
                |tenths: i64| move |tenth| (10, if (start..start + tenths).contains(&tenth) { 5 } else { 0 });
            assert_eq!(fired(&ALLOWED, 900, bad_for(290)), None, "29 s from {start}");
            let at = fired(&ALLOWED, 900, bad_for(500)).expect("it fires");
            assert!((300..=410).contains(&(at - start)), "{at} for a fault from {start}");
        }
    }

    #[test]
    fn a_burst_each_ten_seconds_is_not_a_sustained_fault() {
        assert_eq!(fired(&ALLOWED, 3_000, |tenth| (10, if tenth % 200 == 7 { 10 } else { 0 })), None);
    }

    #[test]
    fn too_little_traffic_never_fires() {
        // Three requests a minute, all of them bad.
        assert_eq!(fired(&ALLOWED, 6_000, |tenth| if tenth % 200 == 0 { (1, 1) } else { (0, 0) }), None);
        let at_once = Allowed { sustain: Duration::ZERO, min_count: 1, ..ALLOWED };
        assert_eq!(fired(&at_once, 100, |tenth| (u64::from(tenth == 5), u64::from(tenth == 5))), None);
    }

    #[test]
    fn one_slow_sample_never_fires() {
        let p99 = Allowed { share: 0.01, min_count: 20, sustain: Duration::ZERO };
        assert_eq!(fired(&p99, 600, |tenth| (3, u64::from(tenth == 77))), None);
        assert!(fired(&p99, 600, |tenth| (3, u64::from(tenth > 77 && tenth % 2 == 0))).is_some());
    }

    #[test]
    fn a_rate_at_the_limit_is_within_it() {
        assert_eq!(fired(&ALLOWED, 3_000, |tenth| (2, u64::from(tenth % 10 == 0))), None);
    }
}
