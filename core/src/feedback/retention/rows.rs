//! Giving feedback up.

use rusqlite::{Transaction, params};

use super::Retention;
use crate::base::{Day, Error, Result};

/// Rows that go at once beyond the limit: one in so many of those allowed.
const SLACK: u64 = 20;

/// A clock that says an earlier day than this (2024-01-01) was never set: what it stamped has no
/// age.
const FIRST_TRUE_DAY: i64 = 19_723;

/// Gives up what is too old or too much: at `now_ms`, with the events up to `delivered_through`
/// delivered. Gives how many of those that were not delivered had to go.
///
/// For room, what the collector has already goes first; then impressions, the oldest first, dwells,
/// clicks, own kinds, what the user said, and conversions last of all.
///
/// # Errors
/// [`Error::Storage`].
pub fn retain(
    transaction: &Transaction<'_>,
    retention: Retention,
    now_ms: i64,
    delivered_through: u64,
) -> Result<u64> {
    let failed = || Error::storage("giving up old feedback");
    let delivered = i64::try_from(delivered_through).unwrap_or(i64::MAX);
    let oldest = Day::at(now_ms, 0).0 - i64::from(retention.days);
    let undelivered_sql = "SELECT count(*) FROM events WHERE sequence > ?1";
    let undelivered = || -> Result<u64> {
        transaction.query_row(undelivered_sql, [delivered], |row| row.get(0)).map_err(failed())
    };
    let before = undelivered()?;
    transaction
        .execute(
            "DELETE FROM events WHERE stamp IN \
             (SELECT id FROM stamps WHERE day < ?1 AND day >= ?2)",
            params![oldest, FIRST_TRUE_DAY],
        )
        .map_err(failed())?;
    let here: u64 = transaction
        .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
        .map_err(failed())?;
    let allowed = u64::from(retention.events);
    if here > allowed {
        transaction
            .execute(
                "DELETE FROM events WHERE sequence IN (SELECT sequence FROM events ORDER BY \
                 CASE WHEN sequence <= ?1 THEN 0 ELSE CASE kind WHEN 'impression' THEN 1 \
                 WHEN 'dwell' THEN 2 WHEN 'click' THEN 3 WHEN 'like' THEN 5 WHEN 'dislike' THEN 5 \
                 WHEN 'hide' THEN 5 WHEN 'undo' THEN 5 WHEN 'conversion' THEN 6 ELSE 4 END END, \
                 sequence LIMIT ?2)",
                params![delivered, here - allowed + allowed / SLACK],
            )
            .map_err(failed())?;
    }
    let evicted = before - undelivered()?;
    if evicted > 0 {
        transaction
            .execute("UPDATE recorder SET evicted = evicted + ?1", [evicted])
            .map_err(failed())?;
    }
    Ok(evicted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ItemId;
    use crate::feedback::recorder::Stamp;
    use crate::feedback::{EventKind, FeedbackEvent, rows};
    use crate::store::Store;

    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    const NOW_MS: i64 = 20_000 * DAY_MS;

    struct Device {
        store: Store,
        _directory: tempfile::TempDir,
    }

    impl Device {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            Self { store: Store::open(directory.path()).unwrap(), _directory: directory }
        }

        fn record(&self, now_ms: i64, kind: &EventKind, count: usize) {
            let event = FeedbackEvent {
                position: Some(0),
                ..FeedbackEvent::new(kind.clone(), ItemId::new("a").unwrap())
            };
            let events = vec![event; count];
            let stamp = Stamp { now_ms, ..Stamp::default() };
            self.store.write("test", |t| rows::append(t, &events, stamp)).unwrap();
        }

        fn retain(&self, retention: Retention, delivered: u64) -> u64 {
            self.store.write("test", |t| retain(t, retention, NOW_MS, delivered)).unwrap()
        }

        fn left(&self) -> Vec<(EventKind, u64)> {
            let mut left = Vec::new();
            let take = |event: crate::feedback::RecordedEvent| {
                left.push((event.kind, event.sequence));
                Ok(())
            };
            self.store.read(|c| rows::each_after(c, 0, usize::MAX, take)).unwrap();
            left
        }

        fn count(&self, kind: &EventKind) -> usize {
            self.left().iter().filter(|(found, _)| found == kind).count()
        }
    }

    #[test]
    fn impressions_go_first_the_oldest_first_and_conversions_last() {
        use EventKind::{Click, Conversion, Impression};
        let device = Device::new();
        device.record(NOW_MS, &Conversion, 300);
        device.record(NOW_MS, &Impression, 900);
        device.record(NOW_MS, &Click, 300);
        let retention = Retention { days: 90, events: 1_000 };
        assert_eq!(device.retain(retention, 0), 500 + 50);
        assert_eq!((device.count(&Conversion), device.count(&Click)), (300, 300));
        let first_left = device.left().into_iter().find(|(kind, _)| *kind == Impression);
        assert_eq!(first_left, Some((Impression, 300 + 550 + 1)));
        device.record(NOW_MS, &Conversion, 900);
        assert_eq!(device.retain(retention, 0), 850 + 50);
        assert_eq!((device.count(&Impression), device.count(&Click)), (0, 0));
        assert_eq!(device.count(&Conversion), 950);
        let evicted = device.store.read(rows::evicted).unwrap();
        assert_eq!(evicted, 550 + 900);
    }

    #[test]
    fn what_was_delivered_goes_before_everything_else_and_is_no_loss() {
        let device = Device::new();
        device.record(NOW_MS, &EventKind::Conversion, 600);
        device.record(NOW_MS, &EventKind::Impression, 600);
        let retention = Retention { days: 90, events: 1_000 };
        assert_eq!(device.retain(retention, 600), 0);
        assert_eq!(device.count(&EventKind::Impression), 600);
        assert_eq!(device.store.read(rows::evicted).unwrap(), 0);
    }

    #[test]
    fn age_counts_from_the_recording_and_a_clock_that_was_never_set_has_none() {
        let device = Device::new();
        device.record(0, &EventKind::Click, 1);
        device.record(NOW_MS - 31 * DAY_MS, &EventKind::Click, 2);
        device.record(NOW_MS - 29 * DAY_MS, &EventKind::Click, 4);
        assert_eq!(device.retain(Retention { days: 30, events: 1_000 }, 0), 2);
        assert_eq!(device.left().len(), 5);
    }

    #[test]
    fn a_clock_that_jumps_back_makes_nothing_old() {
        let device = Device::new();
        device.record(NOW_MS, &EventKind::Click, 1);
        device.record(NOW_MS - 300 * DAY_MS, &EventKind::Click, 1);
        assert_eq!(device.retain(Retention { days: 30, events: 1_000 }, 0), 0);
    }
}
