//! `cargo dev policy`: what we agreed to about other people's code, kept in one file.
//!
//! `tools/dev/policy.json` says which licences and sources are allowed, which crates may be there
//! in two versions and why, which are pinned, and why each crate that ships to phones is there.

mod agreement;
mod graph;
mod licences;
mod phones;
mod versions;

use std::fs;

use crate::cargo::Workspace;
use crate::error::{Error, Result};
use agreement::Agreement;
use graph::Graph;

/// The committed file, from the root.
const FILE: &str = "tools/dev/policy.json";

/// Compares the graph of dependencies with the file and prints what differs; false when anything.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let agreement = read(workspace)?;
    let metadata = workspace.metadata(false)?;
    let shipped = Graph::of_phones(workspace, &agreement.phones)?;
    let mut findings = licences::check(&metadata, &agreement);
    findings.extend(versions::check(&metadata, &agreement));
    findings.extend(phones::check(&shipped, &agreement.phones));
    for finding in &findings {
        println!("{FILE}: {finding}");
    }
    let (packages, count) = (metadata.packages.len(), findings.len());
    println!(
        "policy: {packages} packages, {} ship to phones, {count} finding{}",
        shipped.foreign().count(),
        if count == 1 { "" } else { "s" }
    );
    Ok(findings.is_empty())
}

/// Brings the facts of the file up to date and leaves every new reason empty for a person to
/// write; an empty reason is a finding. Returns whether nothing is left to write.
pub(crate) fn write(workspace: &Workspace) -> Result<bool> {
    let mut agreement = read(workspace)?;
    let metadata = workspace.metadata(false)?;
    let shipped = Graph::of_phones(workspace, &agreement.phones)?;
    versions::update(&metadata, &mut agreement);
    phones::update(&shipped, &mut agreement.phones);
    let path = workspace.root().join(FILE);
    fs::write(&path, agreement.to_text()?).map_err(|source| Error::Write { path, source })?;
    run(workspace)
}

fn read(workspace: &Workspace) -> Result<Agreement> {
    let path = workspace.root().join(FILE);
    let text = fs::read_to_string(&path).map_err(|source| Error::Read { path, source })?;
    Agreement::parse(&text)
}
