//! Slates on disk: one row and one blob each.

use std::sync::Arc;

use bincode::{Decode, Encode};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Reason, ReasonKind, Slate, SlateKey, Slot};
use crate::base::{ContextId, Error, ItemId, Result, SurfaceId};
use crate::release::Policy;
use crate::store::blob;

/// Version of [`StoredSlate`].
const FORMAT: u8 = 1;

#[derive(Encode, Decode)]
struct StoredSlate {
    surface: String,
    context: String,
    generation: u64,
    created_ms: i64,
    stale_after_ms: i64,
    release: String,
    model: bool,
    made_at_night: bool,
    arm: Option<String>,
    fatigue_impressions: u32,
    forgotten_through: u64,
    slots: Vec<StoredSlot>,
}

#[derive(Encode, Decode)]
struct StoredSlot {
    item: String,
    title: String,
    score: f32,
    propensity: f64,
    /// What, how much, and the standard error of that.
    reasons: Vec<(StoredKind, f32, f32)>,
}

#[derive(Encode, Decode)]
enum StoredKind {
    BecauseOf(String, String),
    OtherHistory,
    Popular,
    PopularInContext,
    Nearby,
    Feature(String),
    Base,
    Exploration,
    Rule(String),
}

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
    let body = blob::encode("slate", FORMAT, &store(slate))?;
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
    let body = blob::encode("slate", FORMAT, &store(slate))?;
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
        let slate = blob::decode(&what, FORMAT, body).and_then(|stored: StoredSlate| {
            // The row's own columns are outside the checksum: they must agree with the blob.
            if (&stored.surface, &stored.context, stored.generation)
                == (&surface, &context, generation)
            {
                restore(stored)
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

fn store(slate: &Slate) -> StoredSlate {
    StoredSlate {
        surface: slate.key.surface.to_string(),
        context: slate.key.context.to_string(),
        generation: slate.generation,
        created_ms: slate.created_ms,
        stale_after_ms: slate.stale_after_ms,
        release: slate.release.clone(),
        model: slate.policy == Policy::Model,
        made_at_night: slate.made_at_night,
        arm: slate.arm.clone(),
        fatigue_impressions: slate.fatigue_impressions,
        forgotten_through: slate.forgotten_through,
        slots: slate.slots.iter().map(store_slot).collect(),
    }
}

fn store_slot(slot: &Slot) -> StoredSlot {
    let kind = |reason: &Reason| match reason.kind.clone() {
        ReasonKind::BecauseOf { item, title } => StoredKind::BecauseOf(item.into(), title),
        ReasonKind::OtherHistory => StoredKind::OtherHistory,
        ReasonKind::Popular => StoredKind::Popular,
        ReasonKind::PopularInContext => StoredKind::PopularInContext,
        ReasonKind::Nearby => StoredKind::Nearby,
        ReasonKind::Feature(name) => StoredKind::Feature(name),
        ReasonKind::Base => StoredKind::Base,
        ReasonKind::Exploration => StoredKind::Exploration,
        ReasonKind::Rule(id) => StoredKind::Rule(id),
    };
    StoredSlot {
        item: slot.item.to_string(),
        title: slot.title.to_string(),
        score: slot.score,
        propensity: slot.propensity,
        reasons: slot.reasons.iter().map(|r| (kind(r), r.contribution, r.standard_error)).collect(),
    }
}

fn restore(stored: StoredSlate) -> Result<Slate> {
    let key = SlateKey {
        surface: SurfaceId::new(stored.surface)?,
        context: ContextId::new(stored.context)?,
    };
    Ok(Slate {
        key,
        generation: stored.generation,
        created_ms: stored.created_ms,
        stale_after_ms: stored.stale_after_ms,
        release: stored.release,
        policy: if stored.model { Policy::Model } else { Policy::Baseline },
        made_at_night: stored.made_at_night,
        arm: stored.arm,
        fatigue_impressions: stored.fatigue_impressions,
        forgotten_through: stored.forgotten_through,
        slots: stored.slots.into_iter().map(restore_slot).collect::<Result<_>>()?,
    })
}

fn restore_slot(stored: StoredSlot) -> Result<Slot> {
    let reason = |(kind, contribution, standard_error)| {
        let kind = match kind {
            StoredKind::BecauseOf(item, title) => {
                ReasonKind::BecauseOf { item: ItemId::new(item)?, title }
            }
            StoredKind::OtherHistory => ReasonKind::OtherHistory,
            StoredKind::Popular => ReasonKind::Popular,
            StoredKind::PopularInContext => ReasonKind::PopularInContext,
            StoredKind::Nearby => ReasonKind::Nearby,
            StoredKind::Feature(name) => ReasonKind::Feature(name),
            StoredKind::Base => ReasonKind::Base,
            StoredKind::Exploration => ReasonKind::Exploration,
            StoredKind::Rule(id) => ReasonKind::Rule(id),
        };
        Ok(Reason { kind, contribution, standard_error })
    };
    Ok(Slot {
        item: ItemId::new(stored.item)?,
        title: Arc::from(stored.title),
        score: stored.score,
        propensity: stored.propensity,
        reasons: stored.reasons.into_iter().map(reason).collect::<Result<Vec<_>>>()?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let slot = Slot {
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
            arm: Some("model".into()),
            fatigue_impressions: 3,
            forgotten_through: 5,
            slots: vec![slot],
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
