//! Feedback on disk.

use rusqlite::{Connection, Row, Transaction, params};

use super::private::{self, PrivateAnswers, RandomisedParts, Told};
use super::recorder::Stamp;
use super::recorder::rows::{self as recorder, Recorder};
use super::{EventKind, FeedbackEvent, RecordedEvent};
use crate::base::{ContextId, Error, EventId, Forgotten, ItemId, Result, SurfaceId};
use crate::serving::Today;

/// Appends `events`; gives the sequence numbers of the first and the last.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`]; nothing is kept when the transaction is dropped.
pub fn append(
    transaction: &Transaction<'_>,
    events: &[FeedbackEvent],
    stamp: Stamp<'_>,
) -> Result<Option<(u64, u64)>> {
    if events.is_empty() {
        return Ok(None);
    }
    let failed = || Error::storage("recording feedback");
    let mut recorder = Recorder::load(transaction)?;
    recorder.visit(&stamp);
    let first = recorder.last_sequence + 1;
    let mut insert = transaction
        .prepare_cached(
            "INSERT INTO events (sequence, id, at_ms, run_ms, kind, item, surface, context, \
             position, generation, propensity, dwell_ms, visible_ms, undoes, details, stamp, \
             told) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
             ?16, ?17)",
        )
        .map_err(failed())?;
    let now_ms = stamp.now_ms;
    let run_ms = stamp.run_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
    let told = told(transaction, events, stamp.private, now_ms)?;
    // One screen shows one slate: its stamp is looked up once.
    let mut stamped: Option<(&FeedbackEvent, i64)> = None;
    for (index, event) in events.iter().enumerate() {
        let stamp = match stamped {
            Some((before, stamp)) if same_slate(before, event) => stamp,
            _ => {
                let made_from = recorder::made_from(transaction, event, stamp.pseudonym)?;
                recorder::stamp_id(transaction, &stamp, &recorder, made_from.as_deref())?
            }
        };
        stamped = Some((event, stamp));
        recorder.last_sequence += 1;
        let details = (!event.details.is_empty()).then(|| serde_json::to_string(&event.details));
        let details = details
            .transpose()
            .map_err(|error| Error::invalid("details", format!("do not become JSON: {error}")))?;
        let id = EventId::generate();
        let values = params![
            recorder.last_sequence,
            id.0.as_bytes().as_slice(),
            event.at_ms.unwrap_or(now_ms),
            run_ms,
            event.kind.as_str(),
            event.item.as_str(),
            event.surface.as_ref().map(SurfaceId::as_str),
            event.context.as_ref().map(ContextId::as_str),
            event.position,
            event.generation,
            event.propensity,
            event.dwell_ms,
            event.visible_ms,
            event.undoes.as_ref().map(EventKind::as_str),
            details,
            stamp,
            told.get(index).and_then(Option::as_deref),
        ];
        insert.execute(values).map_err(failed())?;
    }
    recorder.save(transaction)?;
    Ok(Some((first, recorder.last_sequence)))
}

/// For each event what is told instead of the truth, as JSON; empty when nothing is private.
fn told(
    transaction: &Transaction<'_>,
    events: &[FeedbackEvent],
    private: Option<PrivateAnswers<'_>>,
    now_ms: i64,
) -> Result<Vec<Option<String>>> {
    let private = private.filter(|private| events.iter().any(|event| private.concern(event)));
    let Some(private) = private else { return Ok(Vec::new()) };
    let secret = private::rows::secret(transaction)?;
    let budget = private.budget;
    let mut meter =
        budget.map(|budget| private::rows::meter(transaction, budget, now_ms)).transpose()?;
    let told = events.iter().map(|event| {
        if !private.concern(event) {
            return Ok(None);
        }
        serde_json::to_string(&private.told(event, &secret, meter.as_mut())?)
            .map(Some)
            .map_err(|error| Error::invalid("details", format!("do not become JSON: {error}")))
    });
    let told = told.collect::<Result<_>>()?;
    meter.map_or(Ok(()), |meter| private::rows::save(transaction, meter))?;
    Ok(told)
}

fn same_slate(one: &FeedbackEvent, other: &FeedbackEvent) -> bool {
    one.generation == other.generation
        && one.surface == other.surface
        && one.context == other.context
}

/// Which events to read, in the order of their sequence numbers.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Those with a number above this.
    pub after: u64,
    /// Those with a number up to this.
    pub through: u64,
    /// At most so many.
    pub limit: usize,
}

/// Hands at most `limit` events with a sequence number above `after` to `take`, in order.
///
/// # Errors
/// As [`each_in`].
pub fn each_after(
    connection: &Connection,
    after: u64,
    limit: usize,
    take: impl FnMut(RecordedEvent) -> Result<()>,
) -> Result<()> {
    each_in(connection, Range { after, through: u64::MAX, limit }, take)
}

/// Hands the events of `range` to `take`, in order.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`] when a row does not read as an event, those of `take`.
pub fn each_in(
    connection: &Connection,
    range: Range,
    mut take: impl FnMut(RecordedEvent) -> Result<()>,
) -> Result<()> {
    each_row(connection, range, |row| take(event(row)?))
}

/// As [`each_in`], but the events as the collector is told them.
///
/// # Errors
/// As [`each_in`].
pub fn each_told_in(
    connection: &Connection,
    range: Range,
    mut take: impl FnMut(RecordedEvent) -> Result<()>,
) -> Result<()> {
    each_row(connection, range, |row| take(told_event(row)?))
}

/// Removes the events of a damaged database that do not read as events, and counts them as lost.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
pub fn remove_unreadable(transaction: &Transaction<'_>) -> Result<()> {
    let everything = Range { after: 0, through: u64::MAX, limit: usize::MAX };
    let mut unreadable = Vec::new();
    each_row(transaction, everything, |row| {
        if told_event(row).is_err() {
            unreadable.push(row.get(0).map_err(Error::storage("reading an event"))?);
        }
        Ok(())
    })?;
    for sequence in &unreadable {
        remove(transaction, *sequence)?;
    }
    let counted =
        transaction.execute("UPDATE recorder SET lost = lost + ?1", [unreadable.len() as u64]);
    counted.map(drop).map_err(Error::storage("counting what was lost"))
}

fn each_row(
    connection: &Connection,
    range: Range,
    mut take: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<()> {
    let failed = || Error::storage("reading feedback");
    // A stamp that is missing takes nothing but what it says with it.
    let mut query = connection
        .prepare_cached(
            "SELECT sequence, events.id, at_ms, kind, item, surface, context, position, \
             generation, propensity, dwell_ms, visible_ms, undoes, details, run_ms, release, arm, \
             zone_minutes, run, session, made_from, told \
             FROM events LEFT JOIN stamps ON stamps.id = stamp \
             WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence LIMIT ?3",
        )
        .map_err(failed())?;
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let limit = i64::try_from(range.limit).unwrap_or(i64::MAX);
    let bounds = params![number(range.after), number(range.through), limit];
    let mut rows = query.query(bounds).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        take(row)?;
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
            _ => super::apply(today, kind, event.undoes.as_ref(), item, *at_ms),
        }
        Ok(())
    })
}

/// The highest sequence number ever used here; 0 before the first event.
///
/// # Errors
/// [`Error::Storage`].
pub fn last_sequence(connection: &Connection) -> Result<u64> {
    Recorder::load(connection).map(|recorder| recorder.last_sequence)
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

/// How many sequence numbers there are from the oldest event to the newest: no fewer than events.
///
/// # Errors
/// [`Error::Storage`].
pub fn span(connection: &Connection) -> Result<u64> {
    connection
        .prepare_cached(
            "SELECT coalesce((SELECT max(sequence) FROM events) \
             - (SELECT min(sequence) FROM events) + 1, 0)",
        )
        .and_then(|mut query| query.query_row([], |row| row.get(0)))
        .map_err(Error::storage("counting feedback"))
}

/// How many events were ever given up for room or age before they were delivered.
///
/// # Errors
/// [`Error::Storage`].
pub fn evicted(connection: &Connection) -> Result<u64> {
    connection
        .query_row("SELECT evicted FROM recorder", [], |row| row.get(0))
        .map_err(Error::storage("reading how many events were given up"))
}

/// How many events were ever lost with a damaged log.
///
/// # Errors
/// [`Error::Storage`].
pub fn lost(connection: &Connection) -> Result<u64> {
    connection
        .query_row("SELECT lost FROM recorder", [], |row| row.get(0))
        .map_err(Error::storage("reading how many events were lost"))
}

/// How many events there are with a number above `after` and up to `through`.
///
/// # Errors
/// [`Error::Storage`].
pub fn count_in(connection: &Connection, after: u64, through: u64) -> Result<u64> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    connection
        .prepare_cached("SELECT count(*) FROM events WHERE sequence > ?1 AND sequence <= ?2")
        .and_then(|mut query| query.query_row([number(after), number(through)], |row| row.get(0)))
        .map_err(Error::storage("counting feedback"))
}

/// Removes the events up to and including `through`, but those between the first and the last
/// number of each of `kept`.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_through(
    transaction: &Transaction<'_>,
    through: u64,
    kept: &[(u64, u64)],
) -> Result<()> {
    let mut delete = transaction
        .prepare_cached("DELETE FROM events WHERE sequence > ?1 AND sequence <= ?2")
        .map_err(Error::storage("removing feedback that was delivered and learned"))?;
    let mut kept = kept.to_vec();
    kept.sort_unstable();
    let mut after = 0;
    for (first, last) in kept.into_iter().chain([(u64::MAX, u64::MAX)]) {
        let end = through.min(first.saturating_sub(1));
        if end > after {
            delete
                .execute([after, end].map(|bound| i64::try_from(bound).unwrap_or(i64::MAX)))
                .map_err(Error::storage("removing feedback that was delivered and learned"))?;
        }
        after = after.max(last);
    }
    Ok(())
}

/// Removes every event and starts the sequence numbers anew: for a new installation identity.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_all(transaction: &Transaction<'_>) -> Result<()> {
    transaction
        .execute_batch(
            "DELETE FROM events; DELETE FROM stamps; DELETE FROM recorder; \
             INSERT INTO recorder VALUES (1, 0, 0, 0, 0, NULL, 0, 0, 0);",
        )
        .map_err(Error::storage("removing all feedback"))
}

/// The event of a row as the collector is told it.
fn told_event(row: &Row<'_>) -> Result<RecordedEvent> {
    let mut event = event(row)?;
    let told: Option<String> = row.get(21).map_err(Error::storage("reading an event"))?;
    if let Some(told) = told {
        let told: Told = serde_json::from_str(&told)
            .map_err(|error| Error::damaged_event(event.sequence, error.to_string()))?;
        told.replace(&mut event);
    }
    Ok(event)
}

fn event(row: &Row<'_>) -> Result<RecordedEvent> {
    let failed = || Error::storage("reading an event");
    let sequence: u64 = row.get(0).map_err(failed())?;
    let damaged = |reason: String| Error::damaged_event(sequence, reason);
    // What it names was checked when it was recorded.
    let named = |error: Error| damaged(error.to_string());
    let id: Vec<u8> = row.get(1).map_err(failed())?;
    let id = uuid::Uuid::from_slice(&id).map_err(|error| damaged(error.to_string()))?;
    let text = |column| row.get::<_, Option<String>>(column).map_err(failed());
    let kind = |name: String| EventKind::try_from(name).map_err(damaged);
    let details = text(13)?.map(|json| serde_json::from_str(&json)).transpose();
    Ok(RecordedEvent {
        id: EventId(id),
        sequence,
        at_ms: row.get(2).map_err(failed())?,
        kind: kind(row.get(3).map_err(failed())?)?,
        item: ItemId::new(row.get::<_, String>(4).map_err(failed())?).map_err(named)?,
        surface: text(5)?.map(SurfaceId::new).transpose().map_err(named)?,
        context: text(6)?.map(ContextId::new).transpose().map_err(named)?,
        position: row.get(7).map_err(failed())?,
        generation: row.get(8).map_err(failed())?,
        propensity: row.get(9).map_err(failed())?,
        dwell_ms: row.get(10).map_err(failed())?,
        visible_ms: row.get(11).map_err(failed())?,
        undoes: text(12)?.map(kind).transpose()?,
        details: details.map_err(|error| damaged(error.to_string()))?.unwrap_or_default(),
        run_ms: row.get(14).map_err(failed())?,
        release: text(15)?,
        arm: text(16)?,
        zone_minutes: row.get(17).map_err(failed())?,
        run: row.get(18).map_err(failed())?,
        session: row.get(19).map_err(failed())?,
        made_from: text(20)?,
        randomised: RandomisedParts::new(),
    })
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
