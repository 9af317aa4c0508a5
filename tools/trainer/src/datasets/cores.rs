//! k-cores: only users and items with enough events, as most published tables have them.

use super::{Interaction, Interactions};

/// How often users and items must occur.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoreSettings {
    /// Least number of events of a user; 0 and 1 keep all who have one.
    pub user_events: usize,
    /// Least number of events of an item. 0 keeps items that nobody chose, too.
    pub item_events: usize,
}

/// The largest part of `data` in which every user has at least `user_events` events and every item
/// at least `item_events` (Seidman, 1983; removing is repeated until nothing changes). Events of
/// the same pair count each. Order of events, users and items stays.
///
/// Removing users and items looks at all events, those of the later test part included: published
/// tables do so, but it is a leak, as it is only known afterwards who will have enough.
#[must_use]
pub fn k_core(data: &Interactions, settings: CoreSettings) -> Interactions {
    let mut events = data.events.clone();
    loop {
        let before = events.len();
        events = keep(events, data.users.len(), settings.user_events, |event| event.user);
        events = keep(events, data.items.len(), settings.item_events, |event| event.item);
        if events.len() == before {
            break;
        }
    }
    let places = |count: usize, all: bool, of: &dyn Fn(&Interaction) -> u32| {
        let mut kept = vec![all; count];
        events.iter().for_each(|event| kept[of(event) as usize] = true);
        renumbered(&kept)
    };
    let users = places(data.users.len(), false, &|event| event.user);
    let items = places(data.items.len(), settings.item_events == 0, &|event| event.item);
    for event in &mut events {
        event.user = users[event.user as usize].unwrap_or_default();
        event.item = items[event.item as usize].unwrap_or_default();
    }
    Interactions {
        users: kept(&data.users, &users),
        places: kept(&data.places, &users),
        items: kept(&data.items, &items),
        events,
        counts: data.counts,
    }
}

fn keep(
    mut events: Vec<Interaction>,
    rows: usize,
    least: usize,
    of: impl Fn(&Interaction) -> u32,
) -> Vec<Interaction> {
    let mut counts = vec![0usize; rows];
    events.iter().for_each(|event| counts[of(event) as usize] += 1);
    events.retain(|event| counts[of(event) as usize] >= least);
    events
}

fn renumbered(kept: &[bool]) -> Vec<Option<u32>> {
    let mut next = 0;
    let number = |kept: &bool| {
        kept.then(|| {
            next += 1;
            next - 1
        })
    };
    kept.iter().map(number).collect()
}

/// Those of `values` that have a new place.
fn kept<T: Clone>(values: &[T], places: &[Option<u32>]) -> Vec<T> {
    let pairs = values.iter().zip(places);
    pairs.filter(|(_, place)| place.is_some()).map(|(value, _)| value.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::datasets::bare_item;

    fn data(pairs: &[(u32, u32)]) -> Interactions {
        let event = |(user, item): &(u32, u32)| Interaction {
            user: *user,
            item: *item,
            at_ms: None,
            context: None,
            weight: 1.0,
        };
        Interactions {
            users: (0..9).map(|user| format!("u{user}")).collect(),
            items: (0..9).map(|item| bare_item(&format!("i{item}")).unwrap()).collect(),
            events: pairs.iter().map(event).collect(),
            ..Interactions::default()
        }
    }

    fn named(data: &Interactions) -> Vec<(String, String)> {
        let name = |event: &Interaction| {
            let item = data.items[event.item as usize].id.to_string();
            (data.users[event.user as usize].clone(), item)
        };
        data.events.iter().map(name).collect()
    }

    proptest! {
        #[test]
        fn all_have_enough_and_nothing_more_could_stay(
            pairs in prop::collection::vec((0u32..9, 0u32..9), 0..80),
            user_events in 0usize..5,
            item_events in 0usize..5,
        ) {
            let data = data(&pairs);
            let core = k_core(&data, CoreSettings { user_events, item_events });
            let kept = named(&core);
            let (mut users, mut items) = (BTreeMap::new(), BTreeMap::new());
            for (user, item) in &kept {
                *users.entry(user.clone()).or_insert(0usize) += 1;
                *items.entry(item.clone()).or_insert(0usize) += 1;
            }
            prop_assert!(users.values().all(|count| *count >= user_events));
            prop_assert!(items.values().all(|count| *count >= item_events));
            // Putting any one pair back leaves its user or its item short, whatever else is kept:
            // the core is what is left when one event after the other is taken away.
            let mut peeled = named(&data);
            while let Some(at) = peeled.iter().position(|(user, item)| {
                peeled.iter().filter(|pair| pair.0 == *user).count() < user_events
                    || peeled.iter().filter(|pair| pair.1 == *item).count() < item_events
            }) {
                peeled.remove(at);
            }
            prop_assert_eq!(kept, peeled);
        }
    }

    #[test]
    fn items_nobody_chose_stay_unless_a_least_number_is_asked_for() {
        let data = data(&[(3, 4), (3, 5)]);
        let all = k_core(&data, CoreSettings::default());
        assert_eq!((all.users.as_slice(), all.items.len()), (&["u3".to_owned()][..], 9));
        let one = k_core(&data, CoreSettings { user_events: 2, item_events: 1 });
        assert_eq!((one.items.len(), one.events.len()), (2, 2));
    }
}
