//! Whether the collector keeps to the description of its interface, as schemathesis sees it: it
//! makes up requests that fit the description and requests that do not, and knows which answers do.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::start;

/// Requests that are made up for each operation.
const EXAMPLES: &str = "300";

/// The program that `NOCTULE_SCHEMATHESIS` names, or the one that `cargo dev schemathesis` made.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("NOCTULE_SCHEMATHESIS").map(PathBuf::from);
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../schemathesis/bin/schemathesis");
    let program = named.clone().unwrap_or(made);
    let runs = Command::new(&program).arg("--version").output();
    if runs.is_ok_and(|output| output.status.success()) {
        return Some(program);
    }
    assert!(named.is_none(), "{} does not run", program.display());
    None
}

#[test]
fn schemathesis_finds_nothing() {
    let Some(program) = program() else {
        eprintln!("skipped: schemathesis is not installed (cargo dev schemathesis)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = crate_folder.join("tests/collector");
    let output = Command::new(program)
        .arg("--config-file")
        .arg(beside.join("schemathesis.toml"))
        .arg("run")
        .arg(crate_folder.join("openapi.json"))
        .args(["--url", &format!("http://{}", collector.address())])
        .args(["--max-examples", EXAMPLES, "--generation-deterministic", "--no-color"])
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .env("PYTHONPATH", &beside)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // What it sent got through to the store, and some of it was refused.
    let counts = collector.counts();
    assert!(counts.batches > 20 && counts.refused_batches > 20, "{counts:?}");
    let good = counts.stored_events + counts.repeated_events;
    assert!(good > 20 && counts.rejected_events > 20, "{counts:?}");
    assert!(counts.deletions > 20, "{counts:?}");
    assert_eq!(counts.shed_requests + counts.write_failures, 0);
}
