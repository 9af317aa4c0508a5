//! EASE: a linear autoencoder in closed form (Steck, "Embarrassingly shallow autoencoders for
//! sparse data", WWW 2019).

use serde::{Deserialize, Serialize};

use super::inverse::invert;
use crate::evaluation::{Case, Scorer};
use crate::training::Sparse;
use crate::{Error, Result};

/// Settings of EASE.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EaseSettings {
    /// lambda, added to the diagonal of XᵀX; above 0.
    pub regularization: f64,
    /// Bytes that the matrices may take: 12 for each pair of items that anyone chose.
    pub memory_bytes_max: u64,
}

impl Default for EaseSettings {
    fn default() -> Self {
        Self { regularization: 250.0, memory_bytes_max: 4 << 30 }
    }
}

/// The weights between items.
#[derive(Debug, Clone, PartialEq)]
pub struct Ease {
    /// The row of each item among the weights; none for what nobody chose.
    place: Vec<Option<u32>>,
    /// The item of each row.
    items: Vec<u32>,
    /// B, row-major; 0 on the diagonal.
    weights: Vec<f32>,
}

impl Ease {
    /// Solves for the weights of `matrix` (users by items), of which only whether an entry is
    /// there counts: with P the inverse of XᵀX + lambda I, B_ij = -P_ij / P_jj.
    ///
    /// # Errors
    /// [`Error::Setting`] for a lambda that is not above 0, and when the items that anyone chose
    /// are too many for `memory_bytes_max`; [`Error::Data`] without entries.
    pub fn fit(matrix: &Sparse, settings: &EaseSettings) -> Result<Self> {
        let lambda = settings.regularization;
        if !(lambda > 0.0 && lambda.is_finite()) {
            return Err(Error::setting("regularization", format!("{lambda} is not above 0")));
        }
        let mut place = vec![None; matrix.width()];
        for user in 0..matrix.rows() {
            matrix.row(user).for_each(|(item, _)| place[item as usize] = Some(0));
        }
        let items: Vec<u32> =
            (0..matrix.width() as u32).filter(|item| place[*item as usize].is_some()).collect();
        items.iter().zip(0..).for_each(|(item, row)| place[*item as usize] = Some(row));
        let n = items.len();
        if n == 0 {
            return Err(Error::data("there is no interaction to train on"));
        }
        let needed = 12 * n as u64 * n as u64;
        if needed > settings.memory_bytes_max {
            let limit = settings.memory_bytes_max;
            let reason = format!(
                "EASE over {n} items needs {needed} bytes, {limit} are allowed: raise \
                 memory_bytes_max, or leave out items that are hardly ever chosen"
            );
            return Err(Error::setting("memory_bytes_max", reason));
        }
        let mut inverse = gram(matrix, &place, n, lambda);
        invert(&mut inverse, n)?;
        Ok(Self { place, items, weights: weights(&inverse, n) })
    }

    /// The weight that having chosen `from` has for `to`.
    #[must_use]
    pub fn weight(&self, from: u32, to: u32) -> f32 {
        match (self.place[from as usize], self.place[to as usize]) {
            (Some(from), Some(to)) => self.weights[from as usize * self.items.len() + to as usize],
            _ => 0.0,
        }
    }
}

/// The upper triangle of XᵀX + lambda I.
fn gram(matrix: &Sparse, place: &[Option<u32>], n: usize, lambda: f64) -> Vec<f64> {
    let mut gram = vec![0.0; n * n];
    for user in 0..matrix.rows() {
        // Rising, as the entries of a row are.
        let row = || matrix.row(user).filter_map(|(item, _)| place[item as usize]);
        for (index, i) in row().enumerate() {
            let values = &mut gram[i as usize * n..(i as usize + 1) * n];
            row().skip(index).for_each(|j| values[j as usize] += 1.0);
        }
    }
    for i in 0..n {
        gram[i * n + i] += lambda;
    }
    gram
}

fn weights(inverse: &[f64], n: usize) -> Vec<f32> {
    let mut weights = vec![0.0; n * n];
    for i in 0..n {
        for j in i + 1..n {
            let p = inverse[i * n + j];
            weights[i * n + j] = (-p / inverse[j * n + j]) as f32;
            weights[j * n + i] = (-p / inverse[i * n + i]) as f32;
        }
    }
    weights
}

impl Scorer for Ease {
    /// The sum of the rows of the history's items, each counted once.
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        let n = self.items.len();
        let mut sums = vec![0.0f32; n];
        for item in super::distinct(case) {
            if let Some(row) = self.place[item as usize] {
                let row = &self.weights[row as usize * n..(row as usize + 1) * n];
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
            }
        }
        scores.fill(0.0);
        self.items.iter().zip(sums).for_each(|(item, sum)| scores[*item as usize] = sum);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn no_other_weights_without_a_diagonal_have_a_smaller_loss(
            pairs in prop::collection::btree_set((0u32..9, 0u32..6), 4..40),
            step in prop::collection::vec(-0.05f64..0.05, 36),
        ) {
            let lambda = 0.7;
            let entries: Vec<_> = pairs.iter().map(|(user, item)| (*user, *item, 1.0)).collect();
            let settings = EaseSettings { regularization: lambda, ..EaseSettings::default() };
            let model = Ease::fit(&Sparse::from_entries(entries, 9, 6), &settings).unwrap();
            let x = |user: u32, item: u32| f64::from(u8::from(pairs.contains(&(user, item))));
            let loss = |b: &dyn Fn(u32, u32) -> f64| {
                let mut sum = 0.0;
                for to in 0..6 {
                    for user in 0..9 {
                        let found: f64 = (0..6).map(|from| x(user, from) * b(from, to)).sum();
                        sum += (x(user, to) - found).powi(2);
                    }
                    sum += lambda * (0..6).map(|from| b(from, to).powi(2)).sum::<f64>();
                }
                sum
            };
            let best = |from: u32, to: u32| f64::from(model.weight(from, to));
            let other = |from: u32, to: u32| {
                best(from, to) + if from == to { 0.0 } else { step[(from * 6 + to) as usize] }
            };
            prop_assert!(loss(&best) <= loss(&other) + 1e-5);
            prop_assert!((0..6).all(|item| model.weight(item, item) == 0.0));
        }
    }

    #[test]
    fn too_many_items_bad_settings_and_no_data_are_typed_errors() {
        let entries: Vec<_> = (0..100).map(|item| (0, item, 1.0)).collect();
        let wide = Sparse::from_entries(entries, 1, 100);
        let small = EaseSettings { memory_bytes_max: 100_000, ..EaseSettings::default() };
        let refused = Ease::fit(&wide, &small).unwrap_err();
        assert!(matches!(refused, Error::Setting { field: "memory_bytes_max", .. }), "{refused}");
        let zero = EaseSettings { regularization: 0.0, ..EaseSettings::default() };
        assert!(matches!(Ease::fit(&wide, &zero), Err(Error::Setting { .. })));
        let none = Sparse::from_entries(Vec::new(), 1, 5);
        assert!(matches!(Ease::fit(&none, &EaseSettings::default()), Err(Error::Data { .. })));
    }

    #[test]
    fn a_huge_catalogue_with_few_events_takes_little_room() {
        let entries = vec![(0, 3_999_999, 1.0), (0, 7, 1.0), (1, 7, 1.0)];
        let matrix = Sparse::from_entries(entries, 2, 4_000_000);
        let model = Ease::fit(&matrix, &EaseSettings::default()).unwrap();
        assert_eq!(model.weights.len(), 4);
        assert!(model.weight(7, 3_999_999) > 0.0);
    }
}
