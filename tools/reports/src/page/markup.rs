//! Numbers as people read them.

use crate::estimates::Estimate;

/// A share as a percentage with one digit, `31.2 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", share * 100.0)
}

/// A small share with as many digits as it takes to see it.
pub(crate) fn small_percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits =
        if percent >= 1.0 || percent <= 0.0 { 1 } else { (1.0 - percent.log10().floor()) as usize };
    format!("{percent:.*}\u{a0}%", digits.min(9))
}

/// A difference of shares in percentage points, with its sign.
pub(crate) fn points(difference: f64) -> String {
    let rounded = format!("{:.1}", (difference * 100.0).abs());
    let sign = match difference {
        _ if rounded == "0.0" => "",
        negative if negative < 0.0 => "\u{2212}",
        _ => "+",
    };
    format!("{sign}{rounded}")
}

/// The interval of a rate, `28.9 to 33.6 %`, or a dash.
pub(crate) fn rate_interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{:.1} to {}", low * 100.0, percent(high)),
        _ => "\u{2013}".into(),
    }
}

/// The interval of a difference, `+6.9 to +10.7`, or a dash.
pub(crate) fn points_interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{} to {}", points(low), points(high)),
        _ => "\u{2013}".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(percent(0.3117), "31.2\u{a0}%");
        assert_eq!((points(0.0881), points(-0.012)), ("+8.8".into(), "\u{2212}1.2".into()));
        assert_eq!(points(-0.0001), "0.0");
        assert_eq!(small_percent(0.000_063), "0.0063\u{a0}%");
        assert_eq!(small_percent(0.0), "0.0\u{a0}%");
    }
}
