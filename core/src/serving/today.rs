//! What the user did since the last night, as far as serving must know it.

use std::collections::HashMap;

use crate::base::{Forgotten, ItemId, Profile};

/// Hidden and chosen items, and what was shown since the last night.
#[derive(Debug, Clone, Default)]
pub struct Today {
    items: HashMap<ItemId, Mark>,
    /// Number of the newest forgetting.
    forgotten_through: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    hidden: bool,
    chosen_at_ms: Option<i64>,
    shown: u32,
    /// Number of its newest forgetting; 0 when it was never forgotten.
    forgotten: u64,
}

impl Today {
    /// What the profile knows, hidden and chosen items, and what is forgotten.
    #[must_use]
    pub fn of(profile: &Profile, forgotten: &Forgotten) -> Self {
        let mut today = Self::default();
        for (item, forgetting) in forgotten.iter() {
            today.note_forgotten(item, forgetting.number);
        }
        for item in &profile.hidden {
            today.mark(item).hidden = true;
        }
        for entry in &profile.history {
            if entry.last_chosen_ms.is_some() {
                today.mark(&entry.item).chosen_at_ms = entry.last_chosen_ms;
            }
        }
        today
    }

    /// `item` was shown.
    pub fn note_shown(&mut self, item: &ItemId) {
        let mark = self.mark(item);
        mark.shown = mark.shown.saturating_add(1);
    }

    /// `item` was opened: it is not tiring.
    pub fn note_opened(&mut self, item: &ItemId) {
        self.mark(item).shown = 0;
    }

    /// `item` was chosen at `at_ms`.
    pub fn note_chosen(&mut self, item: &ItemId, at_ms: i64) {
        let mark = self.mark(item);
        mark.shown = 0;
        mark.chosen_at_ms = mark.chosen_at_ms.max(Some(at_ms));
    }

    /// The user asked never to see `item` again.
    pub fn note_hidden(&mut self, item: &ItemId) {
        self.mark(item).hidden = true;
    }

    /// The user took the hiding of `item` back.
    pub fn note_not_hidden(&mut self, item: &ItemId) {
        self.mark(item).hidden = false;
    }

    /// The user took the choice of `item` back.
    pub fn note_not_chosen(&mut self, item: &ItemId) {
        self.mark(item).chosen_at_ms = None;
    }

    /// The user asked for what was done with `item` to be forgotten, by the forgetting of this
    /// number.
    pub fn note_forgotten(&mut self, item: &ItemId, number: u64) {
        let mark = self.mark(item);
        mark.forgotten = mark.forgotten.max(number);
        mark.chosen_at_ms = None;
        self.forgotten_through = self.forgotten_through.max(number);
    }

    /// Whether anything was forgotten after the forgetting of this number.
    #[must_use]
    pub fn forgot_after(&self, number: u64) -> bool {
        self.forgotten_through > number
    }

    /// Whether `item` was forgotten after the forgetting of this number.
    #[must_use]
    pub fn was_forgotten_after(&self, item: &ItemId, number: u64) -> bool {
        self.items.get(item).is_some_and(|mark| mark.forgotten > number)
    }

    /// Whether the user asked never to see `item`.
    #[must_use]
    pub fn is_hidden(&self, item: &ItemId) -> bool {
        self.items.get(item).is_some_and(|mark| mark.hidden)
    }

    /// Whether `item` was chosen at or after `since_ms`.
    #[must_use]
    pub fn was_chosen_since(&self, item: &ItemId, since_ms: i64) -> bool {
        self.items.get(item).and_then(|mark| mark.chosen_at_ms).is_some_and(|at| at >= since_ms)
    }

    /// How often `item` was shown since the last night without being opened.
    #[must_use]
    pub fn shown(&self, item: &ItemId) -> u32 {
        self.items.get(item).map_or(0, |mark| mark.shown)
    }

    fn mark(&mut self, item: &ItemId) -> &mut Mark {
        self.items.entry(item.clone()).or_default()
    }
}
