//! Another pseudonym every so many days, and for a profile that is a copy.

use super::erase::SCRUB_PENDING;
use super::{Config, Noctule, lock};
use crate::base::{Error, Result};
use crate::feedback::recorder;
use crate::store::{Identity, Store, meta, place, pseudonyms};
use crate::upload::QueueState;

/// Refuses a rotation that cannot be meant.
pub(super) fn check(config: &Config) -> Result<()> {
    match config.rotate_pseudonym_days {
        Some(0) => Err(Error::invalid("rotate_pseudonym_days", "is 0, at least 1 is needed")),
        _ => Ok(()),
    }
}

/// The identity of a profile that is being opened. When its directory is another one than before it
/// is a restored copy, and the first one may go on under the pseudonym that both had, so this one
/// takes another. What was recorded before stays under the old one: whoever sends it, it counts
/// once.
///
/// Where that cannot be written nothing can be recorded either, and the next opening tries again.
pub(super) fn notice_copy(store: &Store, config: &Config, identity: Identity) -> Result<Identity> {
    let Some(now) = store.place() else { return Ok(identity) };
    let kept = store.read(place::kept)?;
    if kept.is_some_and(|kept| place::is_same(&kept, &now)) {
        return Ok(identity);
    }
    let noticed = store.write("noticing where the profile lies", |transaction| {
        place::keep(transaction, &now)?;
        if kept.is_none() {
            return Ok(identity);
        }
        let next = identity.rotate(transaction, config.seed, config.clock.now_ms())?;
        recorder::rows::begin_anew(transaction)?;
        Ok(next)
    });
    match noticed {
        Err(Error::StorageFull { .. } | Error::ReadOnly { .. }) => Ok(identity),
        noticed => noticed,
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
