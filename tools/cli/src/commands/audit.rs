//! `noctule audit`.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use noctule_reports::{
    DayDelivery, DeliveryAudit, Estimate, InstallationDelivery, Lateness, audit_delivery,
};

use crate::error::{Error, Result};
use crate::output::{Output, grouped};

const FAILED: &str = "audit the feedback";

/// Say what arrived of the feedback, what is missing, how late, and whose clock is off.
#[derive(Debug, Args)]
#[command(after_help = "\
With --json, every installation and day: runs received, gaps, repeats, lateness, clock.

Examples:
  noctule audit feedback --app town
  noctule audit feedback --app town --json | jq '.installations[] | select(.missing > 0)'")]
pub(crate) struct Audit {
    /// Directory that `noctule collect` wrote.
    #[arg(value_name = "PARQUET_DIR")]
    feedback: PathBuf,

    /// The app.
    #[arg(long)]
    app: String,

    /// Probability with which bounds and intervals hold the truth.
    #[arg(long, default_value_t = 0.95)]
    confidence: f64,

    /// Installations with the most missing numbers that are listed.
    #[arg(long, value_name = "N", default_value_t = 10)]
    worst: usize,
}

/// Audits.
pub(crate) fn run(asked: &Audit, output: Output) -> Result<()> {
    let audit =
        audit_delivery(&asked.feedback, &asked.app, asked.confidence).map_err(
            |error| match error {
                // Settings have the names of their flags.
                noctule_reports::Error::InvalidSetting { setting, reason } => {
                    Error::failed(FAILED)(format!("--{setting}: {reason}"))
                }
                other => Error::failed(FAILED)(other),
            },
        )?;
    output.print(&audit, &text(&audit, asked))
}

// Writing to a string does not fail, here and below.
fn text(audit: &DeliveryAudit, asked: &Audit) -> String {
    let mut text = format!(
        "{} events of {} installations; {} rows repeated, {} lines set aside\n",
        grouped(audit.events),
        grouped(audit.installations.len() as u64),
        grouped(audit.repeated),
        grouped(audit.set_aside)
    );
    push_loss(&mut text, audit, asked.confidence);
    if let Some(lateness) = &audit.lateness {
        let _ = writeln!(text, "received after it happened: {}", quantiles(lateness));
    }
    let _ = writeln!(
        text,
        "clocks: {} installations ahead of the collector, {} set back by more than a minute",
        grouped(audit.installations_ahead),
        grouped(audit.installations_set_back)
    );
    push_days(&mut text, &audit.days);
    push_worst(&mut text, audit, asked.worst);
    text
}

fn push_loss(text: &mut String, audit: &DeliveryAudit, confidence: f64) {
    let (loss, level) = (&audit.loss, 100.0 * confidence);
    let share = loss.share.as_ref().map_or(String::new(), share);
    let _ = writeln!(
        text,
        "missing: {} of {} numbers{share}, in {} installations; {} given up by the devices, \
         {} lost, set aside or not yet here",
        grouped(loss.missing),
        grouped(loss.of),
        grouped(loss.installations_with_gaps),
        grouped(loss.given_up),
        grouped(loss.unexplained)
    );
    let bounds = loss.share_at_most.zip(loss.installations_share_at_most);
    if let Some((events, installations)) = bounds {
        let _ = writeln!(
            text,
            "at most, with {level} %: {} of the events if lost one by one, {} of installations",
            percent(events),
            percent(installations)
        );
    }
    text.push_str("not known: what is behind the highest number of each installation\n");
}

fn share(estimate: &Estimate) -> String {
    let ends = estimate.low.zip(estimate.high);
    let interval = ends
        .map_or(String::new(), |(low, high)| format!(", {} to {}", percent(low), percent(high)));
    format!(" ({}{interval})", percent(estimate.value))
}

/// Three digits, and of a share too small for them what it is below: a bound is never nothing.
fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if percent > 0.0 && percent < 0.001 => "below 0.001 %".into(),
        percent => format!("{percent:.3} %"),
    }
}

fn quantiles(lateness: &Lateness) -> String {
    format!(
        "half within {}, 90 % within {}, 99 % within {}, all within {}",
        duration(lateness.p50_ms),
        duration(lateness.p90_ms),
        duration(lateness.p99_ms),
        duration(lateness.most_ms)
    )
}

/// A length of time in the unit that suits it.
fn duration(ms: i64) -> String {
    let size = ms.unsigned_abs() as f64;
    let sign = if ms < 0 { "-" } else { "" };
    let units = [(86_400_000.0, "d"), (3_600_000.0, "h"), (60_000.0, "min"), (1_000.0, "s")];
    match units.into_iter().find(|(length, _)| size >= *length) {
        Some((length, unit)) => format!("{sign}{:.1} {unit}", size / length),
        None => format!("{ms} ms"),
    }
}

fn push_days(text: &mut String, days: &[DayDelivery]) {
    let _ = writeln!(
        text,
        "\n{:<10} {:>13} {:>13} {:>9} {:>9} {:>10} {:>10} {:>10}",
        "day", "installations", "events", "missing", "repeated", "late p50", "late p99", "least"
    );
    for day in days {
        let _ = writeln!(
            text,
            "{:<10} {:>13} {:>13} {:>9} {:>9} {:>10} {:>10} {:>10}",
            day.day.to_string(),
            grouped(day.installations),
            grouped(day.events),
            grouped(day.missing),
            grouped(day.repeated),
            duration(day.lateness.p50_ms),
            duration(day.lateness.p99_ms),
            duration(day.lateness.least_ms)
        );
    }
}

fn push_worst(text: &mut String, audit: &DeliveryAudit, most: usize) {
    let mut worst: Vec<&InstallationDelivery> =
        audit.installations.iter().filter(|one| one.missing > 0).collect();
    worst.sort_by_key(|one| Reverse(one.missing));
    if worst.is_empty() || most == 0 {
        return;
    }
    let _ = writeln!(text, "\n{:<36} {:>13} {:>13}  gaps", "installation", "missing", "of");
    for one in worst.into_iter().take(most) {
        let gaps = one.days.iter().flat_map(|day| &day.gaps);
        let mut told: Vec<String> =
            gaps.clone().take(3).map(|[first, last]| format!("{first}-{last}")).collect();
        if gaps.count() > told.len() {
            told.push("…".into());
        }
        // The name comes from a file.
        let name = one.installation.escape_default();
        let (missing, of) = (grouped(one.missing), grouped(one.last_sequence));
        let _ = writeln!(text, "{name:<36} {missing:>13} {of:>13}  {}", told.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_share_is_not_told_as_none() {
        let texts = [0.0, 1e-7, 0.123_45, 1.0].map(percent);
        assert_eq!(texts, ["0.000 %", "below 0.001 %", "12.345 %", "100.000 %"]);
    }

    #[test]
    fn a_length_of_time_is_told_in_the_unit_that_suits_it() {
        let texts = [0, 999, -1_500, 90_000, 5_400_000, 129_600_000].map(duration);
        assert_eq!(texts, ["0 ms", "999 ms", "-1.5 s", "1.5 min", "1.5 h", "1.5 d"]);
    }
}
