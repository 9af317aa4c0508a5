//! The user in one context, as the model sees it.

use super::SlateMaker;
use crate::base::{HistoryItem, ItemId, Result};
use crate::model::{Observation, UserEncoder, UserVector};
use crate::ranking::{Feature, FeatureRows, Pair};
use crate::release::Context;
use crate::scoring::{ItemMatrix, exact_score};

/// The user in one context: the vector and the history it was made from.
#[derive(Debug)]
pub(super) struct User<'a> {
    pub(super) vector: UserVector,
    /// Ids and titles of the history items with target 1, in the order of the observations.
    pub(super) items: Vec<(&'a ItemId, &'a str)>,
}

impl SlateMaker<'_> {
    /// The user in `context`, the `index`-th of the plan: feedback given in it counts
    /// `context_weight` times.
    pub(super) fn user(
        &self,
        context: &Context,
        index: usize,
        matrix: &ItemMatrix<'_>,
    ) -> Result<User<'_>> {
        let (model, _) = self.loaded.model()?;
        // A row outside the matrix would be empty, and encoders refuse vectors of a wrong length.
        let row = |index| matrix.row(index).unwrap_or_default();
        let mut history: Vec<&HistoryItem> = self.profile.history.iter().collect();
        if matches!(model.encoder, UserEncoder::Sasrec(_)) {
            // What was only clicked has no time, and stands before all that was chosen.
            history.sort_by_key(|entry| entry.last_chosen_ms);
        }
        let (mut chosen, mut passed, mut items) = (Vec::new(), Vec::new(), Vec::new());
        for entry in history {
            let Some(index) = self.catalogue().index_of(entry.item.as_str()) else { continue };
            let Some(title) = self.catalogue().title(index) else { continue };
            let weight: f32 = entry
                .weight_by_context
                .iter()
                .map(|(given_in, weight)| {
                    let same = given_in.as_ref() == Some(&context.id);
                    if same { weight * model.context_weight } else { *weight }
                })
                .sum();
            if weight > 0.0 {
                chosen.push((row(index), weight, 1.0));
                items.push((&entry.item, title));
            }
            if entry.negative > 0.0 {
                passed.push((row(index), entry.negative, 0.0));
            }
        }
        chosen.extend(passed);
        let observations: Vec<Observation<'_>> = chosen
            .iter()
            .map(|(row, weight, target)| Observation {
                vector: row,
                weight: *weight,
                target: *target,
            })
            .collect();
        Ok(User { vector: model.encoder.encode(&observations, index)?, items })
    }

    /// The rows of the ranker's features for `candidates`, one behind the other.
    pub(super) fn feature_values(
        &self,
        candidates: &[u32],
        features: &[Feature],
        rows: &FeatureRows<'_>,
        user: &[f32],
        (context, matrix): (usize, &ItemMatrix<'_>),
    ) -> Vec<f32> {
        let contexts = self.loaded.release.manifest().plan.contexts.len();
        let mut values = Vec::new();
        for item in candidates {
            let vector = matrix.row(*item).unwrap_or_default();
            let pair = Pair {
                item: *item,
                place: self.catalogue().place(*item),
                score: exact_score(user, &vector),
                user,
                vector: &vector,
                context,
                contexts,
            };
            features.iter().for_each(|feature| rows.append(*feature, &pair, &mut values));
        }
        values
    }
}
