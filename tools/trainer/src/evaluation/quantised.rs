//! What it would cost to rank by the codes of item vectors, and by nothing else.

use noctule_core::scoring::{Codes, ItemMatrix, Vectors, exact_score, quantise, quantise_int4};
use serde::{Deserialize, Serialize};

use super::protocol::{EvaluationSettings, evaluate};
use super::scorers::{Case, Scorer};
use crate::Result;
use crate::datasets::Interactions;
use crate::split::Split;

/// Users that are measured, at most: the same for each form, so that differences show in few.
const USERS_MAX: usize = 2_000;

/// A model whose scores are products of a user's vector with item vectors.
pub trait VectorScorer: Sync {
    /// The vector of a user.
    ///
    /// # Errors
    /// [`crate::Error::Core`] when it is not finite.
    fn user(&self, case: &Case<'_>) -> Result<Vec<f32>>;

    /// The item vectors, row-major, and the length of one.
    fn items(&self) -> (&[f32], usize);
}

/// How well the choices of validation are found, by what items are scored with: their vectors, or
/// their codes times scales without re-scoring. The user's vector is the exact one each time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QuantisationLoss {
    /// Users of the validation part that were measured.
    pub users: usize,
    /// Length of the lists.
    pub k: usize,
    /// By the vectors. Search re-scores what its codes find, so this is what a release has that
    /// holds them in single precision.
    pub exact: FormQuality,
    /// By int8 codes alone.
    pub int8: FormQuality,
    /// By int4 codes alone.
    pub int4: FormQuality,
}

/// What was measured of one form.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FormQuality {
    /// NDCG@k.
    pub ndcg: f64,
    /// Recall@k.
    pub recall: f64,
}

impl QuantisationLoss {
    /// The forms by name.
    #[must_use]
    pub fn forms(&self) -> [(&'static str, FormQuality); 3] {
        [("f32, or re-scored", self.exact), ("int8 codes", self.int8), ("int4 codes", self.int4)]
    }

    /// The figures in a sentence, as they stand in a manifest.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { users, k, exact, int8, int4 } = self;
        format!(
            "NDCG@{k} {:.4} exact and re-scored, {:.4} by int8 codes alone, {:.4} by int4; \
             recall@{k} {:.4}, {:.4}, {:.4} (validation, {users} users)",
            exact.ndcg, int8.ndcg, int4.ndcg, exact.recall, int8.recall, int4.recall
        )
    }
}

/// Measures `scorer`, which knows the training events of `split`, on its validation events, with
/// the codes that core makes of its item vectors; none where nothing is held out for validation.
///
/// # Errors
/// As [`evaluate`]; [`crate::Error::Core`] for vectors that cannot be quantised.
pub fn quantisation_loss(
    scorer: &dyn VectorScorer,
    data: &Interactions,
    split: &Split,
    settings: &EvaluationSettings,
) -> Result<Option<QuantisationLoss>> {
    let (items, d) = scorer.items();
    if split.validation.is_empty() || items.is_empty() {
        return Ok(None);
    }
    let (train, test) = (split.train.clone(), split.validation.clone());
    let part = Split { train, validation: Vec::new(), test };
    let users_max = settings.users_max.unwrap_or(USERS_MAX).min(USERS_MAX);
    let of = EvaluationSettings { users_max: Some(users_max), ..*settings };
    let measured = |items: &[f32]| evaluate(&ByItems { scorer, items, d }, data, &part, &of);
    let exact = measured(items)?;
    let int8 = {
        let made = quantise(items, d)?;
        measured(&coded(Codes::Int8(&made.codes), &made.scales, d)?)?
    };
    let int4 = {
        let made = quantise_int4(items, d)?;
        measured(&coded(Codes::Int4(&made.codes), &made.scales, d)?)?
    };
    let quality = |of: &super::Evaluation| FormQuality { ndcg: of.ndcg, recall: of.recall };
    Ok(Some(QuantisationLoss {
        users: exact.users,
        k: exact.k,
        exact: quality(&exact),
        int8: quality(&int8),
        int4: quality(&int4),
    }))
}

/// The vectors that codes and scales stand for, as a device reads them.
fn coded(codes: Codes<'_>, scales: &[f32], d: usize) -> Result<Vec<f32>> {
    let matrix = ItemMatrix::stored(codes, scales, Vectors::Coded, d)?;
    let mut values = vec![0.0; scales.len() * d];
    for (row, index) in values.chunks_exact_mut(d).zip(0u32..) {
        matrix.read_row(index, row);
    }
    Ok(values)
}

/// The scores of a model with other item vectors.
struct ByItems<'a> {
    scorer: &'a dyn VectorScorer,
    items: &'a [f32],
    d: usize,
}

impl Scorer for ByItems<'_> {
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        let user = self.scorer.user(case)?;
        for (score, item) in scores.iter_mut().zip(self.items.chunks_exact(self.d)) {
            *score = exact_score(&user, item);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::read_pairs;
    use crate::split::leave_last_out;

    /// Everyone likes items more, the nearer they are to what was chosen last but in the first
    /// dimension, of which users know nothing.
    struct Ring {
        items: Vec<f32>,
    }

    const ITEMS: usize = 40;
    const D: usize = 3;

    impl Ring {
        /// Items on a circle; `height` is the value of all of them in the first dimension.
        fn new(height: f32) -> Self {
            let angle = |item: usize| item as f32 / ITEMS as f32 * std::f32::consts::TAU;
            let item = |item| [height, angle(item).cos(), angle(item).sin()];
            Self { items: (0..ITEMS).flat_map(item).collect() }
        }

        fn loss(&self) -> QuantisationLoss {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("ring.txt");
            let line = |user: usize| {
                let next = |at: usize| format!("u{user} {}\n", (user * 7 + at) % ITEMS);
                (0..4).map(next).collect::<String>()
            };
            // So that items are numbered by their place in the ring.
            let first: String = (0..ITEMS).map(|item| format!("all {item}\n")).collect();
            let users: String = (0..60).map(line).collect();
            std::fs::write(&path, first + &users).unwrap();
            let data = read_pairs(&path).unwrap();
            let settings = EvaluationSettings { k: 2, threads: 1, ..Default::default() };
            quantisation_loss(self, &data, &leave_last_out(&data), &settings).unwrap().unwrap()
        }
    }

    impl VectorScorer for Ring {
        fn user(&self, case: &Case<'_>) -> Result<Vec<f32>> {
            let last = case.history.last().map_or(0, |event| event.item as usize);
            let next = &self.items[(last + 1) % ITEMS * D..][..D];
            Ok(vec![0.0, next[1], next[2]])
        }

        fn items(&self) -> (&[f32], usize) {
            (&self.items, D)
        }
    }

    #[test]
    fn vectors_that_codes_hold_well_lose_nothing() {
        let loss = Ring::new(0.0).loss();
        assert_eq!((loss.exact, loss.users), (FormQuality { ndcg: 1.0, recall: 1.0 }, 61));
        assert_eq!(loss.int8, loss.exact);
    }

    #[test]
    fn one_large_dimension_takes_the_codes_of_all_others() {
        // A step of int8 is 30 / 127, a quarter of the radius; one of int4 is four times it.
        let loss = Ring::new(30.0).loss();
        assert_eq!(loss.exact.ndcg, 1.0);
        assert!(loss.int8.ndcg < 0.9, "{loss:?}");
        assert!(loss.int4.ndcg < 0.5 * loss.int8.ndcg, "{loss:?}");
        assert!(loss.int4.recall < 0.3, "{loss:?}");
        assert!(loss.sentence().starts_with("NDCG@2 1.0000 exact and re-scored, "));
    }

    #[test]
    fn without_validation_nothing_is_measured() {
        let (data, settings) = (Interactions::default(), EvaluationSettings::default());
        let found = quantisation_loss(&Ring::new(0.0), &data, &Split::default(), &settings);
        assert_eq!(found.unwrap(), None);
    }
}
