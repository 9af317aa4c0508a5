//! The ranker: log-odds that a candidate is chosen, from a row of features.

mod calibration;
mod lifted;
mod network;

use super::tensors::ModelTensors;
use crate::base::limits::RANKER_WIDTH_MAX;
use crate::base::{Error, Result};
use crate::release::RankerDesign;
use calibration::Curve;
use network::Network;

/// Rows that go through the layers at once, so that what lies between two layers stays in the
/// first caches.
const ROWS_AT_ONCE: usize = 64;

/// A function of feature rows that gives calibrated log-odds.
///
/// ```
/// use noctule_core::model::Ranker;
/// let ranker = Ranker::new(vec![2.0, -1.0], 0.5)?;
/// assert_eq!(ranker.score(&[1.0, 0.0, 0.0, 1.0], 2)?, [2.5, -0.5]);
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ranker {
    network: Network,
    curve: Curve,
    features: usize,
    /// Log-odds for each unit of a feature, of a ranker that is linear throughout.
    linear: Option<Vec<f32>>,
}

impl Ranker {
    /// A linear ranker with one weight a feature and a bias: a logistic regression.
    ///
    /// # Errors
    /// [`Error::Model`] when there is no weight, more than 4,096, or one that is not finite.
    pub fn new(weight: Vec<f32>, bias: f32) -> Result<Self> {
        let features = weight.len();
        if features == 0 || features > RANKER_WIDTH_MAX {
            let reason =
                format!("ranker: {features} features, 1 to {RANKER_WIDTH_MAX} are allowed");
            return Err(Error::Model { reason });
        }
        if !bias.is_finite() || weight.iter().any(|value| !value.is_finite()) {
            return Err(Error::Model { reason: "ranker: a weight is not finite".into() });
        }
        let linear = Some(weight.clone());
        Ok(Self {
            network: Network::linear(weight, bias),
            curve: Curve::identity(),
            features,
            linear,
        })
    }

    /// The ranker of a model, for rows of `features` values.
    pub(super) fn read(
        tensors: &mut ModelTensors,
        design: &RankerDesign,
        features: usize,
    ) -> Result<Self> {
        if features == 0 {
            return Err(Error::Model { reason: "ranker: its features have no value".into() });
        }
        let network = Network::read(tensors, design)?;
        let curve = Curve::read(tensors, design.calibration)?;
        let slope = curve.is_straight().then_some(design.calibration.slope);
        let linear = network.weights().zip(slope);
        let linear = linear.map(|(weights, slope)| weights.iter().map(|w| w * slope).collect());
        Ok(Self { network, curve, features, linear })
    }

    /// Values of one row.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// Of a ranker that is linear, calibration included: what a unit of each value adds to the
    /// log-odds. A row's log-odds are those of a row of zeros plus the sum of weight times value.
    #[must_use]
    pub fn linear_weights(&self) -> Option<&[f32]> {
        self.linear.as_deref()
    }

    /// The calibrated log-odds of `rows` (row-major, `features` values each), in their order. The
    /// probability of a choice is 1 / (1 + e^-log-odds). Rows stand alone: to learn what a group of
    /// features is worth, score the row again with the group's values set to those of a baseline,
    /// which is zeros for a release's features.
    ///
    /// # Errors
    /// [`Error::Model`] when `features` is not the ranker's, the rows are not whole, or a log-odds
    /// is not finite (a feature was not).
    pub fn score(&self, rows: &[f32], features: usize) -> Result<Vec<f32>> {
        if features != self.features || !rows.len().is_multiple_of(features) {
            let reason = format!(
                "ranker: {} values in rows of {features}, rows of {} are needed",
                rows.len(),
                self.features
            );
            return Err(Error::Model { reason });
        }
        let mut scores = Vec::with_capacity(rows.len() / features);
        for some in rows.chunks(ROWS_AT_ONCE * features) {
            self.network.append(some, features, &mut scores)?;
        }
        self.calibrated(scores)
    }

    fn calibrated(&self, mut scores: Vec<f32>) -> Result<Vec<f32>> {
        match scores.iter().position(|score| !score.is_finite()) {
            Some(row) => Err(Error::Model {
                reason: format!("ranker: the score of row {row} is not finite"),
            }),
            None => {
                scores.iter_mut().for_each(|score| *score = self.curve.of(*score));
                Ok(scores)
            }
        }
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
