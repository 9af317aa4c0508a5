//! Repositories between python-tuf, the reference implementation, and Noctule.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use noctule_core::base::digest::sha256_hex;
use noctule_core::trust::{Role, TrustedSet, read_directory};
use noctule_releases::SecretKey;
use noctule_releases::trust::{
    Expiries, ReleaseTarget, RepositoryKeys, RootPlan, TargetList, Versions, draft_root, sign_file,
    write_metadata,
};

const NOW_MS: i64 = 1_790_000_000_000;
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

/// A repository of ours with one release.
fn write_ours(folder: &Path) {
    let mut plan = RootPlan::first(UNTIL_MS);
    let (ann, bob, online) = (key(1).public(), key(2).public(), key(9).public());
    plan.set(Role::Root, &[ann, bob], 2);
    plan.set(Role::Targets, &[ann, bob], 2);
    plan.set(Role::Snapshot, &[online], 1);
    plan.set(Role::Timestamp, &[online], 1);
    for plan in [plan.clone(), plan.next(UNTIL_MS)] {
        let path = draft_root(folder, &plan).unwrap();
        sign_file(&path, &key(1)).unwrap();
        sign_file(&path, &key(2)).unwrap();
    }
    let manifest = b"a manifest";
    let release = ReleaseTarget {
        manifest_sha256: sha256_hex(manifest),
        length: manifest.len() as u64,
        name: "town".to_owned(),
        version: 8,
        percent: 25,
        halted: false,
    };
    fs::create_dir_all(folder.join("blobs")).unwrap();
    fs::write(folder.join("blobs").join(&release.manifest_sha256), manifest).unwrap();
    let offered = TargetList { releases: vec![release], deltas: Vec::new() };
    let versions = Versions { targets: 1, snapshot: 1, timestamp: 1 };
    let expiries = Expiries { targets_ms: UNTIL_MS, snapshot_ms: UNTIL_MS, timestamp_ms: UNTIL_MS };
    let keys = RepositoryKeys {
        targets: vec![key(1), key(2)],
        snapshot: vec![key(9)],
        timestamp: vec![key(9)],
    };
    for (path, bytes) in write_metadata(&offered, versions, expiries, &keys).unwrap() {
        fs::write(folder.join(path), bytes).unwrap();
    }
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
