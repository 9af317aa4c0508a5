//! Entries that are stored once and named by a code.

use std::collections::HashMap;
use std::hash::Hash;

/// The different entries in the order of their first appearance, so that the codes of a catalogue
/// stay what they are when items are added behind it.
#[derive(Debug)]
pub(super) struct Dictionary<K> {
    codes: HashMap<K, u32>,
    entries: Vec<K>,
}

impl<K: Clone + Eq + Hash> Dictionary<K> {
    pub(super) fn new() -> Self {
        Self { codes: HashMap::new(), entries: Vec::new() }
    }

    /// The place of `entry`, counted from 0.
    pub(super) fn place(&mut self, entry: K) -> u32 {
        if let Some(place) = self.codes.get(&entry) {
            return *place;
        }
        let place = self.entries.len() as u32;
        self.entries.push(entry.clone());
        self.codes.insert(entry, place);
        place
    }

    pub(super) fn entries(&self) -> &[K] {
        &self.entries
    }
}
