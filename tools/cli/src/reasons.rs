//! Reasons and ages in words.

use noctule_core::base::ItemId;
use noctule_core::slates::{Reason, ReasonKind};
use noctule_reports::ReasonStory;

/// Reasons of an item that are told one by one; the rest is summed up.
const TOLD: usize = 3;

/// The reason as a phrase.
pub(crate) fn words(kind: &ReasonKind) -> String {
    match kind {
        ReasonKind::BecauseOf { title, .. } => format!("because you chose {title}"),
        ReasonKind::OtherHistory => "the rest of your history".into(),
        ReasonKind::Popular => "many people choose it".into(),
        ReasonKind::PopularInContext => "many people choose it at this time".into(),
        ReasonKind::Nearby => "it is near you".into(),
        ReasonKind::Feature(name) => name.clone(),
        ReasonKind::Base => "what a stranger's average candidate gets".into(),
        ReasonKind::Exploration => "drawn to learn something new".into(),
        ReasonKind::Rule(id) => format!("by the rule {id}"),
    }
}

/// The reasons why `item` is there with their shares of the score, the strongest first, the rest
/// summed up; shares sum to 1. Empty when the parts do not speak for the item.
///
/// What a stranger's average candidate gets tells nothing apart and is left out. Popularity in the
/// context and overall rise and fall together, so that a model may take back with one what it gave
/// with the other: they are told as one.
pub(crate) fn in_words(item: &ItemId, reasons: &[Reason]) -> Vec<ReasonStory> {
    let mut parts: Vec<(String, f64)> = Vec::new();
    for reason in reasons.iter().filter(|reason| reason.kind != ReasonKind::Base) {
        let text = match &reason.kind {
            ReasonKind::BecauseOf { item: past, .. } if past == item => {
                "you chose it before".into()
            }
            ReasonKind::Popular => words(&ReasonKind::PopularInContext),
            kind => words(kind),
        };
        let part = f64::from(reason.contribution);
        match parts.iter_mut().find(|(told, _)| *told == text) {
            Some((_, sum)) => *sum += part,
            None if part != 0.0 => parts.push((text, part)),
            None => {}
        }
    }
    let total: f64 = parts.iter().map(|(_, part)| part).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let rest: f64 = parts.iter().skip(TOLD).map(|(_, part)| part).sum();
    parts.truncate(TOLD);
    if rest != 0.0 {
        parts.push(("everything else".into(), rest));
    }
    parts.into_iter().map(|(text, part)| ReasonStory { text, share: part / total }).collect()
}

/// Whether the slot was drawn to learn something new.
pub(crate) fn is_explored(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| reason.kind == ReasonKind::Exploration)
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
        Reason::exact(kind, contribution)
    }

    fn item(id: &str) -> ItemId {
        ItemId::new(id).unwrap()
    }

    #[test]
    fn shares_sum_to_one_the_strongest_first_and_the_rest_summed_up() {
        let because = |id: &str, part| {
            reason(ReasonKind::BecauseOf { item: item(id), title: id.into() }, part)
        };
        let reasons = [
            reason(ReasonKind::Base, -3.0),
            because("a", 0.25),
            because("b", 1.0),
            reason(ReasonKind::Nearby, 0.5),
            reason(ReasonKind::OtherHistory, 0.25),
        ];
        let stories = in_words(&item("b"), &reasons);
        let told: Vec<(&str, f64)> =
            stories.iter().map(|story| (story.text.as_str(), story.share)).collect();
        let expected = [
            ("you chose it before", 0.5),
            ("it is near you", 0.25),
            ("because you chose a", 0.125),
            ("everything else", 0.125),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn popularity_is_told_once() {
        let reasons =
            [reason(ReasonKind::Popular, -1.0), reason(ReasonKind::PopularInContext, 3.0)];
        let stories = in_words(&item("a"), &reasons);
        assert_eq!((stories.len(), stories[0].share), (1, 1.0));
    }

    #[test]
    fn parts_that_do_not_speak_for_the_item_are_not_told_as_shares() {
        assert!(in_words(&item("a"), &[reason(ReasonKind::Nearby, -1.0)]).is_empty());
        assert!(is_explored(&[reason(ReasonKind::Exploration, 0.0)]));
    }

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        let ages = [0, 5 * 60_000, 5 * 3_600_000, 72 * 3_600_000].map(age);
        assert_eq!(ages, ["made just now", "made 5 min ago", "made 5 h ago", "made 3 days ago"]);
    }
}
