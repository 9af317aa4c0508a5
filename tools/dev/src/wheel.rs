//! `cargo dev wheel`: a Python wheel for notebooks, in `target/wheel`.
//!
//! In it are the library of phones with its bindings, the one that replays, both stripped, and the
//! thin modules of `tools/notebook/python`. It is then installed into an environment of its own and
//! tested there, against a release and a collector that the command `noctule` makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bindings::{Built, Profile, skipped};
use crate::cargo::{Workspace, output_of, succeeds};
use crate::error::{Error, Result};
use crate::python::python_answers;
use crate::steps::Outcome;
use crate::world;

/// Package, library, and the name of its module in the wheel behind that of the generated file.
const LIBRARIES: [((&str, &str), &str, &str); 2] = [
    (("noctule-ffi", "noctule_ffi"), "noctule.py", "recommender.py"),
    (("noctule-notebook", "noctule_notebook"), "noctule_notebook.py", "_notebook.py"),
];
const SOURCES: &str = "tools/notebook";

/// Builds, installs and tests, or says why that cannot be done here.
pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Result<Outcome> {
    if !python_answers() {
        return Ok(skipped("python3 is not installed"));
    }
    let place = workspace.metadata(true)?.target_directory.join("wheel");
    let package = place.join("package/noctule");
    // What an earlier run left would go in too; nothing there is no error.
    let _ = fs::remove_dir_all(place.join("package"));
    copy_files(&workspace.root().join(SOURCES).join("python/noctule"), &package)?;
    for (library, generated, module) in LIBRARIES {
        let built = match Built::library_of(workspace, profile, library)? {
            Ok(built) => built,
            Err(outcome) => return Ok(outcome),
        };
        let bindings = place.join("bindings");
        if !built.generate(workspace, "python", &bindings)? {
            return Ok(Outcome::from_success(false));
        }
        copy(&bindings.join(generated), &package.join(module))?;
        built.copy_to(&package)?;
        let copied = package.join(built.library.file_name().unwrap_or_default());
        // Larger without it, and otherwise the same.
        let _ = output_of(Command::new("strip").arg("--strip-unneeded").arg(copied));
    }
    let mut pack = Command::new("python3");
    pack.arg(workspace.root().join(SOURCES).join("wheel.py")).arg(place.join("package"));
    let version = env!("CARGO_PKG_VERSION");
    let wheel = output_of(pack.arg(version).arg(place.join("dist")))?;
    let wheel = PathBuf::from(wheel.trim());
    println!("{} with {} bytes", wheel.display(), fs::metadata(&wheel).map_or(0, |m| m.len()));
    test(workspace, &place, &wheel)
}

fn test(workspace: &Workspace, place: &Path, wheel: &Path) -> Result<Outcome> {
    let environment = place.join("environment");
    let _ = fs::remove_dir_all(&environment);
    let python = environment.join("bin/python");
    if !succeeds(Command::new("python3").args(["-m", "venv"]).arg(&environment))? {
        return Ok(skipped("python3 has no module venv"));
    }
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]).arg(wheel);
    if !succeeds(&mut install)? {
        return Ok(Outcome::from_success(false));
    }
    let mut extras = Command::new(&python);
    extras.args(["-m", "pip", "install", "--quiet", "pyarrow", "pandas"]);
    if !succeeds(extras.stderr(Stdio::null()))? {
        println!("pyarrow and pandas cannot be had: their tests are left out");
    }
    // With the features of all tests: `cargo build` would compile the dependencies another time.
    let bins = ["test", "--locked", "--workspace", "--bins", "--no-run"];
    if !succeeds(&mut workspace.cargo(&bins))? {
        return Ok(Outcome::from_success(false));
    }
    let command = workspace.metadata(true)?.target_directory.join("debug/noctule");
    if !world::make(&command, &place.join("world"))? {
        return Ok(Outcome::from_success(false));
    }
    let mut test = Command::new(&python);
    test.args(["-m", "unittest", "discover", "--verbose", "--start-directory"]);
    test.arg(workspace.root().join(SOURCES).join("tests"));
    test.env("NOCTULE_WORLD", place.join("world")).env("NOCTULE_COMMAND", &command);
    test.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(Outcome::from_success(succeeds(&mut test)?))
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(|source| Error::Write { path: to.to_path_buf(), source })?;
    let entries = fs::read_dir(from);
    let entries =
        entries.map_err(|source| Error::Read { path: from.to_path_buf(), source })?.flatten();
    for entry in entries.filter(|entry| entry.path().is_file()) {
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::copy(from, to);
    copied.map(drop).map_err(|source| Error::Write { path: to.to_path_buf(), source })
}
