//! Why each item is there: parts that sum to the score.
//!
//! Pure. The ranker is linear in its features, and the fold-in score splits exactly over the
//! history items (see [`crate::model::UserVector::contributions`]), so nothing here is estimated.

mod reason;

pub use reason::{Reason, ReasonKind};

use crate::base::ItemId;

/// History items that are named one by one; the rest is summed as
/// [`ReasonKind::OtherHistory`].
pub const NAMED_HISTORY: usize = 3;

/// A part of the fold-in score: a history item and what it contributes to the score.
#[derive(Debug, Clone)]
pub struct HistoryPart {
    /// The item.
    pub item: ItemId,
    /// Its title.
    pub title: String,
    /// Its part of the slot's score.
    pub contribution: f32,
}

/// The reasons of a slot with `score`: the `history` parts that speak most for it, the other
/// `features`, and the base, which takes the rounding, so that the parts sum to the score.
#[must_use]
pub fn explain(
    score: f32,
    mut history: Vec<HistoryPart>,
    features: Vec<(ReasonKind, f32)>,
    explored: bool,
) -> Vec<Reason> {
    history.sort_by(|a, b| b.contribution.total_cmp(&a.contribution));
    let named = history.iter().take(NAMED_HISTORY).take_while(|part| part.contribution > 0.0);
    let named = named.count();
    let rest = history.split_off(named);
    let mut reasons: Vec<Reason> = history
        .into_iter()
        .map(|HistoryPart { item, title, contribution }| Reason {
            kind: ReasonKind::BecauseOf { item, title },
            contribution,
        })
        .collect();
    if !rest.is_empty() {
        let contribution = rest.iter().map(|part| part.contribution).sum();
        reasons.push(Reason { kind: ReasonKind::OtherHistory, contribution });
    }
    let part = |(kind, contribution)| Reason { kind, contribution };
    reasons.extend(features.into_iter().map(part));
    reasons.sort_by(|a, b| b.contribution.total_cmp(&a.contribution));
    let explained: f64 = reasons.iter().map(|reason| f64::from(reason.contribution)).sum();
    let base = (f64::from(score) - explained) as f32;
    reasons.push(Reason { kind: ReasonKind::Base, contribution: base });
    if explored {
        reasons.insert(0, Reason { kind: ReasonKind::Exploration, contribution: 0.0 });
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, contribution: f32) -> HistoryPart {
        HistoryPart { item: ItemId::new(name).unwrap(), title: name.into(), contribution }
    }

    #[test]
    fn the_strongest_parts_are_named_and_all_parts_sum_to_the_score() {
        let history =
            vec![part("a", 0.1), part("b", 0.4), part("c", -0.2), part("d", 0.3), part("e", 0.2)];
        let reasons = explain(1.5, history, vec![(ReasonKind::Nearby, 0.25)], true);
        let kinds: Vec<&str> = reasons
            .iter()
            .filter_map(|reason| match &reason.kind {
                ReasonKind::BecauseOf { title, .. } => Some(title.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(kinds, ["b", "d", "e"]);
        assert_eq!(reasons[0].kind, ReasonKind::Exploration);
        let sum: f32 = reasons.iter().map(|reason| reason.contribution).sum();
        assert!((sum - 1.5).abs() < 1e-6);
    }

    #[test]
    fn what_speaks_against_an_item_is_not_named_as_its_reason() {
        let reasons = explain(-1.0, vec![part("a", -0.5)], vec![], false);
        assert_eq!(reasons[0].kind, ReasonKind::OtherHistory);
        assert_eq!(reasons.len(), 2);
    }
}
