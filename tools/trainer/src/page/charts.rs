//! Charts as inline SVG.
//!
//! Each chart is drawn twice, for wide and for narrow screens, so that its letters keep their size;
//! the style sheet shows one of the two. Colours come from the style sheet by class.

use std::fmt::Write as _;

use noctule_pages::escape;

use super::markup::{difference, number, shortened};
use crate::evaluation::{Estimate, ReliabilityBin};

/// Number of colours in the style sheet; further series begin again.
pub(super) const COLOURS: usize = 6;

/// Points of a line that are drawn as dots.
const DOTS_MAX: usize = 60;

/// Width, height and what goes with them.
struct Frame {
    is_wide: bool,
    width: f64,
    height: f64,
    left: f64,
    right: f64,
}

/// Draws for both widths. Writing to a string cannot fail, here and below.
fn both(heights: (f64, f64), label: &str, draw: impl Fn(&Frame, &mut String)) -> String {
    let frames = [
        Frame { is_wide: true, width: 720.0, height: heights.0, left: 58.0, right: 110.0 },
        Frame { is_wide: false, width: 350.0, height: heights.1, left: 50.0, right: 12.0 },
    ];
    let mut svg = String::new();
    for frame in frames {
        let Frame { width, height, .. } = frame;
        let class = if frame.is_wide { "wide" } else { "narrow" };
        let _ = write!(
            svg,
            "<svg class=\"chart {class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{}\">",
            escape(label)
        );
        draw(&frame, &mut svg);
        svg.push_str("</svg>");
    }
    svg
}

/// An axis on round steps.
#[derive(Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// One that holds all finite `values`.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let values = values.filter(|value| value.is_finite());
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if !low.is_finite() || !high.is_finite() {
            return Self { low: 0.0, high: 1.0, step: 0.25 };
        }
        let span = (high - low).max(high.abs().max(low.abs()) * 1e-3).max(1e-6);
        let rough = span / 4.0;
        let magnitude = 10f64.powf(rough.log10().floor());
        let factors = [1.0, 2.0, 2.5, 5.0, 10.0];
        let factor = factors.into_iter().find(|factor| factor * magnitude >= rough);
        let step = factor.unwrap_or(10.0) * magnitude;
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        Self { low, high: if high > low { high } else { low + step }, step }
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        // The ends lie on steps: the quotient is a small whole number.
        let count = ((self.high - self.low) / self.step).round() as u32;
        (0..=count).map(move |tick| self.low + f64::from(tick) * self.step)
    }

    fn place(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// A tick with as many digits as the step needs.
    fn text(self, tick: f64) -> String {
        let digits = (-self.step.log10().floor()).clamp(0.0, 6.0) as usize;
        // Steps of 0.25 need one digit more than their size says.
        let scaled = self.step * 10f64.powi(digits as i32);
        let digits = digits + usize::from((scaled - scaled.round()).abs() > 1e-6);
        if tick.abs() < self.step * 1e-6 { "0".into() } else { format!("{tick:.digits$}") }
    }
}

/// One row of a dot-and-whisker chart.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) colour: usize,
    pub(super) estimate: Estimate,
}

/// Estimates as dots, intervals as whiskers; of `differences` zero is shown.
pub(super) fn whiskers(label: &str, rows: &[Row], differences: bool) -> String {
    let ends = |row: &Row| [row.estimate.value, row.estimate.low, row.estimate.high];
    let axis = Axis::of(rows.iter().flat_map(ends).chain(differences.then_some(0.0)));
    let height = 46.0 * rows.len() as f64 + 30.0;
    both((height, height), label, |frame, svg| {
        let (left, end) = (16.0, frame.width - 24.0);
        let x = |value: f64| left + axis.place(value) * (end - left);
        let bottom = frame.height - 26.0;
        for tick in axis.ticks() {
            let at = x(tick);
            let class = if differences && tick.abs() < axis.step * 1e-6 { "zero" } else { "grid" };
            let _ = write!(
                svg,
                "<line class=\"{class}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"4\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{}\">{}</text>",
                bottom + 17.0,
                axis.text(tick)
            );
        }
        for (index, row) in rows.iter().enumerate() {
            whisker(frame, svg, row, 34.0 + 46.0 * index as f64, &x, differences);
        }
    })
}

fn whisker(
    frame: &Frame,
    svg: &mut String,
    row: &Row,
    y: f64,
    x: &dyn Fn(f64) -> f64,
    is_difference: bool,
) {
    let Estimate { value, low, high, .. } = row.estimate;
    let (value_at, low, high) = (x(value), x(low), x(high));
    let colour = row.colour % COLOURS;
    let text = if is_difference { difference(value) } else { number(value) };
    // A label in the middle of the bar would leave the picture near its edges.
    let middle = f64::midpoint(low, high);
    let (anchor, at) = match middle {
        _ if middle < 130.0 => ("start", 14.0),
        _ if middle > frame.width - 130.0 => ("end", frame.width - 14.0),
        _ => ("middle", middle),
    };
    let _ = write!(
        svg,
        "<line class=\"whisker c{colour}\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{y}\" y2=\"{y}\"/>\
         <circle class=\"dot c{colour}\" cx=\"{value_at:.1}\" cy=\"{y}\" r=\"5.5\"/>\
         <text class=\"name c{colour}\" text-anchor=\"{anchor}\" x=\"{at:.1}\" y=\"{:.1}\">{} \
         <tspan class=\"strong\">{text}</tspan></text>",
        y - 12.0,
        escape(&shortened(&row.name, 34))
    );
}

/// A line of points, with intervals where they are known.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    /// Lower and upper end at each point; empty without intervals.
    pub(super) ends: Vec<(f64, f64)>,
}

/// Lines over numbers. `names` gives the text of places on the horizontal axis; numbers without.
pub(super) fn lines(label: &str, series: &[Series], names: &[(f64, String)]) -> String {
    let all = || series.iter().flat_map(|line| &line.points);
    let ends = || series.iter().flat_map(|line| &line.ends).flat_map(|(low, high)| [*low, *high]);
    let across = Axis::of(all().map(|point| point.0));
    let axis = Axis::of(all().map(|point| point.1).chain(ends()));
    both((270.0, 240.0), label, |frame, svg| {
        let (top, bottom) = (14.0, frame.height - 32.0);
        let y = |value: f64| bottom - axis.place(value) * (bottom - top);
        let span = frame.width - frame.left - frame.right - 20.0;
        let x = |value: f64| frame.left + 10.0 + across.place(value) * span;
        grid(frame, svg, axis, &y);
        let text = |at: f64, text: &str, svg: &mut String| {
            let _ = write!(
                svg,
                "<text class=\"tick\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
                frame.height - 12.0,
                escape(text)
            );
        };
        if names.is_empty() {
            across.ticks().for_each(|tick| text(x(tick), &across.text(tick), svg));
        } else {
            names.iter().for_each(|(at, name)| text(x(*at), name, svg));
        }
        for (index, line) in series.iter().enumerate() {
            draw_line(svg, line, index % COLOURS, &x, &y);
        }
        if frame.is_wide {
            line_names(frame, svg, series, &y);
        }
    })
}

fn grid(frame: &Frame, svg: &mut String, axis: Axis, y: &dyn Fn(f64) -> f64) {
    for tick in axis.ticks() {
        let (at, left, end) = (y(tick), frame.left, frame.width - frame.right);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            at + 4.0,
            axis.text(tick)
        );
    }
}

fn draw_line(
    svg: &mut String,
    line: &Series,
    colour: usize,
    x: &dyn Fn(f64) -> f64,
    y: &dyn Fn(f64) -> f64,
) {
    let point = |at: f64, value: f64| format!("{:.1},{:.1}", x(at), y(value));
    let pairs = || line.points.iter().zip(&line.ends);
    let upper = pairs().map(|((at, _), (_, high))| point(*at, *high));
    let lower = pairs().rev().map(|((at, _), (low, _))| point(*at, *low));
    let band: Vec<String> = upper.chain(lower).collect();
    if !band.is_empty() {
        let _ = write!(svg, "<polygon class=\"band c{colour}\" points=\"{}\"/>", band.join(" "));
    }
    let points: Vec<String> = line.points.iter().map(|(at, value)| point(*at, *value)).collect();
    let _ = write!(svg, "<polyline class=\"line c{colour}\" points=\"{}\"/>", points.join(" "));
    // So many dots would hide the line.
    let dots = if line.points.len() > DOTS_MAX { &[] } else { line.points.as_slice() };
    for (at, value) in dots {
        let _ = write!(
            svg,
            "<circle class=\"dot c{colour}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{}: {}\
             </title></circle>",
            x(*at),
            y(*value),
            escape(&line.name),
            number(*value)
        );
    }
}

/// Names at the ends of the lines, moved apart where they would touch.
fn line_names(frame: &Frame, svg: &mut String, series: &[Series], y: &dyn Fn(f64) -> f64) {
    let ends = series.iter().enumerate();
    let mut names: Vec<(f64, usize, &str)> = ends
        .filter_map(|(index, line)| {
            let (_, last) = line.points.last()?;
            Some((y(*last) + 4.0, index, line.name.as_str()))
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
            index % COLOURS,
            frame.width - frame.right + 4.0,
            escape(&shortened(name, 15))
        );
    }
}

/// Predicted probabilities against what happened; a dot's size follows its weight.
pub(super) fn reliability(label: &str, bins: &[ReliabilityBin]) -> String {
    let most = bins.iter().map(|bin| bin.weight).fold(0.0, f64::max);
    both((340.0, 320.0), label, |frame, svg| {
        let side = (frame.height - 46.0).min(frame.width - frame.left - 20.0);
        let (left, bottom) = (frame.left, 14.0 + side);
        let (x, y) = (|p: f64| left + p * side, |share: f64| bottom - share * side);
        for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let (across, up) = (x(tick), y(tick));
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{left}\" x2=\"{:.1}\" y1=\"{up:.1}\" y2=\"{up:.1}\"/>\
                 <text class=\"tick\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{tick}</text>\
                 <text class=\"tick\" text-anchor=\"middle\" x=\"{across:.1}\" y=\"{:.1}\">{tick}\
                 </text>",
                left + side,
                left - 8.0,
                up + 4.0,
                bottom + 18.0
            );
        }
        let _ = write!(
            svg,
            "<line class=\"zero\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            x(0.0),
            y(0.0),
            x(1.0),
            y(1.0)
        );
        for bin in bins.iter().filter(|bin| bin.weight > 0.0) {
            let radius = 3.0 + 8.0 * (bin.weight / most).sqrt();
            let _ = write!(
                svg,
                "<circle class=\"dot c1\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"><title>said \
                 {}, happened {}</title></circle>",
                x(bin.predicted),
                y(bin.happened),
                number(bin.predicted),
                number(bin.happened)
            );
        }
    })
}

/// Bars of equal width, with a text at both ends.
pub(super) fn bars(label: &str, values: &[f64], ends: [&str; 2]) -> String {
    let axis = Axis::of(values.iter().copied().chain([0.0]));
    both((200.0, 180.0), label, |frame, svg| {
        let (top, bottom) = (14.0, frame.height - 30.0);
        let y = |value: f64| bottom - axis.place(value) * (bottom - top);
        grid(frame, svg, axis, &y);
        let end = frame.width - frame.right;
        let width = (end - frame.left) / values.len().max(1) as f64;
        for (index, value) in values.iter().enumerate() {
            let _ = write!(
                svg,
                "<rect class=\"bar c1\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
                 <title>{}</title></rect>",
                frame.left + width * index as f64 + 0.5,
                y(*value),
                (width - 1.0).max(0.5),
                (bottom - y(*value)).max(0.0),
                number(*value)
            );
        }
        for (text, anchor, at) in [(ends[0], "start", frame.left), (ends[1], "end", end)] {
            let _ = write!(
                svg,
                "<text class=\"tick\" text-anchor=\"{anchor}\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
                frame.height - 10.0,
                escape(text)
            );
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_its_values_on_round_steps() {
        for values in [[0.021, 0.034], [0.0, 0.0], [-0.013, 0.108], [0.5, 0.5001], [3.0, 198_502.0]]
        {
            let axis = Axis::of(values.into_iter());
            assert!(axis.low <= values[0] && values[1] <= axis.high && axis.step > 0.0);
            let count = axis.ticks().count();
            assert!((2..=9).contains(&count), "{count} ticks from {} to {}", axis.low, axis.high);
        }
        assert_eq!(Axis::of([f64::NAN].into_iter()).high, 1.0);
    }

    #[test]
    fn ticks_have_the_digits_that_their_step_needs() {
        let texts = |low: f64, high: f64| -> Vec<String> {
            let axis = Axis::of([low, high].into_iter());
            axis.ticks().map(|tick| axis.text(tick)).collect()
        };
        assert_eq!(texts(0.0, 1.0), ["0", "0.25", "0.50", "0.75", "1.00"]);
        assert_eq!(texts(0.0, 0.04), ["0", "0.01", "0.02", "0.03", "0.04"]);
        assert_eq!(texts(0.0, 40.0), ["0", "10", "20", "30", "40"]);
    }
}
