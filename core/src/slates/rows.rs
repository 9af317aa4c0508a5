//! Slates on disk: one row and one blob each.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::stored;
use super::{Slate, SlateKey};
use crate::base::{Error, Result};

/// Publishes `slate` under the next generation of its key and gives that generation.
///
/// `inputs` is a digest of everything it was made from, for [`inputs_of`].
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`], [`Error::InvalidInput`] for a slate that is too big.
pub fn publish(transaction: &Transaction<'_>, slate: &mut Slate, inputs: &[u8]) -> Result<u64> {
    let key = (slate.key.surface.as_str(), slate.key.context.as_str());
    let before: Option<u64> = transaction
        .prepare_cached("SELECT generation FROM slates WHERE surface = ?1 AND context = ?2")
        .and_then(|mut query| query.query_row(key, |row| row.get(0)).optional())
        .map_err(Error::storage("reading a slate's generation"))?;
    slate.generation = before.unwrap_or(0) + 1;
    let body = stored::encode(slate)?;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO slates VALUES (?1, ?2, ?3, ?4, ?5)")
        .and_then(|mut insert| {
            insert.execute(params![key.0, key.1, slate.generation, inputs, body])
        })
        .map_err(Error::storage("publishing a slate"))?;
    Ok(slate.generation)
}

/// Writes `slate` in the place of the one of its generation: it was kept, and is fresh for longer.
///
/// # Errors
/// As [`publish`]; [`Error::Damaged`] when no slate of this generation is there.
pub fn keep(transaction: &Transaction<'_>, slate: &Slate) -> Result<()> {
    let body = stored::encode(slate)?;
    let sql = "UPDATE slates SET body = ?4 WHERE surface = ?1 AND context = ?2 AND generation = ?3";
    let key = (slate.key.surface.as_str(), slate.key.context.as_str());
    let kept = transaction
        .prepare_cached(sql)
        .and_then(|mut update| update.execute(params![key.0, key.1, slate.generation, body]))
        .map_err(Error::storage("keeping a slate"))?;
    match kept {
        1 => Ok(()),
        _ => Err(Error::damaged(format!("slate {}", slate.key), "another generation is there")),
    }
}

/// Publishes slates that no night made; the next night finds no digest and makes them anew.
///
/// # Errors
/// As [`publish`].
pub fn publish_stand_ins(transaction: &Transaction<'_>, slates: &mut [Slate]) -> Result<()> {
    slates.iter_mut().try_for_each(|slate| publish(transaction, slate, &[]).map(drop))
}

/// The digest with which the slate of `key` was published, if there is one.
///
/// # Errors
/// [`Error::Storage`].
pub fn inputs_of(connection: &Connection, key: &SlateKey) -> Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT inputs FROM slates WHERE surface = ?1 AND context = ?2")
        .and_then(|mut query| {
            let key = (key.surface.as_str(), key.context.as_str());
            query.query_row(key, |row| row.get(0)).optional()
        })
        .map_err(Error::storage("reading a slate's inputs"))
}

/// The digest of what the slate of `key` was made from, when it is the one of this generation.
///
/// # Errors
/// [`Error::Storage`].
pub fn inputs_of_generation(
    connection: &Connection,
    key: &SlateKey,
    generation: u64,
) -> Result<Option<Vec<u8>>> {
    // A number that SQLite has no room for is of no slate.
    let Ok(generation) = i64::try_from(generation) else { return Ok(None) };
    connection
        .prepare_cached(
            "SELECT inputs FROM slates WHERE surface = ?1 AND context = ?2 AND generation = ?3",
        )
        .and_then(|mut query| {
            let names = params![key.surface.as_str(), key.context.as_str(), generation];
            query.query_row(names, |row| row.get(0)).optional()
        })
        .map_err(Error::storage("reading what a slate was made from"))
}

/// The bytes of the slate of `key` and the digest of its inputs, if there is one.
///
/// # Errors
/// [`Error::Storage`].
pub fn published(connection: &Connection, key: &SlateKey) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    connection
        .prepare_cached("SELECT body, inputs FROM slates WHERE surface = ?1 AND context = ?2")
        .and_then(|mut query| {
            let key = (key.surface.as_str(), key.context.as_str());
            query.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(Error::storage("reading a slate"))
}

/// Every slate that is whole, and what was wrong with each that is not.
///
/// # Errors
/// [`Error::Storage`] when the table cannot be read; a damaged row is no error.
pub fn load_all(connection: &Connection) -> Result<(Vec<Slate>, Vec<Error>)> {
    let failed = || Error::storage("loading the slates");
    let mut query = connection
        .prepare_cached("SELECT surface, context, generation, body FROM slates ORDER BY 1, 2")
        .map_err(failed())?;
    let mut rows = query.query([]).map_err(failed())?;
    let (mut slates, mut damaged) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next().map_err(failed())? {
        let surface: String = row.get(0).map_err(failed())?;
        let context: String = row.get(1).map_err(failed())?;
        let generation: u64 = row.get(2).map_err(failed())?;
        let body = row.get_ref(3).map_err(failed())?.as_blob().unwrap_or_default();
        let what = format!("slate {surface}/{context}");
        let slate = stored::decode(&what, body).and_then(|slate| {
            // The row's own columns are outside the checksum: they must agree with the blob.
            let SlateKey { surface: of_surface, context: of_context } = &slate.key;
            let named = (of_surface.as_str(), of_context.as_str(), slate.generation);
            if named == (&surface, &context, generation) {
                Ok(slate)
            } else {
                Err(Error::damaged(&what, "the row names another slate than its blob"))
            }
        });
        match slate {
            Ok(slate) => slates.push(slate),
            Err(error) => damaged.push(error),
        }
    }
    Ok((slates, damaged))
}

/// Removes the slate of `key`.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove(transaction: &Transaction<'_>, key: &SlateKey) -> Result<()> {
    let sql = "DELETE FROM slates WHERE surface = ?1 AND context = ?2";
    let removed = transaction.execute(sql, (key.surface.as_str(), key.context.as_str()));
    removed.map(drop).map_err(Error::storage("removing a slate"))
}

/// Removes every slate.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_all(transaction: &Transaction<'_>) -> Result<()> {
    let removed = transaction.execute("DELETE FROM slates", []);
    removed.map(drop).map_err(Error::storage("removing the slates"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::{ContextId, ItemId, SurfaceId};
    use crate::candidates::{Generator, Sources};
    use crate::release::Policy;
    use crate::slates::{Reason, ReasonKind, Slot, Unmet};
    use crate::store::Store;

    fn slate() -> Slate {
        let item = ItemId::new("luna").unwrap();
        let because = ReasonKind::BecauseOf { item: item.clone(), title: "La Luna".into() };
        let reasons = [
            Reason { kind: because, contribution: 0.5, standard_error: 0.125 },
            Reason::exact(ReasonKind::Feature("price".into()), 0.25),
            Reason::exact(ReasonKind::Base, -1.0),
            Reason::exact(ReasonKind::Rule("spring".into()), 0.0),
        ];
        let mut sources = Sources::default();
        [Generator::Nearest, Generator::New].into_iter().for_each(|by| sources.add(by));
        let slot = Slot {
            sources,
            item,
            title: Arc::from("La Luna"),
            score: -0.25,
            propensity: 0.9,
            reasons: Arc::from(reasons),
        };
        Slate {
            key: SlateKey {
                surface: SurfaceId::new("home").unwrap(),
                context: ContextId::new("lunch").unwrap(),
            },
            generation: 0,
            created_ms: 5,
            stale_after_ms: 6,
            release: "town@1".into(),
            policy: Policy::Model,
            made_at_night: true,
            personalised: true,
            arm: Some("model".into()),
            fatigue_impressions: 3,
            forgotten_through: 5,
            slots: vec![slot],
            unmet: vec![Unmet { rule: "spring".into(), slots: 3 }],
        }
    }

    #[test]
    fn a_slate_comes_back_and_its_generation_grows_by_one() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let mut slate = slate();
        for generation in 1..4 {
            store.write("test", |transaction| publish(transaction, &mut slate, b"in")).unwrap();
            assert_eq!(slate.generation, generation);
            let (loaded, damaged) = store.read(load_all).unwrap();
            assert!(damaged.is_empty());
            assert_eq!(loaded, std::slice::from_ref(&slate));
        }
        let inputs = store.read(|connection| inputs_of(connection, &slate.key)).unwrap();
        assert_eq!(inputs.as_deref(), Some(b"in".as_slice()));
    }

    #[test]
    fn a_slate_that_is_kept_stays_of_its_generation_and_inputs() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let mut slate = slate();
        store.write("test", |transaction| publish(transaction, &mut slate, b"in")).unwrap();
        let kept = Slate { stale_after_ms: 99, ..slate.clone() };
        store.write("test", |transaction| keep(transaction, &kept)).unwrap();
        assert_eq!(store.read(load_all).unwrap().0, std::slice::from_ref(&kept));
        let inputs = store.read(|connection| inputs_of(connection, &slate.key)).unwrap();
        assert_eq!(inputs.as_deref(), Some(b"in".as_slice()));
        let other = Slate { generation: 2, ..kept };
        assert!(store.write("test", |transaction| keep(transaction, &other)).is_err());
    }

    #[test]
    fn a_damaged_or_moved_row_is_left_out_and_named() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        store.write("test", |transaction| publish(transaction, &mut slate(), b"")).unwrap();
        for sql in [
            "UPDATE slates SET context = 'dinner'",
            "UPDATE slates SET context = 'lunch', body = x'0102'",
        ] {
            let change = |transaction: &Transaction<'_>| {
                transaction.execute(sql, []).map_err(Error::storage("test"))
            };
            store.write("test", change).unwrap();
            let (loaded, damaged) = store.read(load_all).unwrap();
            assert!(loaded.is_empty());
            assert!(damaged[0].to_string().starts_with("slate home/"), "{}", damaged[0]);
        }
    }
}
