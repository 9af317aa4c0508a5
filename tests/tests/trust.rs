//! Repositories between python-tuf, the reference implementation, and Noctule; and a device that
//! needs a repository's word for what it installs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use noctule_core::Noctule;
use noctule_core::base::digest::sha256_hex;
use noctule_core::base::{Error, TrustRefusal};
use noctule_core::release::manifest_sha256;
use noctule_core::trust::{Role, TrustedSet, read_directory};
use noctule_releases::SecretKey;
use noctule_releases::trust::{
    Expiries, ReleaseTarget, RepositoryKeys, RootPlan, TargetList, Versions, draft_root, sign_file,
    write_metadata,
};
use noctule_tests::Town;
use noctule_tests::phone::config;
use noctule_tests::town::NOW_MS;

/// The year 2035.
const UNTIL_MS: i64 = 2_051_222_400_000;
/// What the tests were written against.
const PACKAGES: [&str; 2] = ["tuf==7.0.1", "securesystemslib[crypto]==1.6.0"];

fn quiet(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// A Python that has python-tuf: installed once into the target folder.
fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-tuf");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let has_it = |python: &Path| quiet(Command::new(python).args(["-c", "import tuf.ngclient"]));
    if !has_it(&python) {
        let made = quiet(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        if !made || !quiet(Command::new(&python).args(pip).args(PACKAGES)) {
            return None;
        }
    }
    has_it(&python).then_some(python)
}

fn script(python: &Path, what: &str, folder: &Path) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/trust_interop.py");
    let output = Command::new(python).arg(script).arg(what).arg(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn refresh(repository: &Path) -> noctule_core::Result<TrustedSet> {
    let root = fs::read(repository.join("metadata/1.root.json")).unwrap();
    let (set, outcome) = read_directory(repository, TrustedSet::from_root(&root)?, NOW_MS);
    outcome.map(|()| set)
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// The root of ours: Ann and Bob, and an online key.
fn plan(online: u8) -> RootPlan {
    let mut plan = RootPlan::first(UNTIL_MS);
    let (ann, bob, online) = (key(1).public(), key(2).public(), key(online).public());
    plan.set(Role::Root, &[ann, bob], 2);
    plan.set(Role::Targets, &[ann, bob], 2);
    plan.set(Role::Snapshot, &[online], 1);
    plan.set(Role::Timestamp, &[online], 1);
    plan
}

fn write_root(folder: &Path, plan: &RootPlan) {
    let path = draft_root(folder, plan).unwrap();
    sign_file(&path, &key(1)).unwrap();
    sign_file(&path, &key(2)).unwrap();
}

/// Publishes one release, everything with the version `number`.
fn publish(folder: &Path, release: ReleaseTarget, number: u64, online: u8) {
    let offered = TargetList { releases: vec![release], deltas: Vec::new() };
    let versions = Versions { targets: number, snapshot: number, timestamp: number };
    let expiries = Expiries { targets_ms: UNTIL_MS, snapshot_ms: UNTIL_MS, timestamp_ms: UNTIL_MS };
    let keys = RepositoryKeys {
        targets: vec![key(1), key(2)],
        snapshot: vec![key(online)],
        timestamp: vec![key(online)],
    };
    for (path, bytes) in write_metadata(&offered, versions, expiries, &keys).unwrap() {
        fs::write(folder.join(path), bytes).unwrap();
    }
}

fn target(manifest_sha256: String, length: u64, version: u64, halted: bool) -> ReleaseTarget {
    let (name, percent) = ("town".to_owned(), 25);
    ReleaseTarget { manifest_sha256, length, name, version, percent, halted }
}

/// A repository of ours with two roots and one release.
fn write_ours(folder: &Path) {
    write_root(folder, &plan(9));
    write_root(folder, &plan(9).next(UNTIL_MS));
    let manifest = b"a manifest";
    let release = target(sha256_hex(manifest), manifest.len() as u64, 8, false);
    fs::create_dir_all(folder.join("blobs")).unwrap();
    fs::write(folder.join("blobs").join(&release.manifest_sha256), manifest).unwrap();
    publish(folder, release, 1, 9);
}

#[test]
fn python_tuf_and_noctule_accept_and_refuse_the_same_repositories() {
    let Some(python) = python() else {
        return eprintln!("skipped: python-tuf cannot be installed here ({PACKAGES:?})");
    };
    let scratch = tempfile::tempdir().unwrap();
    script(&python, "write", scratch.path()).unwrap();
    let mut broken = 0;
    for entry in fs::read_dir(scratch.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (ours, theirs) = (refresh(&path), script(&python, "read", &path));
        let good = name == "good";
        assert_eq!((ours.is_ok(), theirs.is_ok()), (good, good), "{name}: {ours:?} {theirs:?}");
        broken += usize::from(!good);
    }
    assert_eq!(broken, 8);
    let ours = scratch.path().join("ours");
    write_ours(&ours);
    let listed = script(&python, "read", &ours).unwrap();
    assert!(listed.contains(&sha256_hex(b"a manifest")), "{listed}");
    assert_eq!(refresh(&ours).unwrap().version(Role::Root), Some(2));
    let timestamp = ours.join("metadata/timestamp.json");
    let text =
        fs::read_to_string(&timestamp).unwrap().replacen("\"version\": 1", "\"version\": 2", 1);
    fs::write(&timestamp, text).unwrap();
    assert!(script(&python, "read", &ours).is_err() && refresh(&ours).is_err());
}

fn untrusted(result: noctule_core::Result<noctule_core::release::ReleaseName>) -> TrustRefusal {
    match result {
        Err(Error::TrustRefused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    }
}

/// The release of `version` in a folder that is also a repository.
fn bundle(scratch: &Path, version: u64) -> (PathBuf, String) {
    let parent = scratch.join(version.to_string());
    fs::create_dir_all(&parent).unwrap();
    let release = Town { version, ..Town::default() }.pack(&parent);
    let sha256 = manifest_sha256(&release).unwrap();
    (release, sha256)
}

/// The drill of `tools/docs/key-compromise.md`, on a device.
#[test]
fn a_device_follows_its_repository_and_survives_a_lost_online_key() {
    let scratch = tempfile::tempdir().unwrap();
    let (first, sha256) = bundle(scratch.path(), 1);
    let profile = scratch.path().join("profile");
    let (mut config, _clock) = config(&profile, NOW_MS);
    config.trusted_keys = Vec::new();
    write_root(&first, &plan(9));
    config.trusted_root = Some(fs::read(first.join("metadata/1.root.json")).unwrap());
    let noctule = Noctule::open(config.clone()).unwrap();
    // Signed by the key of the quick start, and no metadata: not enough.
    assert_eq!(untrusted(noctule.install_release(&first)), TrustRefusal::Missing);
    publish(&first, target(sha256.clone(), 1, 1, true), 1, 9);
    let refused = untrusted(noctule.install_release(&first));
    assert!(matches!(refused, TrustRefusal::Halted { .. }), "{refused}");
    publish(&first, target(sha256.clone(), 1, 5, false), 2, 9);
    let refused = untrusted(noctule.install_release(&first));
    assert!(matches!(refused, TrustRefusal::WrongRelease { .. }), "{refused}");
    publish(&first, target(sha256, 1, 1, false), 3, 9);
    noctule.install_release(&first).unwrap();
    // The online key is lost: the root replaces it, and what the old key signs is refused, also
    // after the device was restarted.
    let (second, sha256) = bundle(scratch.path(), 2);
    write_root(&second, &plan(9));
    let mut rotated = plan(10);
    rotated.version = 2;
    write_root(&second, &rotated);
    publish(&second, target(sha256.clone(), 1, 2, false), 4, 9);
    let refused = untrusted(noctule.install_release(&second));
    assert!(matches!(refused, TrustRefusal::Threshold { have: 0, .. }), "{refused}");
    noctule.close();
    drop(noctule);
    let noctule = Noctule::open(config).unwrap();
    let refused = untrusted(noctule.install_release(&first));
    assert!(matches!(refused, TrustRefusal::Threshold { have: 0, .. }), "{refused}");
    // It goes on serving what it has, and takes what the new key signs, from version 1 again.
    let active = noctule.status().unwrap().release.unwrap();
    assert_eq!(active.to_string(), "town@1");
    publish(&second, target(sha256, 1, 2, false), 1, 10);
    assert_eq!(noctule.install_release(&second).unwrap().to_string(), "town@2");
}
