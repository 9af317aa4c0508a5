//! Behaviour of the shelf.

#[cfg(loom)]
#[path = "schedules.rs"]
mod schedules;

use std::sync::Arc;

use super::*;
use crate::base::{ContextId, Days, ItemId, Span, SurfaceId, WeekMinute};
use crate::candidates::Sources;
use crate::release::{Consumed, Context, Plan, Policy, Surface};
use crate::slates::{Reason, ReasonKind, Slate, SlateKey, Slot};

fn plan(consumed: Consumed) -> Plan {
    let context = |id: &str, from, until| Context {
        id: ContextId::new(id).unwrap(),
        when: Span { days: Days::Every, from, until },
    };
    let contexts = vec![context("morning", 0, 720), context("evening", 720, 1440)];
    let ids = contexts.iter().map(|context| context.id.clone()).collect();
    Plan {
        surfaces: vec![Surface { id: home(), length: 3, contexts: ids }],
        contexts,
        candidates: Default::default(),
        consumed,
        only_open: true,
        radius_km: None,
        rules: vec![],
        exposure: vec![],
        diversity: None,
        exploration: Default::default(),
        fresh_hours: 36,
        fatigue_impressions: 2,
        latency_factor: 8.0,
        private: vec![],
        private_budget: None,
    }
}

fn home() -> SurfaceId {
    SurfaceId::new("home").unwrap()
}

fn id(name: &str) -> ItemId {
    ItemId::new(name).unwrap()
}

fn slate(names: &[&str]) -> Slate {
    let slot = |name: &&str| Slot {
        item: id(name),
        title: Arc::from(*name),
        score: 1.0,
        propensity: 0.5,
        reasons: Arc::from([]),
        sources: Sources::default(),
    };
    Slate {
        key: SlateKey { surface: home(), context: ContextId::new("evening").unwrap() },
        generation: 4,
        created_ms: 1_000,
        stale_after_ms: 2_000,
        release: "town@1".into(),
        policy: Policy::Model,
        made_at_night: true,
        personalised: true,
        arm: None,
        fatigue_impressions: 2,
        forgotten_through: 4,
        slots: names.iter().map(slot).collect(),
        unmet: Vec::new(),
    }
}

fn shelf(consumed: Consumed, names: &[&str]) -> Shelf {
    let shelf = Shelf::default();
    shelf.swap(Snapshot::new(Some(Arc::new(plan(consumed))), [slate(names)]));
    shelf
}

fn ask(shelf: &Shelf, now_ms: i64) -> Recommendations {
    shelf.recommend(&RecommendRequest::new(home()), now_ms, WeekMinute(1_000))
}

fn names(answer: &Recommendations) -> Vec<&str> {
    answer.items.iter().map(|item| item.item.as_str()).collect()
}

#[test]
fn the_context_that_holds_now_is_served_and_age_decides_the_tier() {
    let shelf = shelf(Consumed::Keep, &["a", "b"]);
    let fresh = ask(&shelf, 1_500);
    assert_eq!((names(&fresh), fresh.tier), (vec!["a", "b"], Tier::Fresh));
    assert_eq!((fresh.age_ms, fresh.generation), (Some(500), Some(4)));
    assert_eq!(ask(&shelf, 2_000).tier, Tier::Stale);
}

#[test]
fn hidden_items_are_left_out_and_lose_the_others_their_propensity() {
    let shelf = shelf(Consumed::Keep, &["a", "b", "c"]);
    shelf.note(|today| today.note_hidden(&id("b")));
    let answer = ask(&shelf, 1_500);
    assert_eq!(names(&answer), ["a", "c"]);
    assert_eq!(answer.items[0].propensity, Some(0.5));
    assert_eq!(answer.items[1].propensity, None, "c was published at another position");
}

#[test]
fn an_item_chosen_since_is_left_out_unless_the_plan_keeps_it() {
    for (consumed, expected) in [(Consumed::Exclude, vec!["b"]), (Consumed::Keep, vec!["a", "b"])] {
        let shelf = shelf(consumed, &["a", "b"]);
        shelf.note(|today| today.note_chosen(&id("a"), 1_200));
        assert_eq!(names(&ask(&shelf, 1_500)), expected);
    }
}

#[test]
fn an_item_shown_too_often_moves_behind_and_comes_back_when_opened() {
    let shelf = shelf(Consumed::Keep, &["a", "b", "c"]);
    let a = id("a");
    shelf.note(|today| (0..2).for_each(|_| today.note_shown(&a)));
    assert_eq!(names(&ask(&shelf, 1_500)), ["b", "c", "a"]);
    shelf.note(|today| today.note_opened(&a));
    assert_eq!(names(&ask(&shelf, 1_500)), ["a", "b", "c"]);
}

#[test]
fn what_is_missing_is_an_empty_answer_with_its_reason() {
    let nothing = Shelf::default();
    assert_eq!(ask(&nothing, 0).empty_reason, Some(EmptyReason::NoRelease));
    let shelf = shelf(Consumed::Exclude, &["a"]);
    let reason = |request: &RecommendRequest| {
        let answer = shelf.recommend(request, 1_500, WeekMinute(1_000));
        assert_eq!(answer.tier == Tier::Empty, answer.empty_reason.is_some());
        answer.empty_reason
    };
    let with = |context: &str| RecommendRequest {
        context: Some(ContextId::new(context).unwrap()),
        ..RecommendRequest::new(home())
    };
    let elsewhere = RecommendRequest::new(SurfaceId::new("search").unwrap());
    assert_eq!(reason(&elsewhere), Some(EmptyReason::UnknownSurface));
    assert_eq!(reason(&with("night")), Some(EmptyReason::UnknownContext));
    assert_eq!(reason(&with("morning")), Some(EmptyReason::NoSlate));
    assert_eq!(reason(&with("evening")), None);
    shelf.note(|today| today.note_chosen(&id("a"), 1_200));
    assert_eq!(reason(&with("evening")), Some(EmptyReason::AllFiltered));
    shelf.swap(Snapshot::new(Some(Arc::new(plan(Consumed::Keep))), [slate(&[])]));
    assert_eq!(reason(&with("evening")), Some(EmptyReason::NoEligibleItem));
}

#[test]
fn the_limit_cuts_the_answer() {
    let shelf = shelf(Consumed::Keep, &["a", "b", "c"]);
    let request = RecommendRequest { limit: Some(1), ..RecommendRequest::new(home()) };
    assert_eq!(names(&shelf.recommend(&request, 1_500, WeekMinute(1_000))), ["a"]);
}

/// A slot: its name, its score, and what of that is owed to whom.
type Owing<'a> = (&'a str, f32, &'a [(&'a str, f32)]);

/// A shelf with one slate of `slots`; one of them may be there for another reason.
fn owing(slots: &[Owing<'_>], other: Option<(&str, &ReasonKind)>) -> Shelf {
    let names: Vec<&str> = slots.iter().map(|slot| slot.0).collect();
    let mut slate = slate(&names);
    for (slot, (name, score, owed)) in slate.slots.iter_mut().zip(slots) {
        let because = |name: &str| ReasonKind::BecauseOf { item: id(name), title: name.into() };
        let mut reasons: Vec<Reason> =
            owed.iter().map(|(name, part)| Reason::exact(because(name), *part)).collect();
        let parts: f32 = owed.iter().map(|(_, part)| part).sum();
        reasons.push(Reason::exact(ReasonKind::Base, score - parts));
        if let Some((of, kind)) = other
            && of == *name
        {
            reasons.insert(0, Reason::exact(kind.clone(), 0.0));
        }
        slot.score = *score;
        slot.reasons = reasons.into();
    }
    let shelf = Shelf::default();
    shelf.swap(Snapshot::new(Some(Arc::new(plan(Consumed::Keep))), [slate]));
    shelf
}

#[test]
fn a_slot_moves_back_by_what_it_owed_to_a_forgotten_item() {
    let slots: [Owing<'_>; 4] =
        [("a", 4.0, &[("x", 1.5), ("y", 0.5)]), ("b", 3.0, &[]), ("c", 2.0, &[]), ("d", 1.0, &[])];
    let shelf = owing(&slots, None);
    shelf.note(|today| today.note_forgotten(&id("x"), 5));
    let answer = ask(&shelf, 1_500);
    assert_eq!(names(&answer), ["b", "a", "c", "d"]);
    let a = &answer.items[1];
    assert_eq!((a.score, a.reasons.len(), a.propensity), (2.5, 2, None));
    let sum: f32 = a.reasons.iter().map(|reason| reason.contribution).sum();
    assert_eq!(sum, 2.5);
    assert_eq!(answer.items[2].propensity, Some(0.5));
}

#[test]
fn what_falls_below_the_last_score_is_left_out_unless_nothing_would_be_left() {
    let slots: [Owing<'_>; 3] =
        [("a", 4.0, &[("x", 3.5)]), ("b", 3.0, &[("y", 2.5)]), ("c", 1.0, &[("x", 0.25)])];
    let shelf = owing(&slots, None);
    shelf.note(|today| today.note_forgotten(&id("x"), 5));
    assert_eq!(names(&ask(&shelf, 1_500)), ["b"]);
    shelf.note(|today| today.note_forgotten(&id("y"), 6));
    let answer = ask(&shelf, 1_500);
    assert_eq!(names(&answer), ["c", "a", "b"]);
    assert!(answer.items.iter().all(|item| item.reasons.len() == 1));
}

#[test]
fn a_slot_that_is_there_for_another_reason_keeps_its_place() {
    for kind in [ReasonKind::Exploration, ReasonKind::Rule("spring".into())] {
        let slots: [Owing<'_>; 3] = [("a", 4.0, &[("x", 3.5)]), ("b", 3.0, &[]), ("c", 1.0, &[])];
        let shelf = owing(&slots, Some(("a", &kind)));
        shelf.note(|today| today.note_forgotten(&id("x"), 5));
        let answer = ask(&shelf, 1_500);
        assert_eq!(names(&answer), ["a", "b", "c"]);
        assert_eq!((answer.items[0].score, answer.items[0].propensity), (0.5, Some(0.5)));
    }
}

#[test]
fn a_slate_made_after_a_forgetting_is_served_as_it_is() {
    let slots: [Owing<'_>; 2] = [("a", 4.0, &[("x", 3.5)]), ("b", 3.0, &[])];
    let shelf = owing(&slots, None);
    let before = ask(&shelf, 1_500);
    // The slate knows of the forgettings up to the fourth.
    shelf.note(|today| today.note_forgotten(&id("x"), 4));
    assert_eq!(ask(&shelf, 1_500), before);
    shelf.note(|today| today.note_forgotten(&id("z"), 5));
    assert_eq!(ask(&shelf, 1_500), before, "nothing is owed to z");
}

#[test]
fn a_chosen_item_that_is_forgotten_is_as_one_that_was_never_chosen() {
    let shelf = shelf(Consumed::Exclude, &["a", "b"]);
    shelf.note(|today| today.note_chosen(&id("a"), 1_200));
    assert_eq!(names(&ask(&shelf, 1_500)), ["b"]);
    shelf.note(|today| today.note_forgotten(&id("a"), 5));
    assert_eq!(names(&ask(&shelf, 1_500)), ["a", "b"]);
}
