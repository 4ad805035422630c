//! Seeded randomness that gives the same bits on every machine: integers, and `libm` where a logarithm is needed.

/// xoshiro256++ (Blackman and Vigna, 2018), its state filled by SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Chance {
    state: [u64; 4],
}

impl Chance {
    /// Different streams of one seed are unrelated.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut at = mix(seed) ^ mix(stream.wrapping_add(GOLDEN));
        let state = std::array::from_fn(|_| {
            at = at.wrapping_add(GOLDEN);
            mix(at)
        });
        Self { state }
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        let (b_next, a_next) = (b ^ c, a ^ d);
        self.state = [a_next, b_next, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal, by Marsaglia's polar method.
    pub(crate) fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
    }

    /// Exponential with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finalizer (Steele, Lea and Flood, 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // First output of the reference implementation for the state 1, 2, 3, 4.
        let mut chance = Chance { state: [1, 2, 3, 4] };
        let first: Vec<u64> = (0..3).map(|_| chance.next()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223]);
    }

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |seed, stream| Chance::new(seed, stream).next();
        assert_eq!(draw(1, 0), draw(1, 0));
        assert_ne!(draw(1, 0), draw(1, 1));
        assert_ne!(draw(1, 0), draw(2, 0));
    }

    #[test]
    fn normal_and_exponential_have_their_moments() {
        let mut chance = Chance::new(3, 0);
        let normals: Vec<f64> = (0..100_000).map(|_| chance.normal()).collect();
        let mean = normals.iter().sum::<f64>() / 1e5;
        let square = normals.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.015 && (square - 1.0).abs() < 0.03, "{mean} {square}");
        let exponential = (0..100_000).map(|_| chance.exponential()).sum::<f64>() / 1e5;
        assert!((exponential - 1.0).abs() < 0.015, "{exponential}");
    }
}
