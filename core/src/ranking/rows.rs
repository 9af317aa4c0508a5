//! One candidate's row of features, groups of values included.

use super::{Feature, FeatureRows};
use crate::base::GeoPoint;
use crate::release::feature_width;

/// A user and an item that a row is made of.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The item's index.
    pub item: u32,
    /// Where the item is.
    pub place: Option<GeoPoint>,
    /// The user's score for the item.
    pub score: f32,
    /// The user's vector.
    pub user: &'a [f32],
    /// The item's vector.
    pub vector: &'a [f32],
    /// Index of the context among `contexts` of the plan.
    pub context: usize,
    /// Number of contexts.
    pub contexts: usize,
}

impl FeatureRows<'_> {
    /// Appends the values of `feature` for `pair` to `row`: one, or those of a group.
    pub fn append(&self, feature: Feature, pair: &Pair<'_>, row: &mut Vec<f32>) {
        match feature {
            Feature::User => row.extend(pair.user),
            Feature::Item => row.extend(pair.vector),
            Feature::Cross => row.extend(pair.user.iter().zip(pair.vector).map(|(x, y)| x * y)),
            Feature::Context => row
                .extend((0..pair.contexts).map(|index| f32::from(u8::from(index == pair.context)))),
            _ => row.push(self.value(feature, pair.item, pair.place, pair.score)),
        }
    }
}

/// Where the values of each of `features` stand in a row.
#[must_use]
pub fn spans(
    features: &[Feature],
    dimensions: usize,
    contexts: usize,
) -> Vec<std::ops::Range<usize>> {
    let ends = features.iter().scan(0, |end, feature| {
        let begin = *end;
        *end += feature_width(feature.name(), dimensions, contexts);
        Some(begin..*end)
    });
    ends.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_as_wide_as_its_spans_say() {
        let rows = FeatureRows { overall: &[1.0], within: &[1.0], place: None };
        let pair = Pair {
            item: 0,
            place: None,
            score: 0.5,
            user: &[1.0, 2.0],
            vector: &[3.0, 4.0],
            context: 1,
            contexts: 3,
        };
        let features: Vec<Feature> = Feature::all().collect();
        let mut row = Vec::new();
        for (feature, span) in features.iter().zip(spans(&features, 2, 3)) {
            assert_eq!(row.len(), span.start);
            rows.append(*feature, &pair, &mut row);
            assert_eq!(row.len(), span.end, "{feature:?}");
        }
        assert_eq!(row[4..], [1.0, 2.0, 3.0, 4.0, 3.0, 8.0, 0.0, 1.0, 0.0]);
    }
}
