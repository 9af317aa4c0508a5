//! `cargo dev python`: the library as a Python module in `target/python`.
//!
//! Builds `noctule-ffi` as a shared library and lets the generator, a binary of a package in the
//! folder `ffi`, write the bindings beside it. The tests that drive the library from Python read
//! that folder; without Python or without a generator they are skipped, and this step says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cargo::{Metadata, Workspace, succeeds};
use crate::error::{Error, Result};
use crate::steps::Outcome;

/// The package that holds the exported library, and the library's name.
const LIBRARY: (&str, &str) = ("noctule-ffi", "noctule_ffi");

/// Builds the bindings, or says why they cannot be built here.
pub(crate) fn run(workspace: &Workspace) -> Result<Outcome> {
    if !python_answers() {
        return Ok(skipped("python3 is not installed"));
    }
    let metadata = workspace.metadata(true)?;
    let Some(generator) = generator(&metadata) else {
        return Ok(skipped("no package in ffi has a binary that generates bindings"));
    };
    if !succeeds(&mut workspace.cargo(&["build", "--locked", "-p", LIBRARY.0, "--lib"]))? {
        return Ok(Outcome::from_success(false));
    }
    let library = library_path(&metadata.target_directory);
    let out = metadata.target_directory.join("python");
    fs::create_dir_all(&out).map_err(|source| Error::Write { path: out.clone(), source })?;
    let mut generate = workspace.cargo(&["run", "--locked", "--quiet"]);
    generate.args(["--package", &generator.package, "--bin", &generator.binary]);
    generate.args(["--features", &generator.features.join(",")]);
    generate.args(["--", "generate", "--no-format", "--language", "python", "--out-dir"]);
    generate.arg(&out).arg(&library);
    if !succeeds(&mut generate)? {
        return Ok(Outcome::from_success(false));
    }
    let beside = out.join(library.file_name().unwrap_or_default());
    fs::copy(&library, &beside).map_err(|source| Error::Write { path: beside, source })?;
    println!("Python module in {}", out.display());
    Ok(Outcome::Passed)
}

fn skipped(reason: &str) -> Outcome {
    println!("skipped: {reason}");
    Outcome::Skipped(reason.to_owned())
}

fn python_answers() -> bool {
    let mut command = Command::new("python3");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A binary that answers to `generate` as `uniffi::uniffi_bindgen_main` does.
#[derive(Debug, PartialEq, Eq)]
struct Generator {
    package: String,
    binary: String,
    features: Vec<String>,
}

/// The first binary of a package in `ffi` or below.
fn generator(metadata: &Metadata) -> Option<Generator> {
    for (folder, package) in metadata.own() {
        if folder == "ffi" || folder.starts_with("ffi/") {
            let binary = package.targets.iter().find(|t| t.kind.iter().any(|kind| kind == "bin"));
            if let Some(binary) = binary {
                return Some(Generator {
                    package: package.name.clone(),
                    binary: binary.name.clone(),
                    features: binary.required_features.clone(),
                });
            }
        }
    }
    None
}

fn library_path(target: &Path) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    target.join("debug").join(format!("{DLL_PREFIX}{}{DLL_SUFFIX}", LIBRARY.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(folder: &str, kind: &str) -> Metadata {
        let text = format!(
            r#"{{"workspace_root":"/r","target_directory":"/r/target","packages":[{{
                "name":"p","version":"0.1.0","license":null,"source":null,"dependencies":[],
                "manifest_path":"/r/{folder}/Cargo.toml",
                "targets":[{{"name":"t","kind":["{kind}"],"src_path":"/r/{folder}/t.rs",
                    "required-features":["bindgen"]}}]}}]}}"#
        );
        Metadata::parse(&text).unwrap()
    }

    #[test]
    fn the_generator_is_a_binary_below_ffi() {
        for folder in ["ffi", "ffi/bindgen"] {
            let found = generator(&metadata(folder, "bin")).unwrap();
            assert_eq!((found.package.as_str(), found.binary.as_str()), ("p", "t"), "{folder}");
            assert_eq!(found.features, ["bindgen"], "{folder}");
        }
    }

    #[test]
    fn a_library_or_a_binary_elsewhere_is_no_generator() {
        assert_eq!(generator(&metadata("ffi", "cdylib")), None);
        assert_eq!(generator(&metadata("tools/cli", "bin")), None);
    }
}
