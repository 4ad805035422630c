//! Which side of a split a user is on. Every edge, old or new, must give the same answer, so nothing here is seeded
//! by the process.

use staunch_model::Weight;

/// A hash that spreads all bits: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
#[inline]
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a, then mixed: for keys a few dozen bytes long.
#[inline]
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// The user's place `u` in [0, 1) is `hash(salt, key)`; canary iff `u < weight`. Raising the weight under one salt
/// only moves users to the canary, lowering it only back.
#[inline]
pub(crate) fn is_canary(salt: u64, key: u64, weight_basis_points: u16) -> bool {
    let place = mix(salt ^ mix(key)) >> 32;
    place * 10_000 < u64::from(weight_basis_points) << 32
}

/// Twins of stable have the users who come next: `weight ≤ u < weight + twins`.
#[inline]
pub(crate) fn is_twin(salt: u64, key: u64, weight: Weight) -> bool {
    let (canary, twins) = (weight.basis_points(), weight.of_twins().basis_points());
    is_canary(salt, key, canary + twins) && !is_canary(salt, key, canary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_the_weight() {
        for weight in [1u16, 100, 500, 2_500, 5_000, 9_999] {
            let n = 1_000_000u64;
            let hits = (0..n).filter(|&key| is_canary(7, key, weight)).count() as f64;
            let expected = n as f64 * f64::from(weight) / 10_000.0;
            let sigma = (expected * (1.0 - f64::from(weight) / 10_000.0)).sqrt();
            assert!((hits - expected).abs() < 5.0 * sigma, "{weight}: {hits} against {expected}");
        }
    }

    #[test]
    fn a_growing_weight_takes_nobody_back() {
        for key in 0..20_000 {
            let sides: Vec<bool> =
                (0..=10_000).step_by(250).map(|weight| is_canary(3, key, weight)).collect();
            assert!(sides.is_sorted(), "key {key}");
        }
    }

    #[test]
    fn twins_get_their_share_of_others_than_the_canary() {
        for points in [1u16, 500, 3_333, 5_000, 9_999] {
            let weight = Weight::try_from(points).unwrap();
            let n = 1_000_000u64;
            let twins: Vec<u64> = (0..n).filter(|&key| is_twin(7, key, weight)).collect();
            assert!(twins.iter().all(|&key| !is_canary(7, key, points)), "{points}");
            let share = weight.of_twins().ratio();
            let expected = n as f64 * share;
            let sigma = (expected * (1.0 - share)).sqrt();
            assert!((twins.len() as f64 - expected).abs() < 5.0 * sigma, "{points}: {}", twins.len());
        }
    }

    #[test]
    fn the_ends_are_exact() {
        assert!((0..10_000).all(|key| !is_canary(1, key, 0) && is_canary(1, key, 10_000)));
    }

    #[test]
    fn another_salt_picks_other_users() {
        let both = (0..100_000).filter(|&key| is_canary(1, key, 1_000) && is_canary(2, key, 1_000)).count();
        assert!((800..1_200).contains(&both), "{both} of about 1 000");
    }
}
