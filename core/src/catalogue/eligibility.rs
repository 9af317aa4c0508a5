//! Which items may be in a slate at all.

use std::collections::HashSet;

use super::Catalogue;
use crate::base::{GeoPoint, WeekMinute};

/// The rules that keep an item out of one slate; one that is not available is out of every.
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
    /// For each item of `catalogue`, whether it may be in the slate. Goes over columns, and
    /// decodes no item.
    #[must_use]
    pub fn of(&self, catalogue: &Catalogue) -> Vec<bool> {
        let mut eligible = catalogue.available();
        if let Some(moment) = self.open_at {
            catalogue.keep_open(moment, &mut eligible);
        }
        if let Some((here, km)) = self.within {
            for (index, eligible) in (0u32..).zip(&mut eligible) {
                let far = |place: GeoPoint| here.distance_km(place) > km;
                *eligible = *eligible && !catalogue.place(index).is_some_and(far);
            }
        }
        for index in &self.excluded {
            if let Some(eligible) = eligible.get_mut(*index as usize) {
                *eligible = false;
            }
        }
        eligible
    }

    /// What [`Self::of`] says, for the few items that a search asks about.
    #[must_use]
    pub fn admission<'a>(&'a self, catalogue: &'a Catalogue) -> Admission<'a> {
        let open = self.open_at.map(|moment| catalogue.open_codes(moment));
        Admission { rules: self, catalogue, open }
    }
}

/// Tells one by one which items of a catalogue may be in a slate.
#[derive(Debug)]
pub struct Admission<'a> {
    rules: &'a Eligibility,
    catalogue: &'a Catalogue,
    /// Which sets of opening hours hold the moment, where it counts.
    open: Option<Vec<bool>>,
}

impl Admission<'_> {
    /// Whether the item at `index` may be in the slate.
    #[must_use]
    pub fn admits(&self, index: u32) -> bool {
        let Self { rules, catalogue, open } = self;
        let far = |(here, km): (GeoPoint, f64)| {
            catalogue.place(index).is_some_and(|place| here.distance_km(place) > km)
        };
        catalogue.is_available(index)
            && !rules.excluded.contains(&index)
            && open.as_ref().is_none_or(|open| catalogue.is_open(index, open))
            && !rules.within.is_some_and(far)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Days, ItemId, Span};
    use crate::catalogue::Item;

    #[test]
    fn an_item_is_kept_out_when_excluded_closed_far_or_withdrawn() {
        let here = GeoPoint::new(22.0, -100.0).unwrap();
        let item = |id: &str| Item {
            id: ItemId::new(id).unwrap(),
            title: id.into(),
            attributes: Default::default(),
            place: Some(here),
            hours: vec![],
            available: true,
        };
        let names = ["fine", "hidden", "closed", "far", "withdrawn"];
        let mut items = names.map(item);
        items[4].available = false;
        items[2].hours = vec![Span { days: Days::Every, from: 60, until: 120 }];
        items[3].place = Some(GeoPoint::new(23.0, -100.0).unwrap());
        let catalogue = Catalogue::from_items(&items).unwrap();
        let rules = Eligibility {
            excluded: HashSet::from([1]),
            open_at: Some(WeekMinute(600)),
            within: Some((here, 10.0)),
        };
        let judged = |rules: &Eligibility| {
            let admission = rules.admission(&catalogue);
            let one_by_one: Vec<bool> =
                catalogue.indices().map(|index| admission.admits(index)).collect();
            assert_eq!(one_by_one, rules.of(&catalogue));
            one_by_one
        };
        assert_eq!(judged(&rules), [true, false, false, false, false]);
        assert_eq!(judged(&Eligibility::default()), [true, true, true, true, false]);
        for open_at in [0, 59, 60, 119, 120, 600].map(|minute| Some(WeekMinute(minute))) {
            judged(&Eligibility { open_at, ..Eligibility::default() });
        }
        assert!(!rules.admission(&catalogue).admits(99));
    }
}
