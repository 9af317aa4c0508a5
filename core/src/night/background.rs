//! What a slot is compared with, and what each group of its features adds to that.
//!
//! The row of the background is that of a stranger and of the candidates' mean. Everything a user's
//! vector does in a row is linear in it, so that a slot's row is the background's, plus what the
//! user's vector less the stranger's adds, plus what the item's vector less the mean one adds for a
//! stranger, plus what each other feature has beyond the mean.

use std::ops::Range;

use crate::ranking::Feature;
use crate::reasons::ReasonKind;

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
        let shift = user.iter().zip(stranger).map(|(user, stranger)| user - stranger).collect();
        let stranger = stranger.to_vec();
        let mut background =
            Self { features, spans, row, mean: mean(vectors, user.len()), stranger, shift };
        background.set_strangers_part();
        background
    }

    /// What depends on the user's vector is that of a stranger and the mean item.
    fn set_strangers_part(&mut self) {
        let from_stranger = self.user_adds(&self.stranger, &self.mean);
        for (feature, span) in self.features.iter().zip(&self.spans) {
            if matches!(feature, Feature::FoldIn | Feature::User | Feature::Cross) {
                self.row[span.clone()].copy_from_slice(&from_stranger[span.clone()]);
            }
        }
    }

    /// The groups of the slot with this `row` and `vector` and what each adds, those that add
    /// nothing left out but for features of a kind of their own. The history is called
    /// [`ReasonKind::OtherHistory`].
    pub(super) fn groups(&self, row: &[f32], vector: &[f32]) -> Vec<(ReasonKind, Vec<f32>)> {
        let item = ReasonKind::Feature(Feature::Item.name().to_owned());
        let mut groups = vec![
            (ReasonKind::OtherHistory, self.user_adds(&self.shift, vector)),
            (item, self.item_adds(vector)),
        ];
        groups.retain(|(_, added)| added.iter().any(|value| *value != 0.0));
        for (feature, span) in self.features.iter().zip(&self.spans) {
            let kind = match feature {
                Feature::ContextPopularity => ReasonKind::PopularInContext,
                Feature::Popularity => ReasonKind::Popular,
                Feature::Nearby => ReasonKind::Nearby,
                // Of the other features, that of the context is the same throughout the slate.
                _ => continue,
            };
            let known = groups.iter().position(|(known, _)| *known == kind);
            let at = known.unwrap_or_else(|| {
                groups.push((kind, vec![0.0; row.len()]));
                groups.len() - 1
            });
            for place in span.clone() {
                groups[at].1[place] = row[place] - self.row[place];
            }
        }
        groups
    }

    /// What a user's vector adds to the row of an item with `vector`.
    pub(super) fn user_adds(&self, user: &[f32], vector: &[f32]) -> Vec<f32> {
        let mut added = vec![0.0; self.row.len()];
        for (feature, span) in self.features.iter().zip(&self.spans) {
            let to = added[span.clone()].iter_mut();
            let products = user.iter().zip(vector).map(|(x, y)| x * y);
            match feature {
                Feature::FoldIn => to.for_each(|to| *to = products.clone().sum()),
                Feature::User => to.zip(user).for_each(|(to, x)| *to = *x),
                Feature::Cross => to.zip(products).for_each(|(to, product)| *to = product),
                _ => {}
            }
        }
        added
    }

    /// What an item's vector adds to a stranger's row.
    fn item_adds(&self, vector: &[f32]) -> Vec<f32> {
        let beyond: Vec<f32> = vector.iter().zip(&self.mean).map(|(y, mean)| y - mean).collect();
        let mut added = vec![0.0; self.row.len()];
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
        added
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
                let groups = background.groups(row, vector);
                prop_assert!(groups.len() <= crate::reasons::coalitions::GROUPS_MAX);
                for (kind, added) in groups {
                    sum.iter_mut().zip(&added).for_each(|(sum, added)| *sum += added);
                    if kind != ReasonKind::OtherHistory {
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
            let by_row = dot(&background.user_adds(&user, &vector), &weights);
            let by_direction = dot(&background.direction(&weights, &vector), &user);
            prop_assert!((by_row - by_direction).abs() < 1e-3);
        }
    }
}
