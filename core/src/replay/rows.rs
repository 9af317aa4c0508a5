//! What slates were made from, on disk.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::Inputs;
use crate::base::{Error, Result};
use crate::slates::{Slate, SlateKey, rows as slates};

/// What slates that are made at one time are made from, as it is stored.
#[derive(Debug)]
pub struct Origin(Option<Vec<u8>>);

/// Slates of the baseline that stand in for others, with what they were made from.
#[derive(Debug)]
pub struct StandIns {
    /// The slates.
    pub slates: Vec<Slate>,
    /// What all of them were made from.
    pub origin: Origin,
}

impl Origin {
    /// As it is stored. Inputs that are too big are not kept: such slates cannot be exported, but
    /// they are made.
    #[must_use]
    pub fn of(inputs: &Inputs) -> Self {
        Self(inputs.encode().ok())
    }

    /// Notes in the transaction that publishes `slates` what they were made from, in the place of
    /// what those before them were made from. Slates of other keys are not looked at.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`].
    pub fn remember<'a>(
        &self,
        transaction: &Transaction<'_>,
        slates: impl IntoIterator<Item = &'a Slate>,
    ) -> Result<()> {
        match &self.0 {
            Some(inputs) => remember(transaction, inputs, slates)?,
            None => forget(transaction, slates)?,
        }
        change(transaction, UNUSED)
    }
}

impl StandIns {
    /// Publishes the slates, and notes what they were made from.
    ///
    /// # Errors
    /// As [`slates::publish`].
    pub fn publish(&mut self, transaction: &Transaction<'_>) -> Result<()> {
        slates::publish_stand_ins(transaction, &mut self.slates)?;
        if !self.slates.is_empty() {
            self.origin.remember(transaction, &self.slates)?;
        }
        forget_unused(transaction)
    }
}

/// Inputs are stored once however many slates are made from them.
fn remember<'a>(
    transaction: &Transaction<'_>,
    inputs: &[u8],
    slates: impl IntoIterator<Item = &'a Slate>,
) -> Result<()> {
    let failed = || Error::storage("keeping what a slate was made from");
    let digest = Sha256::digest(inputs);
    let known: Option<i64> = transaction
        .prepare_cached("SELECT id FROM slate_inputs WHERE digest = ?1")
        .and_then(|mut query| query.query_row([&digest[..]], |row| row.get(0)).optional())
        .map_err(failed())?;
    let id = match known {
        Some(id) => id,
        None => {
            let sql = "INSERT INTO slate_inputs (digest, body) VALUES (?1, ?2)";
            transaction.execute(sql, params![&digest[..], inputs]).map_err(failed())?;
            transaction.last_insert_rowid()
        }
    };
    let sql = "INSERT OR REPLACE INTO slate_origins VALUES (?1, ?2, ?3, ?4)";
    let mut insert = transaction.prepare_cached(sql).map_err(failed())?;
    for slate in slates {
        let key = (slate.key.surface.as_str(), slate.key.context.as_str());
        insert.execute(params![key.0, key.1, slate.generation, id]).map_err(failed())?;
    }
    Ok(())
}

/// Forgets what the slates of the keys of `slates` were made from.
fn forget<'a>(
    transaction: &Transaction<'_>,
    slates: impl IntoIterator<Item = &'a Slate>,
) -> Result<()> {
    let failed = || Error::storage(FORGETTING);
    let sql = "DELETE FROM slate_origins WHERE surface = ?1 AND context = ?2";
    let mut delete = transaction.prepare_cached(sql).map_err(failed())?;
    for Slate { key, .. } in slates {
        delete.execute([key.surface.as_str(), key.context.as_str()]).map_err(failed())?;
    }
    Ok(())
}

/// What the slate of `key` and `generation` was made from, if that is kept.
///
/// # Errors
/// [`Error::Storage`].
pub fn inputs_of(
    connection: &Connection,
    key: &SlateKey,
    generation: u64,
) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT body FROM slate_inputs JOIN slate_origins ON inputs = id \
               WHERE surface = ?1 AND context = ?2 AND generation = ?3";
    let key = params![key.surface.as_str(), key.context.as_str(), generation];
    connection
        .query_row(sql, key, |row| row.get(0))
        .optional()
        .map_err(Error::storage("reading what a slate was made from"))
}

const FORGETTING: &str = "forgetting what slates were made from";
/// Inputs from which no slate is left.
const UNUSED: &str = "DELETE FROM slate_inputs WHERE id NOT IN (SELECT inputs FROM slate_origins)";

/// Forgets inputs from which no slate is left, slates that were removed included.
///
/// # Errors
/// [`Error::Storage`].
pub fn forget_unused(transaction: &Transaction<'_>) -> Result<()> {
    let gone = "DELETE FROM slate_origins WHERE NOT EXISTS (SELECT 1 FROM slates \
                WHERE slates.surface = slate_origins.surface \
                AND slates.context = slate_origins.context \
                AND slates.generation = slate_origins.generation)";
    change(transaction, gone)?;
    change(transaction, UNUSED)
}

fn change(transaction: &Transaction<'_>, sql: &'static str) -> Result<()> {
    transaction
        .prepare_cached(sql)
        .and_then(|mut delete| delete.execute([]))
        .map(drop)
        .map_err(Error::storage(FORGETTING))
}

/// Forgets all of it: no slate that is there can be exported any more.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_all(transaction: &Transaction<'_>) -> Result<()> {
    transaction
        .execute_batch("DELETE FROM slate_origins; DELETE FROM slate_inputs;")
        .map_err(Error::storage(FORGETTING))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ContextId, Profile, SurfaceId};
    use crate::release::Policy;
    use crate::store::Store;

    fn slate(context: &str) -> Slate {
        Slate {
            key: SlateKey {
                surface: SurfaceId::new("home").unwrap(),
                context: ContextId::new(context).unwrap(),
            },
            generation: 0,
            created_ms: 5,
            stale_after_ms: 6,
            release: "town@1".into(),
            policy: Policy::Baseline,
            made_at_night: false,
            personalised: true,
            arm: None,
            fatigue_impressions: 0,
            forgotten_through: 0,
            slots: Vec::new(),
            unmet: Vec::new(),
        }
    }

    fn origin(day: i64) -> Origin {
        let (release, manifest_sha256) = ("town@1".to_owned(), String::new());
        let profile = Profile::default();
        Origin::of(&Inputs { release, manifest_sha256, plan: None, profile, day })
    }

    fn counts(store: &Store) -> [u64; 2] {
        ["slate_inputs", "slate_origins"].map(|table| {
            let count = |connection: &Connection| {
                let sql = format!("SELECT count(*) FROM {table}");
                connection.query_row(&sql, [], |row| row.get(0)).map_err(Error::storage("test"))
            };
            store.read(count).unwrap()
        })
    }

    #[test]
    fn inputs_are_kept_once_for_all_slates_and_no_longer_than_the_last_of_them() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let publish = |contexts: &[&str], day| {
            let made = contexts.iter().map(|context| slate(context)).collect();
            let mut made = StandIns { slates: made, origin: origin(day) };
            store.write("test", |transaction| made.publish(transaction)).unwrap();
            made.slates
        };
        let [lunch, dinner] = &publish(&["lunch", "dinner"], 1)[..] else { panic!() };
        assert_eq!(counts(&store), [1, 2]);
        let kept = |slate: &Slate| {
            let inputs = |c: &Connection| inputs_of(c, &slate.key, slate.generation);
            store.read(inputs).unwrap().map(|inputs| Inputs::decode(&inputs).unwrap().day)
        };
        let again = publish(&["lunch"], 2);
        assert_eq!(counts(&store), [2, 2]);
        assert_eq!([kept(lunch), kept(dinner), kept(&again[0])], [None, Some(1), Some(2)]);
        publish(&["dinner"], 2);
        assert_eq!(counts(&store), [1, 2]);
        let gone = |transaction: &Transaction<'_>| {
            slates::remove(transaction, &again[0].key)?;
            forget_unused(transaction)
        };
        store.write("test", gone).unwrap();
        assert_eq!(counts(&store), [1, 1]);
        store.write("test", remove_all).unwrap();
        assert_eq!(counts(&store), [0, 0]);
    }

    #[test]
    fn a_slate_made_from_more_than_is_kept_lets_go_of_what_the_one_before_was_made_from() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let publish = |contexts: &[&str], origin: Origin| {
            let mut made: Vec<Slate> = contexts.iter().map(|context| slate(context)).collect();
            let write = |transaction: &Transaction<'_>| {
                for slate in &mut made {
                    slates::publish(transaction, slate, &[])?;
                }
                origin.remember(transaction, &made)
            };
            store.write("test", write).unwrap();
        };
        publish(&["lunch"], origin(1));
        publish(&["dinner"], origin(2));
        assert_eq!(counts(&store), [2, 2]);
        publish(&["lunch"], Origin(None));
        assert_eq!(counts(&store), [1, 1]);
    }
}
