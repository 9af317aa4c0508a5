//! Feature rows of the ranker: those of the device, for the users of a dataset.

use noctule_core::catalogue::Item;
use noctule_core::ranking::{Feature, FeatureRows};

use super::Popularity;
use crate::datasets::Interactions;
use crate::evaluation::scorers::Case;

/// Number of features of a row.
pub const FEATURES: usize = Feature::ALL.len();

/// Names of the features, in the order of a row.
#[must_use]
pub fn names() -> Vec<String> {
    Feature::ALL.iter().map(|feature| feature.name().to_owned()).collect()
}

/// Makes the rows of one user in one context.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    items: &'a [Item],
    values: FeatureRows<'a>,
}

impl<'a> Rows<'a> {
    /// For the user and context of `case`.
    #[must_use]
    pub fn new(data: &'a Interactions, popularity: &'a Popularity, case: &Case<'_>) -> Self {
        let place = data.places.get(case.user as usize).copied().flatten();
        let within = popularity.in_context(case.context);
        let values = FeatureRows { overall: &popularity.overall, within, place };
        Self { items: &data.items, values }
    }

    /// The row of `item` with the fold-in score `fold_in`.
    #[must_use]
    pub fn row(&self, item: u32, fold_in: f32) -> [f32; FEATURES] {
        let place = self.items[item as usize].place;
        Feature::ALL.map(|feature| self.values.value(feature, item, place, fold_in))
    }
}

#[cfg(test)]
mod tests {
    use noctule_core::base::GeoPoint;

    use super::*;
    use crate::datasets::bare_item;

    #[test]
    fn a_row_holds_the_features_in_the_order_of_their_names() {
        let place = GeoPoint::new(22.0, -100.0).unwrap();
        let mut data = Interactions { places: vec![None, Some(place)], ..Default::default() };
        data.items = ["a", "b"].map(|name| bare_item(name).unwrap()).to_vec();
        data.items[0].place = Some(place);
        let popularity = Popularity { overall: vec![0.5, 0.5], by_context: vec![1.0, 0.0] };
        let rows =
            |user, context| Rows::new(&data, &popularity, &Case { user, history: &[], context });
        assert_eq!(rows(1, Some(0)).row(0, 0.25), [0.25, 2f32.ln(), 0.0, 1.0]);
        assert_eq!(rows(0, None).row(0, 0.25), [0.25, 0.0, 0.0, 0.0]);
        assert_eq!(rows(1, None).row(1, 0.0)[3], 0.0);
        assert!(rows(1, Some(0)).row(1, 0.0).iter().all(|value| value.is_finite()));
    }
}
