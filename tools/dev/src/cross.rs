//! Programs for another processor: what compiles them, and what runs them here.

use std::path::Path;
use std::process::Command;

use crate::cargo::{Workspace, answers, output_of, succeeds};
use crate::error::{Error, Result};

/// A processor that this machine only emulates, with Debian's tools for it.
#[derive(Debug)]
pub(crate) struct Cross {
    /// What Rust calls it.
    pub(crate) target: &'static str,
    /// The linker and C compiler.
    pub(crate) compiler: &'static str,
    /// QEMU for it, by either name.
    pub(crate) emulators: [&'static str; 2],
    /// Where Debian has them.
    pub(crate) packages: &'static [&'static str],
}

impl Cross {
    /// Installs what is missing, where that can be done, and gives the emulator.
    pub(crate) fn make_ready(&self) -> Result<&'static str> {
        if !answers(self.compiler, "--version") || self.emulator().is_none() {
            println!("installing {}", self.packages.join(", "));
            let mut install = Command::new("apt-get");
            install.args(["install", "-y", "-q", "--no-install-recommends"]).args(self.packages);
            if !succeeds(&mut install).unwrap_or(false) {
                let missing = format!("{} and {} are needed", self.compiler, self.names());
                let debian = self.packages.join(", ");
                return Err(Error::Usage(format!("{missing}; Debian has them in {debian}")));
            }
        }
        let mut library = Command::new("rustc");
        let library =
            output_of(library.args(["--print", "target-libdir", "--target", self.target]))?;
        if !Path::new(library.trim()).exists() {
            println!("adding the standard library for {}", self.target);
            if !succeeds(Command::new("rustup").args(["target", "add", self.target]))? {
                let missing = format!("the standard library for {} is needed", self.target);
                return Err(Error::Usage(missing));
            }
        }
        self.emulator().ok_or_else(|| Error::Usage(format!("{} is needed", self.names())))
    }

    /// A cargo that builds for it.
    pub(crate) fn cargo(&self, workspace: &Workspace, arguments: &[&str]) -> Command {
        let name = self.target.replace('-', "_");
        let mut command = workspace.cargo(arguments);
        command.args(["--target", self.target]);
        command.env(format!("CC_{name}"), self.compiler);
        command.env(format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()), self.compiler);
        command
    }

    fn emulator(&self) -> Option<&'static str> {
        self.emulators.into_iter().find(|emulator| answers(emulator, "--version"))
    }

    fn names(&self) -> String {
        self.emulators.join(" or ")
    }
}
