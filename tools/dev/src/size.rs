//! `cargo dev size`: how large the library is that ships to phones, and which crate owns how much.
//!
//! Builds it as it ships ([`crate::phone`]), strips a copy as an app's build does, and holds both
//! against the budget of that form in `tools/dev/size.json`; what was promised is the small form's.
//! Linking decides what stays, so the unstripped library is asked: the sizes of its symbols, added
//! up by the crate in their names.

mod budget;
mod symbols;

use std::fs;
use std::path::Path;

use crate::cargo::Workspace;
use crate::error::{Error, Result};
use crate::phone::{Form, NO_SOURCES, Shipped};
use crate::steps::Outcome;
use budget::{Agreement, Size};

/// The budgets, relative to the root.
const FILE: &str = "tools/dev/size.json";

/// Measures the form that is asked for, or the best, prints and compares.
pub(crate) fn run(workspace: &Workspace, asked: Option<Form>) -> Result<Outcome> {
    let form = asked.map_or_else(Form::best, Ok)?;
    let Some(size) = measure(workspace, form)? else {
        return Ok(Outcome::Skipped("strip of binutils is missing, or this is no ELF".to_owned()));
    };
    let agreement = agreement(&workspace.root().join(FILE))?;
    println!("{}", agreement.table(form, &size));
    let findings = agreement.findings(form, &size);
    findings.iter().for_each(|finding| println!("size: {finding}"));
    if !findings.is_empty() {
        let lines = findings.iter().map(|finding| format!("size: {finding}\n"));
        return Ok(Outcome::Failed(lines.collect()));
    }
    if form == Form::Plain && asked.is_none() {
        println!("size: {NO_SOURCES}");
        return Ok(Outcome::Skipped(NO_SOURCES.to_owned()));
    }
    Ok(Outcome::Passed)
}

/// Makes what is there now the budget; reasons for what grew belong into the commit.
pub(crate) fn write(workspace: &Workspace, asked: Option<Form>) -> Result<bool> {
    let form = asked.map_or_else(Form::best, Ok)?;
    let Some(size) = measure(workspace, form)? else { return Ok(false) };
    let path = workspace.root().join(FILE);
    let mut agreement = agreement(&path)?;
    agreement.agree(form, &size);
    fs::write(&path, agreement.to_text()?).map_err(|source| Error::Write { path, source })?;
    println!("{}", agreement.table(form, &size));
    Ok(true)
}

fn agreement(path: &Path) -> Result<Agreement> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    Agreement::parse(&text)
}

/// Builds and measures; none where it cannot be done.
fn measure(workspace: &Workspace, form: Form) -> Result<Option<Size>> {
    let Some(Shipped { library, stripped }) = Shipped::build(workspace, form)? else {
        return Ok(None);
    };
    let metadata = fs::metadata(&stripped);
    let length = metadata.map_err(|source| Error::Read { path: stripped, source })?.len();
    let bytes = fs::read(&library).map_err(|source| Error::Read { path: library, source })?;
    let crates = symbols::by_crate(&bytes)
        .map_err(|message| Error::Command { command: "reading the symbols".to_owned(), message })?;
    Ok(Some(Size { stripped: length, crates }))
}
