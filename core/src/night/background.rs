//! What a slot is compared with, and what each group of its features adds to that.
//!
//! The row of the background is that of a stranger and of the candidates' mean. Everything a user's
//! vector does in a row is linear in it, so that a slot's row is the background's, plus what the
//! user's vector less the stranger's adds, plus what the item's vector less the mean one adds for a
//! stranger, plus what each other feature has beyond the mean.

use std::ops::Range;

use noctule_kernels::arithmetic::dot;

use crate::ranking::Feature;
use crate::reasons::ReasonKind;
use crate::reasons::coalitions::GROUPS_MAX;

/// The background of one slate.
pub(super) struct Background<'a> {
    features: &'a [Feature],
    spans: Vec<Range<usize>>,
    /// The row.
    pub(super) row: Vec<f32>,
    stranger: Vec<f32>,
    /// The user's vector less the stranger's.
    shift: Vec<f32>,
    /// The mean vector of the candidates.
    mean: Vec<f32>,
    /// Whether an item's vector is worth anything to a stranger.
    items_count: bool,
}

impl<'a> Background<'a> {
    /// The background of the candidates with these `rows` of features, which stand at `spans`, and
    /// these `vectors`, for a user and a stranger with these vectors.
    pub(super) fn new(
        (features, spans): (&'a [Feature], Vec<Range<usize>>),
        rows: &[f32],
        vectors: impl Iterator<Item = impl AsRef<[f32]>>,
        user: &[f32],
        stranger: &[f32],
    ) -> Self {
        let width = spans.last().map_or(0, |span| span.end);
        let row = mean(rows.chunks_exact(width.max(1)), width);
        let items_count =
            features.contains(&Feature::Item) || stranger.iter().any(|value| *value != 0.0);
        let vectors = vectors.filter(|_| items_count);
        let shift = user.iter().zip(stranger).map(|(user, stranger)| user - stranger).collect();
        let stranger = stranger.to_vec();
        let mean = mean(vectors, user.len());
        let mut background = Self { features, spans, row, mean, stranger, shift, items_count };
        background.set_strangers_part();
        background
    }

    /// What depends on the user's vector is that of a stranger and the mean item.
    fn set_strangers_part(&mut self) {
        let mut from_stranger = Vec::with_capacity(self.row.len());
        self.append_user_adds(&self.stranger, &self.mean, &mut from_stranger);
        for (feature, span) in self.features.iter().zip(&self.spans) {
            if matches!(feature, Feature::FoldIn | Feature::User | Feature::Cross) {
                self.row[span.clone()].copy_from_slice(&from_stranger[span.clone()]);
            }
        }
    }

    /// The groups of the slot with this `row` and `vector`, those that add nothing left out but for
    /// features of a kind of their own. The history is called [`ReasonKind::OtherHistory`]. What
    /// each adds to a row is appended to `added`.
    pub(super) fn groups(
        &self,
        row: &[f32],
        vector: &[f32],
        added: &mut Vec<f32>,
    ) -> Vec<ReasonKind> {
        let mut kinds = Vec::with_capacity(GROUPS_MAX);
        let begin = added.len();
        self.append_user_adds(&self.shift, vector, added);
        if keep_last(added, row.len()) {
            kinds.push(ReasonKind::OtherHistory);
        }
        if self.items_count {
            self.append_item_adds(vector, added);
            if keep_last(added, row.len()) {
                kinds.push(ReasonKind::Feature(Feature::Item.name().to_owned()));
            }
        }
        for (feature, span) in self.features.iter().zip(&self.spans) {
            let kind = match feature {
                Feature::ContextPopularity => ReasonKind::PopularInContext,
                Feature::Popularity => ReasonKind::Popular,
                Feature::Nearby => ReasonKind::Nearby,
                // Of the other features, that of the context is the same throughout the slate.
                _ => continue,
            };
            let known = kinds.iter().position(|known| *known == kind);
            let at = known.unwrap_or_else(|| {
                kinds.push(kind);
                added.resize(added.len() + row.len(), 0.0);
                kinds.len() - 1
            });
            for place in span.clone() {
                added[begin + at * row.len() + place] = row[place] - self.row[place];
            }
        }
        kinds
    }

    /// Appends what a user's vector adds to the row of an item with `vector`.
    pub(super) fn append_user_adds(&self, user: &[f32], vector: &[f32], added: &mut Vec<f32>) {
        let begin = added.len();
        added.resize(begin + self.row.len(), 0.0);
        let added = &mut added[begin..];
        for (feature, span) in self.features.iter().zip(&self.spans) {
            let to = &mut added[span.clone()];
            match feature {
                Feature::FoldIn => to.fill(dot(user, vector)),
                Feature::User => to.copy_from_slice(user),
                Feature::Cross => {
                    let products = user.iter().zip(vector).map(|(x, y)| x * y);
                    to.iter_mut().zip(products).for_each(|(to, product)| *to = product);
                }
                _ => {}
            }
        }
    }

    /// Appends what an item's vector adds to a stranger's row.
    fn append_item_adds(&self, vector: &[f32], added: &mut Vec<f32>) {
        let beyond: Vec<f32> = vector.iter().zip(&self.mean).map(|(y, mean)| y - mean).collect();
        let begin = added.len();
        added.resize(begin + self.row.len(), 0.0);
        let added = &mut added[begin..];
        for (feature, span) in self.features.iter().zip(&self.spans) {
            let to = added[span.clone()].iter_mut();
            let products = self.stranger.iter().zip(&beyond).map(|(x, y)| x * y);
            match feature {
                Feature::FoldIn => to.for_each(|to| *to = products.clone().sum()),
                Feature::Item => to.zip(&beyond).for_each(|(to, y)| *to = *y),
                Feature::Cross => to.zip(products).for_each(|(to, product)| *to = product),
                _ => {}
            }
        }
    }

    /// What each dimension of a user's vector is worth to a linear ranker of `weights`, for an item
    /// with `vector`.
    pub(super) fn direction(&self, weights: &[f32], vector: &[f32]) -> Vec<f32> {
        let mut direction = vec![0.0; vector.len()];
        for (feature, span) in self.features.iter().zip(&self.spans) {
            let weights = &weights[span.clone()];
            for (at, to) in direction.iter_mut().enumerate() {
                *to += match feature {
                    Feature::FoldIn => weights[0] * vector[at],
                    Feature::User => weights[at],
                    Feature::Cross => weights[at] * vector[at],
                    _ => 0.0,
                };
            }
        }
        direction
    }
}

/// Whether the last row of `width` values says anything; it is taken away otherwise.
fn keep_last(rows: &mut Vec<f32>, width: usize) -> bool {
    let begin = rows.len() - width;
    let says = rows[begin..].iter().any(|value| *value != 0.0);
    if !says {
        rows.truncate(begin);
    }
    says
}

/// The mean of `rows` of `width` values; zeros when there are none.
fn mean(rows: impl Iterator<Item = impl AsRef<[f32]>>, width: usize) -> Vec<f32> {
    let (mut sums, mut count) = (vec![0.0_f64; width], 0_u32);
    for row in rows {
        sums.iter_mut().zip(row.as_ref()).for_each(|(sum, value)| *sum += f64::from(*value));
        count += 1;
    }
    sums.into_iter().map(|sum| (sum / f64::from(count.max(1))) as f32).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranking::{FeatureRows, Pair, spans};

    const D: usize = 3;
    const ITEMS: usize = 5;

    /// The rows of all items for `user` in the second of two contexts.
    fn rows(features: &[Feature], vectors: &[f32], shares: &[f32], user: &[f32]) -> Vec<f32> {
        let within: Vec<f32> = shares.iter().rev().copied().collect();
        let made = FeatureRows { overall: shares, within: &within, place: None };
        let mut rows = Vec::new();
        for (item, vector) in (0u32..).zip(vectors.chunks_exact(D)) {
            let score = user.iter().zip(vector).map(|(x, y)| x * y).sum();
            let pair = Pair { item, place: None, score, user, vector, context: 1, contexts: 2 };
            features.iter().for_each(|feature| made.append(*feature, &pair, &mut rows));
        }
        rows
    }

    proptest! {
        #[test]
        fn the_background_and_all_groups_make_the_row_of_each_slot(
            chosen in prop::collection::vec(any::<bool>(), 8),
            vectors in prop::collection::vec(-2.0f32..2.0, ITEMS * D),
            shares in prop::collection::vec(0.01f32..1.0, ITEMS),
            user in prop::collection::vec(-2.0f32..2.0, D),
            stranger in prop::collection::vec(-2.0f32..2.0, D),
            nobody in any::<bool>(),
        ) {
            let features = Feature::all().zip(&chosen).filter(|(_, chosen)| **chosen);
            let features: Vec<Feature> = features.map(|(feature, _)| feature).collect();
            let stranger = if nobody { vec![0.0; D] } else { stranger };
            let rows = rows(&features, &vectors, &shares, &user);
            let spans = spans(&features, D, 2);
            let width = spans.last().map_or(0, |span| span.end);
            let each = || vectors.chunks_exact(D);
            let background =
                Background::new((&features, spans), &rows, each(), &user, &stranger);
            let mut means = std::collections::HashMap::<String, f32>::new();
            for (row, vector) in rows.chunks_exact(width.max(1)).zip(each()) {
                let mut sum = background.row.clone();
                let mut rows = vec![7.0; 2];
                let kinds = background.groups(row, vector, &mut rows);
                prop_assert!(kinds.len() <= GROUPS_MAX);
                prop_assert_eq!(rows.len(), 2 + kinds.len() * width);
                for (kind, added) in kinds.iter().zip(rows[2..].chunks(width.max(1))) {
                    sum.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
                    if *kind != ReasonKind::OtherHistory {
                        let total: f32 = added.iter().sum();
                        *means.entry(format!("{kind:?}")).or_default() += total;
                    }
                }
                for (sum, value) in sum.iter().zip(row) {
                    prop_assert!((sum - value).abs() < 1e-4, "{sum} {value}");
                }
            }
            // What comes from the items is told against their mean.
            prop_assert!(means.values().all(|mean| mean.abs() < 1e-3), "{means:?}");
        }

        #[test]
        fn a_direction_is_worth_what_the_row_of_a_vector_is(
            vector in prop::collection::vec(-2.0f32..2.0, D),
            user in prop::collection::vec(-2.0f32..2.0, D),
            weights in prop::collection::vec(-2.0f32..2.0, 4 + 3 * D + 2),
        ) {
            let features: Vec<Feature> = Feature::all().collect();
            let rows = rows(&features, &vector, &[0.5], &user);
            let spans = spans(&features, D, 2);
            let none = [0.0; D];
            let background =
                Background::new((&features, spans), &rows, [&vector].into_iter(), &user, &none);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let mut adds = Vec::new();
            background.append_user_adds(&user, &vector, &mut adds);
            let by_row = dot(&adds, &weights);
            let by_direction = dot(&background.direction(&weights, &vector), &user);
            prop_assert!((by_row - by_direction).abs() < 1e-3);
        }
    }
}
