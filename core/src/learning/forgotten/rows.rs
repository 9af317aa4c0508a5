//! Forgotten items on disk.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::base::{Error, Forgetting, Forgotten, ItemId, Result};

/// Forgets `items` with their feedback up to and including `through`; gives the number of the
/// newest forgetting.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn add(transaction: &Transaction<'_>, items: &[ItemId], through: u64) -> Result<u64> {
    let failed = || Error::storage("forgetting items");
    let sql = "INSERT OR REPLACE INTO forgotten (item, through) VALUES (?1, ?2)";
    let mut insert = transaction.prepare_cached(sql).map_err(failed())?;
    for item in items {
        insert.execute(params![item.as_str(), through]).map_err(failed())?;
    }
    latest(transaction)
}

/// The number of the newest forgetting ever; 0 before the first.
///
/// # Errors
/// [`Error::Storage`].
pub fn latest(connection: &Connection) -> Result<u64> {
    connection
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'forgotten'", [], |row| row.get(0))
        .optional()
        .map(Option::unwrap_or_default)
        .map_err(Error::storage("reading the newest forgetting"))
}

/// What is forgotten.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`] when a row does not hold an item.
pub fn load(connection: &Connection) -> Result<Forgotten> {
    let failed = || Error::storage("reading what is forgotten");
    let sql = "SELECT number, item, through FROM forgotten";
    let mut query = connection.prepare_cached(sql).map_err(failed())?;
    let mut rows = query.query([]).map_err(failed())?;
    let mut items = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let number = row.get(0).map_err(failed())?;
        let item: String = row.get(1).map_err(failed())?;
        let through = row.get(2).map_err(failed())?;
        items.push((ItemId::new(item)?, Forgetting { number, through }));
    }
    Ok(Forgotten::from(items))
}

/// Removes what nothing tells of any more: no feedback on disk is covered by it, and every slate
/// was made with the forgetting of this number, `slates_through`, or a later one.
///
/// # Errors
/// [`Error::Storage`].
pub fn tidy(transaction: &Transaction<'_>, slates_through: u64) -> Result<()> {
    let sql = "DELETE FROM forgotten WHERE number <= ?1 AND NOT EXISTS \
               (SELECT 1 FROM events WHERE sequence <= through)";
    let through = i64::try_from(slates_through).unwrap_or(i64::MAX);
    let removed = transaction.execute(sql, [through]);
    removed.map(drop).map_err(Error::storage("tidying what is forgotten"))
}

/// Removes every row and starts the numbers anew: for a profile without a slate and without
/// feedback.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_all(transaction: &Transaction<'_>) -> Result<()> {
    let sql = "DELETE FROM forgotten; DELETE FROM sqlite_sequence WHERE name = 'forgotten';";
    transaction.execute_batch(sql).map_err(Error::storage("removing what is forgotten"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feedback::recorder::Stamp;
    use crate::feedback::rows::{append, remove_through};
    use crate::feedback::{EventKind, FeedbackEvent};
    use crate::store::Store;

    fn item(name: &str) -> ItemId {
        ItemId::new(name).unwrap()
    }

    #[test]
    fn the_newest_forgetting_of_an_item_counts_and_numbers_only_grow() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let (luna, sol) = (item("luna"), item("sol"));
        let both = [luna.clone(), sol.clone()];
        assert_eq!(store.read(latest).unwrap(), 0);
        assert_eq!(store.write("test", |t| add(t, &both, 4)).unwrap(), 2);
        assert_eq!(store.write("test", |t| add(t, &both[..1], 7)).unwrap(), 3);
        let expected = [
            (luna, Forgetting { number: 3, through: 7 }),
            (sol, Forgetting { number: 2, through: 4 }),
        ];
        assert_eq!(store.read(load).unwrap(), Forgotten::from(expected));
        store.write("test", |t| tidy(t, 99)).unwrap();
        assert_eq!(store.read(load).unwrap(), Forgotten::default());
        assert_eq!(store.read(latest).unwrap(), 3);
        store.write("test", remove_all).unwrap();
        assert_eq!(store.read(latest).unwrap(), 0);
    }

    #[test]
    fn what_is_forgotten_is_kept_while_feedback_or_a_slate_tells_of_it() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let event = [FeedbackEvent::new(EventKind::Like, item("luna"))];
        let stamp = Stamp { now_ms: 1, ..Stamp::default() };
        store.write("test", |t| append(t, &event, stamp)).unwrap();
        store.write("test", |t| add(t, &[item("luna")], 1)).unwrap();
        let left = || store.read(load).unwrap().iter().count();
        store.write("test", |t| tidy(t, 1)).unwrap();
        assert_eq!(left(), 1, "the feedback is there");
        store.write("test", |t| remove_through(t, 1, &[])).unwrap();
        store.write("test", |t| tidy(t, 0)).unwrap();
        assert_eq!(left(), 1, "a slate is older");
        store.write("test", |t| tidy(t, 1)).unwrap();
        assert_eq!(left(), 0);
    }
}
