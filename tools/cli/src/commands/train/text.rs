//! What a training run says for people.

use std::path::Path;

use noctule_trainer::clicks::ExaminationSource;
use noctule_trainer::evaluation::{Protocol, QuantisationLoss};
use noctule_trainer::export::TrainingRecord;
use noctule_trainer::training::network::UNTREATED_TOWERS;
use noctule_trainer::training::neural::EpochRecord;
use noctule_trainer::training::{Metrics, TrainStep, UNTREATED, WeakRecord};

use crate::output::grouped;

/// One epoch, on a line.
pub(crate) fn epoch_text(step: TrainStep, epoch: usize, record: &EpochRecord) -> String {
    let of = if step == TrainStep::Refitting { "again, " } else { "" };
    let validation = record
        .validation
        .map_or_else(String::new, |value| format!(", NDCG@10 of validation {value:.4}"));
    format!("{of}epoch {epoch}: loss {:.4}{validation}", record.loss)
}

/// What became of the data and the model.
pub(super) fn text(record: &TrainingRecord, directory: &Path) -> String {
    let sizes = &record.data;
    let mut text = format!(
        "trained on {} interactions of {} users with {} items\n",
        grouped(sizes.interactions as u64),
        grouped(sizes.users as u64),
        grouped(sizes.items as u64)
    );
    if sizes.duplicates + sizes.not_positive > 0 {
        text.push_str(&format!(
            "left out: {} repeated rows, {} that are not positive\n",
            grouped(sizes.duplicates),
            grouped(sizes.not_positive)
        ));
    }
    if let Some(weak) = &record.weak {
        text.push_str(&weak_text(weak));
    }
    if let Some(again) = &record.retrained {
        text.push_str(&again.sentence());
        text.push('\n');
    }
    text.push_str(&curve_text(&record.curve, record.best_epoch));
    if let Some(metrics) = &record.metrics {
        text.push_str(&metrics_text(metrics));
    }
    text.push_str(&record.quantisation.as_ref().map(quantisation_text).unwrap_or_default());
    text.push_str(&format!("model in {}\n", directory.display()));
    text
}

/// What the ranker learned from in feedback.
fn weak_text(weak: &WeakRecord) -> String {
    let labels = &weak.labels;
    let mut text = format!(
        "ranker from {} showings: {} wanted, {} refused, {} opened for a moment, {} skipped\n",
        grouped(weak.showings as u64),
        grouped(labels.positives),
        grouped(labels.refused),
        grouped(labels.short),
        grouped(labels.skips)
    );
    let Some(examination) = &weak.examination else { return text };
    let source = match examination.source {
        ExaminationSource::Swaps => "swaps of randomised slots",
        ExaminationSource::ClickModel => "a click model: no randomised slots, or too few",
    };
    text.push_str(&format!("looked at, by position, from {source}:\n"));
    for (position, known) in examination.positions.iter().enumerate() {
        let interval = known
            .interval
            .map_or_else(String::new, |(low, high)| format!(" ({low:.2} to {high:.2})"));
        text.push_str(&format!("{position:>4} {:.2}{interval}\n", known.examination));
    }
    text
}

/// How the training of a network went; nothing for other models.
pub(crate) fn curve_text(curve: &[EpochRecord], best: Option<usize>) -> String {
    let Some((best, record)) = best.and_then(|best| Some((best, curve.get(best - 1)?))) else {
        return String::new();
    };
    let validation = record.validation.map_or_else(
        || ", nothing held out".to_owned(),
        |value| format!(", NDCG@10 of validation {value:.4}"),
    );
    format!("epoch {best} of {} is the best: loss {:.4}{validation}\n", curve.len(), record.loss)
}

/// What was measured, as a table.
pub(crate) fn metrics_text(metrics: &Metrics) -> String {
    let before = if metrics.two_tower.is_some() { UNTREATED_TOWERS } else { UNTREATED };
    let rows = [
        ("popularity", Some(&metrics.popularity)),
        ("context popularity", Some(&metrics.context_popularity)),
        ("fold-in", metrics.fold_in.as_ref()),
        (before, metrics.untreated.as_ref()),
        ("ranker", metrics.ranker.as_ref()),
        ("sasrec", metrics.sasrec.as_ref()),
        ("two_tower", metrics.two_tower.as_ref()),
        ("softmax_factorization", metrics.softmax_factorization.as_ref()),
    ];
    let mut text = String::new();
    for (name, evaluation) in rows {
        let Some(measured) = evaluation else { continue };
        if text.is_empty() {
            let (k, users) = (measured.k, grouped(measured.users as u64));
            text.push_str(&format!(
                "on the last choice of {users} users, {}\n{:<26} {:>8} {:>8} {:>8}\n",
                ranked_text(measured.protocol),
                "",
                format!("HR@{k}"),
                format!("NDCG@{k}"),
                "MRR"
            ));
        }
        text.push_str(&format!(
            "{name:<26} {:>8.4} {:>8.4} {:>8.4}\n",
            measured.hit_rate, measured.ndcg, measured.mrr
        ));
    }
    text
}

/// What ranking by codes alone would cost.
pub(crate) fn quantisation_text(lost: &QuantisationLoss) -> String {
    let (k, users) = (lost.k, grouped(lost.users as u64));
    let mut text = format!(
        "items quantised, choices of validation of {users} users\n{:<23} {:>8} {:>10}\n",
        "",
        format!("NDCG@{k}"),
        format!("recall@{k}")
    );
    for (name, form) in lost.forms() {
        text.push_str(&format!("{name:<23} {:>8.4} {:>10.4}\n", form.ndcg, form.recall));
    }
    text.push_str("codes only choose what is re-scored: with f32 vectors nothing is lost\n");
    text
}

/// What is ranked, in words; a sample is warned of.
fn ranked_text(protocol: Protocol) -> String {
    match protocol {
        Protocol::Full => "whole catalogue ranked".to_owned(),
        Protocol::SampledNegatives(negatives) => format!(
            "ranked among {negatives} drawn items: a biased protocol, only to compare with tables"
        ),
    }
}
