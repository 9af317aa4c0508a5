//! `cargo dev sanitise`: threads and unsafe code, looked at by tools that see what tests do not.
//!
//! | part | what it runs |
//! |---|---|
//! | `schedules` | locks of the core under loom, in every order; whole profiles under shuttle |
//! | `miri` | the unsafe code of the core, interpreted: the portable kernels, then those of AVX2 |
//! | `thread` | eight threads over the boundary under ThreadSanitizer, SQLite included |
//! | `address` | the same under AddressSanitizer, which in the end looks for what was never freed |
//!
//! The last three need a nightly compiler with its sources, which rustup is asked for. Each part
//! builds into a folder of its own below `target/sanitise`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{Workspace, output_of, shown, succeeds};
use crate::error::{Error, Result};

const PARTS: [&str; 4] = ["schedules", "miri", "thread", "address"];
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// As in `.cargo/config.toml`, which a variable of the environment replaces.
const OURS: &str = "--cfg curve25519_dalek_backend=\"serial\"";

/// Seconds of mixed calls; ten minutes is the bar.
const SECONDS: (&str, &str) = ("NOCTULE_MIXED_SECONDS", "60");
/// Races of handles; 100,000 is the bar.
const RACES: (&str, &str) = ("NOCTULE_RACES", "20000");
/// Schedules of whole profiles, of each test; 100,000 is the bar.
const SCHEDULES: (&str, &str) = ("NOCTULE_SCHEDULES", "2000");

/// Tests of the core and its kernels with the code that is unsafe, or reads bytes from outside for
/// it.
const UNSAFE: [&str; 7] = [
    "base::map",
    "product::tests",
    "integer::tests",
    "scoring::codes",
    "scoring::item_matrix",
    "widget::tests",
    "catalogue::columns",
];
/// What Miri would take minutes for, and that is the same code as another test's.
const SLOW: [&str; 1] = ["every_half_precision_number"];

/// Runs the parts that are named, all without a name; false when one has found something.
pub(crate) fn run(workspace: &Workspace, names: &[&str]) -> Result<bool> {
    if let Some(unknown) = names.iter().find(|name| !PARTS.contains(name)) {
        let known = PARTS.join(", ");
        return Err(Error::Usage(format!("no such part: `{unknown}`; there are {known}")));
    }
    let mut told = Vec::new();
    for part in PARTS.into_iter().filter(|part| names.is_empty() || names.contains(part)) {
        println!("\n== {part}");
        let fine = match part {
            "schedules" => schedules(workspace)?,
            "miri" => miri(workspace)?,
            "thread" => races(workspace, "thread", "-fsanitize=thread")?,
            _ => races(workspace, "address", "-fno-omit-frame-pointer")?,
        };
        told.push((part, fine));
    }
    println!();
    for (part, fine) in &told {
        println!("{part:<10} {}", if *fine { "clean" } else { "FOUND SOMETHING" });
    }
    Ok(told.iter().all(|(_, fine)| *fine))
}

/// What a variable of the environment says, or the standard.
fn asked((name, standard): (&str, &str)) -> String {
    std::env::var(name).unwrap_or_else(|_| standard.to_owned())
}

fn folder(workspace: &Workspace, part: &str) -> Result<PathBuf> {
    Ok(workspace.metadata(true)?.target_directory.join("sanitise").join(part))
}

fn schedules(workspace: &Workspace) -> Result<bool> {
    let mut fine = true;
    for checker in ["loom", "shuttle"] {
        let mut test = workspace.cargo(&["test", "--locked", "-p", "noctule-core", "--lib"]);
        test.arg("--target-dir").arg(folder(workspace, checker)?);
        test.args(["--", "schedules_of", "--nocapture", "--test-threads", "1"]);
        test.env("RUSTFLAGS", format!("{OURS} --cfg {checker}"));
        test.env(SCHEDULES.0, asked(SCHEDULES));
        println!("==> {checker}: {}", shown(&test));
        fine &= succeeds(&mut test)?;
    }
    Ok(fine)
}

/// A cargo of the nightly toolchain, with `component`.
fn nightly(workspace: &Workspace, component: &str) -> Result<Command> {
    let mut add = Command::new("rustup");
    add.args(["toolchain", "install", "nightly", "--profile", "minimal", "--no-self-update"]);
    add.args(["--component", component]);
    // One that is there serves, also without a network.
    let there = || {
        let mut list = Command::new("rustup");
        list.args(["component", "list", "--toolchain", "nightly", "--installed"]);
        output_of(&mut list).is_ok_and(|list| list.lines().any(|line| line.starts_with(component)))
    };
    if !there() && !succeeds(&mut add)? {
        return Err(Error::Usage(format!("a nightly toolchain with {component} is needed")));
    }
    let mut cargo = Command::new("cargo");
    cargo.arg("+nightly").current_dir(workspace.root());
    // Those of the toolchain that runs us.
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTDOC"] {
        cargo.env_remove(name);
    }
    Ok(cargo)
}

fn miri(workspace: &Workspace) -> Result<bool> {
    let mut fine = true;
    for features in ["", "-Ctarget-feature=+avx2,+fma"] {
        let mut test = nightly(workspace, "miri")?;
        test.args([
            "miri",
            "test",
            "--locked",
            "-p",
            "noctule-core",
            "-p",
            "noctule-kernels",
            "--lib",
        ]);
        test.arg("--target-dir").arg(folder(workspace, "miri")?).arg("--").args(UNSAFE);
        SLOW.iter().for_each(|slow| {
            test.args(["--skip", slow]);
        });
        // It interprets: a handful of random cases is what time allows.
        test.env("PROPTEST_CASES", "3").env("MIRIFLAGS", "-Zmiri-disable-isolation");
        test.env("RUSTFLAGS", format!("{OURS} {features}"));
        println!("==> {features} {}", shown(&test));
        fine &= succeeds(&mut test)?;
    }
    Ok(fine)
}

/// Builds the races with a sanitiser and runs both; false when it reports or the counts differ.
fn races(workspace: &Workspace, sanitiser: &str, c_flags: &str) -> Result<bool> {
    let folder = folder(workspace, sanitiser)?;
    let mut build = nightly(workspace, "rust-src")?;
    build.args(["build", "--locked", "-Zbuild-std", "--target", TARGET]);
    build.args(["-p", "noctule-races", "--bin", "noctule-races", "--target-dir"]).arg(&folder);
    build.env("RUSTFLAGS", format!("-Zsanitizer={sanitiser} {OURS}"));
    build.env(format!("CFLAGS_{}", TARGET.replace('-', "_")), c_flags);
    println!("==> {}", shown(&build));
    if !succeeds(&mut build)? {
        return Ok(false);
    }
    let program = folder.join(TARGET).join("debug/noctule-races");
    let scratch = folder.join("scratch");
    // What an earlier run left is in the way; nothing there is no error.
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir_all(&scratch)
        .map_err(|source| Error::Write { path: scratch.clone(), source })?;
    let (release, key) = release(workspace, &scratch)?;
    let mut handles = Command::new(&program);
    handles.arg("handles").arg(&scratch).arg(asked(RACES));
    let mut mixed = Command::new(&program);
    mixed.arg("mixed").arg(&scratch).args([&release, &key, &asked(SECONDS)]);
    let mut fine = true;
    for run in [&mut handles, &mut mixed] {
        println!("==> {}", shown(run));
        fine &= succeeds(run)?;
    }
    Ok(fine)
}

/// A signed release below `scratch`, and who signed it.
fn release(workspace: &Workspace, scratch: &Path) -> Result<(String, String)> {
    let child = ["build", "--locked", "--workspace", "--bin", "noctule-tests-child"];
    if !succeeds(&mut workspace.cargo(&child))? {
        return Err(Error::Usage("noctule-tests-child did not build".to_owned()));
    }
    let target = workspace.metadata(true)?.target_directory;
    let mut child = Command::new(target.join("debug/noctule-tests-child"));
    let told = output_of(child.arg("release").arg(scratch))?;
    let mut lines = told.lines().map(str::to_owned);
    match (lines.next(), lines.next()) {
        (Some(release), Some(key)) => Ok((release, key)),
        _ => Err(Error::Command { command: shown(&child), message: "it told nothing".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_part_is_a_usage_error_that_lists_those_there_are() {
        let error = run(&Workspace::here(), &["memory"]).unwrap_err();
        assert!(matches!(&error, Error::Usage(text) if text.contains("schedules,")), "{error}");
    }
}
