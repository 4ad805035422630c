//! Order statistics of all pairwise differences, without forming them.

use super::Samples;

/// The `k`-th smallest (from 1) of the differences experiment − control.
///
/// Bisects over the doubles themselves and counts what lies below in one pass over both sorted sides: at most 64 passes
/// of n + m steps each and no memory, where the differences would be n·m.
pub(super) fn kth_difference(samples: &Samples, k: u64) -> Option<f64> {
    let (lowest, highest) = samples.differences()?;
    let (mut low, mut high) = (order(lowest), order(highest));
    while low < high {
        let middle = (low & high) + ((low ^ high) >> 1);
        if differences_up_to(samples, value(middle)) >= k { high = middle } else { low = middle + 1 }
    }
    // Of the two zeros, the ordinary one.
    Some(value(low) + 0.0)
}

/// Rounding keeps order, so the computed differences rise along both sorted sides as the true ones do.
fn differences_up_to(samples: &Samples, limit: f64) -> u64 {
    let control = samples.control();
    let mut above = 0;
    samples
        .experiment()
        .iter()
        .map(|x| {
            while above < control.len() && x - control[above] > limit {
                above += 1;
            }
            (control.len() - above) as u64
        })
        .sum()
}

/// Integers in the order of the doubles; its own inverse, but for the type.
fn order(value: f64) -> i64 {
    flip(value.to_bits().cast_signed())
}

fn value(order: i64) -> f64 {
    f64::from_bits(flip(order).cast_unsigned())
}

fn flip(bits: i64) -> i64 {
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_sorting_all_of_them(
            control in prop::collection::vec(-9.0..9.0_f64, 1..12),
            experiment in prop::collection::vec(prop_oneof![Just(0.0), Just(2.5), -1e3..1e3_f64], 1..12),
        ) {
            let mut all: Vec<f64> = experiment.iter().flat_map(|x| control.iter().map(move |y| x - y)).collect();
            all.sort_unstable_by(f64::total_cmp);
            let samples = Samples::new(&control, &experiment);
            for (k, expected) in (1..).zip(all) {
                prop_assert_eq!(kth_difference(&samples, k), Some(expected));
            }
        }
    }
}
