//! What all charts share: two sizes, axes, colours.

use std::fmt::Write as _;

use noctule_pages::escape;

use crate::estimates::Estimate;

/// Number of arm colours in the style sheet; further arms begin again.
pub(super) const COLOURS: usize = 6;

/// Width, height and what goes with them.
pub(super) struct Frame {
    pub(super) class: &'static str,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
}

/// Draws for both widths.
pub(super) fn both(heights: (f64, f64), label: &str, draw: impl Fn(&Frame, &mut String)) -> String {
    let frames = [
        Frame { class: "wide", width: 720.0, height: heights.0, left: 48.0, right: 96.0 },
        Frame { class: "narrow", width: 350.0, height: heights.1, left: 38.0, right: 12.0 },
    ];
    let mut svg = String::new();
    for frame in frames {
        let Frame { class, width, height, .. } = frame;
        // Writing to a string cannot fail, here and below.
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

/// A round step that divides `span` into three to six.
pub(super) fn step(span: f64) -> f64 {
    let rough = (span / 4.0).max(1e-6);
    let magnitude = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|factor| factor * magnitude >= rough);
    factor.unwrap_or(10.0) * magnitude
}

/// Ends of an axis that holds all values, on round steps, with the step.
pub(super) fn axis(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if !low.is_finite() || !high.is_finite() {
        return (0.0, 1.0, 0.25);
    }
    let step = step((high - low).max(0.02));
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    (low, if high > low { high } else { low + step }, step)
}

pub(super) fn ticks((low, high, step): (f64, f64, f64)) -> impl Iterator<Item = f64> {
    // The ends lie on steps: the quotient is a small whole number.
    let count = ((high - low) / step).round() as u32;
    (0..=count).map(move |tick| low + f64::from(tick) * step)
}

pub(super) fn ends(estimate: &Estimate) -> [f64; 3] {
    [
        estimate.value,
        estimate.low.unwrap_or(estimate.value),
        estimate.high.unwrap_or(estimate.value),
    ]
}

pub(super) fn colour(arm: usize) -> usize {
    arm % COLOURS
}

pub(super) fn axis_percent(share: f64) -> String {
    let percent = share * 100.0;
    if (percent - percent.round()).abs() < 1e-6 {
        format!("{percent:.0}%")
    } else {
        format!("{percent:.1}%")
    }
}

pub(super) fn grid(
    frame: &Frame,
    svg: &mut String,
    scale: (f64, f64, f64),
    y: &dyn Fn(f64) -> f64,
) {
    for tick in ticks(scale) {
        let (at, left, end) = (y(tick), frame.left, frame.width - frame.right);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            at + 4.0,
            axis_percent(tick)
        );
    }
}

/// The begin of a name that would not fit.
pub(super) fn shortened(name: &str, limit: usize) -> String {
    if name.chars().count() <= limit {
        return name.to_owned();
    }
    name.chars().take(limit - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_its_values_on_round_steps() {
        for values in [[0.21, 0.34], [0.0, 0.0], [-0.013, 0.108], [0.5, 0.5001]] {
            let (low, high, step) = axis(values.into_iter());
            assert!(low <= values[0] && values[1] <= high && step > 0.0, "{low} {high}");
            let count = ticks((low, high, step)).count();
            assert!((2..=8).contains(&count), "{count} ticks from {low} to {high}");
        }
        assert_eq!(axis(std::iter::empty()), (0.0, 1.0, 0.25));
    }

    #[test]
    fn long_names_are_shortened_between_characters() {
        assert_eq!(shortened("überlangername", 6), "überl…");
        assert_eq!(shortened("model", 6), "model");
    }
}
