//! Forgetting single items of the history: "remove this reason".

use std::collections::HashSet;

use super::{Noctule, lock};
use crate::base::limits::EVENTS_PER_CALL_MAX;
use crate::base::{Error, ItemId, Result};
use crate::feedback::{EventKind, rows as events};
use crate::learning::forgotten::rows as forgotten;
use crate::learning::rows as profiles;
use crate::replay::rows as replay;
use crate::upload::withheld::rows::remove_events;

impl Noctule {
    /// Forgets what the user did with `items`, which a reason named
    /// ([`crate::reasons::ReasonKind::BecauseOf`]): all or none of them, and durable when this
    /// returns.
    ///
    /// From the next read on no reason names them, the score of a slot is less by what it owed to
    /// them, and it stands where that score belongs, or is left out when it falls below the last
    /// score of the slate; the next night makes slates from the history without them. What
    /// was recorded of them until now is not learned again. What is recorded later is, as of any
    /// other item. An item stays hidden, and what was recorded is still delivered: see
    /// [`Noctule::erase`]. Slates made before cannot be replayed any longer.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for more than 10,000 items; [`Error::Storage`],
    /// [`Error::StorageFull`], [`Error::Closed`]. Nothing is forgotten then.
    pub fn forget_items(&self, items: &[ItemId]) -> Result<()> {
        if items.len() > EVENTS_PER_CALL_MAX {
            let reason = format!("{} at once, {EVENTS_PER_CALL_MAX} are allowed", items.len());
            return Err(Error::invalid("items", reason));
        }
        self.forget(items)?;
        self.refresh_widget();
        Ok(())
    }

    fn forget(&self, items: &[ItemId]) -> Result<()> {
        let _recording = lock(&self.recording);
        let forgotten = self.store.write("forgetting items", |transaction| {
            let mut profile = self.profile(profiles::load(transaction))?;
            let through = events::last_sequence(transaction)?;
            let gone: HashSet<&ItemId> = items.iter().collect();
            let mut sequences = Vec::new();
            events::each_after(transaction, 0, usize::MAX, |event| {
                if gone.contains(&event.item) {
                    sequences.push(event.sequence);
                    if event.kind == EventKind::Hide {
                        profile.hidden.insert(event.item);
                    }
                }
                Ok(())
            })?;
            remove_events(transaction, &sequences)?;
            profile.history.retain(|entry| !gone.contains(&entry.item));
            profile.forgotten_through = forgotten::add(transaction, items, through)?;
            profiles::save(transaction, &profile)?;
            // The history that slates were made from still holds the items: no replay from it.
            replay::remove_all(transaction)?;
            forgotten::load(transaction)
        })?;
        self.shelf.note(|today| {
            let here = forgotten.iter().filter(|(item, _)| items.contains(item));
            here.for_each(|(item, forgetting)| today.note_forgotten(item, forgetting.number));
        });
        Ok(())
    }

    /// Removes the events with these sequence numbers, as receipts and exports tell them, and gives
    /// how many were still here: all or none of them, and durable when this returns.
    ///
    /// They are not learned, and not sent when they were not yet: the collector hears that these
    /// numbers are missing on purpose. What was learned from an event already stays, see
    /// [`Noctule::forget_items`]; what was sent stays with the collector, see [`Noctule::erase`].
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for more than 10,000 numbers; [`Error::Storage`],
    /// [`Error::StorageFull`], [`Error::Closed`]. Nothing is removed then.
    pub fn forget_events(&self, sequences: &[u64]) -> Result<u64> {
        if sequences.len() > EVENTS_PER_CALL_MAX {
            let reason = format!("{} at once, {EVENTS_PER_CALL_MAX} are allowed", sequences.len());
            return Err(Error::invalid("sequences", reason));
        }
        let removed = {
            let _recording = lock(&self.recording);
            self.store
                .write("forgetting events", |transaction| remove_events(transaction, sequences))?
        };
        // What they did to what is served is undone.
        self.fill_shelf()?;
        Ok(removed)
    }
}
