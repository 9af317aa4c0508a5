//! What rules and exposures do to a slate.

use super::world::{GREEDY, indices, random, ranked, settings};
use crate::base::limits::RULES_MAX;
use crate::base::{ContextId, SurfaceId};
use crate::catalogue::{Catalogue, Item};
use crate::release::{Exploration, Plan};
use crate::reranking::*;

/// Six items, 0 the best; 0, 1 and 2 are of one group.
const SCORES: [f32; 6] = [1.0, 0.9, 0.8, 0.4, 0.2, 0.0];
const GROUP: [u32; 3] = [0, 1, 2];
/// A rule that stands for each of the tests.
const RULE: u8 = 7;

fn slate(length: usize, constraints: &Constraints) -> Reranked {
    rerank(&ranked(&SCORES), &settings(length, constraints), &mut random(1))
}

fn touched(slate: &Reranked) -> Vec<bool> {
    slate.slots.iter().map(|placed| !placed.rules.is_empty()).collect()
}

fn pin(members: &[u32], position: usize) -> Constraints {
    let one_item = members.len() == 1;
    let fixed = vec![Fixed { rule: RULE, members: members.to_vec(), position, one_item }];
    Constraints { fixed, ..Constraints::default() }
}

fn cap(limit: Limit) -> Constraints {
    let caps = vec![Cap { rule: RULE, members: GROUP.to_vec(), limit }];
    Constraints { caps, ..Constraints::default() }
}

fn deadline(members: &[u32], need: Need) -> Constraints {
    let deadlines = vec![Deadline { rule: RULE, members: members.to_vec(), need }];
    Constraints { deadlines, ..Constraints::default() }
}

#[test]
fn a_pinned_item_stands_where_it_is_pinned_and_says_so() {
    let slate = slate(4, &pin(&[5], 1));
    assert_eq!(indices(&slate), [0, 5, 1, 2]);
    assert_eq!(touched(&slate), [false, true, false, false]);
    assert_eq!(slate.slots[1].rules.iter().collect::<Vec<_>>(), [RULE]);
}

#[test]
fn a_pinned_slot_is_never_explored() {
    let constraints = pin(&[5], 0);
    let exploration = Exploration { epsilon: 1.0, ..GREEDY };
    let settings = Settings { exploration, ..settings(2, &constraints) };
    for seed in 0..20 {
        let first = rerank(&ranked(&SCORES), &settings, &mut random(seed)).slots[0];
        assert_eq!((first.index, first.propensity, first.explored), (5, 1.0, false));
    }
}

#[test]
fn a_pinned_group_sends_its_best() {
    assert_eq!(indices(&slate(3, &pin(&[5, 4, 3], 0))), [3, 0, 1]);
}

#[test]
fn a_pin_beyond_the_last_candidate_moves_up() {
    let slate = slate(100, &pin(&[0], 50));
    assert_eq!(indices(&slate), [1, 2, 3, 4, 5, 0]);
    assert!(slate.unmet.is_empty());
}

#[test]
fn a_pin_without_a_candidate_is_counted() {
    let slate = slate(3, &pin(&[], 0));
    assert_eq!((indices(&slate), slate.unmet), (vec![0, 1, 2], vec![(RULE, 1)]));
}

#[test]
fn a_pin_to_the_top_moves_an_item_only_as_far_as_it_must() {
    let last = slate(4, &deadline(&[5], Need::Top(3)));
    assert_eq!(indices(&last), [0, 1, 5, 2]);
    assert_eq!(touched(&last), [false, false, true, false]);
    assert_eq!(indices(&slate(4, &deadline(&[1], Need::Top(3)))), [0, 1, 2, 3]);
}

#[test]
fn boosts_and_burials_change_the_order_and_not_the_score() {
    let lift = |members: &[u32], factor, offset| {
        let lifts = vec![Lift { rule: RULE, members: members.to_vec(), factor, offset }];
        Constraints { lifts, ..Constraints::default() }
    };
    let boosted = slate(3, &lift(&[4], 6.0, 0.0));
    assert_eq!((indices(&boosted), boosted.slots[0].score), (vec![4, 0, 1], 0.2));
    assert_eq!(touched(&boosted), [true, false, false]);
    assert_eq!(indices(&slate(6, &lift(&[0], 1.0, -9.0))), [1, 2, 3, 4, 5, 0]);
    assert_eq!(indices(&slate(2, &lift(&[5], 1.0, 0.95))), [0, 5]);
}

#[test]
fn a_cap_of_the_slate_holds_and_names_the_slot_where_it_held_one_back() {
    let slate = slate(4, &cap(Limit::Window { slots: 2, window: usize::MAX }));
    assert_eq!(indices(&slate), [0, 1, 3, 4]);
    assert_eq!(touched(&slate), [false, false, true, true]);
}

#[test]
fn a_cap_of_a_window_spreads_a_group() {
    let slate = slate(6, &cap(Limit::Window { slots: 1, window: 2 }));
    assert_eq!(indices(&slate), [0, 3, 1, 4, 2, 5]);
}

#[test]
fn a_cap_of_zero_keeps_a_group_out_and_the_slate_ends() {
    let slate = slate(6, &cap(Limit::Window { slots: 0, window: usize::MAX }));
    assert_eq!(indices(&slate), [3, 4, 5]);
}

#[test]
fn a_cap_knows_of_pins_further_down() {
    let mut constraints = cap(Limit::Window { slots: 1, window: usize::MAX });
    constraints.fixed = pin(&[2], 3).fixed;
    assert_eq!(indices(&slate(4, &constraints)), [3, 4, 5, 2]);
    let mut constraints = cap(Limit::Prefix(0.5));
    constraints.fixed = pin(&[2], 1).fixed;
    assert_eq!(indices(&slate(4, &constraints)), [3, 2, 0, 4]);
}

#[test]
fn where_nothing_is_admissible_the_next_pin_moves_up() {
    let mut constraints = cap(Limit::Window { slots: 1, window: 2 });
    constraints.caps[0].members = vec![0, 1, 2, 3, 4];
    constraints.fixed = pin(&[5], 4).fixed;
    assert_eq!(indices(&slate(6, &constraints)), [0, 5, 1]);
}

#[test]
fn a_pin_that_breaks_a_cap_is_given_up_and_counted() {
    let mut constraints = cap(Limit::Window { slots: 1, window: usize::MAX });
    constraints.fixed = [pin(&[0], 0).fixed, pin(&[1], 2).fixed].concat();
    let slate = slate(3, &constraints);
    assert_eq!((indices(&slate), slate.unmet), (vec![0, 3, 4], vec![(RULE, 1)]));
}

#[test]
fn a_floor_holds_in_every_prefix_and_moves_nothing_before_it_must() {
    let slate = slate(6, &deadline(&[3, 4, 5], Need::Prefix(0.5)));
    assert_eq!(indices(&slate), [0, 3, 1, 4, 2, 5]);
    assert!(slate.unmet.is_empty());
}

#[test]
fn a_floor_without_enough_items_is_met_as_far_as_it_can_be_and_counted() {
    let slate = slate(6, &deadline(&[5], Need::Prefix(0.5)));
    assert_eq!(indices(&slate), [0, 5, 1, 2, 3, 4]);
    assert_eq!(slate.unmet, [(RULE, 3)], "in the prefixes of 4, 5 and 6 slots");
}

#[test]
fn a_floor_whose_items_a_cap_keeps_out_gives_way_to_the_cap() {
    let mut constraints = cap(Limit::Window { slots: 0, window: usize::MAX });
    constraints.deadlines = deadline(&GROUP, Need::Prefix(0.5)).deadlines;
    let slate = slate(3, &constraints);
    assert_eq!((indices(&slate), slate.unmet), (vec![3, 4, 5], vec![(RULE, 2)]));
}

fn plan(rules: &serde_json::Value, exposure: &serde_json::Value) -> Plan {
    serde_json::from_value(serde_json::json!({
        "contexts": [{"id": "any", "when": {"days": "every", "from": 0, "until": 0}}],
        "surfaces": [{"id": "home", "length": 4, "contexts": ["any"]},
                     {"id": "side", "length": 4, "contexts": ["any"]}],
        "rules": rules, "exposure": exposure,
    }))
    .unwrap()
}

#[test]
fn rules_of_a_plan_find_their_items() {
    let item = |(id, kind): (&str, &str)| -> Item {
        let text = format!(r#"{{"id": "{id}", "title": "", "attributes": {{"k": {kind}}}}}"#);
        serde_json::from_str(&text).unwrap()
    };
    let items = [("a", r#"["x", "y", "x"]"#), ("b", "\"x\""), ("c", "\"z\""), ("d", "true")];
    let catalogue = Catalogue::from_items(&items.map(item)).unwrap();
    let group = serde_json::json!({"attribute": "k", "word": "x"});
    let plan = plan(
        &serde_json::json!([
            {"id": "elsewhere", "select": {"item": "c"}, "do": {"pin": {"top": 1}},
             "surfaces": ["side"]},
            {"id": "best", "select": {"item": "c"}, "do": {"pin": {"position": 2}},
             "surfaces": ["home"]},
            {"id": "less", "select": {"group": group}, "do": {"bury": {"offset": 0.5}}},
            {"id": "spread", "select": {"each": {"attribute": "k"}}, "do": {"cap": {"slots": 1}}},
        ]),
        &serde_json::json!([{"id": "fair", "group": group, "floor": 0.25, "cap": 0.75}]),
    );
    plan.validate().unwrap();
    let (home, any) = (SurfaceId::new("home").unwrap(), ContextId::new("any").unwrap());
    let found = constraints_of(&plan, &home, &any, &catalogue, &[3, 2, 0, 1]);
    let fair = RULES_MAX as u8;
    assert_eq!(found.fixed, [Fixed { rule: 1, members: vec![1], position: 2, one_item: true }]);
    assert_eq!(found.lifts, [Lift { rule: 2, members: vec![2, 3], factor: 1.0, offset: -0.5 }]);
    let once = Limit::Window { slots: 1, window: usize::MAX };
    let each = [vec![2, 3], vec![2], vec![1]];
    let mut caps: Vec<Cap> = each.map(|members| Cap { rule: 3, members, limit: once }).into();
    caps.push(Cap { rule: fair, members: vec![2, 3], limit: Limit::Prefix(0.75) });
    assert_eq!(found.caps, caps);
    let need = Need::Prefix(0.25);
    assert_eq!(found.deadlines, [Deadline { rule: fair, members: vec![2, 3], need }]);
    assert_eq!((rule_name(&plan, 1), rule_name(&plan, fair)), (Some("best"), Some("fair")));
    assert_eq!((rule_name(&plan, 4), rule_name(&plan, 255)), (None, None));
}
