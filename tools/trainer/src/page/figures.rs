//! The sections that show what was measured.

use std::fmt::Write as _;

use noctule_pages::{confidence, count, escape};

use super::charts::{self, Row, Series};
use super::markup::{difference, interval, number, probability};
use super::{figure, key, table_end, table_head};
use crate::evaluation::{Estimate, Metric, Protocol};
use crate::run::{ModelRun, RunRecord};

/// Measures of the accuracy table.
const ACCURACY: [Metric; 6] =
    [Metric::HitRate, Metric::Ndcg, Metric::Recall, Metric::Map, Metric::Mrr, Metric::Auc];

pub(super) fn cell(estimate: Option<&Estimate>, is_best: bool) -> String {
    estimate.map_or("<td>–</td>".into(), |estimate| {
        let class = if is_best { " class=\"best\"" } else { "" };
        format!(
            "<td><span{class}>{}</span><small>{}</small></td>",
            number(estimate.value),
            interval(estimate)
        )
    })
}

fn is_best(record: &RunRecord, model: &ModelRun, metric: Metric) -> bool {
    let of = |model: &ModelRun| model.report.metrics.get(&metric).map(|estimate| estimate.value);
    let own = of(model);
    own.is_some() && record.models.iter().all(|other| of(other) <= own)
}

/// NDCG of each model, and the table of all measures of accuracy.
pub(super) fn accuracy(html: &mut String, record: &RunRecord) {
    if record.models.is_empty() {
        return;
    }
    let (k, level) = (record.evaluation.k, confidence(record.bootstrap.confidence));
    html.push_str("<section>\n<h2>How well what came next was found</h2>\n");
    let ranked = match record.evaluation.protocol {
        Protocol::Full if record.evaluation.exclude_seen => {
            "the whole catalogue without what the user had chosen before".to_owned()
        }
        Protocol::Full => "the whole catalogue".to_owned(),
        Protocol::SampledNegatives(negatives) => format!("{negatives} sampled items"),
    };
    let row = |(colour, model): (usize, &ModelRun)| {
        let estimate = *model.report.metrics.get(&Metric::Ndcg)?;
        Some(Row { name: model.report.name.clone(), colour, estimate })
    };
    let rows: Vec<Row> = record.models.iter().enumerate().filter_map(row).collect();
    let label = format!("NDCG@{k} of each model with its interval");
    let caption = format!("NDCG@{k}, ranked against {ranked}; the bar is the {level} interval.");
    figure(html, &charts::whiskers(&label, &rows, false), &caption);
    let head: Vec<String> =
        std::iter::once("Model".into()).chain(ACCURACY.map(|metric| metric.title(k))).collect();
    table_head(html, &format!("Means over users, with {level} intervals"), &head);
    for (colour, model) in record.models.iter().enumerate() {
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", key(colour, &model.report.name));
        for metric in ACCURACY {
            let best = is_best(record, model, metric);
            html.push_str(&cell(model.report.metrics.get(&metric), best));
        }
        html.push_str("</tr>\n");
    }
    table_end(html);
    html.push_str("</section>\n");
}

/// The best model against the others.
pub(super) fn comparisons(html: &mut String, record: &RunRecord) {
    let Some(first) = record.comparisons.first() else { return };
    html.push_str("<section>\n<h2>Better, or only luckier?</h2>\n");
    let colour = |name: &str| {
        record.models.iter().position(|model| model.report.name == name).unwrap_or_default()
    };
    let rows: Vec<Row> = record
        .comparisons
        .iter()
        .map(|comparison| Row {
            name: format!("{} minus {}", comparison.first, comparison.second),
            colour: colour(&comparison.second),
            estimate: comparison.result.difference,
        })
        .collect();
    let title = first.metric.title(record.evaluation.k);
    let label = format!("Differences of {title} with their intervals");
    let caption = format!(
        "Difference of {title}, user by user. Where the bar does not reach the dashed line, chance \
         alone does not explain it."
    );
    figure(html, &charts::whiskers(&label, &rows, true), &caption);
    let head = ["Against", "Difference", "Better for", "Worse for", "p, adjusted", "Wilcoxon p"];
    table_head(html, "Paired tests", &head.map(String::from));
    for comparison in &record.comparisons {
        let result = &comparison.result;
        let wilcoxon = result.wilcoxon.map_or("–".into(), |test| probability(test.p));
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}<small>{} to {}</small></td><td>{:.1}\u{a0}%</td>\
             <td>{:.1}\u{a0}%</td><td>{}</td><td>{wilcoxon}</td></tr>",
            escape(&comparison.second),
            difference(result.difference.value),
            difference(result.difference.low),
            difference(result.difference.high),
            result.wins * 100.0,
            result.losses * 100.0,
            probability(comparison.adjusted_p)
        );
    }
    table_end(html);
    html.push_str("</section>\n");
}

/// The best model by group.
pub(super) fn groups(html: &mut String, record: &RunRecord) {
    let Some(best) = super::run::best(record).filter(|best| !best.report.groups.is_empty()) else {
        return;
    };
    let k = record.evaluation.k;
    let _ = writeln!(html, "<section>\n<h2>For whom {} works</h2>", escape(&best.report.name));
    let mut kinds: Vec<&str> = best.report.groups.iter().map(|group| group.by.as_str()).collect();
    kinds.dedup();
    for (colour, kind) in kinds.iter().enumerate() {
        let rows: Vec<Row> = best
            .report
            .groups
            .iter()
            .filter(|group| group.by == *kind)
            .filter_map(|group| {
                let estimate = *group.metrics.get(&Metric::Ndcg)?;
                let name = format!("{} ({} users)", group.group, count(group.users as u64));
                Some(Row { name, colour: colour + 1, estimate })
            })
            .collect();
        if rows.is_empty() {
            continue;
        }
        let chart = charts::whiskers(&format!("NDCG@{k} by {kind}"), &rows, false);
        figure(html, &chart, &format!("NDCG@{k} by {kind}."));
    }
    html.push_str("<details><summary>All models by group</summary>\n");
    let names: Vec<String> = record.models.iter().map(|model| model.report.name.clone()).collect();
    let head: Vec<String> = std::iter::once("Group".into()).chain(names).collect();
    table_head(html, &format!("NDCG@{k}"), &head);
    for group in &best.report.groups {
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{} {}</th>",
            escape(&group.by),
            escape(&group.group)
        );
        for model in &record.models {
            let mut groups = model.report.groups.iter();
            let own = groups.find(|other| other.by == group.by && other.group == group.group);
            html.push_str(&cell(own.and_then(|own| own.metrics.get(&Metric::Ndcg)), false));
        }
        html.push_str("</tr>\n");
    }
    table_end(html);
    html.push_str("</details>\n</section>\n");
}

/// Coverage, novelty, diversity, popularity.
pub(super) fn beyond(html: &mut String, record: &RunRecord) {
    if record.models.iter().all(|model| model.report.exposure.is_none()) {
        return;
    }
    html.push_str("<section>\n<h2>What the lists show</h2>\n");
    let head =
        ["Model", "Coverage", "Gini of exposure", "Novelty, bits", "Diversity", "Popularity"];
    let caption = "Share of the catalogue that anyone sees; how unevenly; how rarely chosen, how \
                   unlike each other and how popular the items of a list are";
    table_head(html, caption, &head.map(String::from));
    for (colour, model) in record.models.iter().enumerate() {
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", key(colour, &model.report.name));
        match &model.report.exposure {
            Some(exposure) => {
                let _ = write!(
                    html,
                    "<td>{:.1}\u{a0}%</td><td>{}</td>",
                    exposure.coverage * 100.0,
                    number(exposure.gini)
                );
            }
            None => html.push_str("<td>–</td><td>–</td>"),
        }
        for metric in [Metric::Novelty, Metric::Diversity, Metric::Popularity] {
            html.push_str(&cell(model.report.metrics.get(&metric), false));
        }
        html.push_str("</tr>\n");
    }
    table_end(html);
    html.push_str("</section>\n");
}

/// Learning curves, one chart each.
pub(super) fn curves(html: &mut String, record: &RunRecord) {
    let has = |model: &&ModelRun| model.curves.iter().any(|curve| curve.values.len() > 1);
    if !record.models.iter().any(|model| has(&model)) {
        return;
    }
    html.push_str("<section>\n<h2>Learning curves</h2>\n");
    for model in record.models.iter().filter(has) {
        for curve in model.curves.iter().filter(|curve| curve.values.len() > 1) {
            let points = (1..).map(f64::from).zip(curve.values.iter().copied()).collect();
            let series = [Series { name: curve.name.clone(), points, ends: Vec::new() }];
            let label = format!("{} of {} by epoch or step", curve.name, model.report.name);
            figure(html, &charts::lines(&label, &series, &[]), &format!("{label}."));
        }
    }
    html.push_str("</section>\n");
}

/// Reliability plots.
pub(super) fn reliability(html: &mut String, record: &RunRecord) {
    let calibrated =
        record.models.iter().filter_map(|model| Some((model, model.calibration.as_ref()?)));
    for (model, calibration) in calibrated {
        let name = &model.report.name;
        let _ = writeln!(html, "<section>\n<h2>Whether {} means what it says</h2>", escape(name));
        let chart = charts::reliability(
            &format!("Predicted probability of {name} against what happened"),
            &calibration.bins,
        );
        let caption = format!(
            "Probability that {name} gave a candidate (across) and share that was chosen (up), \
             each choice weighing as much as all that it is set against. On the dashed line the \
             two agree. Expected calibration error {}, largest {}, Brier score {}; {} predictions.",
            number(calibration.error),
            number(calibration.largest),
            number(calibration.brier),
            count(calibration.predictions as u64)
        );
        figure(html, &chart, &caption);
        html.push_str("</section>\n");
    }
}
