use noctule_core::candidates::Generator;
use noctule_core::release::Plan;
use serde_json::json;

use super::*;
use crate::datasets::{Interactions, bare_item};
use crate::training::{IalsSettings, Popularity, Sparse, train_ials};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const ITEMS: u32 = 12;

/// Twelve items of which the last three are closed at noon, item 0 is pinned at noon, and item 7
/// was added on the fifth day.
fn world(consumed: &serde_json::Value) -> (Interactions, Plan) {
    let mut data = Interactions { users: vec!["ada".into()], ..Interactions::default() };
    data.items = (0..ITEMS).map(|item| bare_item(&format!("item-{item:02}")).unwrap()).collect();
    let evening = json!([{"days": "every", "from": 1_000, "until": 1_400}]);
    for item in &mut data.items[9..] {
        item.hours = serde_json::from_value(evening.clone()).unwrap();
    }
    let added = serde_json::from_value(json!({"added_ms": (5 * DAY_MS) as f64})).unwrap();
    data.items[7].attributes = added;
    let plan = json!({
        "contexts": [{"id": "noon", "when": {"days": "every", "from": 660, "until": 780}}],
        "surfaces": [{"id": "home", "length": 3, "contexts": ["noon"]}],
        "candidates": {"nearest": 0, "similar": 2, "similar_to": 1, "popular": 3, "new": 2},
        "consumed": consumed,
        "rules": [{"id": "ours", "select": {"item": "item-00"}, "do": {"pin": {"top": 3}}}],
    });
    (data, serde_json::from_value(plan).unwrap())
}

fn choice(item: u32, at_ms: Option<i64>) -> Interaction {
    Interaction { user: 0, item, at_ms, context: None, weight: 1.0 }
}

/// The candidates of the user with `history`, by who brought them, in the order of the catalogue.
/// Items are the more popular the higher their index.
fn found(
    (data, plan): &(Interactions, Plan),
    history: &[Interaction],
    context: Option<u16>,
    at_ms: Option<i64>,
) -> impl Fn(Generator) -> Vec<u32> {
    // Neighbours in the list are neighbours in the plane.
    let items: Vec<f32> = (0..ITEMS)
        .flat_map(|item| [(0.1 * item as f32).cos(), (0.1 * item as f32).sin()])
        .collect();
    let ials = IalsSettings { dimensions: 2, epochs: 1, ..IalsSettings::default() };
    let matrix = Sparse::from_entries(vec![(0, 0, 1.0)], 1, ITEMS as usize);
    let solver = train_ials(&matrix, &ials, &|_, _, _| {}).unwrap().fold_in(&ials).unwrap();
    let fold_in = FoldInScorer { fold_in: &solver, items: &items, context_weight: 1.0 };
    let shares: Vec<f32> = (0..ITEMS).map(|item| item as f32 / 66.0).collect();
    let popularity = Popularity { overall: shares.clone(), by_context: shares };
    let fitted = Fitted { data, plan, popularity: &popularity, fold_in };
    let finder = CandidateFinder::new(&fitted).unwrap();
    let case = Case { user: 0, history, context };
    let found = finder.find(&case, &finder.profile(0, history), at_ms).unwrap().found;
    move |generator| {
        let pairs = found.indices.iter().zip(&found.sources);
        let own = pairs.filter(|(_, by)| by.has(generator)).map(|(item, _)| *item);
        own.collect::<std::collections::BTreeSet<u32>>().into_iter().collect()
    }
}

#[test]
fn a_choice_is_left_out_while_its_cooldown_lasts_and_no_longer() {
    let world = world(&json!({"cooldown-days": 3}));
    let history = [choice(11, Some(DAY_MS)), choice(10, Some(4 * DAY_MS))];
    let at = |day: i64| found(&world, &history, None, Some(day * DAY_MS))(Generator::Popular);
    assert_eq!(at(4), [8, 9, 11]);
    assert_eq!(at(6), [8, 9, 11]);
    assert_eq!(at(7), [9, 10, 11]);
}

#[test]
fn choices_without_times_count_as_just_made_in_their_order() {
    let world = world(&json!({"cooldown-days": 3}));
    let history = [choice(11, None), choice(3, None), choice(5, None)];
    let found = found(&world, &history, None, None);
    assert_eq!(found(Generator::Popular), [8, 9, 10]);
    assert_eq!(found(Generator::Similar), [4, 6], "neighbours of the last choice");
    assert!(found(Generator::New).is_empty());
}

#[test]
fn what_was_added_within_the_window_before_the_event_is_new() {
    let world = world(&json!("keep"));
    let new = |day: i64| found(&world, &[], None, Some(day * DAY_MS))(Generator::New);
    assert!(new(4).is_empty());
    assert_eq!(new(6), [7]);
    assert!(new(36).is_empty());
}

#[test]
fn an_unknown_context_closes_nothing_and_asks_for_no_rule() {
    let world = world(&json!("keep"));
    let of = |context| found(&world, &[], context, Some(0));
    let (known, unknown) = (of(Some(0)), of(None));
    assert_eq!((known(Generator::Popular), known(Generator::Rule)), (vec![6, 7, 8], vec![0]));
    assert_eq!((unknown(Generator::Popular), unknown(Generator::Rule)), (vec![9, 10, 11], vec![]));
}

#[test]
fn of_whom_nothing_is_known_nothing_is_nearest() {
    let (data, mut plan) = world(&json!("keep"));
    plan.candidates.nearest = 4;
    let world = (data, plan);
    let nearest = |history: &[Interaction]| found(&world, history, None, None)(Generator::Nearest);
    assert!(nearest(&[]).is_empty());
    assert_eq!(nearest(&[choice(2, None)]).len(), 4);
}

#[test]
fn an_item_chosen_twice_is_known_once_with_both_weights_and_the_later_time() {
    let world = world(&json!("keep"));
    let (data, plan) = &world;
    let ials = IalsSettings { dimensions: 2, epochs: 1, ..IalsSettings::default() };
    let matrix = Sparse::from_entries(vec![(0, 0, 1.0)], 1, ITEMS as usize);
    let factors = train_ials(&matrix, &ials, &|_, _, _| {}).unwrap();
    let solver = factors.fold_in(&ials).unwrap();
    let fold_in = FoldInScorer { fold_in: &solver, items: &factors.items, context_weight: 1.0 };
    let popularity = Popularity { overall: Vec::new(), by_context: Vec::new() };
    let fitted = Fitted { data, plan, popularity: &popularity, fold_in };
    let finder = CandidateFinder::new(&fitted).unwrap();
    let at_noon = Interaction { context: Some(0), ..choice(4, Some(70)) };
    let profile = finder.profile(0, &[choice(4, Some(90)), at_noon, choice(2, Some(5))]);
    let [two, four] = &profile.history[..] else { panic!("{profile:?}") };
    assert_eq!((two.item.as_str(), two.last_chosen_ms), ("item-02", Some(5)));
    assert_eq!((four.weight(), four.last_chosen_ms), (2.0, Some(90)));
    assert_eq!(four.weight_by_context.len(), 2);
}
