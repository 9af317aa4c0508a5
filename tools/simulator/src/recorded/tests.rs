use std::collections::BTreeSet;

use noctule_core::base::{Days, ItemId, Span};
use noctule_core::release::Consumed;

use super::*;

fn film(number: usize) -> Item {
    Item {
        id: ItemId::new(format!("f{number}")).unwrap(),
        title: format!("Film {number}"),
        attributes: std::collections::BTreeMap::new(),
        place: None,
        hours: Vec::new(),
        available: true,
    }
}

fn films(count: usize) -> Vec<Item> {
    (0..count).map(film).collect()
}

/// Users with a growing number of choices, times falling so that they must be sorted.
fn users(count: u32) -> Vec<RecordedUser> {
    let choice = |user: u32, at: u32| RecordedChoice {
        item: (user * 3 + at * 7) % 100,
        at_ms: Some(i64::from(1_000 - at)),
        context: None,
        weight: if at % 4 == 3 { 0.5 } else { 1.0 },
    };
    (0..count)
        .map(|user| RecordedUser {
            place: None,
            choices: (0..user % 30).map(|at| choice(user, at)).collect(),
        })
        .collect()
}

fn world(seed: u64) -> Recorded {
    let settings = RecordedSettings { seed, ..RecordedSettings::default() };
    Recorded::new(films(100), &users(60), &settings).unwrap()
}

#[test]
fn what_is_held_out_is_in_no_history_and_in_no_training_row_of_its_user() {
    let world = world(1);
    assert!(world.phones() > 10);
    let owners: BTreeSet<u32> = (0..world.phones()).map(|phone| world.user(phone)).collect();
    assert!(world.training().iter().all(|choice| !owners.contains(&choice.user)));
    assert!(!world.training().is_empty());
    for phone in 0..world.phones() {
        let known: BTreeSet<u32> = world.history(phone).iter().map(|past| past.item).collect();
        let held: BTreeSet<u32> = world.held_out(phone).iter().copied().collect();
        assert!(known.is_disjoint(&held) && !known.is_empty() && !held.is_empty());
        let mut chosen = BTreeSet::new();
        for choice in &users(60)[world.user(phone) as usize].choices {
            if choice.weight >= 1.0 {
                chosen.insert(choice.item);
            }
        }
        assert_eq!(known.union(&held).copied().collect::<BTreeSet<u32>>(), chosen);
    }
}

#[test]
fn only_held_out_items_are_accepted_often() {
    let world = world(2);
    for phone in 0..world.phones() {
        for item in 0..100 {
            let held = world.held_out(phone).contains(&(item as u32));
            let expected = if held { 0.6 } else { 0.02 };
            assert_eq!(world.acceptance(phone, item, 0), expected);
        }
        let best = world.favourites(phone, 0, 1)[0];
        assert!(world.held_out(phone).contains(&(best as u32)));
    }
}

#[test]
fn the_history_keeps_the_order_of_the_data_and_ends_before_the_first_day() {
    let world = world(3);
    for phone in 0..world.phones() {
        let history = world.history(phone);
        assert!(history.iter().all(|past| past.at_ms < BEGIN_MS));
        let original = |past: &PastChoice| {
            let choices = &users(60)[world.user(phone) as usize].choices;
            choices.iter().find(|choice| choice.item == past.item).unwrap().at_ms
        };
        assert!(history.windows(2).all(|two| two[0].at_ms < two[1].at_ms));
        assert!(history.windows(2).all(|two| original(&two[0]) <= original(&two[1])));
    }
}

#[test]
fn the_same_seed_gives_the_same_world_and_another_seed_other_owners() {
    assert_eq!(world(4), world(4));
    let owners = |world: Recorded| (0..world.phones()).map(|p| world.user(p)).collect::<Vec<_>>();
    assert_ne!(owners(world(4)), owners(world(5)));
}

#[test]
fn films_have_mornings_and_evenings_and_restaurants_their_meals() {
    let plan = recorded_plan(&films(3)).unwrap();
    assert_eq!((plan.contexts.len(), plan.consumed), (2, Consumed::Exclude));
    for minute in (0..7 * 24 * 60).step_by(30) {
        let moment = noctule_core::base::WeekMinute(minute);
        let held = plan.contexts.iter().filter(|context| context.when.holds(moment)).count();
        assert_eq!(held, 1, "{moment:?}");
    }
    let mut open = film(0);
    open.hours = vec![Span { days: Days::Every, from: 480, until: 720 }];
    let plan = recorded_plan(&[open]).unwrap();
    assert_eq!((plan.contexts.len(), plan.consumed), (6, Consumed::Exclude));
}

#[test]
fn data_that_do_not_fit_are_typed_errors() {
    let new =
        |users: Vec<RecordedUser>| Recorded::new(films(5), &users, &RecordedSettings::default());
    let user = |item, weight| {
        let choice = RecordedChoice { item, at_ms: None, context: None, weight };
        vec![RecordedUser { place: None, choices: vec![choice] }]
    };
    for users in [user(5, 1.0), user(0, 0.0), user(0, f32::NAN), user(0, 1.0), Vec::new()] {
        assert!(matches!(new(users), Err(Error::Data { .. })));
    }
    let settings = RecordedSettings { history_share: 1.0, ..RecordedSettings::default() };
    let error = Recorded::new(films(5), &users(9), &settings).unwrap_err();
    assert!(matches!(error, Error::Setting { field: "history_share", .. }), "{error}");
}
