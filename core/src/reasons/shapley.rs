//! Shapley values: what each player adds to the worth of all, in the mean over the orders in which
//! they may come (Shapley, 1953).
//!
//! Few players are enumerated. More, or players whose worth is dear to compute, are sampled in
//! pairs of an order and its reverse (Mitchell, Cooper, Frank and Holmes, JMLR 2022, section 3.1):
//! a pair is exact where no three players act together, and the spread between pairs tells the
//! error.

use crate::base::SeededRandom;

/// The Shapley values of a game of n players, `worth` being what each of its 2^n coalitions is
/// worth: that of the players whose bits are set in the index.
///
/// They sum to the worth of all less that of nobody. Of a length that is no power of two, what is
/// beyond the last one counts for nothing.
///
/// ```
/// use noctule_core::reasons::shapley::exact;
/// // 1 alone is worth 1, 2 alone 2, both together 5.
/// assert_eq!(exact(&[0.0, 1.0, 2.0, 5.0]), [2.0, 3.0]);
/// ```
#[must_use]
pub fn exact(worth: &[f64]) -> Vec<f64> {
    let players = worth.len().checked_ilog2().unwrap_or(0) as usize;
    let everyone = 1_usize << players;
    // |S|! (n - |S| - 1)! / n!, by |S|: 1 / n, then each from the one before.
    let mut shares = Vec::with_capacity(players.max(1));
    shares.push(1.0 / players.max(1) as f64);
    for size in 1..players {
        shares.push(shares[size - 1] * size as f64 / (players - size) as f64);
    }
    let value = |player: usize| {
        let without = (0..everyone).filter(|coalition| coalition & (1 << player) == 0);
        let added = without.map(|coalition| {
            let gain = worth[coalition | (1 << player)] - worth[coalition];
            shares[coalition.count_ones() as usize] * gain
        });
        added.sum()
    };
    (0..players).map(value).collect()
}

/// Orders of players in pairs, the second of a pair being the first from its end.
///
/// ```
/// use noctule_core::base::{Seed, SeededRandom};
/// use noctule_core::reasons::shapley::{Estimates, Orders};
/// let orders = Orders::draw(3, 4, &mut SeededRandom::new(Seed(1)));
/// // A coalition is worth the square of its size.
/// let worth = orders.beginnings().map(|(_, some)| (some.len() as f32).powi(2));
/// let worth: Vec<f32> = worth.collect();
/// let by_pair = orders.added(1, |_| (&[0.0], &[9.0]), &worth);
/// let found = Estimates::of(&by_pair);
/// assert_eq!(found.values, [3.0, 3.0, 3.0]);
/// assert_eq!(found.standard_errors, [0.0, 0.0, 0.0]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orders {
    players: usize,
    /// The orders, one behind the other.
    orders: Vec<usize>,
}

impl Orders {
    /// `pairs` pairs of orders of `players`; two at least, as one tells no error.
    #[must_use]
    pub fn draw(players: usize, pairs: usize, random: &mut SeededRandom) -> Self {
        let mut orders = Vec::with_capacity(2 * pairs.max(2) * players);
        for _ in 0..pairs.max(2) {
            let begin = orders.len();
            orders.extend(0..players);
            random.shuffle(&mut orders[begin..]);
            orders.extend_from_within(begin..);
            orders[begin + players..].reverse();
        }
        Self { players, orders }
    }

    /// The orders, the two of a pair one after the other.
    pub fn all(&self) -> impl Iterator<Item = &[usize]> {
        self.orders.chunks_exact(self.players.max(1))
    }

    /// Number of pairs.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.all().count() / 2
    }

    /// The coalitions whose worth [`Self::added`] needs: of each order, by its number, the players
    /// that came when at least one has and at least one has not.
    pub fn beginnings(&self) -> impl Iterator<Item = (usize, &[usize])> {
        let numbered = self.all().enumerate();
        numbered.flat_map(|(number, order)| {
            (1..order.len()).map(move |count| (number, &order[..count]))
        })
    }

    /// What each player adds in the mean of each pair. A worth is a row of `width` values; `worth`
    /// holds those of [`Self::beginnings`] one behind the other, `ends` gives those of nobody and
    /// of everybody in the order of a number. The answer has a row of players times `width` values
    /// for each pair.
    pub fn added<'a>(
        &self,
        width: usize,
        ends: impl Fn(usize) -> (&'a [f32], &'a [f32]),
        worth: &'a [f32],
    ) -> Vec<Vec<f64>> {
        let mut by_pair = vec![vec![0.0; self.players * width]; self.pairs()];
        let mut rows = worth.chunks_exact(width.max(1));
        for (number, order) in self.all().enumerate() {
            let (mut before, last) = ends(number);
            for (turn, player) in order.iter().enumerate() {
                let after = if turn + 1 < order.len() { rows.next() } else { Some(last) };
                let Some(after) = after else { return by_pair };
                let to = &mut by_pair[number / 2][player * width..(player + 1) * width];
                for ((to, after), before) in to.iter_mut().zip(after).zip(before) {
                    *to += 0.5 * (f64::from(*after) - f64::from(*before));
                }
                before = after;
            }
        }
        by_pair
    }
}

/// Estimates of several values, each with its standard error.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimates {
    /// The values.
    pub values: Vec<f64>,
    /// Their standard errors: how far the means of as many samples spread around the truth. Known
    /// only roughly when the samples are few.
    pub standard_errors: Vec<f64>,
}

impl Estimates {
    /// The means of `samples`, rows of equal length, and their standard errors; those of a single
    /// sample are infinite.
    #[must_use]
    pub fn of(samples: &[Vec<f64>]) -> Self {
        let (count, width) = (samples.len() as f64, samples.first().map_or(0, Vec::len));
        let column = |at: usize| samples.iter().map(move |sample| sample[at]);
        let values: Vec<f64> = (0..width).map(|at| column(at).sum::<f64>() / count).collect();
        let error = |at: usize| {
            let squares: f64 = column(at).map(|value| (value - values[at]).powi(2)).sum();
            if count > 1.0 { (squares / (count * (count - 1.0))).sqrt() } else { f64::INFINITY }
        };
        let standard_errors = (0..width).map(error).collect();
        Self { values, standard_errors }
    }

    /// The same moved so that they sum to `total`, each in proportion to its variance: what is
    /// known well stays. Where nothing varies, in proportion to the sizes.
    #[must_use]
    pub fn summing_to(mut self, total: f64) -> Self {
        let missing = total - self.values.iter().sum::<f64>();
        let variances = self.standard_errors.iter().map(|error| error * error);
        let mut weights: Vec<f64> = variances.collect();
        if weights.iter().all(|weight| *weight == 0.0) {
            weights = self.values.iter().map(|value| value.abs()).collect();
        }
        let sum: f64 = weights.iter().sum();
        for (value, weight) in self.values.iter_mut().zip(&weights) {
            *value += if sum > 0.0 { missing * weight / sum } else { 0.0 };
        }
        self
    }
}

#[cfg(test)]
#[path = "shapley_tests.rs"]
mod tests;
