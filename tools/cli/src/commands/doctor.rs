//! `noctule doctor`.

use std::path::PathBuf;

use clap::Args;
use noctule_core::Diagnosis;
use serde_json::json;

use super::profile::Profile;
use crate::error::{Error, Result};
use crate::output::{Output, kebab};

/// Say what is wrong with a profile, and what to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Looks at the journal of nights, the slates, the release with every byte of it, the database and the
feedback that waits; nothing of it is changed, and what is printed holds no user data.

Examples:
  noctule doctor profile --app town
  noctule doctor profile --app town --json")]
pub(crate) struct Doctor {
    #[command(flatten)]
    profile: Profile,

    /// A key that releases may be signed with; may be repeated.
    #[arg(long, value_name = "FILE")]
    public_key: Vec<PathBuf>,
}

/// Prints what the doctor finds.
pub(crate) fn run(asked: &Doctor, output: Output) -> Result<()> {
    let failed = "examine the profile";
    let library = asked.profile.open_existing(failed, &asked.public_key)?;
    let diagnosis = library.doctor().map_err(Error::failed(failed))?;
    let journal = library.journal().map_err(Error::failed(failed))?;
    let findings = diagnosis.findings.iter().map(|finding| {
        json!({
            "level": kebab(&finding.level),
            "about": finding.about,
            "text": finding.text,
            "advice": finding.advice,
        })
    });
    let runs = journal.runs.iter().map(|run| {
        json!({
            "began_ms": run.began_ms,
            "ended_ms": run.ended_ms,
            "outcome": run.outcome.words().0,
            "text": run.outcome.words().1,
            "published": run.published,
            "kept": run.kept,
            "remaining": run.remaining,
            "cpu_ms": run.cpu_ms,
            "wall_ms": run.wall_ms,
            "stop_told": run.stop_told,
            "conditions": run.conditions,
        })
    });
    let refusals = journal.refusals.iter().map(|refused| {
        json!({"day": refused.day, "reason": refused.reason.word(), "count": refused.count})
    });
    let json = json!({
        "level": kebab(&diagnosis.level()),
        "findings": findings.collect::<Vec<_>>(),
        "database_bytes": diagnosis.sizes.database,
        "releases_bytes": diagnosis.sizes.releases,
        "runs": runs.collect::<Vec<_>>(),
        "refusals": refusals.collect::<Vec<_>>(),
    });
    output.print(&json, &text(&diagnosis))
}

fn text(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    for finding in &diagnosis.findings {
        let level = kebab(&finding.level);
        text.push_str(&format!("{level:<8} {:<9} {}\n", finding.about, finding.text));
        if let Some(advice) = finding.advice {
            text.push_str(&format!("{:18} -> {advice}\n", ""));
        }
    }
    text
}
