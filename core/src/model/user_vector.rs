//! A folded-in user, and what each part of the history contributes to a score.

use noctule_kernels::cholesky;

/// A folded-in user.
#[derive(Debug, Clone)]
pub struct UserVector {
    /// The vector x; the score of an item y is x.y.
    pub vector: Vec<f32>,
    /// The factor U of A; meaningless without observations.
    pub(super) factor: Vec<f64>,
    /// w_i t_i y_i, one row for each observation.
    pub(super) pulls: Vec<f64>,
}

impl UserVector {
    /// A vector whose scores no sum over the history explains.
    pub(super) fn unexplained(vector: Vec<f32>) -> Self {
        Self { vector, factor: Vec::new(), pulls: Vec::new() }
    }

    /// Number of observations.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.pulls.len() / self.vector.len().max(1)
    }

    /// The score of `item`: x.y, summed in f64 from first to last.
    #[must_use]
    pub fn score(&self, item: &[f32]) -> f32 {
        let products = self.vector.iter().zip(item);
        products.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>() as f32
    }

    /// What each observation contributes to the score of `item`, in the order of the observations.
    ///
    /// As x = A⁻¹ sum w_i t_i y_i, the score splits exactly into the parts
    /// `w_i * t_i * y_itemᵀ A⁻¹ y_i`, which sum to it. An observation with target 0 contributes
    /// 0: it shaped A only. Empty when `item` has another length than the user's vector.
    #[must_use]
    pub fn contributions(&self, item: &[f32]) -> Vec<f32> {
        let d = self.vector.len();
        if item.len() != d || self.pulls.is_empty() {
            return Vec::new();
        }
        let mut direction: Vec<f64> = item.iter().map(|value| f64::from(*value)).collect();
        cholesky::solve(&self.factor, d, &mut direction);
        let part = |pull: &[f64]| pull.iter().zip(&direction).map(|(a, b)| a * b).sum::<f64>();
        self.pulls.chunks_exact(d).map(|pull| part(pull) as f32).collect()
    }

    /// What each of the first `count` observations adds to the vector, A⁻¹ `w_i t_i y_i`, one row
    /// each. The rows of all observations sum to it. Fewer rows when there are fewer observations.
    #[must_use]
    pub fn components(&self, count: usize) -> Vec<f32> {
        let d = self.vector.len();
        let count = count.min(self.observations());
        let mut columns = vec![0.0; d * count];
        for (at, pull) in self.pulls.chunks_exact(d.max(1)).take(count).enumerate() {
            pull.iter().enumerate().for_each(|(row, value)| columns[row * count + at] = *value);
        }
        cholesky::solve_many(&self.factor, d, &mut columns, count);
        let mut rows = vec![0.0; count * d];
        for (at, row) in rows.chunks_exact_mut(d.max(1)).enumerate() {
            row.iter_mut().enumerate().for_each(|(to, v)| *v = columns[to * count + at] as f32);
        }
        rows
    }

    /// What the observation in place `index` adds to the vector: A⁻¹ `w_i t_i y_i`. These sum to
    /// it. Zeros where there is no such observation.
    #[must_use]
    pub fn component(&self, index: usize) -> Vec<f32> {
        let d = self.vector.len();
        let pull = self.pulls.get(index * d..(index + 1) * d);
        let mut component = pull.map_or_else(|| vec![0.0; d], <[f64]>::to_vec);
        if pull.is_some() {
            cholesky::solve(&self.factor, d, &mut component);
        }
        component.into_iter().map(|value| value as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::model::{FoldIn, gram};

    /// The rows of `items` with these weights; every third was passed over.
    fn history_of<'a>(rows: &'a [f32], d: usize, weights: &[f32]) -> Vec<(&'a [f32], f32, f32)> {
        let targets = [1.0, 1.0, 0.0];
        let weighted = rows.chunks_exact(d).zip(weights).enumerate();
        weighted.map(|(i, (row, weight))| (row, *weight, targets[i % 3])).collect()
    }

    proptest! {
        #[test]
        fn contributions_sum_to_the_score(
            d in 1usize..17,
            history in 0usize..12,
            values in prop::collection::vec(-1.0f32..1.0, 16 * 30),
            weights in prop::collection::vec(0.0f32..5.0, 12),
        ) {
            let items = &values[..d * 20];
            let fold_in = FoldIn::new(&gram(items, d), d, 0.2, 0.05, 1.0, 20).unwrap();
            let user = fold_in.solve(&history_of(&items[..d * history], d, &weights)).unwrap();
            for item in items.chunks_exact(d) {
                let parts = user.contributions(item);
                prop_assert_eq!(parts.len(), history);
                let size: f32 = parts.iter().map(|part| part.abs()).sum();
                let difference = (parts.iter().sum::<f32>() - user.score(item)).abs();
                prop_assert!(difference <= 1e-5 * size.max(1e-2), "{} of {}", difference, size);
                for (at, part) in parts.iter().enumerate() {
                    let component = user.component(at);
                    let product: f32 = component.iter().zip(item).map(|(x, y)| x * y).sum();
                    prop_assert!((product - part).abs() <= 1e-4 * size.max(1e-2));
                    let all = user.components(history);
                    for (one, other) in component.iter().zip(&all[at * d..]) {
                        prop_assert!((one - other).abs() <= 1e-5 * (1.0 + one.abs()));
                    }
                }
            }
        }
    }

    #[test]
    fn an_empty_history_gives_the_zero_vector_without_reasons() {
        let fold_in = FoldIn::new(&[0.0f32; 4], 2, 0.0, 0.0, 1.0, 0).unwrap();
        let user = fold_in.solve(&[]).unwrap();
        assert_eq!(user.vector, [0.0, 0.0]);
        assert!(user.contributions(&[1.0, 1.0]).is_empty());
        assert_eq!(user.observations(), 0);
    }
}
