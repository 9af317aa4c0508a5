//! The logistic ranker: log-odds that a candidate is chosen, from a row of features.

use candle_core::{Device, Tensor};

use crate::base::{Error, Result};

/// Rows multiplied at once: products of this size stay on the calling thread, larger ones would
/// wake a thread pool that nobody asked for.
const ROWS_AT_ONCE: usize = 1_024;

/// Features of one row: with [`ROWS_AT_ONCE`] rows a product stays below the size at which the
/// matrix multiplication goes parallel.
const FEATURES_MAX: usize = 128;

fn candle_error(error: &candle_core::Error) -> Error {
    Error::Model { reason: format!("ranker: {error}") }
}

/// A logistic regression over feature rows.
///
/// ```
/// use noctule_core::model::Ranker;
/// let ranker = Ranker::new(vec![2.0, -1.0], 0.5)?;
/// assert_eq!(ranker.score(&[1.0, 0.0, 0.0, 1.0], 2)?, [2.5, -0.5]);
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ranker {
    /// [features, 1].
    weight: Tensor,
    /// [1].
    bias: Tensor,
    weights: Vec<f32>,
}

impl Ranker {
    /// A ranker with one weight a feature and a bias.
    ///
    /// # Errors
    /// [`Error::Model`] when there is no weight, more than 128, or one that is not finite.
    pub fn new(weight: Vec<f32>, bias: f32) -> Result<Self> {
        let features = weight.len();
        if features == 0 || features > FEATURES_MAX {
            let reason = format!("ranker: {features} features, 1 to {FEATURES_MAX} are allowed");
            return Err(Error::Model { reason });
        }
        if !bias.is_finite() || weight.iter().any(|value| !value.is_finite()) {
            return Err(Error::Model { reason: "ranker: a weight is not finite".into() });
        }
        let device = Device::Cpu;
        Ok(Self {
            weight: Tensor::from_slice(&weight, (features, 1), &device)
                .map_err(|error| candle_error(&error))?,
            bias: Tensor::new(&[bias], &device).map_err(|error| candle_error(&error))?,
            weights: weight,
        })
    }

    /// Features of one row.
    #[must_use]
    pub fn features(&self) -> usize {
        self.weights.len()
    }

    /// The weights, in the order of the features: a row's log-odds are the bias plus the sum of
    /// weight times value.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The log-odds of `rows` (row-major, `features` values each), in their order.
    ///
    /// # Errors
    /// [`Error::Model`] when `features` is not the ranker's, the rows are not whole, or a log-odds
    /// is not finite (a feature was not).
    pub fn score(&self, rows: &[f32], features: usize) -> Result<Vec<f32>> {
        if features != self.features() || !rows.len().is_multiple_of(features) {
            let reason = format!(
                "ranker: {} values in rows of {features}, rows of {} are needed",
                rows.len(),
                self.features()
            );
            return Err(Error::Model { reason });
        }
        let mut scores = Vec::with_capacity(rows.len() / features);
        for some in rows.chunks(ROWS_AT_ONCE * features) {
            scores.extend(self.log_odds(some).map_err(|error| candle_error(&error))?);
        }
        match scores.iter().position(|score| !score.is_finite()) {
            None => Ok(scores),
            Some(row) => Err(Error::Model {
                reason: format!("ranker: the score of row {row} is not finite"),
            }),
        }
    }

    fn log_odds(&self, rows: &[f32]) -> candle_core::Result<Vec<f32>> {
        let shape = (rows.len() / self.features(), self.features());
        let rows = Tensor::from_slice(rows, shape, &Device::Cpu)?;
        rows.matmul(&self.weight)?.broadcast_add(&self.bias)?.flatten_all()?.to_vec1()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_row_scores_the_same_alone_and_among_others(
            rows in prop::collection::vec(-3.0f32..3.0, 3 * 1_500),
            weight in prop::collection::vec(-2.0f32..2.0, 3),
            row in 0usize..1_500,
        ) {
            let ranker = Ranker::new(weight.clone(), 0.25).unwrap();
            let all = ranker.score(&rows, 3).unwrap();
            prop_assert_eq!(all.len(), 1_500);
            let alone = ranker.score(&rows[row * 3..row * 3 + 3], 3).unwrap();
            prop_assert!((all[row] - alone[0]).abs() < 1e-5);
            let by_hand: f32 = 0.25 + (0..3).map(|i| weight[i] * rows[row * 3 + i]).sum::<f32>();
            prop_assert!((all[row] - by_hand).abs() < 1e-5);
        }
    }

    #[test]
    fn no_rows_give_no_scores() {
        assert!(Ranker::new(vec![1.0], 0.0).unwrap().score(&[], 1).unwrap().is_empty());
    }

    #[test]
    fn a_feature_that_is_not_finite_is_a_typed_error_that_names_the_row() {
        let ranker = Ranker::new(vec![1.0, 1.0], 0.0).unwrap();
        for bad in [f32::NAN, f32::INFINITY] {
            let error = ranker.score(&[0.0, 0.0, 1.0, bad], 2).unwrap_err();
            assert!(
                matches!(&error, Error::Model { reason } if reason.contains("row 1")),
                "{error}"
            );
        }
    }

    #[test]
    fn wrong_shapes_and_weights_are_refused() {
        let ranker = Ranker::new(vec![1.0, 1.0], 0.0).unwrap();
        assert!(ranker.score(&[1.0; 4], 4).is_err());
        assert!(ranker.score(&[1.0; 3], 2).is_err());
        assert!(ranker.score(&[], 0).is_err());
        assert!(Ranker::new(vec![], 0.0).is_err());
        assert!(Ranker::new(vec![f32::NAN], 0.0).is_err());
        assert!(Ranker::new(vec![1.0], f32::INFINITY).is_err());
    }
}
