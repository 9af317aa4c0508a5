//! The user of a check.

use std::collections::BTreeMap;

use crate::base::{HistoryItem, ItemId, LabelWeights, Profile};
use crate::release::{CheckEvent, CheckKind, Situation};

const DAY_MS: f64 = 24.0 * 60.0 * 60.0 * 1_000.0;

/// The profile of somebody with `history` at `now_ms`: what learning would make of such feedback,
/// events without a weight counting as [`LabelWeights`] says.
#[must_use]
pub fn profile_of(situation: &Situation, history: &[CheckEvent], now_ms: i64) -> Profile {
    let mut profile = Profile { place: situation.place, ..Profile::default() };
    let mut items: BTreeMap<&ItemId, HistoryItem> = BTreeMap::new();
    let weights = LabelWeights::default();
    let most = weights.confidence_max;
    for event in history {
        let entry = items.entry(&event.item).or_insert_with(|| HistoryItem {
            item: event.item.clone(),
            weight_by_context: BTreeMap::new(),
            negative: 0.0,
            last_chosen_ms: None,
        });
        let usual = match event.kind {
            CheckKind::Chosen => weights.conversion,
            CheckKind::Liked => weights.like,
            CheckKind::Clicked => weights.click,
            // At the first position: examined for certain.
            CheckKind::Passed => weights.passed_over,
            CheckKind::Disliked | CheckKind::Hidden => weights.dislike,
        };
        let weight = event.weight.unwrap_or(usual);
        match event.kind {
            CheckKind::Chosen | CheckKind::Liked | CheckKind::Clicked => {
                let sum = entry.weight_by_context.entry(event.context.clone()).or_insert(0.0);
                *sum = (*sum + weight).min(most);
            }
            CheckKind::Passed | CheckKind::Disliked | CheckKind::Hidden => {
                entry.negative = (entry.negative + weight).min(most);
            }
        }
        if matches!(event.kind, CheckKind::Chosen | CheckKind::Liked) {
            let ago = (event.days_ago.unwrap_or(1.0) * DAY_MS) as i64;
            entry.last_chosen_ms = entry.last_chosen_ms.max(Some(now_ms.saturating_sub(ago)));
        }
        if event.kind == CheckKind::Hidden {
            profile.hidden.insert(event.item.clone());
        }
    }
    profile.history = items.into_values().collect();
    profile
}
