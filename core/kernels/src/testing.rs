//! Random values for tests.

use rand_core::{Rng, SeedableRng};

/// A stream of draws.
pub(crate) struct Random(rand_pcg::Pcg64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(rand_pcg::Pcg64::seed_from_u64(seed))
    }

    /// Less than `bound`, all nearly as likely.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound as u64) as usize
    }

    /// About normal: the sum of twelve uniform values, less its mean.
    pub(crate) fn normal(&mut self) -> f64 {
        let uniform = |_| (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        (0..12).map(uniform).sum::<f64>() - 6.0
    }
}
