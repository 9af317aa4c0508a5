//! What a demonstration says at its end.

use std::time::Duration;

use noctule_reports::{AbReport, Estimate};
use serde_json::{Value, json};

use super::Demo;
use super::playing::Played;
use crate::output::grouped;

/// The result in a few lines.
pub(super) struct Summary<'a> {
    /// What was asked for.
    pub(super) asked: &'a Demo,
    /// The numbers.
    pub(super) report: &'a AbReport,
    /// What happened.
    pub(super) played: &'a Played,
    /// How long all took.
    pub(super) total: Duration,
}

impl Summary<'_> {
    /// For people.
    pub(super) fn text(&self) -> String {
        let mut rows: Vec<(String, String)> = Vec::new();
        for arm in &self.report.arms {
            let rate = arm.acceptance.as_ref().map_or("none".into(), percent);
            let phones = arm.installations;
            rows.push((format!("{} arm", arm.name), format!("{rate} accepted, {phones} phones")));
        }
        for comparison in &self.report.comparisons {
            rows.push(("difference".into(), points(&comparison.acceptance)));
        }
        for arm in self.report.arms.iter().filter(|arm| arm.change.is_some()) {
            let change = arm.change.as_ref().map_or(String::new(), points);
            rows.push(("first to last".into(), format!("{change}, {} arm", arm.name)));
        }
        let audit = &self.report.audit;
        let feedback = format!(
            "{} events recorded, {} in Parquet, {} lost, {} repeated",
            grouped(self.played.result.recorded()),
            grouped(audit.events),
            grouped(audit.lost),
            grouped(audit.repeated)
        );
        rows.push(("feedback".into(), feedback));
        let timings = &self.played.result.timings;
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let times = format!(
            "recommend {:.1} µs, record {:.0} µs, night {:.1} ms",
            micros(timings.recommend_p50),
            micros(timings.record_p50),
            micros(timings.night_p50) / 1e3
        );
        rows.push(("medians".into(), times));
        let page = self.asked.output.join("report.html");
        rows.push(("report".into(), page.display().to_string()));
        rows.iter().map(|(name, value)| format!("{name:<14} {value}\n")).collect()
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let report = self.report;
        let arms: Vec<Value> = report
            .arms
            .iter()
            .map(|arm| {
                json!({
                    "name": arm.name,
                    "phones": arm.installations,
                    "visits": arm.visits,
                    "accepted": arm.accepted,
                    "acceptance": arm.acceptance,
                    "first_to_last": arm.change,
                })
            })
            .collect();
        let timings = &self.played.result.timings;
        json!({
            "seed": self.asked.seed,
            "nights": self.asked.nights,
            "arms": arms,
            "comparison": report.comparisons.first(),
            "recorded": self.played.result.recorded(),
            "stored": self.played.collected.stored_events,
            "lost": report.audit.lost,
            "repeated": report.audit.repeated,
            "recommend_p50_us": timings.recommend_p50.as_secs_f64() * 1e6,
            "record_p50_us": timings.record_p50.as_secs_f64() * 1e6,
            "night_p50_us": timings.night_p50.as_secs_f64() * 1e6,
            "seconds": self.total.as_secs_f64(),
            "report": self.asked.output.join("report.html"),
        })
    }
}

fn percent(rate: &Estimate) -> String {
    let interval = match (rate.low, rate.high) {
        (Some(low), Some(high)) => format!(" ({:.1} to {:.1})", low * 100.0, high * 100.0),
        _ => String::new(),
    };
    format!("{:.1} %{interval}", rate.value * 100.0)
}

fn points(change: &Estimate) -> String {
    let interval = match (change.low, change.high) {
        (Some(low), Some(high)) => {
            format!(" (95 % interval {:+.1} to {:+.1})", low * 100.0, high * 100.0)
        }
        _ => String::new(),
    };
    format!("{:+.1} points{interval}", change.value * 100.0)
}
