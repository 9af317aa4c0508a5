//! The peer of `record`: the same rows in a table of the same shape, inserted bare.

use std::path::Path;

use noctule_core::base::EventId;
use noctule_core::feedback::FeedbackEvent;
use rusqlite::{Connection, params};

/// A bare SQLite file in the library's mode, a write-ahead log, with one wide table of all that is
/// kept of an event.
pub(crate) struct Bare(Connection);

impl Bare {
    /// Every commit is synced when `synced`, and otherwise left to the system.
    pub(crate) fn open(path: &Path, synced: bool) -> Self {
        let connection = Connection::open(path).unwrap();
        let synchronous = if synced { "full" } else { "normal" };
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.pragma_update(None, "synchronous", synchronous).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE events (sequence INTEGER PRIMARY KEY, id BLOB, at_ms INTEGER,
                 kind TEXT, item TEXT, surface TEXT, context TEXT, position INTEGER,
                 generation INTEGER, propensity REAL, dwell_ms INTEGER,
                 visible_ms INTEGER, undoes TEXT, details TEXT, release TEXT, arm TEXT,
                 zone_minutes INTEGER, run INTEGER, run_ms INTEGER, session INTEGER,
                 made_from TEXT);",
            )
            .unwrap();
        Self(connection)
    }

    pub(crate) fn insert(&mut self, events: &[FeedbackEvent]) {
        let transaction = self.0.transaction().unwrap();
        {
            let mut insert = transaction
                .prepare_cached(
                    "INSERT INTO events (id, at_ms, kind, item, surface, context, position, \
                     generation, propensity, dwell_ms, visible_ms, undoes, details, release, arm, \
                     zone_minutes, run, run_ms, session, made_from) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
                     ?16, ?17, ?18, ?19, ?20)",
                )
                .unwrap();
            for event in events {
                let id = EventId::generate();
                let values = params![
                    id.0.as_bytes().as_slice(),
                    1_790_000_000_000_i64,
                    event.kind.as_str(),
                    event.item.as_str(),
                    event.surface.as_ref().map(noctule_core::base::SurfaceId::as_str),
                    event.context.as_ref().map(noctule_core::base::ContextId::as_str),
                    event.position,
                    event.generation,
                    event.propensity,
                    event.dwell_ms,
                    event.visible_ms,
                    None::<&str>,
                    None::<&str>,
                    "town@1",
                    None::<&str>,
                    0,
                    1,
                    1_000_000,
                    1,
                    "0123456789abcdef",
                ];
                insert.execute(values).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
}
