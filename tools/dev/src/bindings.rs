//! The built library and the generator of its bindings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{Metadata, Workspace, succeeds};
use crate::error::{Error, Result};
use crate::steps::Outcome;

/// The package that holds the exported library, and the library's name.
const LIBRARY: (&str, &str) = ("noctule-ffi", "noctule_ffi");

/// How the library is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As the tests are: quick to build.
    Debug,
    /// As it is measured.
    Release,
}

impl Profile {
    /// Its folder in the target directory.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }

    /// What cargo takes for it.
    pub(crate) fn flag(self) -> &'static [&'static str] {
        match self {
            Self::Debug => &[],
            Self::Release => &["--release"],
        }
    }
}

/// The shared library, with the metadata that the generator reads.
pub(crate) struct Built {
    /// Where builds go.
    pub(crate) target: PathBuf,
    /// The library.
    pub(crate) library: PathBuf,
    generator: Generator,
}

impl Built {
    /// Builds `noctule-ffi` as a shared library; the outer error is that something could not start,
    /// the inner one that there is nothing to go on with.
    pub(crate) fn library(
        workspace: &Workspace,
        profile: Profile,
    ) -> Result<std::result::Result<Self, Outcome>> {
        Self::library_of(workspace, profile, LIBRARY)
    }

    /// The same of another package that holds an exported library.
    pub(crate) fn library_of(
        workspace: &Workspace,
        profile: Profile,
        (package, name): (&str, &str),
    ) -> Result<std::result::Result<Self, Outcome>> {
        let metadata = workspace.metadata(true)?;
        let mut build = workspace.cargo(&["build", "--locked", "-p", package, "--lib"]);
        if !succeeds(build.args(profile.flag()))? {
            return Ok(Err(Outcome::from_success(false)));
        }
        Self::of(workspace, library_path(&metadata.target_directory, profile, name))
    }

    /// A `library` that is there already, with its symbols.
    pub(crate) fn of(
        workspace: &Workspace,
        library: PathBuf,
    ) -> Result<std::result::Result<Self, Outcome>> {
        let metadata = workspace.metadata(true)?;
        let Some(generator) = generator(&metadata) else {
            return Ok(Err(skipped("no package in ffi has a binary that generates bindings")));
        };
        Ok(Ok(Self { target: metadata.target_directory, library, generator }))
    }

    /// The generator, which lacks its arguments.
    pub(crate) fn generator(&self, workspace: &Workspace) -> Command {
        let Generator { package, binary, features } = &self.generator;
        let mut command = workspace.cargo(&["run", "--locked", "--quiet"]);
        command.args(["--package", package, "--bin", binary]);
        command.args(["--features", &features.join(","), "--"]);
        command
    }

    /// Writes the bindings for `language` into `out`; false when the generator failed.
    pub(crate) fn generate(
        &self,
        workspace: &Workspace,
        language: &str,
        out: &Path,
    ) -> Result<bool> {
        fs::create_dir_all(out)
            .map_err(|source| Error::Write { path: out.to_path_buf(), source })?;
        let mut generate = self.generator(workspace);
        match language {
            // Written as they ship, which takes a command of our own.
            "kotlin" => generate.arg("kotlin").arg(&self.library).arg(out),
            _ => generate
                .args(["generate", "--no-format", "--language", language, "--out-dir"])
                .arg(out)
                .arg(&self.library),
        };
        succeeds(&mut generate)
    }

    /// Puts the library into `folder`, where bindings look for it.
    pub(crate) fn copy_to(&self, folder: &Path) -> Result<()> {
        let beside = folder.join(self.library.file_name().unwrap_or_default());
        let copied = fs::copy(&self.library, &beside);
        copied.map_err(|source| Error::Write { path: beside, source })?;
        Ok(())
    }
}

/// Says aloud why a step is left out.
pub(crate) fn skipped(reason: &str) -> Outcome {
    println!("skipped: {reason}");
    Outcome::Skipped(reason.to_owned())
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

fn library_path(target: &Path, profile: Profile, name: &str) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    target.join(profile.folder()).join(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"))
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
