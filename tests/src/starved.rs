//! A process whose profile lies on a volume that is full or read-only.

use std::net::SocketAddr;
use std::path::Path;

use noctule_core::base::{Budget, CancelToken, Clock, Error, Network, NoProgress, Transfer};
use noctule_core::consent::DataConsent;
use noctule_core::widget::WidgetPolicy;
use noctule_core::{Noctule, Result};
use noctule_tests::Phone;
use noctule_tests::phone::event;
use noctule_tests::server::fetch;
use noctule_tests::town::DAY_MS;
use noctule_tests::volume::{
    Deliverer, FullVolume, Life, check_slates, copy_tree, mount_volume, read_only, writable,
};

/// Said in place of everything else where the system permits no mounts.
fn skip() {
    println!("skipped: no mounts are permitted here");
}

fn say(refused: &std::collections::BTreeMap<String, u32>) {
    for (what, times) in refused {
        println!("refused {times} times: {what}");
    }
    println!("done");
}

/// A profile that was fetched before comes to a volume that fills up, while the next release is on
/// its way.
pub(crate) fn deliver(
    volume: &Path,
    pristine: &Path,
    address: SocketAddr,
    root: &Path,
    now_ms: i64,
) {
    if !mount_volume(volume) {
        return skip();
    }
    let (profile, root) = (volume.join("profile"), std::fs::read(root).unwrap());
    copy_tree(pristine, &profile);
    let open = |now_ms| Phone::try_following_at(&profile, &root, now_ms);
    let phone = open(now_ms).unwrap();
    phone.record(&[event("like", "item-2")]).unwrap();
    let recorded = phone.status().unwrap().recorded;
    let mut life = Life { open: &open, volume: FullVolume::fill(volume), recorded, contexts: 2 };
    let mut deliverer = Deliverer::new(address);
    let phone = life.live(phone, &mut |phone, volume| deliverer.step(phone, volume));
    assert_eq!(phone.status().unwrap().release.as_deref(), Some("town@2"));
    let phone = life.night(phone);
    check_slates(&phone, 2);
    assert_nothing_left(&profile);
    say(&life.volume.refused);
}

/// A profile on a volume that fills up, while a release is copied from elsewhere.
pub(crate) fn install(volume: &Path, first: &Path, second: &Path, now_ms: i64) {
    if !mount_volume(volume) {
        return skip();
    }
    let profile = volume.join("profile");
    let open = |now_ms| Phone::open_at(&profile, now_ms);
    let phone = open(now_ms).unwrap();
    phone.install_release(first).unwrap();
    phone.whole_night();
    let mut life = Life { open: &open, volume: FullVolume::fill(volume), recorded: 0, contexts: 2 };
    let phone = life.live(phone, &mut |phone, volume| {
        let installed = volume.try_it("install", phone.install_release(second)).is_some();
        if !installed {
            assert_eq!(phone.status().unwrap().release.as_deref(), Some("town@1"));
            assert_nothing_left(&profile);
        }
        installed
    });
    assert_eq!(phone.status().unwrap().release.as_deref(), Some("town@2"));
    let phone = life.night(phone);
    check_slates(&phone, 2);
    say(&life.volume.refused);
}

/// No file of something unfinished is left in the releases.
fn assert_nothing_left(profile: &Path) {
    for entry in std::fs::read_dir(profile.join("releases")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let hidden = name.starts_with('.') && name != ".incoming-metadata";
        assert!(!hidden, "{name} is left");
    }
}

#[track_caller]
fn assert_read_only<T: std::fmt::Debug>(result: Result<T>, below: &Path) {
    match result {
        Err(Error::ReadOnly { path, .. }) => assert!(path.starts_with(below), "{path:?}"),
        other => panic!("{other:?}"),
    }
}

/// Open, install, fetch and night where the profile or its releases may only be read.
pub(crate) fn only_read(
    scratch: &Path,
    first: &Path,
    second: &Path,
    (pristine, address, root): (&Path, SocketAddr, &Path),
    now_ms: i64,
) {
    let profile = scratch.join("read-only");
    let phone = Phone::open_at(&profile, now_ms).unwrap();
    phone.install_release(first).unwrap();
    phone.whole_night();
    drop(phone);
    if !read_only(&profile) {
        return skip();
    }
    assert_read_only(Phone::open_at(&profile, now_ms), &profile);
    let below = profile.join("new");
    assert_read_only(
        Noctule::open(noctule_core::Config::new(&below, "town", DataConsent::Full)),
        &below,
    );
    writable(&profile);
    let phone = Phone::open_at(&profile, now_ms + DAY_MS).unwrap();
    let releases = profile.join("releases");
    assert!(read_only(&releases));
    assert_read_only(phone.install_release(second), &releases);
    phone.record(&[event("like", "item-1")]).unwrap();
    phone.whole_night();
    check_slates(&phone, 2);
    writable(&releases);
    phone.install_release(second).unwrap();
    fetches_only_read(scratch, pristine, address, &std::fs::read(root).unwrap(), now_ms);
    println!("done");
}

fn fetches_only_read(
    scratch: &Path,
    pristine: &Path,
    address: SocketAddr,
    root: &[u8],
    now_ms: i64,
) {
    let profile = scratch.join("read-only-fetch");
    copy_tree(pristine, &profile);
    let phone = Phone::following_at(&profile, root, now_ms);
    let releases = profile.join("releases");
    assert!(read_only(&releases));
    assert_read_only(phone.next_fetch(Network::Unmetered), &releases);
    writable(&releases);
    // As far as the first blob, so that the release has its folders.
    while !fetch_one(&phone, address).starts_with("blobs/") {}
    assert!(read_only(&releases));
    let phone = phone.reopen_following(root);
    match phone.next_fetch(Network::Unmetered) {
        Ok(Transfer::Fetch(_)) => {}
        result => assert_read_only(result, &releases),
    }
    let night = phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress);
    assert_eq!(night.unwrap().remaining, 0);
    check_slates(&phone, 2);
    writable(&releases);
    while !fetch_one(&phone, address).is_empty() {}
    assert_eq!(phone.status().unwrap().release.as_deref(), Some("town@2"));
}

/// The file for widgets lies on a volume that is full, and then on one that may only be read.
pub(crate) fn widget(scratch: &Path, release: &Path, now_ms: i64) {
    let volume = scratch.join("group");
    if !mount_volume(&volume) {
        return skip();
    }
    let file = volume.join("slates");
    let policy = WidgetPolicy { path: Some(file.clone()), ..WidgetPolicy::default() };
    let open = |now_ms| {
        let change = |config: &mut noctule_core::Config| config.widget = Some(policy.clone());
        Phone::open_as(&scratch.join("profile"), now_ms, change).unwrap()
    };
    let phone = open(now_ms);
    phone.install_release(release).unwrap();
    phone.whole_night();
    assert!(file.exists());
    let full = FullVolume::fill(&volume);
    phone.record(&[event("hide", phone.slate("home", 0).items[0].item.as_str())]).unwrap();
    let failed = phone.status().unwrap().widget.unwrap().failed.unwrap();
    assert!(failed.contains("the storage is full"), "{failed}");
    assert!(!file.exists(), "the old file shows what is hidden");
    phone.clock.set(now_ms + DAY_MS);
    phone.whole_night();
    drop((full, phone));
    std::fs::remove_file(volume.join("filler")).unwrap();
    let phone = open(now_ms + DAY_MS);
    assert_eq!(phone.status().unwrap().widget.unwrap().failed, None);
    if !read_only(&volume) {
        return skip();
    }
    phone.record(&[event("hide", phone.slate("home", 0).items[0].item.as_str())]).unwrap();
    let failed = phone.status().unwrap().widget.unwrap().failed.unwrap();
    assert!(failed.contains("may only be read") && failed.contains("the old file stays"));
    phone.clock.set(now_ms + 2 * DAY_MS);
    phone.whole_night();
    println!("done");
}

/// One fetch; gives its path, or nothing when there is none any more.
fn fetch_one(phone: &Phone, address: SocketAddr) -> String {
    match phone.next_fetch(Network::Unmetered).unwrap() {
        Transfer::Fetch(request) => {
            let outcome = fetch(address, &request, &mut |_| {});
            phone.transfer_finished(&request.id, &outcome).unwrap();
            request.path
        }
        Transfer::Wait { until_ms } => {
            phone.clock.set(until_ms.max(phone.clock.now_ms()));
            "wait".to_owned()
        }
        Transfer::Done => String::new(),
        other => panic!("{other:?}"),
    }
}
