//! What only services without HTTP have: nobody sends them requests, so their instances are replaced one by one.

use serde::{Deserialize, Serialize};

use crate::Weight;

/// How far the number of instances may stray from the full one while they are replaced. Not both are zero: nothing
/// could ever move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollingSpec {
    /// Processes beyond the full number, at most; those that finish their work are counted.
    pub max_surge: u32,
    /// Ready instances that may be missing from the full number.
    pub max_unavailable: u32,
}

impl RollingSpec {
    /// After how many new instances the rollout stops and looks: the first alone, then as many at a time as the
    /// bounds allow together. Below the full number, which is the promotion; `must` is one of them.
    pub fn counts(self, replicas: u32, must: Option<u32>) -> Vec<u32> {
        let batch = self.max_surge.saturating_add(self.max_unavailable).max(1) as usize;
        let mut counts: Vec<u32> = (1..replicas).step_by(batch).chain(must).collect();
        counts.retain(|count| *count < replicas);
        counts.sort_unstable();
        counts.dedup();
        counts
    }
}

impl Weight {
    /// The share that needs exactly `count` of `replicas` instances.
    pub fn of_count(count: u32, replicas: u32) -> Self {
        let points = u64::from(count.min(replicas)) * 10_000 / u64::from(replicas.max(1));
        Self::try_from(points as u16).unwrap_or(Self::FULL)
    }
}

/// What asks a process to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopSignal {
    #[default]
    Term,
    Int,
    Quit,
    Hup,
    Usr1,
    Usr2,
}

impl StopSignal {
    pub const ALL: [Self; 6] = [Self::Term, Self::Int, Self::Quit, Self::Hup, Self::Usr1, Self::Usr2];

    /// As the file says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Hup => "HUP",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_goes_alone_and_the_last_is_the_promotion() {
        let rolling = |max_surge, max_unavailable| RollingSpec { max_surge, max_unavailable };
        assert_eq!(rolling(1, 0).counts(4, None), [1, 2, 3]);
        assert_eq!(rolling(2, 1).counts(9, None), [1, 4, 7]);
        assert_eq!(rolling(2, 1).counts(9, Some(3)), [1, 3, 4, 7]);
        assert_eq!(rolling(1, 0).counts(1, Some(1)), [0_u32; 0]);
    }

    #[test]
    fn a_share_of_a_count_needs_that_count() {
        for replicas in 1..=1_000 {
            for count in 0..=replicas {
                assert_eq!(Weight::of_count(count, replicas).of_replicas(replicas), count);
            }
        }
    }
}
