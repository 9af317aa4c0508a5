//! `cargo dev schemathesis`: requests made up from the description of the collector's interface,
//! right and wrong ones, sent to a real collector.
//!
//! Schemathesis comes from PyPI into `target/schemathesis` (94 MB) the first time, too much for
//! every run of `cargo dev test`, whose test says aloud that it skips where it is missing.

use crate::cargo::{Workspace, succeeds};
use crate::error::Result;
use crate::servers::install;

/// Installs what is missing and runs the test; false when it failed.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let folder = workspace.metadata(true)?.target_directory.join("schemathesis");
    if !install(&folder, "schemathesis", &["schemathesis"])? {
        return Ok(false);
    }
    let mut test = workspace.cargo(&["test", "--locked", "--workspace", "--test", "collector"]);
    // With the program named, the test fails where it would have skipped.
    test.env("NOCTULE_SCHEMATHESIS", folder.join("bin/schemathesis"));
    succeeds(test.args(["--", "interface", "--nocapture"]))
}
