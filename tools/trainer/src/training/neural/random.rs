//! Random numbers that are a function of where they are used, not of what was drawn before.

use noctule_core::base::Seed;

/// Names one source of random numbers: a seed, narrowed by words and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The key of `purpose` under `seed`.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self(Seed(seed).derive(&["neural", purpose]).0)
    }

    /// The key of the `number`-th part of this one.
    #[must_use]
    pub fn part(self, number: u64) -> Self {
        // The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
        let mut bits = self.0 ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(bits ^ (bits >> 31))
    }

    /// A seed for a stream.
    #[must_use]
    pub fn seed(self) -> Seed {
        Seed(self.0)
    }

    /// Uniform in 0..bound by one multiplication; the bias is below bound / 2^64. 0 for a bound of
    /// 0.
    #[must_use]
    pub fn below(self, bound: usize) -> usize {
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }

    /// Uniform in [0, 1).
    #[must_use]
    pub fn uniform(self) -> f64 {
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Which values of a layer are left out (Srivastava et al., JMLR 2014); the others are scaled up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    key: Key,
    /// Values whose 32 random bits are below this are left out.
    threshold: u32,
    scale: f32,
}

impl Dropout {
    /// Leaves out the share `rate` (0 to below 1) of all values; none for a rate of 0.
    #[must_use]
    pub fn new(key: Key, rate: f32) -> Option<Self> {
        let threshold = (f64::from(rate) * 2f64.powi(32)) as u32;
        (rate > 0.0).then(|| Self { key, threshold, scale: 1.0 / (1.0 - rate) })
    }

    /// Multiplies each value of row `row` by 0 or by 1 / (1 - rate).
    #[inline(always)]
    pub(crate) fn apply(self, row: u64, values: &mut [f32]) {
        let key = self.key.part(row).0;
        let (first, second) = (key as u32, (key >> 32) as u32);
        for (at, value) in values.iter_mut().enumerate() {
            // Wellons' finaliser of 32 bits, of low bias.
            let mut bits = (at as u32).wrapping_add(first);
            bits = (bits ^ (bits >> 16)).wrapping_mul(0x7feb_352d);
            bits = (bits ^ (bits >> 15)).wrapping_mul(0x846c_a68b) ^ second;
            bits = (bits ^ (bits >> 16)).wrapping_mul(0x7feb_352d);
            bits ^= bits >> 15;
            *value *= if bits < self.threshold { 0.0 } else { self.scale };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_left_out_is_the_rate_in_every_row_and_column_and_the_mean_stays() {
        let dropout = Dropout::new(Key::new(1, "test"), 0.3).unwrap();
        let (mut by_column, mut all) = (vec![0.0; 64], 0.0);
        for row in 0..4_000 {
            let mut values = [1.0; 64];
            dropout.apply(row, &mut values);
            by_column.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
            all += values.iter().map(|value| f64::from(*value)).sum::<f64>();
        }
        assert!((all / 256_000.0 - 1.0).abs() < 0.006, "{all}");
        // Five standard errors of a column's mean.
        assert!(by_column.iter().all(|sum| (sum / 4_000.0 - 1.0).abs() < 0.052));
    }

    #[test]
    fn neighbouring_rows_are_left_out_independently() {
        let dropout = Dropout::new(Key::new(1, "test"), 0.5).unwrap();
        let row = |row| {
            let mut values = [1.0; 4_096];
            dropout.apply(row, &mut values);
            values
        };
        let same = row(5).iter().zip(row(6)).filter(|(a, b)| *a == b).count();
        assert!((1_850..2_250).contains(&same), "{same}");
        let shifted = row(5)[1..].iter().zip(row(6)).filter(|(a, b)| *a == b).count();
        assert!((1_850..2_250).contains(&shifted), "{shifted}");
        assert_eq!(row(5), row(5));
    }

    #[test]
    fn draws_are_uniform_and_below_the_bound() {
        let mut counts = [0; 10];
        for part in 0..10_000 {
            counts[Key::new(3, "draws").part(part).below(10)] += 1;
        }
        assert!(counts.iter().all(|count| (880..1_120).contains(count)), "{counts:?}");
        assert_eq!(Key::new(3, "draws").below(0), 0);
        assert!(Dropout::new(Key::new(1, "none"), 0.0).is_none());
    }
}
