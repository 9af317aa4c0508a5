//! Installing, opening and removing releases.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::fixture::{Fixture, NOW_MS, fixture, popularity, refused};
use crate::base::{Error, Refusal};
use crate::release::{
    CATALOGUE_FILE, ITEMS_FILE, MANIFEST_FILE, MODEL_FILE, OpenRelease, ReleaseName, Trust,
    installed_path, prune, stage, stage_owned, verify_directory,
};

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// An installed release is bound by the digest of its manifest and has no signature.
fn installed() -> Trust<'static> {
    Trust::unsigned_for_development("town", NOW_MS)
}

/// The release of `fixture` where a delivery would have put it.
fn delivered(fixture: &Fixture, releases: &Path) -> PathBuf {
    let staged = releases.join(".incoming-1");
    std::fs::create_dir_all(&staged).unwrap();
    fixture.write(&staged);
    staged
}

#[test]
fn a_staged_release_is_a_whole_copy_under_its_name() {
    let (release, home) = (fixture().on_disk(), tempfile::tempdir().unwrap());
    let releases = home.path().join("releases");
    std::fs::write(release.file("notes.txt"), "not in the manifest").unwrap();
    let staged = stage(release.path(), &releases, &release.trust()).unwrap();
    assert_eq!(staged.directory, releases.join("town@3"));
    assert_eq!(staged.items, 3);
    assert_eq!(names(&releases), set(&["town@3"]));
    let files = [CATALOGUE_FILE, ITEMS_FILE, MANIFEST_FILE, MODEL_FILE];
    assert_eq!(names(&staged.directory), set(&files));
    for file in files {
        let copy = std::fs::read(staged.directory.join(file)).unwrap();
        assert_eq!(copy, std::fs::read(release.file(file)).unwrap());
    }
    verify_directory(&staged.directory, &installed()).unwrap();
}

#[test]
fn a_refused_release_leaves_nothing_behind_and_the_one_before_untouched() {
    let (good, home) = (fixture().on_disk(), tempfile::tempdir().unwrap());
    stage(good.path(), home.path(), &good.trust()).unwrap();
    let mut bad = fixture();
    bad.manifest.release.version = 4;
    let bytes = bad.tensor("embedding").3.len();
    bad.tensor("embedding").3 = vec![0xff; bytes];
    let bad = bad.on_disk();
    let (file, refusal) = refused(stage(bad.path(), home.path(), &bad.trust()));
    assert_eq!(file, ITEMS_FILE);
    assert!(matches!(refusal, Refusal::NotFinite { .. }));
    std::fs::write(bad.file(CATALOGUE_FILE), "").unwrap();
    assert!(stage(bad.path(), home.path(), &bad.trust()).is_err());
    assert_eq!(names(home.path()), set(&["town@3"]));
    verify_directory(&home.path().join("town@3"), &installed()).unwrap();
}

#[test]
fn staging_again_repairs_a_damaged_copy_and_leaves_a_whole_one_alone() {
    let (release, home) = (fixture().on_disk(), tempfile::tempdir().unwrap());
    let staged = stage(release.path(), home.path(), &release.trust()).unwrap();
    let marker = staged.directory.join("marker");
    std::fs::write(&marker, "").unwrap();
    let again = stage(release.path(), home.path(), &release.trust()).unwrap();
    assert_eq!(again, staged);
    assert!(marker.exists(), "a whole copy was replaced");
    let items = staged.directory.join(ITEMS_FILE);
    let mut bytes = std::fs::read(&items).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&items, bytes).unwrap();
    stage(release.path(), home.path(), &release.trust()).unwrap();
    assert!(!marker.exists());
    verify_directory(&staged.directory, &installed()).unwrap();
    assert_eq!(names(home.path()), set(&["town@3"]));
}

#[test]
fn what_a_killed_installation_left_is_removed() {
    let (release, home) = (fixture().on_disk(), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(home.path().join(".staging-killed/deep")).unwrap();
    stage(release.path(), home.path(), &release.trust()).unwrap();
    assert_eq!(names(home.path()), set(&["town@3"]));
}

#[test]
fn a_delivered_release_is_moved_with_nothing_beside_its_files() {
    let (release, home) = (fixture().on_disk(), tempfile::tempdir().unwrap());
    let staged = delivered(&fixture(), home.path());
    std::fs::create_dir_all(staged.join("parts/1")).unwrap();
    std::fs::write(staged.join("progress"), "half").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(release.path(), staged.join("link")).unwrap();
    let moved = stage_owned(&staged, home.path(), &release.trust()).unwrap();
    let copied = stage(release.path(), &home.path().join("other"), &release.trust()).unwrap();
    assert_eq!((&moved.manifest, moved.items), (&copied.manifest, copied.items));
    assert_eq!(moved.directory, home.path().join("town@3"));
    assert_eq!(names(&moved.directory), names(&copied.directory));
    assert_eq!(names(home.path()), set(&["town@3", "other"]));
    assert!(release.file(MODEL_FILE).exists(), "a link was followed");
    verify_directory(&moved.directory, &installed()).unwrap();
}

#[test]
fn a_delivered_release_that_is_refused_stays_as_it_is() {
    let (release, home) = (fixture().on_disk(), tempfile::tempdir().unwrap());
    let mut bad = fixture();
    bad.tensor("embedding").3[3] = 0xff;
    let staged = delivered(&bad, home.path());
    std::fs::write(staged.join("progress"), "half").unwrap();
    let before = names(&staged);
    assert!(stage_owned(&staged, home.path(), &release.trust()).is_err());
    assert_eq!((names(&staged), names(home.path())), (before, set(&[".incoming-1"])));
}

#[test]
fn a_delivered_release_that_is_installed_already_goes_and_repairs_a_damaged_one() {
    let (release, home) = (fixture().on_disk(), tempfile::tempdir().unwrap());
    let installed = stage(release.path(), home.path(), &release.trust()).unwrap().directory;
    let (marker, items) = (installed.join("marker"), installed.join(ITEMS_FILE));
    std::fs::write(&marker, "").unwrap();
    let staged = delivered(&fixture(), home.path());
    stage_owned(&staged, home.path(), &release.trust()).unwrap();
    assert!(marker.exists() && !staged.exists());
    std::fs::write(&items, "").unwrap();
    let staged = delivered(&fixture(), home.path());
    stage_owned(&staged, home.path(), &release.trust()).unwrap();
    assert!(!marker.exists() && std::fs::metadata(items).unwrap().len() > 0);
    assert_eq!(names(home.path()), set(&["town@3"]));
}

#[test]
fn only_a_hidden_directory_of_the_releases_is_moved() {
    let (release, home) = (fixture().on_disk(), tempfile::tempdir().unwrap());
    let releases = home.path().join("releases");
    std::fs::create_dir_all(&releases).unwrap();
    let deep = delivered(&fixture(), &releases.join(".deeper"));
    let seen = delivered(&fixture(), &releases.join("x")).parent().unwrap().to_path_buf();
    for staged in [release.path(), &deep, &seen, &releases.join(".deeper/..")] {
        let moved = stage_owned(staged, &releases, &release.trust());
        let Err(Error::InvalidInput { field, .. }) = moved else { panic!("{moved:?}") };
        assert_eq!(field, "staged");
        assert!(staged.exists());
    }
    let absent = stage_owned(&releases.join(".absent"), &releases, &release.trust());
    assert!(matches!(absent, Err(Error::DirectoryMissing { .. })));
    #[cfg(unix)]
    {
        let link = releases.join(".link");
        std::os::unix::fs::symlink(release.path(), &link).unwrap();
        assert!(stage_owned(&link, &releases, &release.trust()).is_err());
        assert!(release.file(MODEL_FILE).exists());
    }
}

#[test]
fn an_open_release_gives_catalogue_manifest_and_layouts() {
    let (release, home) = (fixture().on_disk(), tempfile::tempdir().unwrap());
    let staged = stage(release.path(), home.path(), &release.trust()).unwrap();
    let open = OpenRelease::open(&staged.directory, &staged.manifest_sha256).unwrap();
    assert_eq!(open.catalogue().index_of("c"), Some(2));
    assert_eq!(open.manifest(), &staged.manifest);
    assert_eq!(open.items_layout().get("embedding").unwrap().shape, [3, 2]);
    assert_eq!(open.model_layout().unwrap().len(), 3);
    assert!(open.items_path().exists() && open.model_path().unwrap().exists());
    assert_eq!(open.architecture(), &staged.manifest.architecture);

    let release = popularity(2).on_disk();
    let home = tempfile::tempdir().unwrap();
    let staged = stage(release.path(), home.path(), &release.trust()).unwrap();
    let open = OpenRelease::open(&staged.directory, &staged.manifest_sha256).unwrap();
    assert_eq!((open.model_path(), open.catalogue().len()), (None, 2));
    assert_eq!(open.directory(), staged.directory);
}

#[test]
fn opening_another_a_cut_or_an_absent_release_is_refused() {
    let (release, home) = (fixture().on_disk(), tempfile::tempdir().unwrap());
    let staged = stage(release.path(), home.path(), &release.trust()).unwrap();
    let (file, refusal) = refused(OpenRelease::open(&staged.directory, &"0".repeat(64)));
    assert_eq!(file, MANIFEST_FILE);
    assert!(matches!(refusal, Refusal::WrongHash { .. }));
    std::fs::write(staged.directory.join(CATALOGUE_FILE), "").unwrap();
    let (file, refusal) = refused(OpenRelease::open(&staged.directory, &staged.manifest_sha256));
    assert_eq!(file, CATALOGUE_FILE);
    assert!(matches!(refusal, Refusal::WrongLength { .. }));
    let absent = OpenRelease::open(&home.path().join("absent"), &staged.manifest_sha256);
    assert!(matches!(absent, Err(Error::DirectoryMissing { .. })));
}

#[test]
fn pruning_keeps_what_it_is_told_to_and_what_is_no_release() {
    let home = tempfile::tempdir().unwrap();
    for version in 3..=6 {
        let mut fixture = fixture();
        fixture.manifest.release.version = version;
        let release = fixture.on_disk();
        stage(release.path(), home.path(), &release.trust()).unwrap();
    }
    for other in ["town", "Town@1", "town@01", "town@x", ".staging-old"] {
        std::fs::create_dir(home.path().join(other)).unwrap();
    }
    let release = |version| ReleaseName { name: "town".into(), version };
    let removed = prune(home.path(), &[release(5), release(6)]).unwrap();
    assert_eq!(removed, [release(3), release(4)]);
    let left = ["town@5", "town@6", "town", "Town@1", "town@01", "town@x"];
    assert_eq!(names(home.path()), set(&left));
    assert_eq!(installed_path(home.path(), &release(5)), home.path().join("town@5"));
    assert!(prune(&home.path().join("absent"), &[]).unwrap().is_empty());
}
