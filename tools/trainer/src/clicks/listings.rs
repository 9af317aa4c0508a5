//! What click models are fitted to: lists of documents with clicks.

use std::collections::HashMap;

use noctule_core::base::limits::SLATE_LENGTH_MAX;

use super::{Showing, Showings, ShownSlot};
use crate::{Error, Result};

/// One place of a list, and whether it was clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The document: an item in its circumstances.
    pub document: u32,
    /// Position, from 0.
    pub position: u32,
    /// Whether it was clicked.
    pub clicked: bool,
}

/// Lists of documents with clicks, each by rising position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listings {
    lists: Vec<Vec<Look>>,
    documents: usize,
    positions: usize,
}

impl Listings {
    /// Takes `lists` over.
    ///
    /// # Errors
    /// [`Error::Data`] when there is no look at all, when positions do not rise within a list, or
    /// when one is 1,000 or more.
    pub fn new(mut lists: Vec<Vec<Look>>) -> Result<Self> {
        lists.retain(|list| !list.is_empty());
        if lists.is_empty() {
            return Err(Error::data("no impressions"));
        }
        let (mut documents, mut positions) = (0, 0);
        for (number, list) in lists.iter().enumerate() {
            let rises = list.windows(2).all(|two| two[0].position < two[1].position);
            let last = list.last().map_or(0, |look| look.position as usize);
            if !rises || last >= SLATE_LENGTH_MAX {
                let reason = format!("positions of list {number} do not rise below 1,000");
                return Err(Error::data(reason));
            }
            positions = positions.max(last + 1);
            let most = list.iter().map(|look| look.document as usize + 1).max();
            documents = documents.max(most.unwrap_or_default());
        }
        Ok(Self { lists, documents, positions })
    }

    /// The showings for which `keep` says so. A document is an item in a surface and context, so
    /// that what is clicked more at lunch is not mistaken for what stands higher at lunch.
    ///
    /// # Errors
    /// [`Error::Data`] when none is left.
    pub fn of(showings: &Showings, keep: impl Fn(usize) -> bool) -> Result<Self> {
        let mut documents = HashMap::new();
        let mut look = |showing: &Showing, slot: &ShownSlot| {
            let next = documents.len() as u32;
            let place = (showing.surface, showing.context, slot.item);
            let document = *documents.entry(place).or_insert(next);
            Look { document, position: slot.position, clicked: slot.clicked }
        };
        let numbered = showings.showings.iter().enumerate();
        let lists = numbered
            .filter(|(number, _)| keep(*number))
            .map(|(_, showing)| showing.slots.iter().map(|slot| look(showing, slot)).collect())
            .collect();
        Self::new(lists)
    }

    /// The lists.
    #[must_use]
    pub fn lists(&self) -> &[Vec<Look>] {
        &self.lists
    }

    /// One more than the highest document.
    #[must_use]
    pub fn documents(&self) -> usize {
        self.documents
    }

    /// One more than the highest position.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }
}
