//! Feature rows of the ranker. They must be made here as they are made on the device.

use noctule_core::base::GeoPoint;
use noctule_core::catalogue::Item;

use super::Popularity;
use crate::datasets::Interactions;
use crate::evaluation::scorers::Case;

/// Names of the features, in the order of a row:
///
/// - `fold_in`: the score of the folded-in user;
/// - `context_popularity`: ln(n p), p the item's share within the context among n items, so that 0
///   is as popular as the average;
/// - `popularity`: the same with the share overall;
/// - `nearby`: exp(-distance / 3 km), 0 where the place of user or item is unknown.
pub const FEATURES: [&str; 4] = ["fold_in", "context_popularity", "popularity", "nearby"];

/// Kilometres at which nearness has fallen to 1/e.
const NEARBY_KM: f64 = 3.0;

/// Smallest share that is told from 0: beyond it a logarithm says more about the smoothing than
/// about the item.
const SHARE_MIN: f32 = 1e-9;

/// Makes the rows of one user in one context.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    items: &'a [Item],
    overall: &'a [f32],
    within: &'a [f32],
    place: Option<GeoPoint>,
}

impl<'a> Rows<'a> {
    /// For the user and context of `case`.
    #[must_use]
    pub fn new(data: &'a Interactions, popularity: &'a Popularity, case: &Case<'_>) -> Self {
        let place = data.places.get(case.user as usize).copied().flatten();
        let within = popularity.in_context(case.context);
        Self { items: &data.items, overall: &popularity.overall, within, place }
    }

    /// The row of `item` with the fold-in score `fold_in`.
    #[must_use]
    pub fn row(&self, item: u32, fold_in: f32) -> [f32; FEATURES.len()] {
        let item = item as usize;
        let lift = |share: f32| (share.max(SHARE_MIN) * self.items.len() as f32).ln();
        let nearby = match (self.items[item].place, self.place) {
            (Some(item), Some(user)) => (-item.distance_km(user) / NEARBY_KM).exp() as f32,
            _ => 0.0,
        };
        [fold_in, lift(self.within[item]), lift(self.overall[item]), nearby]
    }
}

#[cfg(test)]
mod tests {
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
