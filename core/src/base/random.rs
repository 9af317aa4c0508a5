//! Seeded randomness: the same seed and purpose give the same draws on every machine.

use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// What a random stream is derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// A seed for one purpose, independent of those for other purposes: the first 8 bytes of
    /// SHA-256 over the parent seed and the parts, each behind its length.
    #[must_use]
    pub fn derive(self, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0.to_le_bytes());
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize();
        let mut first = [0u8; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_le_bytes(first))
    }
}

/// A stream of draws: PCG-XSL-RR 128/64 (O'Neill, 2014). Not for secrets.
#[derive(Debug, Clone)]
pub struct SeededRandom(rand_pcg::Pcg64);

impl SeededRandom {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self(rand_pcg::Pcg64::seed_from_u64(seed.0))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..bound, without bias (Lemire's multiplication with rejection, 2019).
    /// A bound of 0 gives 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        if bound == 0 {
            return 0;
        }
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as usize;
            }
        }
    }

    /// Standard normal (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// An index drawn in proportion to `weights`; `None` when none is positive.
    pub fn weighted(&mut self, weights: &[f64]) -> Option<usize> {
        let total: f64 = weights.iter().filter(|weight| **weight > 0.0).sum();
        if !(total > 0.0 && total.is_finite()) {
            return None;
        }
        let mut left = self.uniform() * total;
        let mut last = None;
        for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            last = Some(index);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }

    /// Puts `values` in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream_and_another_purpose_another() {
        let draws = |seed: Seed| SeededRandom::new(seed).next_u64();
        let seed = Seed(7);
        assert_eq!(draws(seed.derive(&["night", "home"])), draws(seed.derive(&["night", "home"])));
        assert_ne!(draws(seed.derive(&["night", "home"])), draws(seed.derive(&["nighth", "ome"])));
    }

    #[test]
    fn draws_below_a_bound_are_uniform() {
        let mut random = SeededRandom::new(Seed(1));
        let mut counts = [0f64; 7];
        for _ in 0..70_000 {
            counts[random.below(7)] += 1.0;
        }
        // Chi-square with 6 degrees of freedom: 22.5 is the 99.9 % point.
        let chi: f64 = counts.iter().map(|count| (count - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi < 22.5, "{counts:?}");
    }

    #[test]
    fn weighted_draws_skip_what_has_no_weight() {
        let mut random = SeededRandom::new(Seed(2));
        for _ in 0..100 {
            assert_eq!(random.weighted(&[0.0, 2.0, -1.0, f64::NAN]), Some(1));
        }
        assert_eq!(random.weighted(&[0.0]), None);
    }
}
