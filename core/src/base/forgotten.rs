//! What the user asked to be forgotten of the history.

use std::collections::HashMap;

use super::ItemId;

/// One forgetting of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgetting {
    /// Its number, greater than those of all before it.
    pub number: u64,
    /// Sequence number of the last feedback that it covers.
    pub through: u64,
}

/// The newest forgetting of each item.
///
/// ```
/// use noctule_core::base::{Forgetting, Forgotten, ItemId};
/// let (luna, sol) = (ItemId::new("luna")?, ItemId::new("sol")?);
/// let forgotten = Forgotten::from([(luna.clone(), Forgetting { number: 2, through: 9 })]);
/// assert!(forgotten.covers(&luna, 9) && !forgotten.covers(&luna, 10));
/// assert!(!forgotten.covers(&sol, 1));
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    by_item: HashMap<ItemId, Forgetting>,
}

impl Forgotten {
    /// Whether feedback about `item` with this sequence number came before it was forgotten.
    #[must_use]
    pub fn covers(&self, item: &ItemId, sequence: u64) -> bool {
        self.by_item.get(item).is_some_and(|forgetting| sequence <= forgetting.through)
    }

    /// Each item with its newest forgetting.
    pub fn iter(&self) -> impl Iterator<Item = (&ItemId, Forgetting)> {
        self.by_item.iter().map(|(item, forgetting)| (item, *forgetting))
    }
}

impl<I: IntoIterator<Item = (ItemId, Forgetting)>> From<I> for Forgotten {
    fn from(items: I) -> Self {
        Self { by_item: items.into_iter().collect() }
    }
}
