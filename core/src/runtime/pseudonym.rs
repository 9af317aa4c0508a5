//! Another pseudonym every so many days.

use super::erase::SCRUB_PENDING;
use super::{Config, Noctule, lock};
use crate::base::{Error, Result};
use crate::feedback::recorder;
use crate::store::{meta, pseudonyms};
use crate::upload::QueueState;

/// Refuses a rotation that cannot be meant.
pub(super) fn check(config: &Config) -> Result<()> {
    match config.rotate_pseudonym_days {
        Some(0) => Err(Error::invalid("rotate_pseudonym_days", "is 0, at least 1 is needed")),
        _ => Ok(()),
    }
}

impl Noctule {
    /// Takes another pseudonym when the one in use is old; the caller owns the recording, so that
    /// no event comes between. Without consent to send no pseudonym is used, and none is changed.
    pub(super) fn rotate_pseudonym(&self) -> Result<()> {
        let Some(days) = self.config.rotate_pseudonym_days else { return Ok(()) };
        let now_ms = self.config.clock.now_ms();
        let (identity, consent) = {
            let state = self.state();
            (state.identity, state.consent)
        };
        if !consent.may_send() || !identity.is_old(days, now_ms) {
            return Ok(());
        }
        let identity = self.store.write("taking another pseudonym", |transaction| {
            let next = identity.rotate(transaction, self.config.seed, now_ms)?;
            recorder::rows::begin_anew(transaction)?;
            let sent = QueueState::load(transaction)?.delivered_through(transaction)?;
            if pseudonyms::remove_delivered(transaction, sent)? {
                meta::put_number(transaction, SCRUB_PENDING, 1)?;
            }
            Ok(next)
        })?;
        self.state().identity = identity;
        *lock(&self.run) = None;
        Ok(())
    }
}
