//! Reasons and ages in words.

use noctule_core::slates::{Reason, ReasonKind};
use noctule_reports::ReasonStory;

/// Share of a score below which a reason is summed up with its like.
const SHARE_MIN: f64 = 0.02;

/// The reason as a phrase.
pub(crate) fn words(kind: &ReasonKind) -> String {
    match kind {
        ReasonKind::BecauseOf { title, .. } => format!("because you chose {title}"),
        ReasonKind::OtherHistory => "the rest of your history".into(),
        ReasonKind::Popular => "many people choose it".into(),
        ReasonKind::PopularInContext => "many people choose it at this time".into(),
        ReasonKind::Nearby => "it is near you".into(),
        ReasonKind::Feature(name) => name.clone(),
        ReasonKind::Base => "what every item gets".into(),
        ReasonKind::Exploration => "drawn to learn something new".into(),
    }
}

/// The reasons of one item with their shares of the score, the strongest first; shares sum to 1.
///
/// What every item gets tells nothing apart and is left out; small parts are summed up. When the
/// parts cancel out, so that shares would explode, they are taken of the sum of magnitudes.
pub(crate) fn in_words(reasons: &[Reason]) -> Vec<ReasonStory> {
    let told = |reason: &&Reason| reason.kind != ReasonKind::Base && reason.contribution != 0.0;
    let parts: Vec<(&ReasonKind, f64)> = reasons
        .iter()
        .filter(told)
        .map(|reason| (&reason.kind, f64::from(reason.contribution)))
        .collect();
    let explored = reasons.iter().any(|reason| reason.kind == ReasonKind::Exploration);
    let mut stories = Vec::new();
    let total: f64 = parts.iter().map(|(_, part)| part).sum();
    if total > 0.0 {
        let mut small = 0.0;
        for (kind, part) in parts {
            let share = part / total;
            if share.abs() < SHARE_MIN {
                small += share;
            } else {
                stories.push(ReasonStory { text: words(kind), share });
            }
        }
        if small.abs() > f64::EPSILON {
            stories.push(ReasonStory { text: "small parts".into(), share: small });
        }
        stories.sort_by(|a, b| b.share.total_cmp(&a.share));
    }
    if explored {
        stories.insert(0, ReasonStory { text: words(&ReasonKind::Exploration), share: 0.0 });
    }
    stories
}

/// An age in words.
pub(crate) fn age(age_ms: i64) -> String {
    let minutes = age_ms / 60_000;
    match minutes {
        ..2 => "made just now".into(),
        2..120 => format!("made {minutes} min ago"),
        120..2_880 => format!("made {} h ago", minutes / 60),
        _ => format!("made {} days ago", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(kind: ReasonKind, contribution: f32) -> Reason {
        Reason { kind, contribution }
    }

    #[test]
    fn shares_sum_to_one_and_the_strongest_stands_first() {
        let reasons = [
            reason(ReasonKind::Base, -3.0),
            reason(ReasonKind::Popular, 0.01),
            reason(ReasonKind::Nearby, 0.5),
            reason(ReasonKind::OtherHistory, 1.5),
        ];
        let stories = in_words(&reasons);
        let sum: f64 = stories.iter().map(|story| story.share).sum();
        assert!((sum - 1.0).abs() < 1e-9);
        assert_eq!(stories[0].text, words(&ReasonKind::OtherHistory));
        assert_eq!(stories[2].text, "small parts");
    }

    #[test]
    fn a_drawn_slot_says_so_first() {
        let reasons = [reason(ReasonKind::Exploration, 0.0), reason(ReasonKind::Popular, 1.0)];
        let stories = in_words(&reasons);
        assert_eq!((stories.len(), stories[0].share), (2, 0.0));
    }

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        let ages = [0, 5 * 60_000, 5 * 3_600_000, 72 * 3_600_000].map(age);
        assert_eq!(ages, ["made just now", "made 5 min ago", "made 5 h ago", "made 3 days ago"]);
    }
}
