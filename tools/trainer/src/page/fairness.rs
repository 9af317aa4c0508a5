//! The section that shows how alike groups are served.

use std::fmt::Write as _;

use noctule_pages::{count, escape};

use super::charts::{self, Row};
use super::figures::cell;
use super::markup::number;
use super::{figure, key, table_end, table_head};
use crate::evaluation::fairness::Side;
use crate::evaluation::{Estimate, FairnessReport};
use crate::run::{ModelRun, RunRecord};

/// Gaps of all models, a ranker without and with its treatment among them, and their groups.
pub(super) fn fairness(html: &mut String, record: &RunRecord) {
    let measured: Vec<(usize, &ModelRun, &FairnessReport)> = record
        .models
        .iter()
        .enumerate()
        .filter_map(|(colour, model)| Some((colour, model, model.report.fairness.as_ref()?)))
        .collect();
    let Some((_, _, first)) = measured.first() else { return };
    let (k, by) = (first.k, escape(&first.by));
    let whose = if first.side == Side::Items { "items" } else { "users" };
    let _ = writeln!(html, "<section>\n<h2>How alike {whose} are served, by {by}</h2>");
    let rows: Vec<Row> = measured
        .iter()
        .filter_map(|(colour, model, found)| {
            let (name, estimate) = (model.report.name.clone(), found.ndcg_gap?);
            Some(Row { name, colour: *colour, estimate })
        })
        .collect();
    if !rows.is_empty() {
        let label = format!("Gap of NDCG@{k} between groups, by model");
        let caption = format!(
            "NDCG@{k} of the group that is served best less that of the worst; chance alone makes \
             it larger than 0."
        );
        figure(html, &charts::whiskers(&label, &rows, false), &caption);
    }
    let head = [
        "Model".to_owned(),
        format!("NDCG@{k} gap"),
        format!("Recall@{k} gap"),
        "Parity of exposure".to_owned(),
        "From the catalogue, nats".to_owned(),
        "From what was chosen, nats".to_owned(),
    ];
    let caption = "Gaps, largest group less smallest; smallest exposure for an item over the \
                   largest; divergence of exposure";
    table_head(html, caption, &head);
    for (colour, model, found) in &measured {
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", key(*colour, &model.report.name));
        let estimates: [Option<&Estimate>; 3] =
            [found.ndcg_gap.as_ref(), found.opportunity_gap.as_ref(), found.parity.as_ref()];
        estimates.iter().for_each(|estimate| html.push_str(&cell(*estimate, false)));
        for value in [found.from_catalogue, found.from_wanted] {
            let _ = write!(html, "<td>{}</td>", optional(value));
        }
        html.push_str("</tr>\n");
    }
    table_end(html);
    groups(html, &measured);
    html.push_str("</section>\n");
}

fn groups(html: &mut String, measured: &[(usize, &ModelRun, &FairnessReport)]) {
    html.push_str("<details><summary>All models by group</summary>\n");
    let head = ["Group", "Members", "Choices", "NDCG", "Recall", "Exposure", "Catalogue", "Chosen"];
    for (_, model, found) in measured {
        table_head(html, &model.report.name, &head.map(String::from));
        for group in &found.groups {
            let _ = write!(
                html,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td>",
                escape(&group.group),
                count(group.members as u64),
                count(group.targets as u64)
            );
            let values =
                [group.ndcg, group.opportunity, group.exposure, group.catalogue, group.wanted];
            for value in values {
                let _ = write!(html, "<td>{}</td>", optional(value));
            }
            html.push_str("</tr>\n");
        }
        table_end(html);
    }
    html.push_str("</details>\n");
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), number)
}
