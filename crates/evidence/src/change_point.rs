//! When did it begin? The start times of a fault and how well each explains what was seen, in bounded memory.

use crate::math::ln;

/// Where a fault began, as against a moment at which something was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Attribution {
    /// Before the change: it is not the change's fault.
    BeganBefore,
    /// At the change or after it.
    BeganAfter,
    /// Both explain what was seen, or nothing was seen that needs a cause.
    Unclear,
}

/// Of two explanations one is believed when it makes what was seen this many times more likely (Royall, 1997: 8 is
/// "fairly strong", 32 "strong"; 20 as in a 5 % test).
const BELIEVED: f64 = 20.0;

/// Segments of the past that are told apart: single looks at its young end, about a sixth of their age at the other.
const SEGMENTS: usize = 48;
/// Of starts longer ago than this only the likeliest is known.
const HORIZON_MS: u64 = 3_600_000;

/// Log likelihood ratios, one per alternative. Single precision: they are compared with one another to within
/// e-foldings.
type Ratios<const N: usize> = [f32; N];

/// The looks between two moments.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Segment<const N: usize> {
    from_ms: u64,
    #[cfg_attr(feature = "serde", serde(with = "array"))]
    sum: Ratios<N>,
    /// From the likeliest start within the segment to its end.
    #[cfg_attr(feature = "serde", serde(with = "array"))]
    best: Ratios<N>,
}

impl<const N: usize> Segment<N> {
    fn append(&mut self, later: &Self) {
        for index in 0..N {
            self.best[index] = later.best[index].max(later.sum[index] + self.best[index]);
            self.sum[index] += later.sum[index];
        }
    }
}

/// Profile likelihood of the start time over `N` alternatives, of one fault that has gone on ever since.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct ChangePoint<const N: usize> {
    segments: Vec<Segment<N>>,
    /// Best explanation so far of each alternative, and the look with which it begins (Page, 1954).
    #[cfg_attr(feature = "serde", serde(with = "array"))]
    best: [f64; N],
    #[cfg_attr(feature = "serde", serde(with = "array"))]
    best_from_ms: [u64; N],
}

impl<const N: usize> ChangePoint<N> {
    pub(crate) fn new() -> Self {
        Self { segments: Vec::new(), best: [0.0; N], best_from_ms: [0; N] }
    }

    /// A look at what happened from `from_ms` on.
    pub(crate) fn observe(&mut self, from_ms: u64, log_ratio: [f64; N]) {
        for (index, ratio) in log_ratio.into_iter().enumerate() {
            if self.best[index] <= 0.0 {
                (self.best[index], self.best_from_ms[index]) = (0.0, from_ms);
            }
            self.best[index] += ratio;
        }
        let ratios = log_ratio.map(|ratio| ratio as f32);
        self.segments.push(Segment { from_ms, sum: ratios, best: ratios });
        if self.segments.get(1).is_some_and(|second| second.from_ms.saturating_add(HORIZON_MS) < from_ms) {
            self.segments.remove(0);
        }
        if self.segments.len() > SEGMENTS {
            self.merge();
        }
    }

    /// The most likely start, in the caller's milliseconds; `None` while "nothing began" explains it as well.
    pub(crate) fn estimate(&self) -> Option<u64> {
        let by_likelihood = |a: &usize, b: &usize| self.best[*a].total_cmp(&self.best[*b]);
        let likeliest = (0..N).filter(|&index| self.best[index] > 0.0).max_by(by_likelihood)?;
        Some(self.best_from_ms[likeliest])
    }

    /// `grace_ms`: a fault that seems to begin this little before the change began with it. Clocks differ, and the
    /// looks just before a fault resemble those just after.
    pub(crate) fn attribution(&self, change_ms: u64, grace_ms: u64) -> Attribution {
        let (before, after) = self.likelihoods(change_ms.saturating_sub(grace_ms));
        let believed = ln(BELIEVED);
        if before.max(after) < believed {
            Attribution::Unclear
        } else if before >= after + believed {
            Attribution::BeganBefore
        } else if after >= before + believed {
            Attribution::BeganAfter
        } else {
            Attribution::Unclear
        }
    }

    /// Log likelihood ratios to "nothing began" of the best starts before a moment, and from it on. A segment that
    /// holds the moment may speak for both.
    fn likelihoods(&self, border_ms: u64) -> (f64, f64) {
        let (mut before, mut after) = (0.0_f64, 0.0_f64);
        let mut since = [0.0; N];
        let mut end_ms = u64::MAX;
        for segment in self.segments.iter().rev() {
            let best = (0..N).map(|index| since[index] + f64::from(segment.best[index])).fold(0.0, f64::max);
            if segment.from_ms < border_ms {
                before = before.max(best);
            }
            if end_ms > border_ms {
                after = after.max(best);
            }
            end_ms = segment.from_ms;
            since.iter_mut().zip(segment.sum).for_each(|(sum, ratio)| *sum += f64::from(ratio));
        }
        for (from_ms, best) in self.best_from_ms.iter().zip(self.best) {
            let side = if *from_ms < border_ms { &mut before } else { &mut after };
            *side = side.max(best);
        }
        (before, after)
    }

    /// Joins the two neighbours whose common length is the smallest part of their age.
    fn merge(&mut self) {
        let end = |at: usize| self.segments.get(at).map_or(u64::MAX, |segment| segment.from_ms);
        let now = end(self.segments.len() - 1);
        let coarseness = |at: usize| {
            let length = end(at + 2).saturating_sub(end(at)) as f64;
            length / (now.saturating_sub(end(at)) as f64 + 1.0)
        };
        let finest = (0..self.segments.len() - 2).min_by(|&a, &b| coarseness(a).total_cmp(&coarseness(b)));
        let Some(at) = finest else { return };
        let later = self.segments.remove(at + 1);
        self.segments[at].append(&later);
    }
}

#[cfg(feature = "serde")]
mod array {
    //! Arrays of any length as lists.

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::{Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer, const N: usize>(
        array: &[T; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(array)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[T; N], D::Error> {
        let list = Vec::<T>::deserialize(deserializer)?;
        let length = list.len();
        list.try_into().map_err(|_| D::Error::invalid_length(length, &"as many numbers as alternatives"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK_MS: u64 = 1_000;

    /// Losing looks until `onset`, winning ones from there to `end`.
    fn history(onset: u64, end: u64) -> ChangePoint<2> {
        let mut change = ChangePoint::new();
        for look in 0..end {
            let ratio = if look < onset { [-1.0, -4.0] } else { [1.0, 2.0] };
            change.observe(look * LOOK_MS, ratio);
        }
        change
    }

    #[test]
    fn the_start_is_found_exactly_after_a_long_quiet_time() {
        assert_eq!(history(100_000, 100_010).estimate(), Some(100_000 * LOOK_MS));
        assert_eq!(history(100, 100).estimate(), None);
    }

    #[test]
    fn a_fault_belongs_to_the_side_on_which_it_began() {
        let change = history(5_000, 5_020);
        let at = |look: u64| change.attribution(look * LOOK_MS, 2 * LOOK_MS);
        assert_eq!(at(5_000), Attribution::BeganAfter);
        assert_eq!(at(4_950), Attribution::BeganAfter);
        assert_eq!(at(5_010), Attribution::BeganBefore);
        assert_eq!(at(5_003), Attribution::Unclear, "two looks apart are not told apart");
        assert_eq!(history(5_000, 5_000).attribution(4_000, 0), Attribution::Unclear);
    }

    #[test]
    fn memory_is_bounded_and_the_recent_past_is_fine() {
        let change = history(1_000_000, 100_000);
        assert!(change.segments.len() <= SEGMENTS);
        let now = 100_000 * LOOK_MS;
        let first = change.segments[0].from_ms;
        assert!((HORIZON_MS..2 * HORIZON_MS).contains(&(now - first)), "{first}");
        let total: f32 = change.segments.iter().map(|segment| segment.sum[0]).sum();
        assert_eq!(total, -((now - first) as f32) / LOOK_MS as f32, "nothing is lost in merging");
        for pair in change.segments.windows(2) {
            let (length, age) = (pair[1].from_ms - pair[0].from_ms, now - pair[0].from_ms);
            assert!(length <= 2 * LOOK_MS || length as f64 <= 0.35 * age as f64, "{length} of {age}");
        }
    }

    #[test]
    fn merged_segments_know_their_likeliest_start() {
        let look = |ratio: f32| Segment { from_ms: 0, sum: [ratio], best: [ratio] };
        let mut merged = look(-5.0);
        [3.0, -1.0, 2.0].iter().for_each(|ratio| merged.append(&look(*ratio)));
        assert_eq!((merged.sum, merged.best), ([-1.0], [4.0]));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn goes_on_where_it_was_written_down() {
        let written = serde_json::to_string(&history(50, 60)).unwrap();
        assert!(written.len() < 8_000, "{}", written.len());
        assert_eq!(serde_json::from_str::<ChangePoint<2>>(&written).unwrap(), history(50, 60));
        assert!(serde_json::from_str::<ChangePoint<3>>(&written).is_err(), "another number of alternatives");
    }
}
