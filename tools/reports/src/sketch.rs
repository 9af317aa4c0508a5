//! Quantiles of many numbers in little memory: DDSketch (Masson, Rim and Lee, PVLDB 12, 2019).

/// A quantile is off by at most this share of itself.
const ACCURACY: f64 = 0.01;

/// The width of a bin: its ends have this ratio.
const GAMMA: f64 = (1.0 + ACCURACY) / (1.0 - ACCURACY);

/// Counts of integers by the logarithm of their size; at most 4,400 bins, whatever comes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sketch {
    /// Bins in the order of the numbers: negative keys hold negative numbers, 0 holds zero.
    bins: Vec<(i16, u64)>,
    range: Option<(i64, i64)>,
}

impl Sketch {
    pub(crate) fn add(&mut self, value: i64) {
        self.count(key(value), 1);
        let (least, most) = self.range.unwrap_or((value, value));
        self.range = Some((least.min(value), most.max(value)));
    }

    /// Adds all of another sketch, as exactly as if its numbers had been added here.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (key, count) in &other.bins {
            self.count(*key, *count);
        }
        if let Some((low, high)) = other.range {
            let (least, most) = self.range.unwrap_or((low, high));
            self.range = Some((least.min(low), most.max(high)));
        }
    }

    /// The least and the greatest number, exactly.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        self.range
    }

    /// The smallest number that at least this share of all is not above, to one per cent.
    pub(crate) fn quantile(&self, share: f64) -> Option<i64> {
        let (least, most) = self.range?;
        let all: u64 = self.bins.iter().map(|(_, count)| count).sum();
        let rank = ((share * all as f64).ceil() as u64).clamp(1, all);
        let mut below = 0;
        let bin = self.bins.iter().find(|(_, count)| {
            below += count;
            below >= rank
        });
        bin.map(|(key, _)| middle(*key).clamp(least, most))
    }

    /// How many bins there are.
    pub(crate) fn len(&self) -> usize {
        self.bins.len()
    }

    fn count(&mut self, key: i16, count: u64) {
        match self.bins.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => self.bins[at].1 += count,
            Err(at) => self.bins.insert(at, (key, count)),
        }
    }
}

fn key(value: i64) -> i16 {
    if value == 0 {
        return 0;
    }
    // At most ln 2^63 / ln GAMMA = 2,184.
    let level = (value.unsigned_abs() as f64).ln() / GAMMA.ln();
    let key = level.ceil() as i16 + 1;
    if value < 0 { -key } else { key }
}

/// The number in the bin that is off by the same share from both of its ends.
fn middle(key: i16) -> i64 {
    if key == 0 {
        return 0;
    }
    let level = f64::from(key.unsigned_abs() - 1);
    // A cast from a float saturates.
    let value = (2.0 * (level * GAMMA.ln()).exp() / (GAMMA + 1.0)).round() as i64;
    if key < 0 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use noctule_core::base::{Seed, SeededRandom};

    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_numbers_to_one_per_cent() {
        let mut random = SeededRandom::new(Seed(7));
        for _ in 0..200 {
            let mut numbers: Vec<i64> = (0..1 + random.below(500))
                .map(|_| {
                    let size = (random.uniform() * 24.0).exp() as i64;
                    if random.chance(0.2) { -size } else { size }
                })
                .collect();
            let (mut first, mut second) = (Sketch::default(), Sketch::default());
            for (index, number) in numbers.iter().enumerate() {
                if index % 3 == 0 { first.add(*number) } else { second.add(*number) }
            }
            first.merge(&second);
            numbers.sort_unstable();
            for share in [0.0, 0.01, 0.5, 0.9, 0.99, 1.0] {
                let rank = ((share * numbers.len() as f64).ceil() as usize).max(1);
                let (exact, found) = (numbers[rank - 1], first.quantile(share).unwrap());
                // Milliseconds are whole: half of one is lost to rounding.
                let off = (found - exact).abs() as f64;
                assert!(off <= 0.010_001 * exact.abs() as f64 + 0.5, "{share}: {found}, {exact}");
            }
            assert_eq!(first.range(), Some((numbers[0], *numbers.last().unwrap())));
        }
    }

    #[test]
    fn the_extremes_of_the_type_are_numbers_like_others() {
        let mut sketch = Sketch::default();
        assert_eq!((sketch.quantile(0.5), sketch.range()), (None, None));
        for value in [i64::MIN, 0, i64::MAX] {
            sketch.add(value);
        }
        assert_eq!(sketch.quantile(0.5), Some(0));
        assert_eq!(sketch.range(), Some((i64::MIN, i64::MAX)));
        assert!(sketch.quantile(0.0).unwrap() < i64::MIN / 100 * 98);
    }
}
