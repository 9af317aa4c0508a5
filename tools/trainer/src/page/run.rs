//! The page of a run.

use std::fmt::Write as _;

use noctule_pages::{confidence, count};

use super::markup::{number, probability};
use super::{Frame, fairness, figures, list, origin, page, quantisation};
use crate::evaluation::Metric;
use crate::run::{ModelRun, RunRecord};
use crate::training::network::RetrainRecord;

/// Draws the page of `record`. Every text that comes from outside is escaped.
#[must_use]
pub fn run_page(record: &RunRecord) -> String {
    let k = record.evaluation.k;
    let best = best(record);
    let headline = best.map_or("Nothing was measured.".into(), |model| headline(record, model));
    let verdict = best.and_then(|model| {
        let estimate = model.report.metrics.get(&Metric::Ndcg)?;
        Some(format!(
            "NDCG@{k} {}, {} interval {} to {}",
            number(estimate.value),
            confidence(record.bootstrap.confidence),
            number(estimate.low),
            number(estimate.high)
        ))
    });
    let lead = lead(record);
    let mut sections = String::new();
    if !record.warnings.is_empty() {
        sections.push_str("<section>\n<h2>Before you trust these figures</h2>\n");
        list(&mut sections, &record.warnings);
        sections.push_str("</section>\n");
    }
    figures::accuracy(&mut sections, record);
    figures::comparisons(&mut sections, record);
    figures::groups(&mut sections, record);
    fairness::fairness(&mut sections, record);
    quantisation::quantisation(&mut sections, record);
    figures::beyond(&mut sections, record);
    figures::curves(&mut sections, record);
    figures::reliability(&mut sections, record);
    origin::probes(&mut sections, record);
    origin::tuning(&mut sections, record);
    origin::origin(&mut sections, record);
    let footer = format!(
        "Intervals hold the truth in {} of all runs: users are drawn anew {} times. Tests are \
         two-sided; p is that of the randomisation test, adjusted for the number of comparisons \
         (Holm).",
        confidence(record.bootstrap.confidence),
        count(record.bootstrap.resamples as u64)
    );
    let title = format!("{} of {} – Noctule", record.kind, record.data.path);
    let about = format!("{} · {}", record.kind, record.data.path);
    let verdict = verdict.as_deref();
    let frame = Frame {
        title: &title,
        about: &about,
        headline: &headline,
        verdict,
        lead: &lead,
        footer: &footer,
    };
    page(&frame, &sections)
}

/// The model with the highest NDCG.
pub(super) fn best(record: &RunRecord) -> Option<&ModelRun> {
    let ndcg = |model: &&ModelRun| model.report.evaluation.ndcg;
    record.models.iter().max_by(|a, b| ndcg(a).total_cmp(&ndcg(b)))
}

fn headline(record: &RunRecord, best: &ModelRun) -> String {
    let k = record.evaluation.k;
    let share = best.report.evaluation.hit_rate * 100.0;
    let mut text = format!(
        "{} has what {share:.1}\u{a0}% of the users chose next among its first {k}.",
        capitalised(&best.report.name)
    );
    let close = record.comparisons.iter().filter(|comparison| comparison.adjusted_p >= 0.05);
    let names: Vec<&str> = close.map(|comparison| comparison.second.as_str()).collect();
    if !names.is_empty() {
        let _ = write!(text, " Chance may be why it is ahead of {}.", names.join(" and "));
    }
    text
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn lead(record: &RunRecord) -> Vec<String> {
    let statistics = &record.data.statistics;
    let users = record.models.first().map_or(0, |model| model.report.evaluation.users);
    let sentence = format!(
        "{} events of {} users with {} items; {} users have something in the test part.",
        count(statistics.events as u64),
        count(statistics.users.count as u64),
        count(statistics.catalogue as u64),
        count(users as u64)
    );
    let mut lead = vec![sentence];
    lead.extend(record.retrained.as_ref().map(RetrainRecord::sentence));
    if let Some(worst) =
        record.comparisons.iter().max_by(|a, b| a.adjusted_p.total_cmp(&b.adjusted_p))
    {
        lead.push(format!(
            "Against {}, the closest: difference {}, p {}.",
            worst.second,
            super::markup::difference(worst.result.difference.value),
            probability(worst.adjusted_p)
        ));
    }
    lead
}
