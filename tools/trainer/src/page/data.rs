//! The page of a data set.

use std::fmt::Write as _;

use noctule_core::base::Day;

use noctule_pages::count;

use super::charts;
use super::markup::number;
use super::{Frame, figure, list, page, table_end, table_head};
use crate::datasets::DataStatistics;
use crate::datasets::statistics::Spread;

/// Draws the page of the data called `name`; `warnings` are what the reader and the splits say.
#[must_use]
pub fn data_page(name: &str, statistics: &DataStatistics, warnings: &[String]) -> String {
    let mut sections = String::new();
    if !warnings.is_empty() {
        sections.push_str("<section>\n<h2>What to know before training</h2>\n");
        list(&mut sections, warnings);
        sections.push_str("</section>\n");
    }
    sections.push_str("<section>\n<h2>How much there is of each</h2>\n");
    let head =
        ["", "Number", "Mean", "Least", "5 %", "25 %", "Median", "75 %", "95 %", "Most", "Gini"];
    table_head(&mut sections, "Events of a user and of an item", &head.map(String::from));
    spread_row(&mut sections, "Users", &statistics.users);
    spread_row(&mut sections, "Items", &statistics.items);
    table_end(&mut sections);
    let chosen = statistics.items.count;
    let rows = [
        ("Events", count(statistics.events as u64)),
        ("Different pairs", count(statistics.pairs as u64)),
        ("Items of the catalogue", count(statistics.catalogue as u64)),
        ("Never chosen", count((statistics.catalogue - chosen.min(statistics.catalogue)) as u64)),
        ("Density", format!("{:.4}\u{a0}%", statistics.density * 100.0)),
        ("Users with fewer than three", count(statistics.short_users as u64)),
        ("Events with a context", count(statistics.with_context as u64)),
        ("Repeated rows, left out", count(statistics.duplicates)),
        ("Rows that are not positive, left out", count(statistics.not_positive)),
    ];
    sections.push_str("<dl>\n");
    for (name, value) in rows {
        let _ = writeln!(sections, "<dt>{name}</dt><dd>{value}</dd>");
    }
    sections.push_str("</dl>\n</section>\n");
    time(&mut sections, statistics);
    let headline = format!(
        "{} events of {} users with {} items.",
        count(statistics.events as u64),
        count(statistics.users.count as u64),
        count(statistics.items.count as u64)
    );
    let title = format!("{name} – Noctule");
    let footer = "Percentiles are nearest ranks over users and items that have events. A Gini \
                  coefficient of 0 means that all have as many, near 1 that few have nearly all.";
    let lead = Vec::new();
    let frame = Frame {
        title: &title,
        about: name,
        headline: &headline,
        verdict: None,
        lead: &lead,
        footer,
    };
    page(&frame, &sections)
}

fn spread_row(html: &mut String, name: &str, spread: &Spread) {
    let _ = write!(
        html,
        "<tr><th scope=\"row\">{name}</th><td>{}</td><td>{}</td>",
        count(spread.count as u64),
        number(spread.mean)
    );
    let Spread { least, p5, p25, p50, p75, p95, most, .. } = *spread;
    for value in [least, p5, p25, p50, p75, p95, most] {
        let _ = write!(html, "<td>{}</td>", count(value as u64));
    }
    let _ = writeln!(html, "<td>{}</td></tr>", number(spread.gini));
}

fn time(html: &mut String, statistics: &DataStatistics) {
    let Some(time) = &statistics.time else { return };
    html.push_str("<section>\n<h2>When</h2>\n");
    let (first, last) =
        (Day::at(time.first_ms, 0).to_string(), Day::at(time.last_ms, 0).to_string());
    let values: Vec<f64> = time.histogram.iter().map(|count| *count as f64).collect();
    let chart = charts::bars("Events over time", &values, [&first, &last]);
    let caption = format!(
        "Events in equal parts of the time from {first} to {last}. {} events have no time; {} \
         users have two at the same time, whose order is that of the data.",
        count(time.without as u64),
        count(time.users_with_ties as u64)
    );
    figure(html, &chart, &caption);
    html.push_str("</section>\n");
}
