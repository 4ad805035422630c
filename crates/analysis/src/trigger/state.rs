//! The four states of an armed limit, and the only way from one to the next.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_model::Timestamp;

/// Looks further apart than this say nothing of the time between: what was suspected begins anew.
pub(crate) const GAP: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum TriggerState {
    #[default]
    Armed,
    /// Beyond the limit without a break since then.
    Suspected {
        since: Timestamp,
    },
    Fired {
        at: Timestamp,
    },
    /// It has told people, and says nothing more until then.
    Cooling {
        until: Timestamp,
    },
}

/// What one look says about a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Within the limit.
    Calm,
    /// Beyond it, as was seen from the one moment to the other.
    Beyond { from: Timestamp, until: Timestamp },
    /// Nothing that says so much: that is not "beyond", and what was suspected ends.
    Unknown,
    /// Too early to say: everything stays as it is.
    Open,
}

impl Sight {
    /// Of something that was seen now.
    pub(crate) fn now(beyond: bool, now: Timestamp) -> Self {
        if beyond { Self::Beyond { from: now, until: now } } else { Self::Calm }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alarm {
    pub(crate) state: TriggerState,
    last: Timestamp,
    /// The end of the last cooldown: what was bad before it was told of.
    silent_until: Timestamp,
}

impl Alarm {
    /// True when it fires: it has been beyond the limit for `sustain`, seen without a gap, and the caller is `sure`.
    pub(crate) fn look(&mut self, sight: Sight, sustain: Duration, sure: bool, now: Timestamp) -> bool {
        let gap = now < self.last || now.since(self.last) > GAP;
        self.last = now;
        match self.state {
            TriggerState::Fired { .. } => return false,
            TriggerState::Cooling { until } if now < until => return false,
            TriggerState::Cooling { .. } | TriggerState::Armed => self.state = TriggerState::Armed,
            TriggerState::Suspected { .. } if gap => self.state = TriggerState::Armed,
            TriggerState::Suspected { .. } => {}
        }
        self.follow(sight);
        let TriggerState::Suspected { since } = self.state else { return false };
        let Sight::Beyond { until, .. } = sight else { return false };
        let fires = sure && until >= since && until.since(since) >= sustain;
        if fires {
            self.state = TriggerState::Fired { at: now };
        }
        fires
    }

    fn follow(&mut self, sight: Sight) {
        match (self.state, sight) {
            (TriggerState::Armed, Sight::Beyond { from, .. }) => {
                self.state = TriggerState::Suspected { since: from.max(self.silent_until) };
            }
            (TriggerState::Suspected { .. }, Sight::Calm | Sight::Unknown) => {
                self.state = TriggerState::Armed;
            }
            (TriggerState::Armed | TriggerState::Suspected { .. }, _)
            | (TriggerState::Fired { .. } | TriggerState::Cooling { .. }, _) => {}
        }
    }

    /// What it had to say is said.
    pub(crate) fn cool(&mut self, cooldown: Duration, now: Timestamp) {
        self.silent_until = now.plus(cooldown);
        self.state = TriggerState::Cooling { until: self.silent_until };
    }

    pub(crate) fn since(&self) -> Option<Timestamp> {
        match self.state {
            TriggerState::Suspected { since } => Some(since),
            TriggerState::Armed | TriggerState::Fired { .. } | TriggerState::Cooling { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SUSTAIN: Duration = Duration::from_secs(30);

    /// Shows looks (at what second, beyond or not) and says when it fired.
    fn fired(looks: impl IntoIterator<Item = (i64, bool)>) -> Option<i64> {
        let mut alarm = Alarm::default();
        looks.into_iter().find_map(|(second, beyond)| {
            let now = Timestamp(second * 1_000);
            alarm.look(Sight::now(beyond, now), SUSTAIN, true, now).then_some(second)
        })
    }

    #[test]
    fn thirty_seconds_are_thirty_seconds_and_not_two_looks() {
        assert_eq!(fired((1..100).map(|second| (second, second >= 10))), Some(40));
        assert_eq!(fired([(1, true), (40, true)]), None, "two looks");
        assert_eq!(fired((1..100).map(|second| (second, second % 29 != 0))), None, "a calm look in between");
    }

    #[test]
    fn a_gap_does_not_count_and_a_clock_that_is_set_back_begins_anew() {
        let gap = (1..25).chain(35..65).map(|second| (second, true));
        assert_eq!(fired(gap.clone()), None);
        assert_eq!(fired(gap.chain([(65, true)])), Some(65));
        let back = (50..60).chain(1..31).map(|second| (second, true));
        assert_eq!(fired(back), None);
    }

    #[test]
    fn unknown_ends_a_suspicion_and_open_does_not() {
        let mut alarm = Alarm::default();
        let mut at = |second: i64, sight: fn(Timestamp) -> Sight| {
            let now = Timestamp(second * 1_000);
            alarm.look(sight(now), SUSTAIN, true, now);
            alarm.state
        };
        let beyond = |now| Sight::now(true, now);
        assert_eq!(at(1, beyond), TriggerState::Suspected { since: Timestamp(1_000) });
        assert_eq!(at(2, |_| Sight::Open), TriggerState::Suspected { since: Timestamp(1_000) });
        assert_eq!(at(3, |_| Sight::Unknown), TriggerState::Armed);
    }

    #[test]
    fn after_it_has_spoken_it_is_silent_for_its_cooldown_and_then_armed_again() {
        let mut alarm = Alarm::default();
        let mut fires = vec![];
        for second in 0..200 {
            let now = Timestamp(second * 1_000);
            if alarm.look(Sight::now(true, now), SUSTAIN, true, now) {
                alarm.cool(Duration::from_secs(60), now);
                fires.push(second);
            }
        }
        assert_eq!(fires, [30, 120], "30 s, then 60 s of silence and 30 s again");
    }

    proptest! {
        /// Whatever is seen: when it fires, every look of the last thirty seconds was beyond, and none was missing.
        #[test]
        fn sustained_means_sustained(steps in proptest::collection::vec((1i64..4_500, prop::bool::weighted(0.97)), 1..400)) {
            let mut alarm = Alarm::default();
            let (mut at, mut seen) = (0, vec![]);
            for (step, beyond) in steps {
                at += step;
                seen.push((at, beyond));
                let now = Timestamp(at);
                if alarm.look(Sight::now(beyond, now), SUSTAIN, true, now) {
                    let start = seen.iter().rposition(|(when, _)| at - when >= 30_000).expect("30 s of looks");
                    prop_assert!(seen[start..].iter().all(|(_, beyond)| *beyond));
                    prop_assert!(seen[start..].windows(2).all(|pair| pair[1].0 - pair[0].0 <= 3_000));
                    break;
                }
            }
        }

        #[test]
        fn what_is_not_sure_never_fires(looks in proptest::collection::vec(any::<bool>(), 1..200)) {
            let mut alarm = Alarm::default();
            for (second, beyond) in looks.into_iter().enumerate() {
                let now = Timestamp(second as i64 * 1_000);
                prop_assert!(!alarm.look(Sight::now(beyond, now), Duration::ZERO, false, now));
            }
        }
    }
}
