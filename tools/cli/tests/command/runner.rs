//! Running the binary in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A directory in which commands are run.
pub(crate) struct Workplace(TempDir);

impl Workplace {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The command with `line` split at spaces as its arguments.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_noctule"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed and gives what it printed.
    #[track_caller]
    pub(crate) fn text(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        assert!(output.status.success(), "{line}: {}", error_text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must succeed with `--json` and gives its result.
    #[track_caller]
    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.text(&format!("{line} --json"))).unwrap()
    }

    /// Runs a command that must fail with exit code 1, one line and no result; gives the line.
    #[track_caller]
    pub(crate) fn failure(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        let text = error_text(&output);
        assert_eq!(output.status.code(), Some(1), "{line}: {text}");
        assert!(output.stdout.is_empty(), "{line} printed a result");
        let last = text.lines().last().unwrap().to_owned();
        assert!(last.starts_with("noctule: failed to "), "{line}: {text}");
        assert_eq!(text.matches("noctule:").count(), 1, "{line}: {text}");
        last
    }
}

pub(crate) fn error_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
