//! How far recording is, and what many events have in common.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::Stamp;
use crate::base::digest::sha256_hex;
use crate::base::limits::SESSION_GAP_MS;
use crate::base::{Day, Error, Result};
use crate::feedback::FeedbackEvent;
use crate::slates::{SlateKey, rows as slates};

/// How far recording is: what the one row says, and what was recorded since that row was written.
///
/// The row is written when something begins, a session, a run, a day; in between an event itself
/// says how far recording is, so that a screen costs no page but that of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorder {
    pub(crate) last_sequence: u64,
    pub(crate) session: u32,
    last_at_ms: i64,
    last_run: u32,
    last_run_ms: Option<u64>,
    /// The newest day on which anything was recorded.
    pub(crate) day: i64,
    /// What the row says of session, run and day.
    written: (u32, u32, i64),
}

impl Recorder {
    pub(crate) fn load(connection: &Connection) -> Result<Self> {
        let failed = || Error::storage("reading how far recording is");
        let mut recorder = connection
            .prepare_cached(
                "SELECT last_sequence, session, last_at_ms, last_run, last_run_ms, day \
                 FROM recorder",
            )
            .and_then(|mut query| query.query_row([], Self::of_row))
            .map_err(failed())?;
        let newest: Option<(u64, i64, Option<u64>)> = connection
            .prepare_cached(
                "SELECT sequence, at_ms, run_ms FROM events ORDER BY sequence DESC LIMIT 1",
            )
            .and_then(|mut query| {
                let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                query.query_row([], columns).optional()
            })
            .map_err(failed())?;
        if let Some((sequence, at_ms, run_ms)) = newest
            && sequence > recorder.last_sequence
        {
            recorder.last_sequence = sequence;
            recorder.last_at_ms = at_ms;
            recorder.last_run_ms = run_ms;
        }
        Ok(recorder)
    }

    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (session, last_run, day) = (row.get(1)?, row.get(3)?, row.get(5)?);
        Ok(Self {
            last_sequence: row.get(0)?,
            session,
            last_at_ms: row.get(2)?,
            last_run,
            last_run_ms: row.get(4)?,
            day,
            written: (session, last_run, day),
        })
    }

    /// Begins another session when the last event is too long ago, at the moment of `stamp`.
    ///
    /// Within one run the clock that nobody can set decides: a wall clock that jumps ends no visit.
    pub(crate) fn visit(&mut self, stamp: &Stamp<'_>) {
        let silent_ms = match (self.last_run_ms, stamp.run_ms) {
            (Some(last), Some(now)) if self.last_run == stamp.run => {
                i64::try_from(now.saturating_sub(last)).unwrap_or(i64::MAX)
            }
            // A clock that was set back says nothing of the time between: another visit.
            _ if stamp.now_ms < self.last_at_ms => i64::MAX,
            _ => stamp.now_ms.saturating_sub(self.last_at_ms),
        };
        if self.session == 0 || silent_ms > SESSION_GAP_MS {
            self.session = self.session.saturating_add(1);
        }
        self.day = self.day.max(Day::at(stamp.now_ms, 0).0);
        self.last_at_ms = stamp.now_ms;
        self.last_run = stamp.run;
        self.last_run_ms = stamp.run_ms;
    }

    /// Writes the row, if anything has begun.
    pub(crate) fn save(&self, transaction: &Transaction<'_>) -> Result<()> {
        if self.written == (self.session, self.last_run, self.day) {
            return Ok(());
        }
        transaction
            .prepare_cached(
                "UPDATE recorder SET last_sequence = ?1, session = ?2, last_at_ms = ?3, \
                 last_run = ?4, last_run_ms = ?5, day = ?6",
            )
            .and_then(|mut update| {
                let run_ms = self.last_run_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
                update.execute(params![
                    self.last_sequence,
                    self.session,
                    self.last_at_ms,
                    self.last_run,
                    run_ms,
                    self.day
                ])
            })
            .map(drop)
            .map_err(Error::storage("writing how far recording is"))
    }
}

/// The number of the next run of the library, from 1: one in which nothing is recorded has none.
///
/// # Errors
/// [`Error::Storage`].
pub fn next_run(connection: &Connection) -> Result<u32> {
    Recorder::load(connection).map(|recorder| recorder.last_run.saturating_add(1))
}

/// Goes on behind `mark`, up to where recording was known to be, and counts what is missing below
/// it as lost: no number is used for two events, and the collector sees the gap.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn go_on_behind(transaction: &Transaction<'_>, mark: u64) -> Result<()> {
    let Recorder { last_sequence, last_at_ms, last_run_ms, .. } = Recorder::load(transaction)?;
    if mark <= last_sequence {
        return Ok(());
    }
    let sql = "UPDATE recorder SET last_sequence = ?1, lost = lost + ?2, last_at_ms = ?3, \
               last_run_ms = ?4";
    let run_ms = last_run_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
    let counted = transaction.execute(sql, params![mark, mark - last_sequence, last_at_ms, run_ms]);
    counted.map(drop).map_err(Error::storage("counting what was lost"))
}

/// Counts sessions and runs from 1 again: for a new pseudonym, which a number that goes on would
/// tie to the one before.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn begin_anew(transaction: &Transaction<'_>) -> Result<()> {
    let sql = "UPDATE recorder SET session = 0, last_run = 0, last_run_ms = NULL";
    let begun = transaction.execute(sql, []);
    begun.map(drop).map_err(Error::storage("beginning to count anew"))
}

/// A digest of what the slate of an event was made from, when that slate is still on the shelf:
/// another under each pseudonym.
pub(crate) fn made_from(
    transaction: &Transaction<'_>,
    event: &FeedbackEvent,
    pseudonym: uuid::Uuid,
) -> Result<Option<String>> {
    let (Some(surface), Some(context), Some(generation)) =
        (&event.surface, &event.context, event.generation)
    else {
        return Ok(None);
    };
    let key = SlateKey { surface: surface.clone(), context: context.clone() };
    let digest = slates::inputs_of_generation(transaction, &key, generation)?;
    // A slate that stands in for others has no digest.
    Ok(digest.filter(|digest| !digest.is_empty()).map(|digest| {
        let mut text = sha256_hex(&[pseudonym.as_bytes().as_slice(), &digest].concat());
        text.truncate(16);
        text
    }))
}

/// The number of the stored stamp; one that is new is stored.
pub(crate) fn stamp_id(
    transaction: &Transaction<'_>,
    stamp: &Stamp<'_>,
    recorder: &Recorder,
    made_from: Option<&str>,
) -> Result<i64> {
    let Recorder { session, day, .. } = *recorder;
    let failed = || Error::storage("stamping feedback");
    let Stamp { run, zone_minutes, release, arm, .. } = *stamp;
    let or_none = |text: Option<&str>| text.map_or_else(|| "-".into(), |text| format!("={text}"));
    // Names hold no control characters.
    let key = format!(
        "{run}\n{session}\n{day}\n{zone_minutes}\n{}\n{}\n{}",
        or_none(release),
        or_none(arm),
        or_none(made_from)
    );
    let known: Option<i64> = transaction
        .prepare_cached("SELECT id FROM stamps WHERE key = ?1")
        .and_then(|mut query| query.query_row([&key], |row| row.get(0)).optional())
        .map_err(failed())?;
    if let Some(id) = known {
        return Ok(id);
    }
    transaction
        .prepare_cached(
            "INSERT INTO stamps (key, release, arm, zone_minutes, run, session, day, made_from) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .and_then(|mut insert| {
            insert.insert(params![key, release, arm, zone_minutes, run, session, day, made_from])
        })
        .map_err(failed())
}

/// Removes stamps that no event has any more.
///
/// # Errors
/// [`Error::Storage`].
pub fn tidy_stamps(transaction: &Transaction<'_>) -> Result<()> {
    transaction
        .execute("DELETE FROM stamps WHERE id NOT IN (SELECT stamp FROM events)", [])
        .map(drop)
        .map_err(Error::storage("tidying stamps"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn fresh() -> Recorder {
        Recorder {
            last_sequence: 0,
            session: 0,
            last_at_ms: 0,
            last_run: 0,
            last_run_ms: None,
            day: 0,
            written: (0, 0, 0),
        }
    }

    fn sessions(moments: &[(i64, Option<u64>, u32)]) -> Vec<u32> {
        let mut recorder = fresh();
        let visit = |&(now_ms, run_ms, run): &(i64, Option<u64>, u32)| {
            recorder.visit(&Stamp { now_ms, run_ms, run, ..Stamp::default() });
            recorder.session
        };
        moments.iter().map(visit).collect()
    }

    #[test]
    fn half_an_hour_of_silence_begins_another_session() {
        let at = |minutes| (minutes * MINUTE, None, 1);
        assert_eq!(sessions(&[at(100), at(130), at(160), at(191), at(192)]), [1, 1, 1, 2, 2]);
    }

    #[test]
    fn a_session_goes_on_after_a_restart() {
        assert_eq!(sessions(&[(0, Some(900_000), 1), (MINUTE, Some(5), 2)]), [1, 1]);
        assert_eq!(sessions(&[(0, Some(900_000), 1), (31 * MINUTE, Some(5), 2)]), [1, 2]);
    }

    #[test]
    fn a_wall_clock_that_jumps_ends_no_session_of_a_run_and_begins_one_in_another() {
        let year = 365 * 24 * 60 * MINUTE;
        let jumps = [(year, Some(0), 1), (11 * year, Some(1_000), 1), (0, Some(2_000), 1)];
        assert_eq!(sessions(&jumps), [1, 1, 1]);
        assert_eq!(sessions(&[(year, Some(0), 1), (0, Some(1_000), 2)]), [1, 2]);
        let long = (31 * MINUTE) as u64;
        assert_eq!(sessions(&[(year, Some(0), 1), (year, Some(long), 1)]), [1, 2]);
    }
}
