//! `cargo dev kotlin`: the Kotlin of `android/` on this machine's JVM, against the real library.
//!
//! Builds the library and its bindings, and the command `noctule`, which makes a release, a
//! repository of releases and a collector for the tests; then Maven compiles the same sources that
//! go into the Android library and runs their tests. `measure` builds the library for speed and
//! prints what calls over the boundary cost instead; `armv7` runs the tests on a JVM of 32-bit Arm.

mod armv7;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bindings::{Built, Profile, skipped};
use crate::cargo::{Workspace, answers, shown, succeeds};
use crate::error::{Error, Result};
use crate::steps::Outcome;
use crate::world;

/// What Maven says when an artefact is neither here nor to be had.
const UNAVAILABLE: [&str; 4] = [
    "Could not transfer artifact",
    "Could not resolve dependencies",
    "could not be resolved",
    "Unknown host",
];

/// What is asked of the Kotlin side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// All tests.
    Test,
    /// What calls cost.
    Measure,
    /// All tests where an address has four bytes.
    Armv7,
}

/// The library, and what runs it.
struct Native {
    /// The folder with the library.
    folder: PathBuf,
    /// Another JVM than Maven's own.
    java: Option<PathBuf>,
}

/// Builds and tests, or says why that cannot be done here.
pub(crate) fn run(workspace: &Workspace, ask: Ask) -> Result<Outcome> {
    for (program, question) in [("mvn", "-version"), ("javac", "-version")] {
        if !answers(program, question) {
            return Ok(skipped(&format!("{program} is not installed")));
        }
    }
    let profile = if ask == Ask::Measure { Profile::Release } else { Profile::Debug };
    let built = match Built::library(workspace, profile)? {
        Ok(built) => built,
        Err(outcome) => return Ok(outcome),
    };
    if ask == Ask::Test && !generator_tested(workspace)? {
        return Ok(Outcome::from_success(false));
    }
    let place = match ask {
        Ask::Armv7 => PathBuf::from(armv7::PLACE),
        Ask::Test | Ask::Measure => built.target.join("kotlin"),
    };
    if !built.generate(workspace, "kotlin", &place.join("bindings"))? {
        return Ok(Outcome::from_success(false));
    }
    let native = match ask {
        Ask::Armv7 => match armv7::make_ready(workspace)? {
            Ok(native) => native,
            Err(reason) => return Ok(skipped(&reason)),
        },
        Ask::Test | Ask::Measure => here(&built, place.join(profile.folder()))?,
    };
    // With the features of all tests: `cargo build` would compile the dependencies another time.
    let bins = ["test", "--locked", "--workspace", "--bins", "--tests", "--no-run"];
    if !succeeds(&mut workspace.cargo(&bins))? {
        return Ok(Outcome::from_success(false));
    }
    let command = built.target.join("debug").join("noctule");
    if !world::make(&command, &place.join("world"))? {
        return Ok(Outcome::from_success(false));
    }
    if ask == Ask::Measure && !peers(workspace)? {
        return Ok(Outcome::from_success(false));
    }
    maven(workspace, ask, &place, &native, &command)
}

/// The library, put into `folder`, for this machine's own JVM.
fn here(built: &Built, folder: PathBuf) -> Result<Native> {
    std::fs::create_dir_all(&folder)
        .map_err(|source| Error::Write { path: folder.clone(), source })?;
    built.copy_to(&folder)?;
    Ok(Native { folder, java: None })
}

/// The generator's own tests, which no build of the whole workspace has: it is behind a feature.
fn generator_tested(workspace: &Workspace) -> Result<bool> {
    let mut test = workspace.cargo(&["test", "--locked", "--quiet", "-p", "noctule-bindgen"]);
    succeeds(test.args(["--features", "bindgen"]))
}

/// The programs in Rust that do the same, for comparison.
fn peers(workspace: &Workspace) -> Result<bool> {
    let mut build = workspace.cargo(&["build", "--locked", "--release", "-p", "noctule-tests"]);
    build.args(["--bin", "noctule-tests-first", "--bin", "noctule-tests-bare"]);
    succeeds(&mut build)
}

fn maven(
    workspace: &Workspace,
    ask: Ask,
    place: &Path,
    native: &Native,
    command: &Path,
) -> Result<Outcome> {
    let mut maven = Command::new("mvn");
    maven.current_dir(workspace.root()).args(["--quiet", "--batch-mode", "--file", "android"]);
    let tell = |name: &str, path: &Path| format!("-Dnoctule.{name}={}", path.display());
    maven.arg(tell("place", place)).arg(tell("library", &native.folder));
    maven.arg(tell("command", command));
    maven.args(native.java.iter().map(|java| format!("-Djvm={}", java.display())));
    maven.arg(tell("peers", &place.with_file_name("release")));
    if ask == Ask::Measure {
        maven.arg("--activate-profiles=measure");
    }
    maven.arg("test");
    let text = shown(&maven);
    let output = maven.stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| Error::Start { command: text, source })?;
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    if output.status.success() {
        return Ok(Outcome::Passed);
    }
    match UNAVAILABLE.iter().any(|sign| said.contains(sign)) {
        true => Ok(skipped("what Maven needs is not here and cannot be had")),
        false => Ok(Outcome::from_success(false)),
    }
}
