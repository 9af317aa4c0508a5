//! Whether feedback was lost or stored twice on its way.

use serde::Serialize;

use crate::distributions::beta_quantile;
use crate::feedback::Feedback;

/// What the sequence numbers say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Rows read.
    pub rows: u64,
    /// Distinct events: installation and sequence number.
    pub events: u64,
    /// Rows beyond the first of the same event.
    pub repeated: u64,
    /// Installations.
    pub installations: u64,
    /// Sequence numbers missing below the highest of each installation.
    pub missing: u64,
    /// Installations with missing numbers.
    pub installations_with_gaps: u64,
    /// Events that the devices say they recorded, when told.
    pub expected: Option<u64>,
    /// Events lost: expected and not there, or without that number those in the gaps. What is lost
    /// behind the last event of an installation leaves no gap, only the expected number shows it.
    pub lost: u64,
    /// Upper bound on the share of events lost, at 95 % confidence, one-sided (Clopper and
    /// Pearson, Biometrika 26, 1934): what a count of losses this small still allows.
    pub lost_share_at_most: Option<f64>,
}

/// Audits the feedback against itself and, when told, against the number of events recorded.
///
/// ```
/// let empty = noctule_reports::Feedback::new("town");
/// assert_eq!(noctule_reports::audit(&empty, Some(3)).lost, 3);
/// ```
#[must_use]
pub fn audit(feedback: &Feedback, expected: Option<u64>) -> Audit {
    let rows = feedback.rows().len() as u64;
    let (mut events, mut installations, mut missing, mut with_gaps) = (0u64, 0u64, 0u64, 0u64);
    let mut last = None;
    let mut has_gap = false;
    for row in feedback.distinct() {
        let before = match last {
            Some((installation, sequence)) if installation == row.installation => sequence,
            _ => {
                installations += 1;
                has_gap = false;
                0
            }
        };
        // Sequence numbers begin at 1, and the rows are in their order.
        let gap = row.sequence.saturating_sub(before).saturating_sub(1);
        with_gaps += u64::from(gap > 0 && !has_gap);
        has_gap |= gap > 0;
        missing = missing.saturating_add(gap);
        events += 1;
        last = Some((row.installation, row.sequence));
    }
    let lost = expected.map_or(missing, |expected| expected.saturating_sub(events));
    Audit {
        rows,
        events,
        repeated: rows - events,
        installations,
        missing,
        installations_with_gaps: with_gaps,
        expected,
        lost,
        lost_share_at_most: share_at_most(
            lost,
            expected.unwrap_or(events.saturating_add(missing)),
            0.95,
        ),
    }
}

/// The upper bound of Clopper and Pearson on the share of which `lost` among `of` were seen.
pub(crate) fn share_at_most(lost: u64, of: u64, confidence: f64) -> Option<f64> {
    match of {
        0 => None,
        of if lost >= of => Some(1.0),
        of => Some(beta_quantile(confidence, lost as f64 + 1.0, (of - lost) as f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feedback::FeedbackRow;

    fn feedback(events: &[(&str, u64)]) -> Feedback {
        let mut feedback = Feedback::new("town");
        for (installation, sequence) in events {
            let (kind, item) = (feedback.word("click"), feedback.word("cafe"));
            let row = FeedbackRow {
                installation: feedback.word(installation),
                sequence: *sequence,
                at_ms: 0,
                kind,
                item,
                surface: None,
                context: None,
                position: None,
                generation: None,
                propensity: None,
                arm: None,
                experiment: None,
            };
            feedback.push(row);
        }
        feedback.sort();
        feedback
    }

    #[test]
    fn nothing_lost_is_a_bound_not_a_certainty() {
        let events: Vec<(&str, u64)> = (1..=300).map(|sequence| ("a", sequence)).collect();
        let audit = audit(&feedback(&events), Some(300));
        assert_eq!((audit.events, audit.lost, audit.repeated, audit.missing), (300, 0, 0, 0));
        // 1 - 0.05^(1/300): the rule of three gives nearly 3 / 300.
        let expected = 1.0 - 0.05f64.powf(1.0 / 300.0);
        assert!((audit.lost_share_at_most.unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn gaps_repeats_and_installations_are_told_apart() {
        let events = [("a", 1), ("b", 2), ("a", 4), ("a", 4), ("a", 7), ("c", 1), ("a", 1)];
        let audit = audit(&feedback(&events), None);
        assert_eq!((audit.rows, audit.events, audit.repeated), (7, 5, 2));
        assert_eq!((audit.installations, audit.installations_with_gaps), (3, 2));
        assert_eq!((audit.missing, audit.lost), (1 + 2 + 2, 5));
    }

    #[test]
    fn a_tail_that_never_came_shows_against_the_expected_number_only() {
        let events = feedback(&[("a", 1), ("a", 2)]);
        assert_eq!(audit(&events, None).lost, 0);
        let against = audit(&events, Some(5));
        assert_eq!((against.missing, against.lost), (0, 3));
    }
}
