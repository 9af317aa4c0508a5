//! The user in one context, as the model sees it.

use std::borrow::Cow;

use super::SlateMaker;
use crate::base::{HistoryItem, ItemId, Result, order};
use crate::model::{Observation, UserEncoder, UserVector};
use crate::ranking::{Feature, FeatureRows, Pair, spans};
use crate::release::Context;
use crate::scoring::ItemMatrix;

/// The user in one context: the vector and the history it was made from.
#[derive(Debug)]
pub(super) struct User<'a> {
    pub(super) vector: UserVector,
    /// Ids and titles of the history items with target 1, in the order of the observations.
    pub(super) items: Vec<(&'a ItemId, &'a str)>,
}

/// The history as an encoder reads it: what was chosen, then what was passed over.
pub(super) struct History<'a> {
    pub(super) seen: Vec<Seen<'a>>,
    /// The chosen items, in the order of their observations, which come first.
    pub(super) items: Vec<(&'a ItemId, &'a str)>,
}

/// An observation and whose it is.
pub(super) struct Seen<'a> {
    vector: Cow<'a, [f32]>,
    pub(super) weight: f32,
    target: f32,
    /// When it was chosen last.
    pub(super) chosen_ms: Option<i64>,
    /// The place of its item among the chosen ones; none for what was only passed over.
    pub(super) chosen: Option<usize>,
}

impl History<'_> {
    /// The observations that `counts`.
    pub(super) fn observations(&self, counts: impl Fn(&Seen<'_>) -> bool) -> Vec<Observation<'_>> {
        let seen = self.seen.iter().filter(|seen| counts(seen));
        seen.map(|Seen { vector, weight, target, .. }| Observation {
            vector,
            weight: *weight,
            target: *target,
        })
        .collect()
    }
}

impl SlateMaker<'_> {
    /// The user in `context`, the `index`-th of the plan: feedback given in it counts
    /// `context_weight` times.
    pub(super) fn user<'a>(
        &'a self,
        context: &Context,
        index: usize,
        matrix: &ItemMatrix<'a>,
    ) -> Result<User<'a>> {
        let (model, _) = self.loaded.model()?;
        let history = self.history(context, matrix)?;
        let vector = model.encoder.encode(&history.observations(|_| true), index)?;
        Ok(User { vector, items: history.items })
    }

    /// The history in `context`.
    pub(super) fn history<'a>(
        &'a self,
        context: &Context,
        matrix: &ItemMatrix<'a>,
    ) -> Result<History<'a>> {
        let (model, _) = self.loaded.model()?;
        let mut history: Vec<&HistoryItem> = self.profile.history.iter().collect();
        if matches!(model.encoder, UserEncoder::Sasrec(_)) {
            // What was only clicked has no time, and stands before all that was chosen.
            order::sort_by_key(&mut history, |entry| entry.last_chosen_ms);
        }
        let (mut seen, mut passed, mut items) = (Vec::new(), Vec::new(), Vec::new());
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
            // A row outside the matrix would be empty, and encoders refuse vectors of a wrong
            // length.
            let of = |weight, target, chosen| Seen {
                vector: matrix.row(index).unwrap_or_default(),
                weight,
                target,
                chosen_ms: entry.last_chosen_ms,
                chosen,
            };
            let chosen = (weight > 0.0).then_some(items.len());
            if weight > 0.0 {
                seen.push(of(weight, 1.0, chosen));
                items.push((&entry.item, title));
            }
            if entry.negative > 0.0 {
                passed.push(of(entry.negative, 0.0, chosen));
            }
        }
        seen.extend(passed);
        Ok(History { seen, items })
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
        let width = spans(features, user.len(), contexts).last().map_or(0, |span| span.end);
        let mut values = Vec::with_capacity(candidates.len() * width);
        let scores = matrix.exact_scores(user, candidates);
        for (item, score) in candidates.iter().zip(scores) {
            let vector = matrix.row(*item).unwrap_or_default();
            let pair = Pair {
                item: *item,
                place: self.catalogue().place(*item),
                score,
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
