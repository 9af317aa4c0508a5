//! Feedback on disk.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{EventKind, FeedbackEvent, RecordedEvent};
use crate::base::{ContextId, Error, EventId, Forgotten, ItemId, Result, SurfaceId};
use crate::serving::Today;

/// What is stamped on every event of one call.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The clock, for events that bring no time.
    pub now_ms: i64,
    /// The active release, as `name@version`.
    pub release: Option<&'a str>,
    /// The arm of the installation.
    pub arm: Option<&'a str>,
}

/// Appends `events`; gives the sequence numbers of the first and the last.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`]; nothing is kept when the transaction is dropped.
pub fn append(
    transaction: &Transaction<'_>,
    events: &[FeedbackEvent],
    stamp: Stamp<'_>,
) -> Result<Option<(u64, u64)>> {
    let failed = || Error::storage("recording feedback");
    let mut insert = transaction
        .prepare_cached(
            "INSERT INTO events (id, at_ms, kind, item, surface, context, position, generation, \
             propensity, dwell_ms, release, arm) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )
        .map_err(failed())?;
    let mut range = None;
    for event in events {
        let id = EventId::generate();
        let values = params![
            id.0.as_bytes().as_slice(),
            event.at_ms.unwrap_or(stamp.now_ms),
            event.kind.as_str(),
            event.item.as_str(),
            event.surface.as_ref().map(SurfaceId::as_str),
            event.context.as_ref().map(ContextId::as_str),
            event.position,
            event.generation,
            event.propensity,
            event.dwell_ms,
            stamp.release,
            stamp.arm,
        ];
        let sequence = insert.insert(values).map_err(failed())? as u64;
        range = Some((range.map_or(sequence, |(first, _)| first), sequence));
    }
    Ok(range)
}

/// Hands at most `limit` events with a sequence number above `after` to `take`, in order.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`] when a row does not read as an event, those of `take`.
pub fn each_after(
    connection: &Connection,
    after: u64,
    limit: usize,
    mut take: impl FnMut(RecordedEvent) -> Result<()>,
) -> Result<()> {
    let failed = || Error::storage("reading feedback");
    let mut query = connection
        .prepare_cached(
            "SELECT sequence, id, at_ms, kind, item, surface, context, position, generation, \
             propensity, dwell_ms, release, arm FROM events WHERE sequence > ?1 \
             ORDER BY sequence LIMIT ?2",
        )
        .map_err(failed())?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = query.query(params![after, limit]).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        take(event(row)?)?;
    }
    Ok(())
}

/// Lets `today` know of the events after `after`. To choose an item that was forgotten since is as
/// good as to open it.
///
/// # Errors
/// As [`each_after`].
pub fn note_after(
    connection: &Connection,
    after: u64,
    forgotten: &Forgotten,
    today: &mut Today,
) -> Result<()> {
    each_after(connection, after, usize::MAX, |event| {
        let RecordedEvent { kind, item, sequence, at_ms, .. } = &event;
        match kind {
            EventKind::Conversion | EventKind::Like if forgotten.covers(item, *sequence) => {
                today.note_opened(item);
            }
            _ => super::apply(today, kind, item, *at_ms),
        }
        Ok(())
    })
}

/// The highest sequence number ever used here; 0 before the first event.
///
/// # Errors
/// [`Error::Storage`].
pub fn last_sequence(connection: &Connection) -> Result<u64> {
    connection
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'events'", [], |row| row.get(0))
        .optional()
        .map(Option::unwrap_or_default)
        .map_err(Error::storage("reading the last sequence number"))
}

/// How many events are there from `first` to `last`.
///
/// # Errors
/// [`Error::Storage`].
pub fn count_between(connection: &Connection, first: u64, last: u64) -> Result<u64> {
    let last = i64::try_from(last).unwrap_or(i64::MAX);
    connection
        .prepare_cached("SELECT count(*) FROM events WHERE sequence BETWEEN ?1 AND ?2")
        .and_then(|mut query| query.query_row(params![first, last], |row| row.get(0)))
        .map_err(Error::storage("counting feedback"))
}

/// Removes the event `sequence`; tells whether it was there.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove(transaction: &Transaction<'_>, sequence: u64) -> Result<bool> {
    transaction
        .prepare_cached("DELETE FROM events WHERE sequence = ?1")
        .and_then(|mut delete| delete.execute([sequence]))
        .map(|removed| removed > 0)
        .map_err(Error::storage("removing an event"))
}

/// Removes the events up to and including `through`.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_through(transaction: &Transaction<'_>, through: u64) -> Result<usize> {
    transaction
        .prepare_cached("DELETE FROM events WHERE sequence <= ?1")
        .and_then(|mut delete| delete.execute([through]))
        .map_err(Error::storage("removing feedback that was delivered and learned"))
}

/// Removes every event and starts the sequence numbers anew: for a new installation identity.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_all(transaction: &Transaction<'_>) -> Result<()> {
    transaction
        .execute_batch("DELETE FROM events; DELETE FROM sqlite_sequence WHERE name = 'events';")
        .map_err(Error::storage("removing all feedback"))
}

fn event(row: &Row<'_>) -> Result<RecordedEvent> {
    let failed = || Error::storage("reading an event");
    let sequence: u64 = row.get(0).map_err(failed())?;
    let damaged = |reason: String| Error::damaged(format!("event {sequence}"), reason);
    let id: Vec<u8> = row.get(1).map_err(failed())?;
    let id = uuid::Uuid::from_slice(&id).map_err(|error| damaged(error.to_string()))?;
    let text = |column| row.get::<_, Option<String>>(column).map_err(failed());
    Ok(RecordedEvent {
        id: EventId(id),
        sequence,
        at_ms: row.get(2).map_err(failed())?,
        kind: EventKind::try_from(row.get::<_, String>(3).map_err(failed())?).map_err(damaged)?,
        item: ItemId::new(row.get::<_, String>(4).map_err(failed())?)?,
        surface: text(5)?.map(SurfaceId::new).transpose()?,
        context: text(6)?.map(ContextId::new).transpose()?,
        position: row.get(7).map_err(failed())?,
        generation: row.get(8).map_err(failed())?,
        propensity: row.get(9).map_err(failed())?,
        dwell_ms: row.get(10).map_err(failed())?,
        release: text(11)?,
        arm: text(12)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn events_come_back_in_order_and_numbers_are_never_used_again() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let like = FeedbackEvent::new(EventKind::Like, ItemId::new("luna").unwrap());
        let own = EventKind::try_from("shared_it".to_owned()).unwrap();
        let impression = FeedbackEvent {
            kind: own,
            surface: Some(SurfaceId::new("home").unwrap()),
            context: Some(ContextId::new("lunch").unwrap()),
            position: Some(3),
            generation: Some(9),
            propensity: Some(0.5),
            dwell_ms: Some(100),
            at_ms: Some(77),
            ..like.clone()
        };
        let stamp = Stamp { now_ms: 5, release: Some("town@1"), arm: Some("model") };
        let events = [like, impression];
        let append_two = |t: &Transaction<'_>| append(t, &events, stamp);
        assert_eq!(store.write("test", append_two).unwrap(), Some((1, 2)));
        let read = |after| {
            let mut all = Vec::new();
            let collect = |event| {
                all.push(event);
                Ok(())
            };
            store.read(|connection| each_after(connection, after, 10, collect)).unwrap();
            all
        };
        let all = read(0);
        assert_eq!((all[0].at_ms, all[1].at_ms), (5, 77));
        assert_eq!(all[1].kind.as_str(), "shared_it");
        assert_eq!(
            (all[1].position, all[1].generation, all[1].dwell_ms),
            (Some(3), Some(9), Some(100))
        );
        assert_eq!(all[0].release.as_deref(), Some("town@1"));
        assert!(all[0].id < all[1].id);
        store.write("test", |t| remove_through(t, 2)).unwrap();
        assert_eq!(store.read(last_sequence).unwrap(), 2);
        assert_eq!(store.write("test", append_two).unwrap(), Some((3, 4)));
        assert_eq!(read(3).len(), 1);
    }
}
