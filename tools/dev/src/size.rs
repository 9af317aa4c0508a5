//! `cargo dev size`: how large the library is that ships to phones, and which crate owns how much.
//!
//! Builds the profile `mobile` for this machine, strips a copy as an app's build does, and holds
//! both against the budget in `tools/dev/size.json`. Linking decides what stays, so the unstripped
//! library is asked: the sizes of its symbols, added up by the crate in their names.

mod budget;
mod symbols;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{Workspace, output_of, succeeds};
use crate::error::{Error, Result};
use crate::steps::Outcome;
use budget::{Budget, Size};

/// The budget, relative to the root.
const FILE: &str = "tools/dev/size.json";

/// Measures, prints and compares.
pub(crate) fn run(workspace: &Workspace) -> Result<Outcome> {
    let Some(size) = measure(workspace)? else {
        return Ok(Outcome::Skipped("strip of binutils is missing, or this is no ELF".to_owned()));
    };
    let path = workspace.root().join(FILE);
    let text = fs::read_to_string(&path).map_err(|source| Error::Read { path, source })?;
    let budget = Budget::parse(&text)?;
    println!("{}", budget.table(&size));
    let findings = budget.findings(&size);
    findings.iter().for_each(|finding| println!("size: {finding}"));
    if findings.is_empty() {
        return Ok(Outcome::Passed);
    }
    Ok(Outcome::Failed(findings.iter().map(|finding| format!("size: {finding}\n")).collect()))
}

/// Makes what is there now the budget; reasons for what grew belong into the commit.
pub(crate) fn write(workspace: &Workspace) -> Result<bool> {
    let Some(size) = measure(workspace)? else { return Ok(false) };
    let path = workspace.root().join(FILE);
    let text = Budget::of(&size).to_text()?;
    fs::write(&path, text).map_err(|source| Error::Write { path, source })?;
    println!("{}", Budget::of(&size).table(&size));
    Ok(true)
}

/// Builds and measures; none where it cannot be done.
fn measure(workspace: &Workspace) -> Result<Option<Size>> {
    if !cfg!(target_os = "linux") || output_of(Command::new("strip").arg("--version")).is_err() {
        return Ok(None);
    }
    // Cargo optimises a library as a whole only where no other form of it is asked for.
    let mut build = workspace.cargo(&["rustc", "--profile", "mobile", "--locked"]);
    build.args(["--package", "noctule-ffi", "--lib", "--crate-type", "cdylib"]);
    if !succeeds(&mut build)? {
        let message = "the library did not build".to_owned();
        return Err(Error::Command { command: "cargo build --profile mobile".to_owned(), message });
    }
    let target = workspace.metadata(true)?.target_directory;
    let library = target.join("mobile/libnoctule_ffi.so");
    let stripped = stripped(&library, &target.join("mobile/libnoctule_ffi.stripped.so"))?;
    let bytes = fs::read(&library).map_err(|source| Error::Read { path: library, source })?;
    let crates = symbols::by_crate(&bytes)
        .map_err(|message| Error::Command { command: "reading the symbols".to_owned(), message })?;
    Ok(Some(Size { stripped, crates }))
}

/// Bytes of a stripped copy.
fn stripped(library: &Path, copy: &PathBuf) -> Result<u64> {
    output_of(Command::new("strip").arg("--strip-all").arg("-o").arg(copy).arg(library))?;
    let metadata = fs::metadata(copy);
    Ok(metadata.map_err(|source| Error::Read { path: copy.clone(), source })?.len())
}
