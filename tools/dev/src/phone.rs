//! `cargo dev phone`: the tests from Python against the very library that ships, built as it ships.
//!
//! The library for phones has two forms. The small one has the standard library built from its
//! sources, for size as all else, without the naming of functions in backtraces: it takes the
//! component `rust-src` and what `.cargo/phone.toml` says. The plain one takes the standard library
//! as Rust ships it. What is built here is built for this machine, into `target/phone`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bindings::{Built, skipped};
use crate::cargo::{Workspace, output_of, shown, succeeds};
use crate::error::{Error, Result};
use crate::python::python_answers;
use crate::steps::Outcome;

/// Why the plain form is built where the small one was to be.
pub(crate) const NO_SOURCES: &str =
    "rust-src is missing (rustup component add rust-src): the small form was not built";

/// How the standard library gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// From its sources, for size.
    Small,
    /// As Rust ships it, for speed.
    Plain,
}

impl Form {
    /// The small one where the sources are there.
    pub(crate) fn best() -> Result<Self> {
        let root = output_of(rustc().args(["--print", "sysroot"]))?;
        let lock = Path::new(root.trim()).join("lib/rustlib/src/rust/library/Cargo.lock");
        Ok(if lock.is_file() { Self::Small } else { Self::Plain })
    }

    /// A cargo command that builds in this form, less what it is to build.
    fn cargo(self, workspace: &Workspace) -> Command {
        match self {
            Self::Plain => workspace.cargo(&["rustc"]),
            Self::Small => {
                let mut cargo = workspace.cargo(&["--config", ".cargo/phone.toml", "rustc"]);
                // A stable compiler builds the standard library for those who ask for it so.
                cargo.env("RUSTC_BOOTSTRAP", "1");
                cargo
            }
        }
    }
}

/// The library as it ships.
pub(crate) struct Shipped {
    /// With its symbols.
    pub(crate) library: PathBuf,
    /// Without, as an app's build leaves it.
    pub(crate) stripped: PathBuf,
}

impl Shipped {
    /// Builds and strips it; none where there is no `strip`, or libraries here are no ELF.
    pub(crate) fn build(workspace: &Workspace, form: Form) -> Result<Option<Self>> {
        let strip = || output_of(Command::new("strip").arg("--version"));
        if !cfg!(target_os = "linux") || strip().is_err() {
            return Ok(None);
        }
        let target = workspace.metadata(true)?.target_directory.join("phone");
        let host = host()?;
        // Cargo optimises a library as a whole only where no other form of it is asked for.
        let mut build = form.cargo(workspace);
        build.args(["--locked", "--profile", "mobile", "--package", "noctule-ffi", "--lib"]);
        build.args(["--crate-type", "cdylib", "--target", &host, "--target-dir"]).arg(&target);
        if !succeeds(&mut build)? {
            let message = "the library did not build".to_owned();
            return Err(Error::Command { command: shown(&build), message });
        }
        let folder = target.join(&host).join("mobile");
        let library = folder.join("libnoctule_ffi.so");
        let stripped = folder.join("libnoctule_ffi.stripped.so");
        output_of(Command::new("strip").arg("--strip-all").arg("-o").arg(&stripped).arg(&library))?;
        Ok(Some(Self { library, stripped }))
    }
}

/// Builds the library in its best form and runs the tests from Python on a stripped copy.
pub(crate) fn test(workspace: &Workspace) -> Result<Outcome> {
    if !python_answers() {
        return Ok(skipped("python3 is not installed"));
    }
    let form = Form::best()?;
    let Some(shipped) = Shipped::build(workspace, form)? else {
        return Ok(skipped("strip of binutils is missing, or this is no ELF"));
    };
    let built = match Built::of(workspace, shipped.library)? {
        Ok(built) => built,
        Err(outcome) => return Ok(outcome),
    };
    let module = built.target.join("phone/python");
    if !built.generate(workspace, "python", &module)? {
        return Ok(Outcome::from_success(false));
    }
    let beside = module.join("libnoctule_ffi.so");
    std::fs::copy(&shipped.stripped, &beside)
        .map_err(|source| Error::Write { path: beside, source })?;
    let mut tests = workspace.cargo(&["test", "--locked", "--workspace", "--test", "python"]);
    tests.args(["--", "the_library_works", "--nocapture"]).env("NOCTULE_PYTHON", &module);
    match (succeeds(&mut tests)?, form) {
        (true, Form::Plain) => Ok(skipped(NO_SOURCES)),
        (passed, _) => Ok(Outcome::from_success(passed)),
    }
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// What cargo calls this machine.
fn host() -> Result<String> {
    let said = output_of(rustc().arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    let message = || Error::Usage("rustc -vV does not say for what machine it is".to_owned());
    host.map(str::to_owned).ok_or_else(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_says_for_what_machine_it_is() {
        let host = host().unwrap();
        assert!(host.starts_with(std::env::consts::ARCH) && host.matches('-').count() >= 2);
    }

    #[test]
    fn only_the_small_form_asks_for_what_is_not_stable() {
        let workspace = Workspace::here();
        let (small, plain) = (Form::Small.cargo(&workspace), Form::Plain.cargo(&workspace));
        assert!(shown(&small).contains("--config .cargo/phone.toml"), "{}", shown(&small));
        assert!(workspace.root().join(".cargo/phone.toml").is_file());
        assert_eq!(shown(&plain), "cargo rustc");
        let asks =
            |command: &Command| command.get_envs().any(|(name, _)| name == "RUSTC_BOOTSTRAP");
        assert!(asks(&small) && !asks(&plain));
    }
}
