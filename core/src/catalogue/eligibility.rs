//! Which items may be in a slate at all.

use std::collections::HashSet;

use super::Catalogue;
use crate::base::{GeoPoint, WeekMinute};

/// The rules that keep an item out of one slate.
#[derive(Debug, Clone, Default)]
pub struct Eligibility {
    /// Items kept out by name: hidden, or chosen already. By index.
    pub excluded: HashSet<u32>,
    /// Only items open at this moment.
    pub open_at: Option<WeekMinute>,
    /// Only items within so many kilometres of here; an item without a place is everywhere.
    pub within: Option<(GeoPoint, f64)>,
}

impl Eligibility {
    /// For each item of `catalogue`, whether it may be in the slate.
    #[must_use]
    pub fn of(&self, catalogue: &Catalogue) -> Vec<bool> {
        let near = |place: Option<GeoPoint>| match (self.within, place) {
            (Some((here, km)), Some(place)) => here.distance_km(place) <= km,
            _ => true,
        };
        let items = (0u32..).zip(catalogue.iter());
        items
            .map(|(index, item)| {
                !self.excluded.contains(&index)
                    && self.open_at.is_none_or(|moment| item.is_open(moment))
                    && near(item.place)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Days, ItemId, Span};
    use crate::catalogue::Item;

    #[test]
    fn an_item_is_kept_out_when_excluded_closed_or_far() {
        let here = GeoPoint::new(22.0, -100.0).unwrap();
        let item = |id: &str| Item {
            id: ItemId::new(id).unwrap(),
            title: id.into(),
            attributes: Default::default(),
            place: Some(here),
            hours: vec![],
        };
        let mut items = ["fine", "hidden", "closed", "far"].map(item);
        items[2].hours = vec![Span { days: Days::Every, from: 60, until: 120 }];
        items[3].place = Some(GeoPoint::new(23.0, -100.0).unwrap());
        let catalogue = Catalogue::from_items(items.to_vec()).unwrap();
        let rules = Eligibility {
            excluded: HashSet::from([1]),
            open_at: Some(WeekMinute(600)),
            within: Some((here, 10.0)),
        };
        assert_eq!(rules.of(&catalogue), [true, false, false, false]);
        assert_eq!(Eligibility::default().of(&catalogue), [true; 4]);
    }
}
