//! What may go because it was delivered and learned, what must, and how much is left.

use rusqlite::{Connection, Transaction};

use crate::base::Result;
use crate::feedback::{Retention, retention, rows as events};
use crate::store::pseudonyms::{self, Pseudonym};
use crate::upload::QueueState;

/// How the feedback stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Events ever recorded under this pseudonym.
    pub recorded: u64,
    /// Events that wait for an acknowledgement, those that are set aside included.
    pub pending: u64,
    /// Events in batches that the collector refused as a whole.
    pub set_aside: u64,
    /// Events that the collector refused one by one.
    pub rejected: u64,
    /// Events that were given up before they were delivered.
    pub evicted: u64,
    /// Events that were lost with a damaged log.
    pub lost: u64,
}

/// Counts; where nothing `may_send`, nothing waits.
///
/// # Errors
/// [`crate::base::Error::Storage`], [`crate::base::Error::Damaged`].
pub fn standing(connection: &Connection, may_send: bool) -> Result<Standing> {
    let queue = QueueState::load(connection)?;
    let (mut set_aside, mut waiting) = (0, 0);
    if may_send {
        for (first, last) in queue.kept() {
            set_aside += events::count_in(connection, first.saturating_sub(1), last)?;
        }
        waiting = events::count_in(connection, queue.sent_through(connection)?, u64::MAX)?;
    }
    Ok(Standing {
        recorded: events::last_sequence(connection)?,
        pending: waiting + set_aside,
        set_aside,
        rejected: queue.rejected,
        evicted: events::evicted(connection)?,
        lost: events::lost(connection)?,
    })
}

/// Removes feedback that was delivered, if anything `may_send`, and learned up to `learned`.
///
/// # Errors
/// [`crate::base::Error::Storage`], [`crate::base::Error::Damaged`].
pub fn remove_settled(transaction: &Transaction<'_>, learned: u64, may_send: bool) -> Result<()> {
    if !may_send {
        return events::remove_through(transaction, learned, &[]);
    }
    let queue = QueueState::load(transaction)?;
    let through = learned.min(queue.sent_through(transaction)?);
    events::remove_through(transaction, through, &queue.kept())
}

/// As [`retain`], if there may be too many events, and gives the sequence number up to which there
/// certainly is room: before that, nobody who waits needs to look again.
///
/// # Errors
/// As [`retain`].
pub fn make_room(
    transaction: &Transaction<'_>,
    policy: Retention,
    now_ms: i64,
    may_send: bool,
) -> Result<u64> {
    let allowed = u64::from(policy.events);
    let last = events::last_sequence(transaction)?;
    // A look at both ends costs next to nothing; where events are missing in between, they are
    // counted.
    let mut here = events::span(transaction)?;
    if here > allowed {
        retain(transaction, policy, now_ms, may_send)?;
        here = events::count_in(transaction, 0, u64::MAX)?;
    }
    Ok(last + allowed.saturating_sub(here))
}

/// Gives up feedback that is too old or too much at `now_ms`, and counts under its pseudonym what
/// is lost to the collector by that.
///
/// # Errors
/// [`crate::base::Error::Storage`], [`crate::base::Error::Damaged`].
pub fn retain(
    transaction: &Transaction<'_>,
    policy: Retention,
    now_ms: i64,
    may_send: bool,
) -> Result<()> {
    let delivered = match may_send {
        true => QueueState::load(transaction)?.delivered_through(transaction)?,
        false => u64::MAX,
    };
    let before = undelivered(transaction, delivered)?;
    retention::rows::retain(transaction, policy, now_ms, delivered)?;
    let after = undelivered(transaction, delivered)?;
    for ((pseudonym, before), (_, after)) in before.iter().zip(&after) {
        if before > after {
            pseudonyms::note_dropped(transaction, pseudonym, before - after)?;
        }
    }
    Ok(())
}

/// How many events wait under each pseudonym.
fn undelivered(connection: &Connection, delivered: u64) -> Result<Vec<(Pseudonym, u64)>> {
    let all = pseudonyms::all(connection)?;
    let ends = all.iter().skip(1).map(|next| next.base).chain([u64::MAX]);
    let counted = all.iter().zip(ends).map(|(pseudonym, end)| {
        let after = pseudonym.base.max(delivered);
        Ok((*pseudonym, events::count_in(connection, after, end)?))
    });
    counted.collect()
}
