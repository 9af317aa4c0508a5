//! The report as CSV (RFC 4180): one row a rate, for spreadsheets and notebooks.

use std::fmt::Write as _;

use crate::estimates::Estimate;
use crate::report::AbReport;

/// The columns of [`render_csv`].
const HEADER: &str = "arm,measure,part,successes,trials,value,low,high,standard_error,clusters\r\n";

/// Every rate of the report: `measure` says which, `part` the day, context or position it is of.
///
/// Differences and changes have no successes and trials of their own: those fields are empty.
///
/// ```
/// use noctule_reports::{AbSettings, Feedback, ab_report, render_csv};
/// let report = ab_report(&Feedback::new("town"), &AbSettings::default())?;
/// assert!(render_csv(&report).starts_with("arm,measure,part,"));
/// # Ok::<(), noctule_reports::Error>(())
/// ```
#[must_use]
pub fn render_csv(report: &AbReport) -> String {
    let mut csv = String::from(HEADER);
    for arm in &report.arms {
        let mut row = |measure, part: &str, counts, estimate: Option<&Estimate>| {
            push_row(&mut csv, &arm.name, measure, part, Some(counts), estimate);
        };
        row("acceptance", "", (arm.accepted, arm.visits), arm.acceptance.as_ref());
        for night in &arm.nights {
            let (day, counts) = (night.day.to_string(), (night.accepted, night.visits));
            row("acceptance_by_night", &day, counts, night.acceptance.as_ref());
        }
        for part in &arm.contexts {
            let (name, counts) = (part.context.as_deref(), (part.accepted, part.visits));
            row("acceptance_by_context", name.unwrap_or(""), counts, part.acceptance.as_ref());
        }
        row("click_through", "", (arm.clicks, arm.impressions), arm.click_through.as_ref());
        for part in &arm.positions {
            let (name, counts) = (part.position.to_string(), (part.clicks, part.impressions));
            row("click_through_by_position", &name, counts, part.click_through.as_ref());
        }
        if arm.change.is_some() {
            let change = arm.change.as_ref();
            push_row(&mut csv, &arm.name, "acceptance_change", "", None, change);
        }
    }
    for comparison in &report.comparisons {
        let (arm, against) = (&comparison.arm, &comparison.control);
        let mut row = |measure, estimate| push_row(&mut csv, arm, measure, against, None, estimate);
        row("acceptance_minus_control", Some(&comparison.acceptance));
        if comparison.change.is_some() {
            row("acceptance_change_minus_control", comparison.change.as_ref());
        }
    }
    csv
}

fn push_row(
    csv: &mut String,
    arm: &str,
    measure: &str,
    part: &str,
    counts: Option<(u64, u64)>,
    estimate: Option<&Estimate>,
) {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let (successes, trials) = counts
        .map_or((String::new(), String::new()), |(some, all)| (some.to_string(), all.to_string()));
    // Writing to a string cannot fail.
    let _ = write!(
        csv,
        "{},{measure},{},{successes},{trials},{},{},{},{},{}\r\n",
        field(arm),
        field(part),
        number(estimate.map(|estimate| estimate.value)),
        number(estimate.and_then(|estimate| estimate.low)),
        number(estimate.and_then(|estimate| estimate.high)),
        number(estimate.and_then(|estimate| estimate.standard_error)),
        estimate.map_or(0, |estimate| estimate.clusters),
    );
}

/// Quotes what would break the row, and disarms what a spreadsheet would take for a formula.
pub(crate) fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_their_field() {
        assert_eq!(field("model"), "model");
        assert_eq!(field("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(field("=1+1"), "'=1+1");
    }
}
