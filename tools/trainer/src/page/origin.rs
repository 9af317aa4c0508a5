//! The sections that say where figures come from: probes, tuning, and how to repeat the run.

use std::fmt::Write as _;

use noctule_core::base::Day;

use noctule_pages::{count, escape};

use super::charts::{self, Row};
use super::markup::{difference, interval, number};
use super::{figure, list, table_end, table_head};
use crate::probes::{Ablation, RankerProbe, WordProbe};
use crate::run::{ModelRun, RunRecord};

/// What the ranker leans on, and what words give away.
pub(super) fn probes(html: &mut String, record: &RunRecord) {
    if let Some(probe) = record.ranker_probe.as_ref().filter(|probe| !probe.features.is_empty()) {
        ranker(html, probe);
    }
    if let Some(probe) = &record.word_probe {
        words(html, probe, record.evaluation.k);
    }
}

fn ranker(html: &mut String, probe: &RankerProbe) {
    html.push_str("<section>\n<h2>What the ranker leans on</h2>\n");
    let row = |(colour, feature): (usize, &crate::probes::FeatureProbe)| Row {
        name: feature.feature.clone(),
        colour,
        estimate: feature.importance,
    };
    let rows: Vec<Row> = probe.features.iter().enumerate().map(row).collect();
    let chart =
        charts::whiskers("Area under the ROC curve lost by permuting a feature", &rows, true);
    let caption = format!(
        "Area under the ROC curve (of {}) that is lost when a feature is permuted, for {} choices \
         against {} candidates.",
        number(probe.auc),
        count(probe.positives as u64),
        count(probe.negatives as u64)
    );
    figure(html, &chart, &caption);
    table_head(html, "Each feature alone", &["Feature", "AUC alone", ""].map(String::from));
    for feature in &probe.features {
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
            escape(&feature.feature),
            number(feature.alone),
            if feature.suspicious { "predicts too well alone" } else { "" }
        );
    }
    table_end(html);
    html.push_str("</section>\n");
}

fn words(html: &mut String, probe: &WordProbe, k: usize) {
    html.push_str("<section>\n<h2>What words give away</h2>\n");
    let _ = writeln!(
        html,
        "<p>A model that knows nothing but the words of items reaches NDCG@{k} {} ({}). The table \
         says what it loses without each.</p>",
        number(probe.ndcg.value),
        interval(&probe.ndcg)
    );
    let head = ["Left out", "Of the catalogue", "Lost", "AUC alone", ""].map(String::from);
    table_head(html, "Attributes and words left out", &head);
    for ablation in probe.attributes.iter().chain(&probe.words) {
        ablation_row(html, ablation);
    }
    table_end(html);
    html.push_str("</section>\n");
}

fn ablation_row(html: &mut String, ablation: &Ablation) {
    let _ = writeln!(
        html,
        "<tr><th scope=\"row\">{}</th><td>{:.1}\u{a0}%</td><td>{}<small>{} to {}</small></td>\
         <td>{}</td><td>{}</td></tr>",
        escape(&ablation.name),
        ablation.share * 100.0,
        difference(ablation.lost.value),
        difference(ablation.lost.low),
        difference(ablation.lost.high),
        number(ablation.alone),
        if ablation.suspicious { "predicts too well alone" } else { "" }
    );
}

/// The settings that were tried.
pub(super) fn tuning(html: &mut String, record: &RunRecord) {
    let tuned: Vec<&ModelRun> = record
        .models
        .iter()
        .filter(|model| model.tuning.as_ref().is_some_and(|tuning| tuning.trials.len() > 1))
        .collect();
    if tuned.is_empty() {
        return;
    }
    html.push_str("<section>\n<h2>How settings were chosen</h2>\n");
    html.push_str("<p>On the validation part alone; the test part was looked at once.</p>\n");
    for model in tuned {
        let Some(tuning) = &model.tuning else { continue };
        let _ = writeln!(
            html,
            "<details><summary>{}: {} settings tried</summary>",
            escape(&model.report.name),
            tuning.trials.len()
        );
        table_head(html, "", &["Settings", "NDCG, validation"].map(String::from));
        for (index, trial) in tuning.trials.iter().enumerate() {
            let text = serde_json::to_string(&trial.settings).unwrap_or_default();
            let class = if index == tuning.best { " class=\"best\"" } else { "" };
            let _ = writeln!(
                html,
                "<tr><td><code>{}</code></td><td><span{class}>{}</span></td></tr>",
                escape(&text),
                number(trial.ndcg)
            );
        }
        table_end(html);
        html.push_str("</details>\n");
    }
    html.push_str("</section>\n");
}

/// Everything to repeat the run.
pub(super) fn origin(html: &mut String, record: &RunRecord) {
    html.push_str("<section>\n<h2>To repeat it</h2>\n");
    let _ = writeln!(html, "<pre>{}</pre>", escape(&record.command.join(" ")));
    let statistics = &record.data.statistics;
    let span = statistics.time.as_ref().map_or_else(
        || "no times".to_owned(),
        |time| format!("{} to {}", Day::at(time.first_ms, 0), Day::at(time.last_ms, 0)),
    );
    let parts = &record.parts;
    let rows = [
        ("Noctule", record.version.clone()),
        ("Seed", record.seed.to_string()),
        ("Data", format!("{} ({span})", record.data.path)),
        ("SHA-256 of the data", record.data.digest.clone()),
        ("Split", serde_json::to_string(&record.split).unwrap_or_default()),
        (
            "Events",
            format!(
                "{} training, {} validation, {} test",
                count(parts.train as u64),
                count(parts.validation as u64),
                count(parts.test as u64)
            ),
        ),
    ];
    html.push_str("<dl>\n");
    for (name, value) in rows {
        let _ = writeln!(html, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    html.push_str("</dl>\n");
    if !record.leaks.is_empty() {
        html.push_str("<h3>What leaks by the split</h3>\n");
        list(html, &record.leaks.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    html.push_str("<details><summary>All settings</summary>\n");
    for model in &record.models {
        let text = serde_json::to_string_pretty(&model.settings).unwrap_or_default();
        let seconds =
            model.seconds.map_or(String::new(), |seconds| format!(", trained in {seconds:.1} s"));
        let name = escape(&model.report.name);
        let _ = writeln!(html, "<h3>{name}{seconds}</h3><pre>{}</pre>", escape(&text));
    }
    html.push_str("</details>\n</section>\n");
}
