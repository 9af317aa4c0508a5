//! Nights that are cut short, that have nothing to work on, or little.

use std::time::Duration;

use noctule_core::base::{Budget, CancelToken, NoProgress, StopReason};
use noctule_core::feedback::FeedbackEvent;
use noctule_core::night::NightOutcome;
use noctule_core::serving::{EmptyReason, Recommendations, Tier};
use noctule_core::slates::ReasonKind;
use noctule_tests::phone::{check_reasons, check_whole, event};
use noctule_tests::town::{DAY_MS, NOW_MS, SURFACES};
use noctule_tests::{Phone, Town};

fn hidden(town: &Town) -> Vec<FeedbackEvent> {
    (0..town.items).map(|index| event("hide", &Town::item(index))).collect()
}

fn names(slate: &Recommendations) -> Vec<&str> {
    slate.items.iter().map(|slot| slot.item.as_str()).collect()
}

#[test]
fn a_budget_of_nothing_keeps_the_slates_and_the_next_night_finishes() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    phone.record(&[event("like", "item-1")]).unwrap();
    let before = phone.slates(3);
    let nothing = Budget::wall(Duration::ZERO);
    let report = phone.run_night(nothing, &CancelToken::new(), &NoProgress).unwrap();
    assert_eq!(report.outcome, NightOutcome::Stopped(StopReason::OutOfTime));
    assert_eq!((report.published, report.remaining), (0, 6));
    assert_eq!(phone.slates(3), before);
    phone.whole_night();
    let after = phone.slates(3);
    let pairs = before.iter().zip(&after);
    assert!(pairs.into_iter().all(|(old, new)| new.generation > old.generation));
}

#[test]
fn a_night_cancelled_before_it_starts_keeps_the_slates_and_the_next_finishes() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let (before, cancel) = (phone.slates(3), CancelToken::new());
    cancel.cancel();
    let report = phone.run_night(Budget::unlimited(), &cancel, &NoProgress).unwrap();
    assert_eq!(report.outcome, NightOutcome::Stopped(StopReason::Cancelled));
    assert_eq!(phone.slates(3), before);
    phone.whole_night();
    assert!(phone.slates(3).iter().all(|slate| slate.tier == Tier::Fresh));
}

#[test]
fn a_night_cancelled_midway_goes_on_where_it_stopped() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let cancel = CancelToken::new();
    let stop = |_, done, _| {
        if done == 4 {
            cancel.cancel();
        }
    };
    let report = phone.run_night(Budget::unlimited(), &cancel, &stop).unwrap();
    assert_eq!((report.published, report.remaining), (4, 2));
    let report = phone.night();
    assert_eq!((report.outcome, report.kept, report.published), (NightOutcome::Finished, 4, 2));
}

#[test]
fn a_night_without_a_release_learns_and_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(scratch.path());
    phone.record(&[event("like", "item-1"), event("click", "item-2")]).unwrap();
    let report = phone.night();
    assert_eq!((report.outcome, report.learned_events), (NightOutcome::NoRelease, 2));
    assert_eq!(phone.slate("home", 0).empty_reason, Some(EmptyReason::NoRelease));
}

#[test]
fn an_empty_catalogue_gives_empty_slates_that_say_why() {
    for model in [true, false] {
        let scratch = tempfile::tempdir().unwrap();
        let town = Town { items: 0, model, ..Town::default() };
        let phone = Phone::with(&town, scratch.path());
        phone.record(&[event("like", "item-1")]).unwrap();
        phone.whole_night();
        for slate in phone.slates(3) {
            assert_eq!(slate.empty_reason, Some(EmptyReason::NoEligibleItem));
            assert_eq!((slate.tier, slate.items.len()), (Tier::Empty, 0));
        }
    }
}

#[test]
fn a_catalogue_of_one_item_gives_slates_of_one() {
    for model in [true, false] {
        let scratch = tempfile::tempdir().unwrap();
        let phone = Phone::with(&Town { items: 1, model, ..Town::default() }, scratch.path());
        for night in 0..3 {
            phone.whole_night();
            phone.slates(3).iter().for_each(|slate| check_whole(slate, 1));
            phone.clock.set(NOW_MS + night * DAY_MS);
            phone.record(&[event("like", "item-0")]).unwrap();
        }
    }
}

#[test]
fn an_empty_history_gives_full_slates_without_because_of() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    for (surface, length) in SURFACES {
        let slate = phone.slate(surface, 1);
        check_whole(&slate, length);
        let reasons = slate.items.iter().flat_map(|slot| slot.reasons.iter());
        let because = |kind: &ReasonKind| matches!(kind, ReasonKind::BecauseOf { .. });
        assert_eq!(reasons.filter(|reason| because(&reason.kind)).count(), 0);
    }
}

#[test]
fn hidden_items_are_gone_at_once_and_after_the_night_also_all_of_them() {
    let scratch = tempfile::tempdir().unwrap();
    let town = Town::default();
    let phone = Phone::with(&town, scratch.path());
    phone.whole_night();
    let first = phone.slate("home", 0).items[0].item.clone();
    phone.record(&[event("hide", first.as_str())]).unwrap();
    let slate = phone.slate("home", 0);
    assert_eq!(slate.items.len(), 9);
    assert!(!names(&slate).contains(&first.as_str()));
    phone.record(&hidden(&town)).unwrap();
    let phone = phone.reopen();
    assert_eq!(phone.slate("home", 0).empty_reason, Some(EmptyReason::AllFiltered));
    phone.whole_night();
    let slates = phone.slates(3);
    let nothing = |slate: &Recommendations| slate.empty_reason == Some(EmptyReason::NoEligibleItem);
    assert!(slates.iter().all(nothing));
}

#[test]
fn chosen_items_go_at_once_and_for_good_when_the_plan_excludes_them() {
    let scratch = tempfile::tempdir().unwrap();
    let town = Town { consumed: "exclude", ..Town::default() };
    let phone = Phone::with(&town, scratch.path());
    phone.whole_night();
    let chosen = phone.slate("home", 0).items[2].item.clone();
    phone.record(&[event("conversion", chosen.as_str())]).unwrap();
    let phone = phone.reopen();
    for night in 1..4 {
        assert!(phone.slates(3).iter().all(|slate| !names(slate).contains(&chosen.as_str())));
        phone.clock.set(NOW_MS + night * DAY_MS);
        phone.whole_night();
        check_whole(&phone.slate("home", 0), 10);
    }
}

#[test]
fn every_slot_is_explained_to_its_score_and_because_of_names_the_history() {
    let scratch = tempfile::tempdir().unwrap();
    let town = Town { contexts: 6, ..Town::default() };
    let phone = Phone::with(&town, scratch.path());
    let history: Vec<String> = [3, 8, 13, 21, 34, 55].map(Town::item).to_vec();
    let mut named = 0;
    for (night, kind) in (0..).zip(["click", "like", "conversion", "dwell", "dislike", "like"]) {
        let events: Vec<FeedbackEvent> = history.iter().map(|item| event(kind, item)).collect();
        phone.record(&events[..=night as usize]).unwrap();
        phone.record(&[event("impression", "item-2"), event("hide", "item-5")]).unwrap();
        phone.clock.set(NOW_MS + night * DAY_MS);
        phone.whole_night();
        for slate in phone.slates(6) {
            for slot in &slate.items {
                check_reasons(slot.score, &slot.reasons);
                for reason in slot.reasons.iter() {
                    let ReasonKind::BecauseOf { item, title } = &reason.kind else { continue };
                    assert!(history.iter().any(|chosen| chosen == item.as_str()), "{item}");
                    assert!(title.starts_with("Item ") && reason.contribution > 0.0);
                    named += 1;
                }
            }
        }
    }
    assert!(named > 100, "{named} reasons named an item");
}

#[test]
fn a_damaged_slate_is_left_out_and_made_again_by_the_next_night_of_the_same_day() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    let before = phone.slates(3);
    phone.close();
    // Titles stand in the slates and nowhere else in the database.
    let file = phone.directory().join("noctule.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    let title = b" of town@1";
    let places: Vec<usize> =
        (0..bytes.len() - title.len()).filter(|at| bytes[*at..].starts_with(title)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[*at] ^= 1);
    std::fs::write(&file, bytes).unwrap();
    let phone = phone.reopen();
    assert_eq!(phone.status().unwrap().damaged.len(), 6);
    assert_eq!(phone.slate("home", 0).empty_reason, Some(EmptyReason::NoSlate));
    phone.whole_night();
    let pairs = phone.slates(3).into_iter().zip(before);
    assert!(pairs.into_iter().all(|(new, old)| names(&new) == names(&old)));
}
