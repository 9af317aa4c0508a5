//! `noctule night`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use noctule_core::base::{Budget, CancelToken, Progress, Step};
use serde_json::json;

use super::profile::Profile;
use crate::error::{Error, Result};
use crate::output::{Output, kebab};
use crate::progress::Stage;

/// Run the night job on a profile.
#[derive(Debug, Args)]
#[command(after_help = "\
A night that its budget cuts short has published the most needed slates; the next call goes on where
it stopped.

Examples:
  noctule night profile --app town --release release --public-key release.key.pub
  noctule night profile --app town --budget-seconds 5 --json")]
pub(crate) struct Night {
    #[command(flatten)]
    profile: Profile,

    /// Install this release first.
    #[arg(long, value_name = "RELEASE_DIR", requires = "public_key")]
    release: Option<PathBuf>,

    /// A key that the release may be signed with; may be repeated.
    #[arg(long, value_name = "FILE")]
    public_key: Vec<PathBuf>,

    /// Seconds that the night may take.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    budget_seconds: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Shows the night's progress on one stage.
struct Shown<'a>(&'a Stage);

impl Progress for Shown<'_> {
    fn report(&self, step: Step, done: u32, total: u32) {
        if step == Step::Slates {
            self.0.at(done as usize, total as usize);
        }
    }
}

/// Runs the night.
pub(crate) fn run(asked: &Night, output: Output) -> Result<()> {
    let failed = "run the night";
    let library = asked.profile.open(failed, &asked.public_key)?;
    let mut installed = None;
    if let Some(directory) = &asked.release {
        let name = library.install_release(directory).map_err(Error::failed(failed))?;
        installed = Some(name.to_string());
    }
    let budget = asked.budget_seconds.map_or_else(Budget::unlimited, Budget::wall);
    let stage = Stage::begin("night");
    let report = library
        .run_night(budget, &CancelToken::new(), &Shown(&stage))
        .map_err(Error::failed(failed))?;
    let text = format!(
        "{}: {} slates published, {} kept, {} remaining, {} events learned",
        kebab(&report.outcome),
        report.published,
        report.kept,
        report.remaining,
        report.learned_events
    );
    let took = stage.end(&format!("{} slates published", report.published));
    let status = library.status().map_err(Error::failed(failed))?;
    let json = json!({
        "installed": installed,
        "outcome": kebab(&report.outcome),
        "published": report.published,
        "kept": report.kept,
        "remaining": report.remaining,
        "learned_events": report.learned_events,
        "arm": status.arm,
        "seconds": took.as_secs_f64(),
    });
    output.print(&json, &text)
}
