//! The workspace and the programs run in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::error::{Error, Result};

/// The root folder of the workspace, from which every path and command starts.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that this program was built in: two folders above its own manifest.
    pub(crate) fn here() -> Self {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = own.ancestors().nth(2).map_or_else(|| own.clone(), Path::to_path_buf);
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A cargo command that starts in the root, run by the cargo that runs us.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.root).args(arguments);
        command
    }

    /// What `cargo metadata` says: the whole graph, or with `members_only` the workspace alone.
    pub(crate) fn metadata(&self, members_only: bool) -> Result<Metadata> {
        let mut arguments = vec!["metadata", "--format-version", "1", "--locked"];
        if members_only {
            arguments.push("--no-deps");
        }
        let text = output_of(&mut self.cargo(&arguments))?;
        Metadata::parse(&text)
    }
}

/// Whether `program` is here: whether it answers `question` well, as `--version`.
pub(crate) fn answers(program: &str, question: &str) -> bool {
    output_of(Command::new(program).arg(question)).is_ok()
}

/// Runs a command and returns its standard output; a failure carries its standard error.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output =
        command.output().map_err(|source| Error::Start { command: shown.clone(), source })?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::Command { command: shown, message });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command with our own output streams; says whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let shown = shown(command);
    let status = command.status().map_err(|source| Error::Start { command: shown, source })?;
    Ok(status.success())
}

/// A command as one would type it: the program's file name and its arguments.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    let mut words = vec![program.into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

/// The part of `cargo metadata` (format version 1) that the tasks use.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
    pub(crate) workspace_root: PathBuf,
}

/// One package of the graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    /// Where it came from; `None` is a folder on this machine.
    pub(crate) source: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
    pub(crate) manifest_path: PathBuf,
}

/// A dependency as a manifest declares it, of any kind.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) req: String,
}

/// Something that cargo can build from a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
    pub(crate) src_path: PathBuf,
    #[serde(default, rename = "required-features")]
    pub(crate) required_features: Vec<String>,
}

impl Metadata {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .map_err(|source| Error::Json { what: "cargo metadata".to_owned(), source })
    }

    /// The folder of a package relative to the workspace root; `None` when it lies elsewhere.
    pub(crate) fn folder_of(&self, package: &Package) -> Option<String> {
        let folder = package.manifest_path.parent()?;
        let folder = folder.strip_prefix(&self.workspace_root).ok()?;
        Some(folder.to_string_lossy().replace('\\', "/"))
    }

    /// The packages that live in the workspace, with their folders.
    pub(crate) fn own(&self) -> impl Iterator<Item = (String, &Package)> {
        self.packages
            .iter()
            .filter(|package| package.source.is_none())
            .filter_map(|package| Some((self.folder_of(package)?, package)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_where_the_lock_file_is() {
        assert!(Workspace::here().root().join("Cargo.lock").is_file());
    }

    #[test]
    fn a_failing_program_is_an_error_that_carries_what_it_said() {
        let error = output_of(&mut Workspace::here().cargo(&["no-such-command"])).unwrap_err();
        assert!(matches!(&error, Error::Command { message, .. } if message.contains("no-such")));
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error_that_names_it() {
        let error = succeeds(&mut Command::new("noctule-no-such-program")).unwrap_err();
        assert!(error.to_string().contains("noctule-no-such-program"));
    }
}
