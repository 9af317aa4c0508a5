//! `cargo dev readers`: the queries of `tools/docs/feedback-schema.md`, run by those they are for.
//!
//! DuckDB, pandas and Spark come from PyPI into `target/readers` (920 MB) the first time, too much
//! for every run of `cargo dev test`, whose test says aloud that it skips where they are missing.
//! Spark needs a Java runtime, which this task does not install.

use crate::cargo::{Workspace, succeeds};
use crate::error::Result;
use crate::servers::install;

const PACKAGES: [&str; 4] = ["duckdb", "pandas", "pyarrow", "pyspark"];

/// Installs what is missing and runs the test; false when it failed.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let folder = workspace.metadata(true)?.target_directory.join("readers");
    if !install(&folder, "spark-submit", &PACKAGES)? {
        return Ok(false);
    }
    let mut test = workspace.cargo(&["test", "--locked", "--workspace", "--test", "command"]);
    // With the interpreter named, the test fails where it would have skipped.
    test.env("NOCTULE_READERS", folder.join("bin/python")).args(["--", "readers", "--nocapture"]);
    succeeds(&mut test)
}
