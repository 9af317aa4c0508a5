//! Erasing what is known of the user.

use super::{Noctule, lock};
use crate::base::Result;
use crate::feedback::rows as events;
use crate::learning::rows as profiles;
use crate::slates::rows as slates;
use crate::store::{Identity, meta};
use crate::upload::QueueState;

impl Noctule {
    /// Forgets the user: feedback (also what was not sent yet), profile, slates, journal and
    /// pseudonym, in one transaction, and then overwrites what was deleted in the database file
    /// and its write-ahead log. The release stays, with baseline slates from the next installation
    /// or night on; a new pseudonym is drawn.
    ///
    /// # Errors
    /// [`crate::base::Error::AlreadyRunning`] while a night runs: cancel it first; the storage
    /// errors; [`crate::base::Error::Closed`].
    pub fn erase(&self) -> Result<()> {
        let _working = self.begin_work("a night")?;
        {
            let _recording = lock(&self.recording);
            let identity = Identity::generate(None);
            self.store.write("erasing", |transaction| {
                events::remove_all(transaction)?;
                slates::remove_all(transaction)?;
                crate::night::rows::remove_all(transaction)?;
                meta::remove(transaction, profiles::KEY)?;
                QueueState::default().save(transaction)?;
                identity.save(transaction)
            })?;
            let mut state = self.state();
            state.identity = identity;
            state.damaged.clear();
        }
        self.store.scrub()?;
        self.fill_shelf()
    }
}
