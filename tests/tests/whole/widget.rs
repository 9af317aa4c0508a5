//! The file of slates for widgets shows what the library would answer, and never what is hidden.

use std::path::{Path, PathBuf};

use noctule_core::base::{Clock, ContextId, WeekMinute};
use noctule_core::serving::RecommendedItem;
use noctule_core::widget::{FlatSlates, WIDGET_FILE, WidgetPolicy, read_file};
use noctule_tests::phone::event;
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::{Phone, Town};

/// Slots of each slate in the file.
pub(crate) const SLOTS: usize = 4;

pub(crate) fn policy() -> WidgetPolicy {
    WidgetPolicy { slots_max: SLOTS, ..WidgetPolicy::default() }
}

fn open(directory: &Path, now_ms: i64) -> Phone {
    Phone::open_as(directory, now_ms, |config| config.widget = Some(policy())).unwrap()
}

/// A phone with a file for widgets after its first night.
fn phone(town: &Town, scratch: &Path) -> (Phone, PathBuf) {
    let phone = open(&scratch.join("profile"), NOW_MS);
    phone.install_release(&town.pack(scratch)).unwrap();
    phone.whole_night();
    let file = phone.directory().join(WIDGET_FILE);
    (phone, file)
}

/// Items of the file, slate by slate.
pub(crate) fn items(file: &Path) -> Vec<Vec<String>> {
    let bytes = read_file(file).unwrap().expect("there is a file");
    let slates = FlatSlates::parse(&bytes).unwrap();
    let items = |slot: noctule_core::widget::FlatSlot<'_>| slot.item.to_owned();
    slates.slates().map(|slate| slate.slots().map(items).collect()).collect()
}

fn names(slots: &[RecommendedItem]) -> Vec<String> {
    slots.iter().take(SLOTS).map(|slot| slot.item.to_string()).collect()
}

#[track_caller]
fn assert_as_served(phone: &Phone, file: &Path) {
    let served: Vec<Vec<String>> =
        phone.slates(3).iter().map(|slate| names(&slate.items)).collect();
    assert_eq!(items(file), served);
}

#[test]
fn after_a_night_the_file_has_the_first_slots_of_every_slate_with_what_impressions_need() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, file) = phone(&Town::default(), scratch.path());
    assert_as_served(&phone, &file);
    let bytes = read_file(&file).unwrap().unwrap();
    let slates = FlatSlates::parse(&bytes).unwrap();
    let now_ms = phone.clock.now_ms();
    for (flat, served) in slates.slates().zip(phone.slates(3)) {
        assert_eq!(flat.surface, served.surface.as_str());
        assert_eq!(Some(flat.context), served.context.as_ref().map(ContextId::as_str));
        assert_eq!(Some(flat.generation), served.generation);
        assert_eq!(Some(flat.release), served.release.as_deref());
        assert_eq!((flat.tier(now_ms), flat.arm), (served.tier, served.arm.as_deref()));
        assert_eq!(Some(now_ms - flat.made_ms), served.age_ms);
        for (slot, item) in flat.slots().zip(&served.items) {
            assert_eq!((slot.title, slot.score), (&*item.title, item.score));
            assert_eq!((slot.published_at, slot.propensity), (item.position, item.propensity));
        }
    }
    let moment = WeekMinute::at(now_ms, 0);
    let request =
        noctule_core::serving::RecommendRequest::new("home".to_owned().try_into().unwrap());
    let now = phone.recommend(&request).unwrap();
    let shown = slates.at("home", moment).unwrap();
    assert_eq!(Some(shown.context), now.context.as_ref().map(ContextId::as_str));
    let status = phone.status().unwrap().widget.unwrap();
    assert_eq!((status.slates, status.bytes, status.failed), (6, bytes.len(), None));
}

#[test]
fn what_the_user_hides_is_out_of_the_file_when_record_returns() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, file) = phone(&Town::default(), scratch.path());
    for _ in 0..5 {
        let first = items(&file)[0][0].clone();
        phone.record(&[event("hide", &first)]).unwrap();
        assert!(items(&file).iter().flatten().all(|item| *item != first), "{first}");
        assert_as_served(&phone, &file);
    }
    let before = items(&file);
    let directory = phone.directory().to_path_buf();
    drop(phone);
    let reopened = open(&directory, NOW_MS + 1);
    assert_eq!(items(&file), before);
    reopened.clock.set(NOW_MS + DAY_MS);
    reopened.whole_night();
    assert_as_served(&reopened, &file);
}

#[test]
fn what_the_user_chose_is_out_of_the_file_where_the_plan_leaves_it_out() {
    let scratch = tempfile::tempdir().unwrap();
    let town = Town { consumed: "exclude", ..Town::default() };
    let (phone, file) = phone(&town, scratch.path());
    let first = items(&file)[0][0].clone();
    phone.record(&[event("conversion", &first)]).unwrap();
    assert!(items(&file).iter().flatten().all(|item| *item != first));
}

#[test]
fn after_erasure_neither_the_file_nor_a_half_written_one_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, file) = phone(&Town::default(), scratch.path());
    let half = file.with_file_name(format!("{WIDGET_FILE}.new"));
    std::fs::copy(&file, &half).unwrap();
    phone.erase().unwrap();
    assert!(!file.exists() && !half.exists());
    assert_eq!(read_file(&file).unwrap(), None);
    let directory = phone.directory().to_path_buf();
    drop(phone);
    let phone = open(&directory, NOW_MS);
    assert!(!file.exists(), "opening brought it back");
    phone.whole_night();
    assert_as_served(&phone, &file);
}

#[test]
fn after_a_rollback_the_file_has_slates_of_the_release_before() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, file) = phone(&Town::default(), scratch.path());
    let second = Town { version: 2, ..Town::default() }.pack(scratch.path());
    phone.install_release(&second).unwrap();
    phone.clock.set(NOW_MS + DAY_MS);
    phone.whole_night();
    let releases = |file: &Path| -> Vec<String> {
        let bytes = read_file(file).unwrap().unwrap();
        let slates = FlatSlates::parse(&bytes).unwrap();
        slates.slates().map(|slate| slate.release.to_owned()).collect()
    };
    assert_eq!(releases(&file), vec!["town@2"; 6]);
    phone.rollback().unwrap();
    assert_eq!(releases(&file), vec!["town@1"; 6]);
    assert_as_served(&phone, &file);
}

#[test]
fn opening_mends_a_file_that_was_changed_and_removes_one_that_is_no_longer_asked_for() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, file) = phone(&Town::default(), scratch.path());
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, &good[..100]).unwrap();
    let directory = phone.directory().to_path_buf();
    drop(phone);
    drop(open(&directory, NOW_MS));
    assert_eq!(std::fs::read(&file).unwrap(), good);
    let elsewhere = scratch.path().join("elsewhere");
    let policy = WidgetPolicy { path: Some(elsewhere.clone()), ..policy() };
    drop(Phone::open_as(&directory, NOW_MS, |config| config.widget = Some(policy)).unwrap());
    assert!(!file.exists(), "the file stayed where it was");
    assert_eq!(std::fs::read(&elsewhere).unwrap(), good);
    drop(Phone::open_at(&directory, NOW_MS).unwrap());
    assert!(!elsewhere.exists(), "nobody asks for it");
}

#[test]
fn surfaces_slates_and_bytes_are_those_of_the_policy() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = phone(&Town::default(), scratch.path());
    let directory = phone.directory().to_path_buf();
    drop(phone);
    let file = directory.join(WIDGET_FILE);
    let lunch = WidgetPolicy { surfaces: vec!["lunch".to_owned().try_into().unwrap()], ..policy() };
    let few = WidgetPolicy { slates_max: 2, ..policy() };
    for (policy, slates) in [(lunch, 3), (few, 2)] {
        drop(Phone::open_as(&directory, NOW_MS, |config| config.widget = Some(policy)).unwrap());
        assert_eq!(items(&file).len(), slates);
    }
    let small = WidgetPolicy { bytes_max: 700, ..policy() };
    let phone = Phone::open_as(&directory, NOW_MS, |config| config.widget = Some(small)).unwrap();
    let status = phone.status().unwrap().widget.unwrap();
    assert!(status.left_out > 0 && status.slates + status.left_out == 6, "{status:?}");
    assert!(std::fs::metadata(&file).unwrap().len() <= 700);
}
