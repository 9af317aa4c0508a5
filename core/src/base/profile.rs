//! What the device knows of its user.

use std::collections::{BTreeMap, BTreeSet};

use super::{ContextId, GeoPoint, ItemId, Openings};

/// One item of the user's history, with what feedback said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryItem {
    /// The item.
    pub item: ItemId,
    /// Confidence of the positive label by context in which it was given; only positive values.
    /// Feedback outside any context counts under no key of the plan and still for all of them.
    pub weight_by_context: BTreeMap<Option<ContextId>, f32>,
    /// Strength of what spoke against the item (seen and passed over, disliked), at least 0.
    pub negative: f32,
    /// Last time it was chosen, Unix milliseconds; none when it was only shown.
    pub last_chosen_ms: Option<i64>,
}

impl HistoryItem {
    /// Sum of the positive confidences over all contexts.
    #[must_use]
    pub fn weight(&self) -> f32 {
        self.weight_by_context.values().sum()
    }
}

/// What a night reads about its user: made by learning, read by the next night.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// History in the order of the item ids, each item once.
    pub history: Vec<HistoryItem>,
    /// Items the user asked never to see.
    pub hidden: BTreeSet<ItemId>,
    /// Where the user usually is, when the app told.
    pub place: Option<GeoPoint>,
    /// How often each slate was opened, for the order of the night's work.
    pub openings: Openings,
    /// Sequence number of the last event that learning has read.
    pub learned_through: u64,
    /// Number of the last forgetting that the history reflects: see [`super::Forgotten`].
    pub forgotten_through: u64,
    /// Seed of all randomness on this device, drawn once when the directory was created.
    pub seed: u64,
}

impl Profile {
    /// A profile of which nothing is known, on the device with this seed.
    #[must_use]
    pub fn unknown(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Whether it knows anything that slates are made from.
    #[must_use]
    pub fn knows_anything(&self) -> bool {
        !self.history.is_empty() || !self.hidden.is_empty() || self.place.is_some()
    }
}
