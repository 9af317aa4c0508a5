//! Splits the log-odds of a slot over the history and the features.

use super::user::User;
use crate::base::Result;
use crate::model::Ranker;
use crate::ranking::{Feature, spans};
use crate::reasons::{HistoryPart, Reason, ReasonKind, explain};
use crate::reranking::Placed;

/// What the reasons of all slots of one slate are made with.
pub(super) struct Explainer<'a> {
    ranker: &'a Ranker,
    features: &'a [Feature],
    spans: Vec<std::ops::Range<usize>>,
    user: &'a User<'a>,
}

impl<'a> Explainer<'a> {
    pub(super) fn new(
        ranker: &'a Ranker,
        features: &'a [Feature],
        user: &'a User<'a>,
        contexts: usize,
    ) -> Self {
        let spans = spans(features, user.vector.vector.len(), contexts);
        Self { ranker, features, spans, user }
    }

    /// The reasons of `placed`, whose row of features is `row` and whose vector is `vector`.
    ///
    /// # Errors
    /// As [`Ranker::score`].
    pub(super) fn reasons(
        &self,
        placed: &Placed,
        row: &[f32],
        vector: &[f32],
    ) -> Result<Vec<Reason>> {
        let weights = self.ranker.linear_weights();
        let worth = match weights {
            Some(weights) => self.weighted(row, weights),
            None => self.in_turn(row)?,
        };
        let (mut history, mut parts) = (Vec::new(), Vec::new());
        for ((feature, span), worth) in self.features.iter().zip(&self.spans).zip(worth) {
            let exact = weights.filter(|_| *feature == Feature::FoldIn);
            let contributions = exact.map(|_| self.user.vector.contributions(vector));
            match exact.zip(contributions.filter(|parts| !parts.is_empty())) {
                // Items that were passed over shaped the vector but contribute nothing themselves.
                Some((weights, contributions)) => {
                    let pairs = self.user.items.iter().zip(contributions);
                    history.extend(pairs.map(|((item, title), part)| HistoryPart {
                        item: (*item).clone(),
                        title: (*title).to_owned(),
                        contribution: weights[span.start] * part,
                    }));
                }
                None => parts.push((kind(*feature), worth)),
            }
        }
        // Without a history there is nothing that the user's own score comes from.
        parts.retain(|(kind, worth)| *kind != ReasonKind::OtherHistory || *worth != 0.0);
        Ok(explain(placed.score, history, parts, placed.explored))
    }

    fn weighted(&self, row: &[f32], weights: &[f32]) -> Vec<f32> {
        let worth = |span: &std::ops::Range<usize>| {
            let products = row[span.clone()].iter().zip(&weights[span.clone()]);
            products.map(|(value, weight)| value * weight).sum()
        };
        self.spans.iter().map(worth).collect()
    }

    /// What each feature adds when the features replace a row of zeros one after the other, from
    /// the first to the last and from the last to the first, in the mean: the Shapley values of two
    /// features, and for more an estimate whose parts sum exactly to what the row adds to zeros.
    fn in_turn(&self, row: &[f32]) -> Result<Vec<f32>> {
        let (count, width) = (self.spans.len(), row.len());
        let mut rows = Vec::with_capacity(2 * (count + 1) * width);
        for backwards in [false, true] {
            let mut now = vec![0.0; width];
            rows.extend_from_slice(&now);
            for turn in 0..count {
                let at = if backwards { count - 1 - turn } else { turn };
                let span = self.spans[at].clone();
                now[span.clone()].copy_from_slice(&row[span]);
                rows.extend_from_slice(&now);
            }
        }
        let scores = self.ranker.score(&rows, width)?;
        let (forwards, backwards) = scores.split_at(count + 1);
        let added = |scores: &[f32], turn: usize| scores[turn + 1] - scores[turn];
        let mean = |at: usize| 0.5 * (added(forwards, at) + added(backwards, count - 1 - at));
        Ok((0..count).map(mean).collect())
    }
}

fn kind(feature: Feature) -> ReasonKind {
    match feature {
        Feature::FoldIn => ReasonKind::OtherHistory,
        Feature::ContextPopularity => ReasonKind::PopularInContext,
        Feature::Popularity => ReasonKind::Popular,
        Feature::Nearby => ReasonKind::Nearby,
        Feature::User | Feature::Item | Feature::Cross | Feature::Context => {
            ReasonKind::Feature(feature.name().to_owned())
        }
    }
}
