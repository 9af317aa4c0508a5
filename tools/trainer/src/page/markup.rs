//! Numbers as people read them.

use noctule_pages::count;

use crate::evaluation::Estimate;

/// A number with about four digits that say something.
pub(super) fn number(value: f64) -> String {
    let text = match value.abs() {
        large if large >= 1_000.0 => return signed(value, count(large.round() as u64)),
        large if large >= 100.0 => format!("{large:.1}"),
        large if large >= 10.0 => format!("{large:.2}"),
        small => format!("{small:.4}"),
    };
    signed(value, text)
}

fn signed(value: f64, text: String) -> String {
    let is_zero = text.chars().all(|digit| matches!(digit, '0' | '.'));
    if value < 0.0 && !is_zero { format!("\u{2212}{text}") } else { text }
}

/// A difference with its sign.
pub(super) fn difference(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}

/// `0.0281 to 0.0312`.
pub(super) fn interval(estimate: &Estimate) -> String {
    format!("{} to {}", number(estimate.low), number(estimate.high))
}

/// A p value as people write it.
pub(super) fn probability(p: f64) -> String {
    if p < 0.000_1 { "below 0.0001".into() } else { format!("{p:.4}") }
}

/// The begin of a name that would not fit.
pub(super) fn shortened(name: &str, limit: usize) -> String {
    if name.chars().count() <= limit {
        return name.to_owned();
    }
    name.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(number(0.031_84), "0.0318");
        assert_eq!(
            (number(-12.345), number(-0.000_001)),
            ("\u{2212}12.35".into(), "0.0000".into())
        );
        assert_eq!(number(198_502.0), "198\u{202f}502");
        assert_eq!((difference(0.01), difference(0.0)), ("+0.0100".into(), "0.0000".into()));
        assert_eq!((probability(0.0), probability(0.05)), ("below 0.0001".into(), "0.0500".into()));
    }
}
