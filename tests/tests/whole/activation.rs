//! Probation, the way back, and what is remembered of a release that was given up.

use std::path::{Path, PathBuf};

use noctule_core::base::{Budget, CancelToken, Error, NoProgress, Refusal};
use noctule_core::night::NightOutcome;
use noctule_core::release::{
    ITEMS_FILE, MANIFEST_FILE, RevertReason, SCORE_REFERENCE, installed_path,
};
use noctule_core::serving::{EmptyReason, Tier};
use noctule_releases::{HealthSource, SecretKey, pack};
use noctule_tests::phone::{check_whole, event};
use noctule_tests::town::{KEY_SEED, SURFACES};
use noctule_tests::{Phone, Town};

fn town(version: u64) -> Town {
    Town { version, ..Town::default() }
}

/// A phone whose first release is confirmed, with the second one installed.
fn phone_with_two(scratch: &Path) -> Phone {
    let phone = Phone::with(&town(1), scratch);
    phone.whole_night();
    phone.install_release(&town(2).pack(scratch)).unwrap();
    phone
}

fn active(phone: &Phone) -> Option<String> {
    phone.releases().unwrap().active.map(|active| active.release.to_string())
}

fn reason(phone: &Phone) -> RevertReason {
    phone.status().unwrap().reverted.expect("a release was given up").reason
}

/// Every slate is of `release`, whole.
fn check_shelf(phone: &Phone, release: &str) {
    for (surface, length) in SURFACES {
        for context in 0..Town::default().contexts {
            let slate = phone.slate(surface, context);
            check_whole(&slate, length);
            assert_eq!(slate.release.as_deref(), Some(release));
        }
    }
}

fn refused_before(phone: &Phone, release: &Path) -> String {
    match phone.install_release(release) {
        Err(Error::ReleaseRefused { file, refusal: Refusal::RevertedBefore { reason } }) => {
            assert_eq!(file, MANIFEST_FILE);
            reason
        }
        other => panic!("{other:?}"),
    }
}

/// The installed files of `release`.
fn installed(phone: &Phone, release: &str) -> PathBuf {
    let (name, version) = release.split_once('@').unwrap();
    let release = noctule_core::release::ReleaseName {
        name: name.to_owned(),
        version: version.parse().unwrap(),
    };
    installed_path(&phone.directory().join("releases"), &release)
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// Version 2 with a ranker whose scores are beyond all numbers.
fn failing(scratch: &Path) -> PathBuf {
    let mut input = town(2).input();
    input.architecture = Town::without_solution();
    let out = scratch.join("failing");
    pack(&input, &SecretKey::from_seed(&KEY_SEED), &out).unwrap();
    out
}

#[test]
fn three_openings_without_a_use_go_back_at_the_fourth_and_for_good() {
    let scratch = tempfile::tempdir().unwrap();
    let mut phone = phone_with_two(scratch.path());
    for _ in 0..3 {
        phone = phone.reopen();
        assert_eq!(active(&phone).as_deref(), Some("town@2"));
    }
    phone = phone.reopen();
    assert_eq!(active(&phone).as_deref(), Some("town@1"));
    assert_eq!(reason(&phone), RevertReason::CrashLoop { opens: 3 });
    check_shelf(&phone, "town@1");
    assert!(refused_before(&phone, &scratch.path().join("2")).contains("3 openings"));
    phone = phone.reopen();
    assert_eq!(phone.releases().unwrap().refused[0].release, "town@2");
    assert!(!installed(&phone, "town@2").exists(), "its files are removed");
    phone.whole_night();
    check_shelf(&phone, "town@1");
    phone.install_release(&town(3).pack(scratch.path())).unwrap();
    assert_eq!(active(&phone).as_deref(), Some("town@3"), "the next version is welcome");
}

#[test]
fn a_served_slate_or_a_night_begins_the_count_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let mut phone = phone_with_two(scratch.path());
    for _ in 0..5 {
        phone = phone.reopen().reopen();
        assert!(!phone.slate("home", 0).items.is_empty());
        assert!(phone.releases().unwrap().on_probation);
    }
    phone.whole_night();
    assert!(!phone.releases().unwrap().on_probation);
    for _ in 0..6 {
        phone = phone.reopen();
    }
    assert_eq!(active(&phone).as_deref(), Some("town@2"));
}

#[test]
fn without_a_previous_release_a_crash_loop_leaves_none() {
    let scratch = tempfile::tempdir().unwrap();
    let mut phone = Phone::with(&town(1), scratch.path());
    for _ in 0..4 {
        phone = phone.reopen();
    }
    assert_eq!(active(&phone), None);
    assert_eq!(phone.slate("home", 0).empty_reason, Some(EmptyReason::NoRelease));
    assert_eq!(phone.night().outcome, NightOutcome::NoRelease);
    assert!(matches!(phone.rollback(), Err(Error::NoPreviousRelease)));
}

#[test]
fn two_failed_nights_go_back_and_the_next_one_works() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&town(1), scratch.path());
    phone.whole_night();
    phone.record(&[event("like", "item-1")]).unwrap();
    phone.install_release(&failing(scratch.path())).unwrap();
    let night = || phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress);
    assert!(matches!(night(), Err(Error::Model { .. })));
    assert_eq!(active(&phone).as_deref(), Some("town@2"), "one failure is none");
    assert!(matches!(night(), Err(Error::Model { .. })));
    assert_eq!(active(&phone).as_deref(), Some("town@1"));
    assert!(matches!(reason(&phone), RevertReason::FailedNights { nights: 2, .. }));
    check_shelf(&phone, "town@1");
    phone.whole_night();
    check_shelf(&phone, "town@1");
}

#[test]
fn scores_far_from_the_reference_go_back_after_the_night() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&town(1), scratch.path());
    phone.whole_night();
    let good = pack_with(&town(2), HealthSource::Sample(vec![Default::default()]), scratch.path());
    let (reference, health) = (good.reference, good.health.unwrap());
    assert!(reference.contains_key(SCORE_REFERENCE));
    let mut input = town(3).input();
    input.health = HealthSource::Given { reference, health };
    for weight in &mut input.ranker.as_mut().unwrap().weight {
        *weight *= -100.0;
    }
    let out = scratch.path().join("broken");
    pack(&input, &SecretKey::from_seed(&KEY_SEED), &out).unwrap();
    phone.record(&[event("like", "item-1"), event("like", "item-6")]).unwrap();
    phone.install_release(&out).unwrap();
    phone.whole_night();
    assert_eq!(active(&phone).as_deref(), Some("town@1"));
    assert!(matches!(reason(&phone), RevertReason::Scores { distance, limit } if distance > limit));
    check_shelf(&phone, "town@1");
    assert!(phone.slates(3).iter().all(|slate| slate.tier == Tier::Baseline));
    phone.whole_night();
    assert!(phone.slates(3).iter().all(|slate| slate.tier == Tier::Fresh));
}

fn pack_with(town: &Town, health: HealthSource, scratch: &Path) -> noctule_core::release::Manifest {
    let input = noctule_releases::PackInput { health, ..town.input() };
    let out = scratch.join(format!("with-health-{}", town.version));
    pack(&input, &SecretKey::from_seed(&KEY_SEED), &out).unwrap().manifest
}

#[test]
fn a_damaged_release_gives_way_to_the_previous_and_may_come_again() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = phone_with_two(scratch.path());
    phone.whole_night();
    let phone = phone.reopen();
    std::fs::remove_file(installed(&phone, "town@2").join(ITEMS_FILE)).unwrap();
    phone.whole_night();
    assert_eq!(active(&phone).as_deref(), Some("town@1"));
    assert!(matches!(reason(&phone), RevertReason::Damaged { .. }));
    assert!(phone.status().unwrap().damaged[0].contains("town@2"));
    check_shelf(&phone, "town@1");
    phone.install_release(&scratch.path().join("2")).unwrap();
    assert_eq!(active(&phone).as_deref(), Some("town@2"), "installed again, repaired");
}

#[test]
fn a_damaged_release_without_a_previous_keeps_serving_what_it_made() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&town(1), scratch.path());
    phone.whole_night();
    let phone = phone.reopen();
    let before = phone.slates(3);
    std::fs::remove_file(installed(&phone, "town@1").join(ITEMS_FILE)).unwrap();
    let night = phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress);
    assert!(matches!(night, Err(Error::ReleaseDamaged { .. })), "{night:?}");
    assert_eq!(phone.slates(3), before);
    let phone = phone.reopen();
    assert_eq!(phone.slates(3), before);
    phone.install_release(&scratch.path().join("1")).unwrap();
    phone.whole_night();
}

#[test]
fn a_previous_release_with_a_flipped_bit_is_not_gone_back_to() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = phone_with_two(scratch.path());
    phone.whole_night();
    flip(&installed(&phone, "town@1").join(ITEMS_FILE));
    let refused = phone.rollback();
    let wrong_hash = Refusal::WrongHash { expected: String::new(), found: String::new() };
    let Err(Error::ReleaseRefused { refusal, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(std::mem::discriminant(&refusal), std::mem::discriminant(&wrong_hash));
    assert_eq!(active(&phone).as_deref(), Some("town@2"), "nothing was given up");
}

#[test]
fn a_rollback_on_demand_goes_back_once() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = phone_with_two(scratch.path());
    phone.whole_night();
    assert_eq!(phone.rollback().unwrap().to_string(), "town@1");
    check_shelf(&phone, "town@1");
    assert!(!phone.releases().unwrap().on_probation, "it was confirmed before");
    assert!(matches!(phone.rollback(), Err(Error::NoPreviousRelease)));
    let _ = refused_before(&phone, &scratch.path().join("2"));
}

#[test]
fn a_halted_release_goes_and_may_come_back() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = phone_with_two(scratch.path());
    let releases = phone.releases().unwrap();
    assert!(!phone.halt("no such release", "").unwrap());
    assert!(phone.halt(&releases.active.unwrap().manifest_sha256, "ticket 7").unwrap());
    assert_eq!(active(&phone).as_deref(), Some("town@1"));
    assert_eq!(reason(&phone), RevertReason::Halted { reason: "ticket 7".into() });
    phone.install_release(&scratch.path().join("2")).unwrap();
    assert!(!phone.halt(&releases.previous.unwrap().manifest_sha256, "older").unwrap());
    assert_eq!(phone.releases().unwrap().previous, None, "a halted one is not gone back to");
}

#[test]
fn the_last_confirmed_release_is_the_one_to_go_back_to() {
    let scratch = tempfile::tempdir().unwrap();
    let mut phone = phone_with_two(scratch.path());
    phone.install_release(&town(3).pack(scratch.path())).unwrap();
    let previous = phone.releases().unwrap().previous.unwrap().release;
    assert_eq!(previous.version, 1, "the second one never proved itself");
    for _ in 0..4 {
        phone = phone.reopen();
    }
    assert_eq!(active(&phone).as_deref(), Some("town@1"));
}

#[test]
fn the_first_slate_of_a_new_release_takes_those_of_the_old_one_with_it() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = phone_with_two(scratch.path());
    check_shelf(&phone, "town@1");
    let cancel = CancelToken::new();
    let stop = |_, done, _| {
        if done == 2 {
            cancel.cancel();
        }
    };
    let report = phone.run_night(Budget::unlimited(), &cancel, &stop).unwrap();
    assert_eq!((report.published, report.remaining), (2, 4));
    check_shelf(&phone, "town@2");
    let phone = phone.reopen();
    check_shelf(&phone, "town@2");
    let fresh = phone.slates(3).iter().filter(|slate| slate.tier == Tier::Fresh).count();
    assert_eq!(fresh, 2);
}
