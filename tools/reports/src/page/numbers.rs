//! The sections that show what was counted.

use std::fmt::Write as _;

use noctule_pages::{confidence, count, escape};

use super::axes::COLOURS;
use super::charts::{self, Row, Unit};
use super::markup::{percent, points, points_interval, rate_interval, small_percent};
use super::story::JourneyStep;
use crate::estimates::Estimate;
use crate::report::AbReport;

/// A cell with a rate and, below it, its interval.
fn rate_cell(estimate: Option<&Estimate>) -> String {
    estimate.map_or("<td>–</td>".into(), |rate| {
        format!("<td>{}<small>{}</small></td>", percent(rate.value), rate_interval(rate))
    })
}

fn table_head(html: &mut String, caption: &str, columns: &[&str]) {
    let _ =
        write!(html, "<div class=\"scroll\"><table>\n<caption>{caption}</caption>\n<thead><tr>");
    for column in columns {
        let _ = write!(html, "<th scope=\"col\">{column}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
}

fn table_end(html: &mut String) {
    html.push_str("</tbody></table></div>\n");
}

fn key(arm: usize, name: &str) -> String {
    format!("<span class=\"key c{}\">{}</span>", arm % COLOURS, escape(name))
}

fn legend(html: &mut String, report: &AbReport) {
    html.push_str("<ul class=\"legend\">");
    for (index, arm) in report.arms.iter().enumerate() {
        let _ = write!(html, "<li>{}</li>", key(index, &arm.name));
    }
    html.push_str("</ul>\n");
}

/// Acceptance of each arm, and the differences.
pub(super) fn arms(html: &mut String, report: &AbReport) {
    if report.arms.is_empty() {
        return;
    }
    let level = confidence(report.confidence);
    html.push_str("<section>\n<h2>How often a slate was accepted</h2>\n");
    let rows: Vec<Row<'_>> = report
        .arms
        .iter()
        .enumerate()
        .filter_map(|(colour, arm)| {
            Some(Row { name: &arm.name, colour, estimate: arm.acceptance.as_ref()? })
        })
        .collect();
    let chart =
        charts::whiskers("Acceptance rate of each arm with its interval", &rows, Unit::Rate);
    let _ = writeln!(
        html,
        "<figure>{chart}<figcaption>Share of visits that were accepted; the bar is the {level} \
         interval.</figcaption></figure>"
    );
    let caption = "Visits and acceptance by arm";
    table_head(html, caption, &["Arm", "Visits", "Accepted", "Rate"]);
    for (index, arm) in report.arms.iter().enumerate() {
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}<small>{} installations</small></th><td>{}</td><td>{}</td>\
             {}</tr>",
            key(index, &arm.name),
            count(arm.installations),
            count(arm.visits),
            count(arm.accepted),
            rate_cell(arm.acceptance.as_ref())
        );
    }
    table_end(html);
    differences(html, report, &level);
    if report.mixed_installations > 0 {
        let _ = writeln!(
            html,
            "<p class=\"soft\">{} installations saw slates of more than one arm, which blurs the \
             comparison.</p>",
            count(report.mixed_installations)
        );
    }
    html.push_str("</section>\n");
}

fn differences(html: &mut String, report: &AbReport, level: &str) {
    let colour = |name: &str| report.arms.iter().position(|arm| arm.name == name).unwrap_or(0);
    let names: Vec<String> = report
        .comparisons
        .iter()
        .map(|comparison| format!("{} minus {}", comparison.arm, comparison.control))
        .collect();
    let rows: Vec<Row<'_>> = report
        .comparisons
        .iter()
        .zip(&names)
        .map(|(comparison, name)| Row {
            name,
            colour: colour(&comparison.arm),
            estimate: &comparison.acceptance,
        })
        .collect();
    if !rows.is_empty() {
        let label = "Difference of the acceptance rates in percentage points, with its interval";
        let chart = charts::whiskers(label, &rows, Unit::Points);
        let _ = writeln!(
            html,
            "<figure>{chart}<figcaption>Difference in percentage points with its {level} \
             interval. Where the bar does not reach the dashed line, chance alone does not explain \
             it.</figcaption></figure>"
        );
    }
}

/// Acceptance by night.
pub(super) fn nights(html: &mut String, report: &AbReport) {
    if report.days.len() < 2 || report.arms.is_empty() {
        return;
    }
    html.push_str("<section>\n<h2>Night by night</h2>\n");
    for arm in &report.arms {
        if let Some(change) = &arm.change {
            let sure = if change.excludes_zero() { "" } else { ", which may be chance" };
            let _ = writeln!(
                html,
                "<p>From the first day to the last, acceptance in the <b>{}</b> arm moved by \
                 <b>{} points</b> ({}: {}){sure}.</p>",
                escape(&arm.name),
                points(change.value),
                confidence(report.confidence),
                points_interval(change)
            );
        }
    }
    for comparison in &report.comparisons {
        if let Some(change) = &comparison.change {
            let _ = writeln!(
                html,
                "<p class=\"soft\">{} against {}, on the same days: {} points ({}).</p>",
                escape(&comparison.arm),
                escape(&comparison.control),
                points(change.value),
                points_interval(change)
            );
        }
    }
    legend(html, report);
    let _ = write!(
        html,
        "<figure>{}<figcaption>Acceptance rate of each day; the band is the {} interval.\
         </figcaption></figure>\n<details><summary>The numbers behind the lines</summary>\n",
        charts::nights(report),
        confidence(report.confidence)
    );
    let names: Vec<String> = report.arms.iter().map(|arm| escape(&arm.name)).collect();
    let columns: Vec<&str> =
        std::iter::once("Day").chain(names.iter().map(String::as_str)).collect();
    table_head(html, "Acceptance rate by day and arm", &columns);
    for day in &report.days {
        let _ = write!(html, "<tr><th scope=\"row\">{} {day}</th>", day.weekday());
        for arm in &report.arms {
            let night = arm.nights.iter().find(|night| night.day == *day);
            html.push_str(&rate_cell(night.and_then(|night| night.acceptance.as_ref())));
        }
        html.push_str("</tr>\n");
    }
    table_end(html);
    html.push_str("</details>\n</section>\n");
}

/// Acceptance by context, click-through by position.
pub(super) fn places(html: &mut String, report: &AbReport) {
    // Each arm has them in the order of the day.
    let mut contexts: Vec<Option<&str>> = Vec::new();
    for part in report.arms.iter().flat_map(|arm| &arm.contexts) {
        if !contexts.contains(&part.context.as_deref()) {
            contexts.push(part.context.as_deref());
        }
    }
    if contexts.is_empty() {
        return;
    }
    html.push_str("<section>\n<h2>Where in the day, where in the slate</h2>\n");
    let names: Vec<String> = report.arms.iter().map(|arm| escape(&arm.name)).collect();
    let columns: Vec<&str> =
        std::iter::once("Context").chain(names.iter().map(String::as_str)).collect();
    table_head(html, "Acceptance rate by context and arm", &columns);
    for context in contexts {
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", escape(context.unwrap_or("none")));
        for arm in &report.arms {
            let part = arm.contexts.iter().find(|part| part.context.as_deref() == context);
            html.push_str(&rate_cell(part.and_then(|part| part.acceptance.as_ref())));
        }
        html.push_str("</tr>\n");
    }
    table_end(html);
    if report.arms.iter().any(|arm| arm.positions.len() > 1) {
        legend(html, report);
        let _ = writeln!(
            html,
            "<figure>{}<figcaption>Share of impressions that were clicked, by position in the \
             slate. What stands first is seen first: that alone brings clicks.</figcaption>\
             </figure>",
            charts::positions(report)
        );
    }
    html.push_str("</section>\n");
}

/// What was shown of the catalogue.
pub(super) fn coverage(html: &mut String, report: &AbReport) {
    if report.arms.is_empty() {
        return;
    }
    html.push_str("<section>\n<h2>How much of the catalogue is seen</h2>\n");
    let size = report.arms.iter().find_map(|arm| arm.coverage.catalogue);
    let caption = size.map_or("Items shown at least once".to_owned(), |size| {
        format!("Items shown at least once, of {} in the catalogue", count(size))
    });
    table_head(html, &caption, &["Arm", "Items", "Share", "Gini"]);
    for (index, arm) in report.arms.iter().enumerate() {
        let coverage = &arm.coverage;
        let share = coverage.share.map_or("–".into(), |share| {
            format!(
                "{}<div class=\"meter c{}\"><i style=\"width:{:.1}%\"></i></div>",
                percent(share),
                index % COLOURS,
                share.clamp(0.0, 1.0) * 100.0
            )
        });
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}<small>{} impressions</small></th><td>{}</td><td>{share}</td>\
             <td>{}</td></tr>",
            key(index, &arm.name),
            count(arm.impressions),
            count(coverage.items_shown),
            coverage.gini.map_or("–".into(), |gini| format!("{gini:.2}"))
        );
    }
    table_end(html);
    html.push_str(
        "<p class=\"soft\">Gini: 0 when every item is shown equally often, near 1 when a few get \
         everything.</p>\n</section>\n",
    );
}

/// What was lost or repeated between phone and Parquet.
pub(super) fn journey(html: &mut String, report: &AbReport, steps: &[JourneyStep]) {
    let audit = &report.audit;
    let title = match (audit.lost, audit.repeated) {
        (0, 0) => "Nothing lost, nothing twice",
        _ => "Lost and repeated on the way",
    };
    let bound = audit.lost_share_at_most.map_or(String::new(), |share| {
        format!("The true share lost is below {}, at 95\u{a0}% confidence.", small_percent(share))
    });
    let of = audit.expected.map_or("by gaps in the numbering".into(), |expected| {
        format!("of {} recorded", count(expected))
    });
    let _ = write!(
        html,
        "<section>\n<h2>{title}</h2>\n<div class=\"pair\"><div class=\"big\"><b>{}</b>events lost\
         <small>{of}. {bound}</small></div><div class=\"big\"><b>{}</b>events repeated<small>of {} \
         rows from {} installations.</small></div></div>\n",
        count(audit.lost),
        count(audit.repeated),
        count(audit.rows),
        count(audit.installations)
    );
    if !steps.is_empty() {
        html.push_str("<ul class=\"journey\">\n");
        for step in steps {
            let _ = writeln!(
                html,
                "<li><span>{}</span><b>{}</b></li>",
                escape(&step.label),
                count(step.events)
            );
        }
        html.push_str("</ul>\n");
    }
    html.push_str("</section>\n");
}
