//! `cargo dev servers`: the registry against a real MLflow, registry and collector against a real
//! S3-compatible server.
//!
//! Both come from PyPI into `target/mlflow` (350 MB) and `target/moto` (140 MB) the first time, too
//! much for every run of `cargo dev test`, whose tests say aloud that they skip where a server is
//! missing.

use std::path::Path;
use std::process::Command;

use crate::cargo::{Workspace, succeeds};
use crate::error::Result;

/// A folder of `target`, the program that must be in it, and the packages that bring it.
const SERVERS: [(&str, &str, &[&str]); 2] = [
    // The whole of `mlflow` is three times as large; these are what its server needs.
    ("mlflow", "mlflow", &["mlflow-skinny", "alembic", "flask-cors", "pandas", "aiohttp"]),
    // `moto[server]` brings every service of AWS: twice as much.
    ("moto", "moto_server", &["moto[s3]", "flask", "flask-cors"]),
];

/// Installs what is missing and runs the tests; false when one of them failed.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let target = workspace.metadata(true)?.target_directory;
    for (folder, program, packages) in SERVERS {
        if !install(&target.join(folder), program, packages)? {
            return Ok(false);
        }
    }
    let stores = ["test", "--locked", "--workspace", "--features", "noctule-cli/cloud"];
    let mut tests = workspace.cargo(&stores);
    tests.args(["--test", "registry", "--test", "collector", "--", "mlflow", "s3", "--nocapture"]);
    succeeds(&mut tests)
}

/// Installs packages into a virtual environment unless its `program` is there already.
pub(crate) fn install(folder: &Path, program: &str, packages: &[&str]) -> Result<bool> {
    if folder.join("bin").join(program).exists() {
        return Ok(true);
    }
    println!("installing {} into {}", packages.join(", "), folder.display());
    let made = succeeds(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet"]).args(packages);
    Ok(made && succeeds(&mut pip)?)
}
