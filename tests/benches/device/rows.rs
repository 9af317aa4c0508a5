//! The peer of `record`: the same rows in a table of the same shape, inserted bare.

use std::path::Path;

use noctule_core::base::EventId;
use noctule_core::feedback::FeedbackEvent;
use rusqlite::{Connection, params};

/// A bare SQLite file with the durability of the library: write-ahead log, every commit synced.
pub(crate) struct Bare(Connection);

impl Bare {
    pub(crate) fn open(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE events (sequence INTEGER PRIMARY KEY, id BLOB, at_ms INTEGER,
                 kind TEXT, item TEXT, surface TEXT, context TEXT, position INTEGER,
                 generation INTEGER, propensity REAL, dwell_ms INTEGER, release TEXT, arm TEXT);",
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
                     generation, propensity, dwell_ms, release, arm) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
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
                    "town@1",
                    None::<&str>,
                ];
                insert.execute(values).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
}
