//! `cargo dev swift`: the Swift package of `ios/` on this machine, against the real library.
//!
//! Builds the library, the bindings that the package expects in its folder `Generated`, and the
//! command `noctule`, which makes a release, a repository of releases and a collector for the
//! tests; then `swift test` compiles the package and runs its tests. Apple's frameworks are not on
//! Linux: what stands in for them is in the package, and what needs them is left out of it.

mod toolchain;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bindings::{Built, Profile, skipped};
use crate::cargo::{Workspace, succeeds};
use crate::error::{Error, Result};
use crate::steps::Outcome;
use crate::world;

use toolchain::Toolchain;

/// How the package links the library, which SwiftPM finds beside the header.
const MODULE_MAP: &str = "\
module NoctuleFFI [system] {
    header \"NoctuleFFI.h\"
    link \"noctule_ffi\"
    export *
}
";

/// Builds and tests, or says why that cannot be done here; `filter` names tests.
pub(crate) fn run(workspace: &Workspace, filter: Option<&str>) -> Result<Outcome> {
    let toolchain = match Toolchain::find()? {
        Ok(toolchain) => toolchain,
        Err(reason) => return Ok(skipped(&reason)),
    };
    let built = match Built::library(workspace, Profile::Debug)? {
        Ok(built) => built,
        Err(outcome) => return Ok(outcome),
    };
    let package = workspace.root().join("ios");
    if !generate(workspace, &built, &package.join("Generated"))? {
        return Ok(Outcome::from_success(false));
    }
    let place = built.target.join("swift");
    let library = place.join("library");
    folder(&library)?;
    built.copy_to(&library)?;
    // With the features of all tests: `cargo build` would compile the dependencies another time.
    let bins = ["test", "--locked", "--workspace", "--bins", "--tests", "--no-run"];
    if !succeeds(&mut workspace.cargo(&bins))? {
        return Ok(Outcome::from_success(false));
    }
    let command = built.target.join("debug").join("noctule");
    let world = place.join("world");
    if !world::make(&command, &world)? {
        return Ok(Outcome::from_success(false));
    }
    let folders = [workspace.root(), built.target.as_path()];
    let mut test = toolchain.command("swift", workspace.root(), &folders);
    test.env("NOCTULE_WORLD", &world).env("NOCTULE_COMMAND", &command);
    arguments(&mut test, &package, &place, &library, filter);
    println!("==> swift test --package-path ios, with {toolchain}");
    Ok(Outcome::from_success(succeeds(&mut test)?))
}

fn arguments(
    test: &mut Command,
    package: &Path,
    place: &Path,
    library: &Path,
    filter: Option<&str>,
) {
    test.arg("test").arg("--package-path").arg(package);
    test.arg("--scratch-path").arg(place.join("build"));
    test.arg("-Xlinker").arg(format!("-L{}", library.display()));
    test.args(["-Xlinker", "-rpath", "-Xlinker"]).arg(library);
    if let Some(filter) = filter {
        test.args(["--filter", filter]);
    }
}

/// Writes what the package expects in `Generated`: the C module and the Swift over it.
fn generate(workspace: &Workspace, built: &Built, generated: &Path) -> Result<bool> {
    let (c, swift) = (generated.join("NoctuleFFI"), generated.join("NoctuleBindings"));
    let raw = built.target.join("swift").join("bindings");
    if !built.generate(workspace, "swift", &raw)? {
        return Ok(false);
    }
    folder(&c)?;
    folder(&swift)?;
    for (name, to) in [("NoctuleFFI.h", &c), ("NoctuleBindings.swift", &swift)] {
        let from = raw.join(name);
        let text = fs::read(&from).map_err(|source| Error::Read { path: from, source })?;
        write_if_other(&to.join(name), &text)?;
    }
    write_if_other(&c.join("module.modulemap"), MODULE_MAP.as_bytes())?;
    Ok(true)
}

/// Leaves a file alone that has `bytes` already: what rests on it is not compiled again.
fn write_if_other(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).map_err(|source| Error::Write { path: path.to_path_buf(), source })
}

fn folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|source| Error::Write { path: path.to_path_buf(), source })
}
