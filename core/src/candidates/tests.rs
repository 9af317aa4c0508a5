//! Behaviour of candidate generation.

use super::*;
use crate::base::{ContextId, SurfaceId};
use crate::catalogue::{Catalogue, Item};
use crate::scoring::{ItemMatrix, Quantised, quantise};

const NONE: Candidates =
    Candidates { nearest: 0, similar: 0, similar_to: 2, popular: 0, new: 0, new_days: 1 };

fn wanted<'a>(budgets: Candidates, popularity: &'a [f32], eligible: &'a [bool]) -> Wanted<'a> {
    let added = &|| Vec::new();
    Wanted { budgets, nearest: None, popularity, eligible, needed: &[], added, now_ms: 0 }
}

#[test]
fn the_most_popular_are_eligible_ordered_and_ties_go_by_index() {
    let popularity = [0.1, 0.4, 0.2, 0.4, 0.9];
    let eligible = [true, true, true, true, false];
    assert_eq!(most_popular(&popularity, &eligible, 3), [1, 3, 2]);
    assert_eq!(most_popular(&popularity, &eligible, 99), [1, 3, 2, 0]);
    assert!(most_popular(&[], &[], 3).is_empty());
}

#[test]
fn without_a_user_the_popular_items_are_the_candidates() {
    let budgets = Candidates { nearest: 5, popular: 2, ..NONE };
    let found = generate(&wanted(budgets, &[0.1, 0.5, 0.4], &[true; 3])).unwrap();
    assert_eq!(found.indices, [1, 2]);
}

#[test]
fn an_item_that_several_found_is_there_once_and_knows_them_all() {
    // Rows 0 and 1 point one way, 2 and 3 another, 4 a third.
    let rows = [1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.1, 0.8, -1.0, -1.0];
    let Quantised { codes, scales } = quantise(&rows, 2).unwrap();
    let matrix = ItemMatrix::new(&codes, &scales, &rows, 2).unwrap();
    let budgets = Candidates { nearest: 2, similar: 2, popular: 1, new: 1, ..NONE };
    let nearest = Some(Nearest { matrix, user: &[1.0, 0.1], recent: &[2, 0], best: None });
    let added = &|| vec![None, Some(5.0), None, Some(9.0), Some(99.0)];
    let request = Wanted {
        nearest,
        needed: &[4],
        added,
        now_ms: 10,
        ..wanted(budgets, &[0.0, 0.5, 0.4, 0.1, 0.0], &[true; 5])
    };
    let found = generate(&request).unwrap();
    assert_eq!(found.indices, [4, 0, 1, 3]);
    let names = |at: usize| found.sources[at].iter().map(Generator::name).collect::<Vec<_>>();
    assert_eq!(names(0), ["rule"]);
    assert_eq!(names(2), ["nearest", "similar", "popular"]);
    assert_eq!(names(3), ["similar", "new"]);
}

#[test]
fn every_recent_item_has_its_say_and_none_is_its_own_neighbour() {
    let rows = [1.0, 0.0, 0.9, 0.0, 0.8, 0.0, 0.0, 1.0, 0.0, 0.9, 0.0, 0.8];
    let Quantised { codes, scales } = quantise(&rows, 2).unwrap();
    let matrix = ItemMatrix::new(&codes, &scales, &rows, 2).unwrap();
    let all = |_: u32| true;
    assert_eq!(similar(&matrix, &[3, 0], 4, &all).unwrap(), [4, 1, 5, 2]);
    assert_eq!(similar(&matrix, &[3, 0], 99, &all).unwrap().len(), 4);
    assert_eq!(similar(&matrix, &[3, 99], 2, &|index| index != 4).unwrap(), [5, 0]);
    assert!(similar(&matrix, &[], 4, &all).unwrap().is_empty());
}

#[test]
fn only_what_was_added_within_the_window_is_new() {
    let added = [Some(1.0), Some(9.0), None, Some(11.0), Some(8.0), Some(9.0)];
    let eligible = [true, true, true, true, true, false];
    assert_eq!(newest(&added, &eligible, 10.0, 5.0, 9), [1, 4]);
    assert_eq!(newest(&added, &eligible, 10.0, 5.0, 1), [1]);
}

#[test]
fn pins_and_floors_bring_the_most_popular_of_what_they_are_about() {
    let item = |(id, kind): (&str, &str)| -> Item {
        let text = format!(r#"{{"id": "{id}", "title": "", "attributes": {{"k": "{kind}"}}}}"#);
        serde_json::from_str(&text).unwrap()
    };
    let items = [("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"), ("e", "y")].map(item);
    let catalogue = Catalogue::from_items(&items).unwrap();
    let plan = serde_json::json!({
        "contexts": [{"id": "any", "when": {"days": "every", "from": 0, "until": 0}}],
        "surfaces": [{"id": "home", "length": 4, "contexts": ["any"]}],
        "rules": [
            {"id": "1", "select": {"item": "b"}, "do": {"pin": {"top": 2}}},
            {"id": "2", "select": {"item": "a"}, "do": {"pin": {"position": 3}}},
            {"id": "3", "select": {"item": "e"}, "do": {"boost": {"factor": 2.0}}},
        ],
        "exposure": [{"id": "4", "group": {"attribute": "k", "word": "y"}, "floor": 0.5}],
    });
    let plan: crate::release::Plan = serde_json::from_value(plan).unwrap();
    let (home, any) = (SurfaceId::new("home").unwrap(), ContextId::new("any").unwrap());
    let popularity = [0.1, 0.2, 0.3, 0.5, 0.4];
    let eligible = [false, true, true, true, true];
    let found = needed(&plan, (&home, 4), &any, &catalogue, &popularity, &eligible);
    assert_eq!(found, [1, 3, 4]);
}

#[test]
fn sources_come_back_from_their_bits_and_no_unknown_generator_does() {
    for bits in 0..=u8::MAX {
        let known = Sources::of_bits(bits);
        assert_eq!(known.is_some(), bits < 1 << Generator::ALL.len());
        assert_eq!(known.map_or(bits, Sources::bits), bits);
        let count = known.map_or(0, |sources| sources.iter().count() as u32);
        assert!(known.is_none() || count == bits.count_ones());
    }
}

mod best {
    use proptest::prelude::*;

    use super::super::most_popular;

    proptest! {
        /// Equal shares among them, as every item that nobody chose has.
        #[test]
        fn the_most_popular_are_those_of_a_full_sort(
            shares in prop::collection::vec(0..50_u8, 0..700),
            closed in prop::collection::vec(any::<bool>(), 700),
            count in 0..400_usize,
        ) {
            let shares: Vec<f32> = shares.into_iter().map(f32::from).collect();
            let mut sorted: Vec<u32> =
                (0..shares.len() as u32).filter(|index| !closed[*index as usize]).collect();
            // Stable: equal ones stay by their index.
            sorted.sort_by(|a, b| shares[*b as usize].total_cmp(&shares[*a as usize]));
            sorted.truncate(count);
            let eligible: Vec<bool> = closed[..shares.len()].iter().map(|closed| !closed).collect();
            prop_assert_eq!(most_popular(&shares, &eligible, count), sorted);
        }
    }
}
