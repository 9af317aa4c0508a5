//! `noctule checks`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use noctule_core::base::{Clock as _, SystemClock};
use noctule_core::release::{Checks, VerifiedRelease};
use noctule_releases::{Exam, PersonChoice, PersonHistory, SuggestSettings};
use noctule_trainer::datasets::Interactions;
use serde_json::{Value, json};

use super::verify::public_keys;
use crate::dataset;
use crate::error::{Error, Result};
use crate::output::Output;

/// Run the checks of a release, or draft some for a person to go through.
#[derive(Debug, Args)]
pub(crate) struct ChecksCommand {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// Put a release's own checks to it. Ends with 65 when one fails.
    Run(Run),
    /// Draft checks from data: what the release does now, in words that a person can judge.
    Suggest(Suggest),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule checks run release --public-key release.key.pub
  noctule checks run release --public-key release.key.pub --checks draft.jsonl")]
struct Run {
    /// Directory of the release.
    #[arg(value_name = "RELEASE_DIR")]
    release: PathBuf,

    /// A key that the release may be signed with; may be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    public_key: Vec<PathBuf>,

    /// Put these checks to it instead of its own.
    #[arg(long, value_name = "FILE")]
    checks: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Read the drafts, strike out the lines that are not what you want of a model, and pack the rest:

Examples:
  noctule checks suggest release --public-key release.key.pub --data town --output checks.jsonl
  noctule pack model --checks checks.jsonl --version 2 --key release.key --output release-2")]
struct Suggest {
    /// Directory of the release.
    #[arg(value_name = "RELEASE_DIR")]
    release: PathBuf,

    /// A key that the release may be signed with; may be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    public_key: Vec<PathBuf>,

    /// Directory of interactions, in any layout that `noctule train` reads.
    #[arg(long, value_name = "DATA_DIR")]
    data: PathBuf,

    /// File that gets the drafts.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    /// People to draft from, about seven checks each.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=64))]
    count: u16,

    /// Seed of the draws.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs or drafts checks.
pub(crate) fn run(asked: &ChecksCommand, output: Output) -> Result<()> {
    match &asked.asked {
        Asked::Run(asked) => run_checks(asked, output),
        Asked::Suggest(asked) => suggest(asked, output),
    }
}

fn run_checks(asked: &Run, output: Output) -> Result<()> {
    let failed = "run the checks";
    let release = verified(failed, &asked.release, &asked.public_key)?;
    let exam = match &asked.checks {
        None => noctule_releases::examine(&release).map_err(Error::failed(failed))?,
        Some(path) => {
            let checks = Checks::read(path).map_err(|error| Error::at(failed, path, error))?;
            let exam = noctule_releases::examine_with(&release, checks);
            Some(exam.map_err(Error::failed(failed))?)
        }
    };
    let Some(exam) = exam else {
        return Err(Error::at(failed, &asked.release, "the release has no checks"));
    };
    output.print(&exam_json(&exam), &exam_text(&exam))?;
    outcome(&exam)
}

fn suggest(asked: &Suggest, output: Output) -> Result<()> {
    let failed = "suggest checks";
    let release = verified(failed, &asked.release, &asked.public_key)?;
    let (data, plan) = dataset::read(&asked.data, None)?;
    let people = people(&data, &plan.contexts);
    let settings = SuggestSettings { people: usize::from(asked.count), seed: asked.seed };
    let checks =
        noctule_releases::suggest(&release, &people, settings).map_err(Error::failed(failed))?;
    let bytes = checks.to_bytes().map_err(Error::failed(failed))?;
    let path = &asked.output;
    std::fs::write(path, bytes).map_err(|error| Error::at(failed, path, error))?;
    let mut text = format!("{} drafts in {}\n", checks.all().len(), path.display());
    for check in checks.all() {
        let description = check.description.as_deref().unwrap_or_default();
        let _ = writeln!(text, "{:<10}  {:<14}  {description}", check.level(), check.id);
    }
    output.print(&json!({ "checks": checks.all().len(), "output": path }), &text)
}

fn verified(action: &'static str, release: &Path, keys: &[PathBuf]) -> Result<VerifiedRelease> {
    let keys = public_keys(action, keys)?;
    let now_ms = SystemClock::default().now_ms();
    noctule_releases::verify(release, &keys, now_ms).map_err(Error::failed(action))
}

/// The people of a data set with what each chose, in the order of time.
pub(crate) fn people(
    data: &Interactions,
    contexts: &[noctule_core::release::Context],
) -> Vec<PersonHistory> {
    let of = |(user, events): (usize, Vec<u32>)| {
        let choices = events.into_iter().map(|index| {
            let event = &data.events[index as usize];
            let context = event.context.and_then(|index| contexts.get(usize::from(index)));
            PersonChoice {
                item: data.items[event.item as usize].id.clone(),
                context: context.map(|context| context.id.clone()),
                weight: event.weight,
            }
        });
        let place = data.places.get(user).copied().flatten();
        PersonHistory { choices: choices.collect(), place }
    };
    data.by_user().into_iter().enumerate().map(of).collect()
}

/// An exam as a table: level, id, verdict and reason.
pub(crate) fn exam_text(exam: &Exam) -> String {
    let report = &exam.report;
    let mut text = String::new();
    for check in exam.checks.all() {
        let failure = report.failed.iter().find(|failure| failure.id == check.id);
        let mut unmeasured = report.not_measured.iter().filter(|missing| missing.id == check.id);
        let (verdict, reason) = match (failure, unmeasured.next()) {
            (Some(failure), _) => ("FAILED", failure.reason.clone()),
            (None, Some(missing)) => ("passed", format!("not measured: {}", missing.what)),
            (None, None) => ("passed", String::new()),
        };
        let line = format!("{:<10}  {:<20}  {verdict}  {reason}", check.level(), check.id);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let (passed, total, millis) = (report.passed, report.total(), report.millis);
    let _ = writeln!(text, "{passed} of {total} checks passed in {millis} ms");
    text
}

/// An exam for programs.
pub(crate) fn exam_json(exam: &Exam) -> Value {
    let report = &exam.report;
    let failed = report.failed.iter().map(
        |failure| json!({ "id": failure.id, "level": failure.level, "reason": failure.reason }),
    );
    let not_measured =
        report.not_measured.iter().map(|missing| json!({ "id": missing.id, "what": missing.what }));
    json!({
        "release": report.release,
        "passed": report.passed,
        "failed": failed.collect::<Vec<_>>(),
        "not_measured": not_measured.collect::<Vec<_>>(),
        "millis": report.millis,
    })
}

/// The error of an exam that was not passed.
pub(crate) fn outcome(exam: &Exam) -> Result<()> {
    let report = &exam.report;
    if report.is_passed() {
        return Ok(());
    }
    let (release, total) = (report.release.clone(), report.total());
    Err(Error::ExamFailed { release, failed: report.failed.len(), total })
}
