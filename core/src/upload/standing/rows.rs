//! What may go because it was delivered and learned, what must, and how much is left.

use rusqlite::{Connection, Transaction};

use crate::base::Result;
use crate::feedback::{Retention, retention, rows as events};
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
}

/// Counts.
///
/// # Errors
/// [`crate::base::Error::Storage`].
pub fn standing(connection: &Connection) -> Result<Standing> {
    let queue = QueueState::load(connection)?;
    let mut set_aside = 0;
    for (first, last) in queue.kept() {
        set_aside += events::count_in(connection, first.saturating_sub(1), last)?;
    }
    let waiting = events::count_in(connection, queue.acknowledged_through, u64::MAX)?;
    Ok(Standing {
        recorded: events::last_sequence(connection)?,
        pending: waiting + set_aside,
        set_aside,
        rejected: queue.rejected,
        evicted: events::evicted(connection)?,
    })
}

/// Removes feedback that was delivered, and learned up to `learned`.
///
/// # Errors
/// [`crate::base::Error::Storage`].
pub fn remove_settled(transaction: &Transaction<'_>, learned: u64) -> Result<()> {
    let queue = QueueState::load(transaction)?;
    let through = learned.min(queue.acknowledged_through);
    events::remove_through(transaction, through, &queue.kept())
}

/// Gives up feedback that is too old or too much at `now_ms`; gives how many events were lost to
/// the collector.
///
/// # Errors
/// [`crate::base::Error::Storage`].
pub fn retain(transaction: &Transaction<'_>, policy: Retention, now_ms: i64) -> Result<u64> {
    let delivered = QueueState::load(transaction)?.delivered_through();
    retention::rows::retain(transaction, policy, now_ms, delivered)
}
