//! Events that are never sent, on disk.

use rusqlite::{Connection, Transaction, params};

use super::super::QueueState;
use crate::base::{Error, Result};
use crate::feedback::rows as events;
use crate::learning::rows as profiles;
use crate::store::{meta, pseudonyms};

/// Key of the sequence number up to which nothing is sent, among the values of which there is one.
/// Apart from the queue on purpose: a queue that is damaged begins anew, and must not send what the
/// user did not allow.
pub const THROUGH: &str = "withheld_through";

/// Events up to this one are not sent.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`].
pub fn through(connection: &Connection) -> Result<u64> {
    meta::number(connection, THROUGH)
}

/// Lets nothing that is here now leave, and removes what was kept for that alone.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
pub fn withhold_all(transaction: &Transaction<'_>) -> Result<()> {
    QueueState::load(transaction)?.withhold_all(transaction)?;
    // A profile that cannot be read begins anew, from the feedback that is here.
    let learned = profiles::load(transaction).ok().flatten();
    let learned = learned.map_or(0, |profile| profile.learned_through);
    events::remove_through(transaction, learned, &[])?;
    let last = events::last_sequence(transaction)?;
    pseudonyms::remove_delivered(transaction, last).map(drop)
}

/// Lets no event up to `last` be sent, of which those up to `sent` have been.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
pub fn withhold_through(transaction: &Transaction<'_>, sent: u64, last: u64) -> Result<()> {
    let before = sent.max(through(transaction)?);
    if before < last {
        withhold(transaction, before + 1, last)?;
        meta::put_number(transaction, THROUGH, last)?;
    }
    Ok(())
}

/// Notes that the events from `first` to `last` are never sent.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
pub fn withhold(transaction: &Transaction<'_>, first: u64, last: u64) -> Result<()> {
    let mut from = first;
    // Each under the pseudonym that it belongs to.
    while from <= last {
        let of = pseudonyms::of_event(transaction, from)?;
        let lowest = of.map_or(1, |(pseudonym, _)| pseudonym.base + 1);
        // Events whose pseudonym is gone end where the oldest begins that is left: a range across
        // that border would be told under neither.
        let border = match of {
            Some((_, end)) => end,
            None => pseudonyms::base_from(transaction, from)?,
        };
        let highest = border.unwrap_or(i64::MAX as u64);
        let end = last.min(highest);
        let new = merge(transaction, (from, end), (lowest, highest))?;
        if let Some((pseudonym, _)) = of {
            pseudonyms::note_dropped(transaction, &pseudonym, new)?;
        }
        from = end + 1;
    }
    Ok(())
}

/// Removes events and never sends them; gives how many were there.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
pub fn remove_events(transaction: &Transaction<'_>, sequences: &[u64]) -> Result<u64> {
    let mut queue = QueueState::load(transaction)?;
    let mut removed = 0;
    for sequence in sequences {
        // A number that SQLite has no room for was never one of ours.
        if i64::try_from(*sequence).is_ok() && events::remove(transaction, *sequence)? {
            queue.withhold(transaction, *sequence)?;
            removed += 1;
        }
    }
    let delivered = queue.delivered_through(transaction)?;
    pseudonyms::remove_delivered(transaction, delivered)?;
    Ok(removed)
}

/// The ranges of withheld events above `after` and up to `last`, at most 1,000: there is one at
/// most between two events, and a batch has no more of those.
///
/// # Errors
/// [`Error::Storage`].
pub fn ranges(connection: &Connection, after: u64, last: u64) -> Result<Vec<(u64, u64)>> {
    let failed = || Error::storage("reading what is not sent");
    let sql = "SELECT first, last FROM withheld WHERE first > ?1 AND last <= ?2 \
               ORDER BY first LIMIT 1000";
    let mut query = connection.prepare_cached(sql).map_err(failed())?;
    let rows = query.query_map([after, last], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.map_err(failed())?.collect::<rusqlite::Result<_>>().map_err(failed())
}

/// Forgets the ranges up to `last`, which the collector has been told.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_through(transaction: &Transaction<'_>, last: u64) -> Result<()> {
    let removed = transaction.execute("DELETE FROM withheld WHERE last <= ?1", [last]);
    removed.map(drop).map_err(Error::storage("removing what was told"))
}

/// Forgets all of it: for a new identity.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_all(transaction: &Transaction<'_>) -> Result<()> {
    let removed = transaction.execute("DELETE FROM withheld", []);
    removed.map(drop).map_err(Error::storage("removing what is not sent"))?;
    meta::remove(transaction, THROUGH)
}

/// Adds one range, joined with those that it touches between `lowest` and `highest`, the bounds of
/// its pseudonym; gives how many of its numbers are new.
fn merge(
    transaction: &Transaction<'_>,
    (first, last): (u64, u64),
    (lowest, highest): (u64, u64),
) -> Result<u64> {
    let failed = || Error::storage("noting what is not sent");
    let touched = [highest.min(last + 1), lowest.max(first - 1)];
    let sql = "SELECT first, last FROM withheld WHERE first <= ?1 AND last >= ?2";
    let mut query = transaction.prepare_cached(sql).map_err(failed())?;
    let touching = query.query_map(touched, |row| Ok((row.get(0)?, row.get(1)?)));
    let touching: Vec<(u64, u64)> =
        touching.map_err(failed())?.collect::<rusqlite::Result<_>>().map_err(failed())?;
    let shared = |(from, to): &(u64, u64)| ((*to).min(last) + 1).saturating_sub((*from).max(first));
    let known: u64 = touching.iter().map(shared).sum();
    let begin = touching.iter().map(|(from, _)| *from).fold(first, u64::min);
    let end = touching.iter().map(|(_, to)| *to).fold(last, u64::max);
    transaction
        .execute("DELETE FROM withheld WHERE first <= ?1 AND last >= ?2", touched)
        .and_then(|_| {
            transaction.execute("INSERT INTO withheld VALUES (?1, ?2)", params![begin, end])
        })
        .map_err(failed())?;
    Ok(last - first + 1 - known)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::base::{Seed, SeededRandom};
    use crate::store::Store;

    #[test]
    fn a_range_from_before_the_oldest_pseudonym_ends_where_that_begins() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let record = |count: u64| {
            let sql = "UPDATE recorder SET last_sequence = last_sequence + ?1";
            store.write("test", |t| Ok(t.execute(sql, [count]).unwrap())).unwrap();
        };
        let add = |id| store.write("test", |t| pseudonyms::add(t, Uuid::from_u128(id), 0)).unwrap();
        add(1);
        record(10);
        add(2);
        store.write("test", |t| pseudonyms::remove_delivered(t, 10)).unwrap();
        record(6);
        store.write("test", |t| withhold(t, 1, 16)).unwrap();
        let current = store.read(pseudonyms::current).unwrap().unwrap();
        assert_eq!((current.base, current.dropped), (10, 6));
        assert_eq!(store.read(|c| ranges(c, current.base, 16)).unwrap(), [(11, 16)]);
    }

    #[test]
    fn ranges_hold_each_number_once_however_they_overlap() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        store.write("test", |t| pseudonyms::add(t, Uuid::from_u128(1), 0)).unwrap();
        let mut random = SeededRandom::new(Seed(4));
        let mut expected = [false; 200];
        for _ in 0..60 {
            let first = 1 + random.below(180);
            let last = first + random.below(12);
            expected[first..=last].fill(true);
            let range = (first as u64, last as u64);
            store.write("test", |t| withhold(t, range.0, range.1)).unwrap();
            let found = store.read(|c| ranges(c, 0, u64::MAX >> 1)).unwrap();
            assert!(
                found.windows(2).all(|two| two[0].1 + 1 < two[1].0),
                "{found:?} could be joined"
            );
            let mut held = [0; 200];
            let numbers = found.iter().flat_map(|(from, to)| *from..=*to);
            numbers.for_each(|number| held[number as usize] += 1);
            assert!(held.iter().zip(expected).all(|(held, expected)| *held == i32::from(expected)));
            let current = store.read(pseudonyms::current).unwrap().unwrap();
            assert_eq!(current.dropped, expected.iter().filter(|held| **held).count() as u64);
        }
    }
}
