//! The section that shows what codes alone would cost.

use std::fmt::Write as _;

use noctule_pages::count;

use super::markup::{difference, number};
use super::{table_end, table_head};
use crate::run::RunRecord;

/// NDCG and recall by each form of item vectors.
pub(super) fn quantisation(html: &mut String, record: &RunRecord) {
    let Some(lost) = &record.quantisation else { return };
    let (k, exact) = (lost.k, lost.exact);
    html.push_str("<section>\n<h2>What quantised items cost</h2>\n");
    let head = [
        "Items scored by".to_owned(),
        format!("NDCG@{k}"),
        "Lost".to_owned(),
        format!("Recall@{k}"),
        "Lost".to_owned(),
    ];
    let caption = format!("Choices of the validation part, {} users", count(lost.users as u64));
    table_head(html, &caption, &head);
    for (name, form) in lost.forms() {
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{name}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            number(form.ndcg),
            difference(exact.ndcg - form.ndcg),
            number(form.recall),
            difference(exact.recall - form.recall)
        );
    }
    table_end(html);
    html.push_str(
        "<p>A release re-scores what its codes find with the vectors, so with vectors of single \
         precision it serves the first row exactly, whichever codes it has.</p>\n</section>\n",
    );
}
