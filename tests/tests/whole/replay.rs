//! A slate is computed again byte for byte from what was exported with it, also when the user has
//! gone on; whatever was changed is refused or told.

use std::path::{Path, PathBuf};

use noctule_core::base::{Clock, Error, ReplayRefusal};
use noctule_core::release::Plan;
use noctule_core::replay::{
    Bundle, CandidateStory, Consent, Move, Replayed, open_release, replay, stories,
};
use noctule_core::slates::SlateKey;
use noctule_tests::phone::event;
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::{Phone, Town};
use serde_json::json;

fn key(surface: &str, context: usize) -> SlateKey {
    SlateKey {
        surface: surface.to_owned().try_into().unwrap(),
        context: format!("part-{context}").try_into().unwrap(),
    }
}

fn keys() -> Vec<SlateKey> {
    ["home", "lunch"].into_iter().flat_map(|surface| (0..3).map(move |c| key(surface, c))).collect()
}

fn export(phone: &Phone, key: &SlateKey) -> Vec<u8> {
    phone.export_replay(key, Consent::Given).unwrap()
}

fn replayed(bytes: &[u8], release: &Path) -> Result<Replayed, Error> {
    let bundle = Bundle::parse(bytes)?;
    replay(&bundle, &open_release(release, &bundle)?)
}

#[track_caller]
fn assert_equal(bytes: &[u8], release: &Path) -> Replayed {
    let replayed = replayed(bytes, release).unwrap();
    assert_eq!(replayed.differences, []);
    assert_eq!(replayed.published, replayed.computed);
    replayed
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> ReplayRefusal {
    match result {
        Err(Error::ReplayRefused { refusal }) => refusal,
        other => panic!("{other:?}"),
    }
}

/// A phone that has explored a lot in its first night, and its release.
fn phone(scratch: &Path) -> (Phone, PathBuf) {
    let town = Town { epsilon: 0.8, ..Town::default() };
    let phone = Phone::with(&town, scratch);
    phone.record(&[event("like", "item-7"), event("hide", "item-3")]).unwrap();
    phone.whole_night();
    (phone, scratch.join("1"))
}

fn later(phone: &Phone) {
    let first = phone.slate("home", 0).items[0].item.to_string();
    let events = ["conversion", "hide", "dislike"].map(|kind| event(kind, &first));
    phone.record(&events).unwrap();
    phone.set_place(Some(noctule_core::base::GeoPoint::new(1.0, 2.0).unwrap())).unwrap();
}

#[test]
fn every_slate_of_a_night_is_computed_again_byte_for_byte_also_after_later_days() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, release) = phone(scratch.path());
    let first: Vec<Vec<u8>> = keys().iter().map(|key| export(&phone, key)).collect();
    first.iter().for_each(|bundle| drop(assert_equal(bundle, &release)));
    later(&phone);
    let same: Vec<Vec<u8>> = keys().iter().map(|key| export(&phone, key)).collect();
    assert_eq!(same, first, "the profile as it was");
    let phone = phone.reopen();
    phone.clock.set(NOW_MS + DAY_MS);
    phone.whole_night();
    for (key, before) in keys().iter().zip(&first) {
        let now = export(&phone, key);
        assert_ne!(now, *before);
        assert_equal(&now, &release);
        assert_equal(before, &release);
    }
}

#[test]
fn baselines_that_stand_in_and_slates_that_were_kept_are_computed_again() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let release = scratch.path().join("1");
    keys().iter().for_each(|key| drop(assert_equal(&export(&phone, key), &release)));
    phone.whole_night();
    phone.clock.set(phone.clock.now_ms() + 2 * 3_600_000);
    assert_eq!(phone.night().kept, 6);
    let kept = assert_equal(&export(&phone, &key("home", 1)), &release);
    assert!(kept.published.created_ms < phone.clock.now_ms());
}

#[test]
fn without_consent_or_slate_or_after_erasure_nothing_is_exported() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = phone(scratch.path());
    let home = key("home", 0);
    let refused = phone.export_replay(&home, Consent::NotGiven);
    assert_eq!(refusal(refused), ReplayRefusal::NoConsent);
    let missing = refusal(phone.export_replay(&key("home", 9), Consent::Given));
    assert_eq!(missing, ReplayRefusal::NoSlate { key: "home/part-9".into() });
    phone.erase().unwrap();
    let erased = refusal(phone.export_replay(&home, Consent::Given));
    assert_eq!(erased, ReplayRefusal::NoSlate { key: "home/part-0".into() });
}

#[test]
fn another_seed_is_refused_and_with_its_digest_taken_away_the_difference_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, release) = phone(scratch.path());
    let mut bundle = Bundle::parse(&export(&phone, &key("home", 0))).unwrap();
    bundle.inputs.profile.seed ^= 1;
    let changed = refusal(replayed(&bundle.to_bytes().unwrap(), &release)).to_string();
    let told = "the bundle was changed or cut: its inputs are not those that the slate was \
                published with";
    assert_eq!(changed, told);
    bundle.digest.clear();
    let replayed = replayed(&bundle.to_bytes().unwrap(), &release).unwrap();
    let places: Vec<&str> = replayed.differences.iter().map(|d| d.place.as_str()).collect();
    assert!(places.iter().any(|place| place.ends_with(" item")), "{places:?}");
    let first = &replayed.differences[0];
    assert_ne!(first.published, first.computed);
}

#[test]
fn another_release_or_a_changed_one_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, release) = phone(scratch.path());
    let bundle = export(&phone, &key("home", 0));
    let second = Town { version: 2, ..Town::default() }.pack(scratch.path());
    match refusal(replayed(&bundle, &second)) {
        ReplayRefusal::OtherRelease { name, wanted, found } => {
            assert_eq!(name, "town@1");
            assert_ne!(wanted, found);
        }
        other => panic!("{other:?}"),
    }
    let items = release.join("items.safetensors");
    let mut bytes = std::fs::read(&items).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&items, bytes).unwrap();
    let refused = replayed(&bundle, &release);
    assert!(matches!(refused, Err(Error::ReleaseRefused { .. })), "{refused:?}");
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_bundle_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = phone(scratch.path());
    let good = export(&phone, &key("lunch", 0));
    for bit in 0..8 * good.len() {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        refusal(Bundle::parse(&bad));
    }
    for length in 0..good.len() {
        refusal(Bundle::parse(&good[..length]));
    }
}

/// The plan of the town with one rule of each kind.
fn ruled() -> Plan {
    let town = Town { epsilon: 0.0, ..Town::default() };
    let mut plan = serde_json::to_value(town.plan()).unwrap();
    plan["rules"] = json!([
        {"id": "push", "select": {"group": {"attribute": "cuisine", "word": "meze"}},
            "do": {"boost": {"factor": 2.0}}},
        {"id": "anchor", "select": {"item": "item-9"}, "do": {"pin": {"position": 2}}},
        {"id": "few-thai", "select": {"group": {"attribute": "cuisine", "word": "thai"}},
            "do": {"cap": {"slots": 1}}},
        {"id": "absent", "select": {"item": "item-3"}, "do": {"pin": {"position": 4}}},
    ]);
    serde_json::from_value(plan).unwrap()
}

#[test]
fn the_story_of_a_slate_tells_who_brought_each_item_and_which_rule_moved_it() {
    let scratch = tempfile::tempdir().unwrap();
    let release = Town { epsilon: 0.0, ..Town::default() }.pack(scratch.path());
    let directory = scratch.path().join("profile");
    let plan = |config: &mut noctule_core::Config| config.plan = Some(ruled());
    let phone = Phone::open_as(&directory, NOW_MS, plan).unwrap();
    phone.install_release(&release).unwrap();
    phone.record(&[event("like", "item-7"), event("hide", "item-3")]).unwrap();
    phone.whole_night();
    let replayed = assert_equal(&export(&phone, &key("home", 0)), &release);
    let stories = stories(&replayed);
    let slots = &replayed.computed.slots;
    for (story, slot) in stories.iter().zip(slots) {
        assert_eq!((story.item.as_str(), story.score), (slot.item.as_str(), slot.score));
        assert_eq!(story.sources, slot.sources);
        assert!(story.sources.iter().count() > 0);
        assert_eq!(story.features.len(), 3);
    }
    let of = |rule: &str| -> Vec<&CandidateStory> {
        let touched = |moved: &Move| match moved {
            Move::Lifted { rules } | Move::Pinned { rules } | Move::KeptOut { rules, .. } => {
                rules.iter().any(|id| id == rule)
            }
            _ => false,
        };
        stories.iter().filter(|story| story.moves.iter().any(touched)).collect()
    };
    let anchored = of("anchor");
    assert_eq!((anchored.len(), anchored[0].item.as_str()), (1, "item-9"));
    assert!(anchored[0].position.is_some());
    assert!(of("push").iter().all(|story| story.relevance >= 0.0) && !of("push").is_empty());
    assert!(!of("few-thai").is_empty());
    let unmet: Vec<&str> =
        replayed.computed.unmet.iter().map(|unmet| unmet.rule.as_str()).collect();
    assert_eq!(unmet, ["absent"]);
    let answer = phone.slate("home", 0);
    assert_eq!(answer.unmet[0].rule, "absent");
    let findings = phone.doctor().unwrap().findings;
    let told = "rules that slates do not meet: absent in 6";
    assert!(findings.iter().any(|finding| finding.text == told), "{findings:?}");
}
