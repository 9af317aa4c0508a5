//! Why each item is there: parts that sum to the score.
//!
//! Pure. A part says what a group of the ranker's features is worth in this slot, against a
//! background: for what comes from the item (popularity, nearness, its vector) the mean of the
//! slate's candidates, since zeros are nobody's popularity and nobody's vector; for what comes from
//! the user the vector of a stranger, who has no history. So the base, score less all parts, is
//! what a stranger's average candidate gets, and the same for each slot of a slate.
//!
//! Each part is a Shapley value. A linear ranker needs no more than weights times differences. For
//! others the groups, five at most, are enumerated ([`coalitions`]), and what the history is worth
//! is split over its items by sampling ([`shapley`]), a union of its own within the game (Owen,
//! 1977). How a history makes a vector is said by [`crate::model::UserVector::contributions`],
//! exactly for a fold-in, and by sampling for other encoders.

pub mod coalitions;
mod reason;
pub mod shapley;

pub use reason::{Reason, ReasonKind};

use crate::base::{ItemId, order};

/// History items that are named one by one; the rest is summed as
/// [`ReasonKind::OtherHistory`].
pub const NAMED_HISTORY: usize = 3;

/// A history item and its part of a score.
#[derive(Debug, Clone)]
pub struct HistoryPart {
    /// The item.
    pub item: ItemId,
    /// Its title.
    pub title: String,
    /// Its part of the slot's score.
    pub contribution: f32,
    /// Standard error of that; 0 where it is exact.
    pub standard_error: f32,
}

/// The reasons of a slot with `score`: the `history` parts that speak most for it, the other
/// `features`, and the base, which takes the rounding, so that the parts sum to the score.
///
/// Parts of the history that are not named are summed with what `features` has of it; so are their
/// errors, which bounds the error of the sum.
#[must_use]
pub fn explain(
    score: f32,
    mut history: Vec<HistoryPart>,
    features: Vec<Reason>,
    explored: bool,
) -> Vec<Reason> {
    order::sort_by(&mut history, |a, b| b.contribution.total_cmp(&a.contribution));
    let named = history.iter().take(NAMED_HISTORY).take_while(|part| part.contribution > 0.0);
    let named = named.count();
    let rest = history.split_off(named);
    let mut reasons: Vec<Reason> = history
        .into_iter()
        .map(|HistoryPart { item, title, contribution, standard_error }| Reason {
            kind: ReasonKind::BecauseOf { item, title },
            contribution,
            standard_error,
        })
        .collect();
    let (other, features): (Vec<_>, Vec<_>) =
        features.into_iter().partition(|part| part.kind == ReasonKind::OtherHistory);
    let rest = rest.iter().map(|part| (part.contribution, part.standard_error));
    let other = other.iter().map(|part| (part.contribution, part.standard_error)).chain(rest);
    let sum = |a: Option<(f32, f32)>, b: (f32, f32)| {
        let (contribution, standard_error) = a.unwrap_or_default();
        Some((contribution + b.0, standard_error + b.1))
    };
    if let Some((contribution, standard_error)) = other.fold(None, sum) {
        reasons.push(Reason { kind: ReasonKind::OtherHistory, contribution, standard_error });
    }
    reasons.extend(features);
    order::sort_by(&mut reasons, |a, b| b.contribution.total_cmp(&a.contribution));
    let explained: f64 = reasons.iter().map(|reason| f64::from(reason.contribution)).sum();
    let base = (f64::from(score) - explained) as f32;
    reasons.push(Reason::exact(ReasonKind::Base, base));
    if explored {
        reasons.insert(0, Reason::exact(ReasonKind::Exploration, 0.0));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, contribution: f32) -> HistoryPart {
        let item = ItemId::new(name).unwrap();
        HistoryPart { item, title: name.into(), contribution, standard_error: 0.1 }
    }

    #[test]
    fn the_strongest_parts_are_named_and_all_parts_sum_to_the_score() {
        let history =
            vec![part("a", 0.1), part("b", 0.4), part("c", -0.2), part("d", 0.3), part("e", 0.2)];
        let reasons = explain(1.5, history, vec![Reason::exact(ReasonKind::Nearby, 0.25)], true);
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

    #[test]
    fn what_is_not_named_is_one_part_with_the_sum_of_the_errors() {
        let rest =
            Reason { kind: ReasonKind::OtherHistory, contribution: 0.5, standard_error: 0.25 };
        let reasons = explain(1.0, vec![part("a", -0.125)], vec![rest], false);
        assert_eq!(reasons.len(), 2);
        assert_eq!((reasons[0].contribution, reasons[0].standard_error), (0.375, 0.35));
    }
}
