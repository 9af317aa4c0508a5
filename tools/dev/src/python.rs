//! `cargo dev python`: the library as a Python module in `target/python`.
//!
//! The tests that drive the library from Python read that folder; without Python or without a
//! generator they are skipped, and this step says so. What the library exports is written beside
//! it, for the test that compares it with `ffi/surface.txt`.

use std::fs;
use std::process::{Command, Stdio};

use crate::bindings::{Built, Profile, skipped};
use crate::cargo::{Workspace, output_of};
use crate::error::{Error, Result};
use crate::steps::Outcome;

/// Builds the bindings, or says why they cannot be built here.
pub(crate) fn run(workspace: &Workspace) -> Result<Outcome> {
    if !python_answers() {
        return Ok(skipped("python3 is not installed"));
    }
    let built = match Built::library(workspace, Profile::Debug)? {
        Ok(built) => built,
        Err(outcome) => return Ok(outcome),
    };
    let out = built.target.join("python");
    if !built.generate(workspace, "python", &out)? {
        return Ok(Outcome::from_success(false));
    }
    let surface = output_of(built.generator(workspace).arg("surface").arg(&built.library))?;
    let list = out.join("surface.txt");
    fs::write(&list, surface).map_err(|source| Error::Write { path: list, source })?;
    built.copy_to(&out)?;
    println!("Python module in {}", out.display());
    Ok(Outcome::Passed)
}

pub(crate) fn python_answers() -> bool {
    let mut command = Command::new("python3");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
