//! Labelled rows, and the likelihood of a label.

use crate::clicks::WeakLabel;
use crate::training::examples::Examples;
use crate::training::weak::WeakExamples;

/// What is known of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowLabel {
    /// Whether it was wanted.
    pub positive: bool,
    /// Its weight, at least 0.
    pub weight: f32,
    /// Of what was not opened: the probability that it was looked at; none where that is certain.
    pub examination: Option<f32>,
    /// The user or installation whose row it is.
    pub user: u32,
    /// The item.
    pub item: u32,
}

/// Rows with their labels.
#[derive(Debug, Clone, Copy)]
pub struct LabelledRows<'a> {
    /// Rows of `features` values, row-major.
    pub rows: &'a [f32],
    /// Values of a row.
    pub features: usize,
    /// The label of each.
    pub labels: &'a [RowLabel],
}

impl RowLabel {
    /// The loss of log-odds `z` and its derivative: minus the logarithm of the probability of what
    /// was done, times the weight.
    ///
    /// What is relevant with probability s = 1 / (1 + e^-z) and looked at with probability e is
    /// opened with probability e s, and not with 1 - e s. At each z the derivative is that of the
    /// expected log-likelihood whose weights are the chances that a skip was looked at: minimising
    /// this is the expectation maximisation of Wang et al. (WSDM 2018) without rounds.
    #[must_use]
    pub fn loss(&self, z: f64) -> (f64, f64) {
        let weight = f64::from(self.weight);
        let s = 1.0 / (1.0 + (-z).exp());
        if self.positive {
            return (weight * softplus(-z), weight * (s - 1.0));
        }
        let e = self.examination.map_or(1.0, |e| f64::from(e).clamp(0.0, 1.0));
        // -ln(1 - e s) = softplus(z) - softplus(z + ln(1 - e)).
        let unseen = if e < 1.0 { softplus(z + (1.0 - e).ln()) } else { 0.0 };
        let skipped = (1.0 - e * s).max(f64::MIN_POSITIVE);
        (weight * (softplus(z) - unseen), weight * e * s * (1.0 - s) / skipped)
    }

    /// The weight that the label has when the item is relevant with probability `relevance`.
    #[must_use]
    pub fn weight_given(&self, relevance: f64) -> f64 {
        let (weight, examination) = (f64::from(self.weight), self.examination.map(f64::from));
        let label = WeakLabel { showing: 0, slot: 0, positive: self.positive, weight, examination };
        label.weight_given(relevance)
    }
}

/// ln(1 + e^z) without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

impl Examples {
    /// The labels of the rows.
    #[must_use]
    pub fn row_labels(&self) -> Vec<RowLabel> {
        let label = |(at, label): (usize, &f32)| RowLabel {
            positive: *label == 1.0,
            weight: self.weights[at],
            examination: None,
            user: self.pairs[at].0,
            item: self.pairs[at].1,
        };
        self.labels.iter().enumerate().map(label).collect()
    }
}

impl WeakExamples {
    /// The labels of the rows.
    #[must_use]
    pub fn row_labels(&self) -> Vec<RowLabel> {
        let label = |(label, (user, item)): (&WeakLabel, &(u32, u32))| RowLabel {
            positive: label.positive,
            weight: label.weight as f32,
            examination: label.examination.map(|e| e as f32).filter(|_| !label.positive),
            user: *user,
            item: *item,
        };
        self.labels.iter().zip(&self.pairs).map(label).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label(positive: bool, examination: Option<f32>) -> RowLabel {
        RowLabel { positive, weight: 2.0, examination, user: 0, item: 0 }
    }

    proptest! {
        #[test]
        fn the_loss_is_that_of_the_click_and_its_derivative_that_of_expectation_maximisation(
            z in -12.0f64..12.0, e in 0.01f32..1.0, positive: bool,
        ) {
            let label = label(positive, (!positive).then_some(e));
            let (loss, slope) = label.loss(z);
            let (e, s) = (f64::from(e), 1.0 / (1.0 + (-z).exp()));
            let expected = if positive { -s.ln() } else { -(1.0 - e * s).ln() };
            prop_assert!((loss - 2.0 * expected).abs() < 1e-9 * (1.0 + loss), "{loss}");
            let outcome = f64::from(u8::from(positive));
            let by_rounds = label.weight_given(s) * (s - outcome);
            prop_assert!((slope - by_rounds).abs() < 1e-9, "{slope} {by_rounds}");
            let moved = (label.loss(z + 1e-5).0 - label.loss(z - 1e-5).0) / 2e-5;
            prop_assert!((slope - moved).abs() < 1e-5, "{slope} {moved}");
        }
    }

    #[test]
    fn extreme_log_odds_give_finite_losses() {
        for z in [-1e4, -100.0, 100.0, 1e4] {
            for label in [
                label(true, None),
                label(false, None),
                label(false, Some(1.0)),
                label(false, Some(0.3)),
                label(false, Some(0.0)),
            ] {
                let (loss, slope) = label.loss(z);
                assert!(loss.is_finite() && slope.is_finite() && loss >= 0.0, "{label:?} {z}");
            }
        }
    }
}
