//! Drives the library from Python, through the bindings that `cargo dev python` writes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use noctule_releases::{PackInput, SecretKey, pack};
use noctule_tests::Town;
use noctule_tests::town::{DAY_MS, KEY_SEED};

/// Where `cargo dev python` leaves the module and the library beside it; `cargo dev phone` names
/// another folder, with the library that ships.
fn bindings() -> PathBuf {
    let standard = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python");
    std::env::var_os("NOCTULE_PYTHON").map_or_else(standard, PathBuf::from)
}

fn python_answers() -> bool {
    let mut command = Command::new("python3");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A release that is valid by the clock of this machine, which the bindings go by.
fn release(parent: &Path) -> PathBuf {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now_ms = i64::try_from(since.as_millis()).unwrap();
    let (created_ms, expires_ms) = (now_ms - DAY_MS, now_ms + 30 * DAY_MS);
    let input = PackInput { created_ms, expires_ms, ..Town::default().input() };
    let out = parent.join("release");
    pack(&input, &SecretKey::from_seed(&KEY_SEED), &out).unwrap();
    out
}

#[test]
fn the_library_works_from_python() {
    let bindings = bindings();
    if !python_answers() {
        return eprintln!("skipped: python3 is not installed");
    }
    if !bindings.join("noctule.py").exists() {
        return eprintln!("skipped: no bindings in {}: cargo dev python", bindings.display());
    }
    let scratch = tempfile::tempdir().unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ffi/tests");
    let mut python = Command::new("python3");
    python.args(["-m", "unittest", "discover", "--verbose", "--start-directory"]).arg(tests);
    python.env("PYTHONPATH", &bindings).env("PYTHONDONTWRITEBYTECODE", "1");
    python.env("NOCTULE_RELEASE", release(scratch.path()));
    python.env("NOCTULE_KEY", SecretKey::from_seed(&KEY_SEED).public().to_string());
    let output = python.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    assert!(output.status.success(), "the Python tests failed:\n{text}");
    assert!(!text.contains("skipped"), "a Python test was left out:\n{text}");
}

/// A change of what apps use has to be meant: it is then copied into the list.
#[test]
fn the_exported_surface_is_as_agreed() {
    let found = bindings().join("surface.txt");
    let Ok(found) = std::fs::read_to_string(&found) else {
        return eprintln!("skipped: no {}: cargo dev python", found.display());
    };
    let agreed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ffi/surface.txt");
    let agreed = std::fs::read_to_string(agreed).unwrap();
    let missing: Vec<&str> =
        agreed.lines().filter(|line| !found.lines().any(|other| other == *line)).collect();
    let added: Vec<&str> =
        found.lines().filter(|line| !agreed.lines().any(|other| other == *line)).collect();
    assert!(
        found == agreed,
        "no longer as in ffi/surface.txt: gone {missing:#?}, new {added:#?}; when that is meant, \
         copy target/python/surface.txt there"
    );
    let errors = agreed.split("error RecommenderError\n").nth(1).unwrap();
    let variants = errors.lines().take_while(|line| line.starts_with("  ")).count();
    assert!(variants <= 8, "{variants} errors are more than an app acts on");
}
