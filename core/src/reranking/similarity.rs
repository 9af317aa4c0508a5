//! How alike two items are.

use std::collections::HashMap;

use crate::catalogue::Catalogue;

/// The words of one attribute for some items of a catalogue.
#[derive(Debug, Clone, Default)]
pub struct WordSets(HashMap<u32, Vec<u32>>);

impl WordSets {
    /// The words of `attribute` of the items with the indices `of`.
    #[must_use]
    pub fn new(catalogue: &Catalogue, attribute: &str, of: &[u32]) -> Self {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut sets = HashMap::with_capacity(of.len());
        for index in of {
            let mut words: Vec<u32> = catalogue
                .words(*index, attribute)
                .into_iter()
                .map(|word| {
                    let next = numbers.len() as u32;
                    *numbers.entry(word).or_insert(next)
                })
                .collect();
            words.sort_unstable();
            words.dedup();
            sets.insert(*index, words);
        }
        Self(sets)
    }

    /// Jaccard index of the two items' words: shared words by all words, 0 when both have none.
    #[must_use]
    pub fn jaccard(&self, one: u32, other: u32) -> f32 {
        let (Some(a), Some(b)) = (self.0.get(&one), self.0.get(&other)) else { return 0.0 };
        let shared = a.iter().filter(|word| b.binary_search(word).is_ok()).count();
        let all = a.len() + b.len() - shared;
        if all == 0 { 0.0 } else { shared as f32 / all as f32 }
    }
}
