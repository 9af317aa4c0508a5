//! Charts as inline SVG.
//!
//! Each chart is drawn twice, for wide and for narrow screens, so that its letters keep their size;
//! the style sheet shows one of the two. Colours come from the style sheet by class: `c0` is the
//! first arm, and so on.

use std::fmt::Write as _;

use noctule_pages::escape;

use super::axes::{Frame, axis, axis_percent, both, colour, ends, grid, shortened, ticks};
use super::markup::{percent, points};
use noctule_core::base::Day;

use crate::estimates::Estimate;
use crate::report::{AbReport, ArmReport};

/// Acceptance by night, one line an arm, with its interval as a band.
pub(crate) fn nights(report: &AbReport) -> String {
    let all = || {
        report.arms.iter().flat_map(|arm| &arm.nights).filter_map(|night| night.acceptance.as_ref())
    };
    let scale = axis(all().flat_map(ends));
    let (first, last) = (report.days.first(), report.days.last());
    let range =
        first.zip(last).map_or(String::new(), |(first, last)| format!(", {first} to {last}"));
    let label = format!("Acceptance rate by night{range}; the table below holds the numbers");
    both((300.0, 250.0), &label, |frame, svg| {
        let y = |value: f64| {
            let (top, bottom) = (14.0, frame.height - 34.0);
            bottom - (value - scale.0) / (scale.1 - scale.0) * (bottom - top)
        };
        let span = frame.width - frame.left - frame.right;
        let gaps = (report.days.len().max(2) - 1) as f64;
        let x = |index: usize| frame.left + 10.0 + (span - 20.0) * index as f64 / gaps;
        grid(frame, svg, scale, &y);
        day_labels(frame, svg, &report.days, &x);
        for (index, arm) in report.arms.iter().enumerate() {
            night_line(svg, (arm, &report.days), colour(index), &x, &y);
        }
        if frame.class == "wide" {
            line_names(frame, svg, report, &y);
        }
    })
}

fn day_labels(frame: &Frame, svg: &mut String, days: &[Day], x: &dyn Fn(usize) -> f64) {
    let room = if frame.class == "wide" { 12 } else { 5 };
    let every = days.len().div_ceil(room).max(1);
    for (index, day) in days.iter().enumerate().filter(|(index, _)| index.is_multiple_of(every)) {
        let (_, month, date) = day.date();
        let month = MONTHS[(month - 1).clamp(0, 11) as usize];
        let (at, line) = (x(index), frame.height - 16.0);
        let _ = write!(
            svg,
            "<text class=\"tick\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{line}\">{}</text>\
             <text class=\"tick faint\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{}\">{date} \
             {month}</text>",
            day.weekday(),
            line + 13.0
        );
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn night_line(
    svg: &mut String,
    (arm, days): (&ArmReport, &[Day]),
    colour: usize,
    x: &dyn Fn(usize) -> f64,
    y: &dyn Fn(f64) -> f64,
) {
    let at = |day: &Day| days.iter().position(|of_report| of_report == day);
    let nights = arm.nights.iter();
    let known: Vec<(usize, &Estimate)> =
        nights.filter_map(|night| Some((at(&night.day)?, night.acceptance.as_ref()?))).collect();
    let point = |index: usize, value: f64| format!("{:.1},{:.1}", x(index), y(value));
    let upper = known.iter().map(|(index, estimate)| point(*index, ends(estimate)[2]));
    let lower = known.iter().rev().map(|(index, estimate)| point(*index, ends(estimate)[1]));
    let band: Vec<String> = upper.chain(lower).collect();
    let line: Vec<String> =
        known.iter().map(|(index, estimate)| point(*index, estimate.value)).collect();
    let _ = write!(
        svg,
        "<polygon class=\"band c{colour}\" points=\"{}\"/>\
         <polyline class=\"line c{colour}\" points=\"{}\"/>",
        band.join(" "),
        line.join(" ")
    );
    for (index, estimate) in known {
        let (day, name) = (days[index], escape(&arm.name));
        let _ = write!(
            svg,
            "<circle class=\"dot c{colour}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\">\
             <title>{name}, {day}: {}</title></circle>",
            x(index),
            y(estimate.value),
            percent(estimate.value)
        );
    }
}

/// Names at the ends of the lines, moved apart where they would touch.
fn line_names(frame: &Frame, svg: &mut String, report: &AbReport, y: &dyn Fn(f64) -> f64) {
    let mut names: Vec<(f64, usize, &str)> = report
        .arms
        .iter()
        .enumerate()
        .filter_map(|(index, arm)| {
            let last = arm.nights.iter().rev().find_map(|night| night.acceptance.as_ref())?;
            Some((y(last.value) + 4.0, index, arm.name.as_str()))
        })
        .collect();
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = f64::NEG_INFINITY;
    for (at, index, name) in names {
        let at = at.max(free);
        free = at + 16.0;
        let _ = write!(
            svg,
            "<text class=\"name c{}\" x=\"{:.1}\" y=\"{at:.1}\">{}</text>",
            colour(index),
            frame.width - frame.right + 4.0,
            escape(&shortened(name, 13))
        );
    }
}

/// One row of a dot-and-whisker chart.
pub(crate) struct Row<'a> {
    pub(crate) name: &'a str,
    pub(crate) colour: usize,
    pub(crate) estimate: &'a Estimate,
}

/// How the numbers of a dot-and-whisker chart are written, and whether it shows zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Rate,
    Points,
}

/// Estimates as dots, intervals as whiskers.
pub(crate) fn whiskers(label: &str, rows: &[Row<'_>], unit: Unit) -> String {
    let zero = (unit == Unit::Points).then_some(0.0);
    let scale = axis(rows.iter().flat_map(|row| ends(row.estimate)).chain(zero));
    let height = 48.0 * rows.len() as f64 + 30.0;
    both((height, height), label, |frame, svg| {
        let (left, end) = (14.0, frame.width - 22.0);
        let x = |value: f64| left + (value - scale.0) / (scale.1 - scale.0) * (end - left);
        let bottom = frame.height - 26.0;
        for tick in ticks(scale) {
            let at = x(tick);
            let class = if zero.is_some() && tick.abs() < 1e-9 { "zero" } else { "grid" };
            let text = if unit == Unit::Rate { axis_percent(tick) } else { points(tick) };
            let _ = write!(
                svg,
                "<line class=\"{class}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"4\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{}\">{text}</text>",
                bottom + 17.0
            );
        }
        for (index, row) in rows.iter().enumerate() {
            whisker(frame, svg, row, 34.0 + 48.0 * index as f64, &x, unit);
        }
    })
}

fn whisker(
    frame: &Frame,
    svg: &mut String,
    row: &Row<'_>,
    y: f64,
    x: &dyn Fn(f64) -> f64,
    unit: Unit,
) {
    let [value, low, high] = ends(row.estimate).map(x);
    let colour = colour(row.colour);
    let number =
        if unit == Unit::Rate { percent(row.estimate.value) } else { points(row.estimate.value) };
    // A label in the middle of the bar would leave the picture near its edges.
    let middle = f64::midpoint(low, high);
    let anchor = match middle {
        _ if middle < 130.0 => ("start", 14.0),
        _ if middle > frame.width - 130.0 => ("end", frame.width - 14.0),
        _ => ("middle", middle),
    };
    let _ = write!(
        svg,
        "<line class=\"whisker c{colour}\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{y}\" y2=\"{y}\"/>\
         <circle class=\"dot c{colour}\" cx=\"{value:.1}\" cy=\"{y}\" r=\"6\"/>\
         <text class=\"name c{colour}\" text-anchor=\"{}\" x=\"{:.1}\" y=\"{:.1}\">{} \
         <tspan class=\"strong\">{number}</tspan></text>",
        anchor.0,
        anchor.1,
        y - 12.0,
        escape(&shortened(row.name, 24))
    );
}

/// Click-through by position, one line an arm.
pub(crate) fn positions(report: &AbReport) -> String {
    let all = || {
        report.arms.iter().flat_map(|arm| &arm.positions).filter_map(|at| at.click_through.as_ref())
    };
    let scale = axis(all().flat_map(ends).chain([0.0]));
    let last = report.arms.iter().flat_map(|arm| &arm.positions).map(|at| at.position).max();
    let last = last.unwrap_or(0);
    let label = "Click-through rate by position in the slate; the data file holds the numbers";
    both((230.0, 210.0), label, |frame, svg| {
        let (top, bottom) = (14.0, frame.height - 34.0);
        let y = |value: f64| bottom - (value - scale.0) / (scale.1 - scale.0) * (bottom - top);
        let span = frame.width - frame.left - frame.right - 20.0;
        let x =
            |position: u32| frame.left + 10.0 + span * f64::from(position) / f64::from(last.max(1));
        grid(frame, svg, scale, &y);
        let every = (last as usize + 1).div_ceil(if frame.class == "wide" { 20 } else { 10 });
        for position in (0..=last).step_by(every.max(1)) {
            let _ = write!(
                svg,
                "<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{}\">{}</text>",
                x(position),
                frame.height - 16.0,
                position + 1
            );
        }
        for (index, arm) in report.arms.iter().enumerate() {
            let known = arm
                .positions
                .iter()
                .filter_map(|at| Some((at.position, at.click_through.as_ref()?)));
            for (position, estimate) in known {
                // Side by side instead of one over the other.
                let shift = (index as f64 - (report.arms.len() as f64 - 1.0) / 2.0) * 7.0;
                let (at, [value, low, high]) = (x(position) + shift, ends(estimate).map(y));
                let _ = write!(
                    svg,
                    "<line class=\"whisker thin c{0}\" x1=\"{at:.1}\" x2=\"{at:.1}\" \
                     y1=\"{low:.1}\" y2=\"{high:.1}\"/>\
                     <circle class=\"dot c{0}\" cx=\"{at:.1}\" cy=\"{value:.1}\" r=\"3.5\"/>",
                    colour(index)
                );
            }
        }
    })
}
