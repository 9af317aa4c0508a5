//! The profile on disk: one blob.

use bincode::{Decode, Encode};
use rusqlite::{Connection, Transaction};

use crate::base::{ContextId, GeoPoint, HistoryItem, ItemId, Openings, Profile, Result, Usage};
use crate::store::{blob, meta};

/// Version of [`StoredProfile`].
const FORMAT: u8 = 1;
/// Key of the profile among the values of which there is one.
pub const KEY: &str = "profile";
/// What errors call it.
const WHAT: &str = "the profile";

#[derive(Encode, Decode)]
struct StoredProfile {
    history: Vec<StoredItem>,
    hidden: Vec<String>,
    place: Option<(f64, f64)>,
    openings: StoredOpenings,
    learned_through: u64,
    forgotten_through: u64,
    seed: u64,
}

#[derive(Encode, Decode)]
struct StoredOpenings {
    /// Surface, context, then openings on weekdays and at weekends.
    by_slate: Vec<(String, String, f64, f64)>,
    days: (f64, f64),
    newest: Option<i64>,
}

#[derive(Encode, Decode)]
struct StoredItem {
    item: String,
    weights: Vec<(Option<String>, f32)>,
    negative: f32,
    last_chosen_ms: Option<i64>,
}

/// Replaces the profile.
///
/// # Errors
/// [`crate::base::Error::Storage`], [`crate::base::Error::StorageFull`].
pub fn save(transaction: &Transaction<'_>, profile: &Profile) -> Result<()> {
    meta::put(transaction, KEY, &encode(profile)?)
}

/// The bytes of `profile` as they are stored.
///
/// # Errors
/// [`crate::base::Error::InvalidInput`] when it is too big.
pub fn encode(profile: &Profile) -> Result<Vec<u8>> {
    let stored = StoredProfile {
        history: profile.history.iter().map(store).collect(),
        hidden: profile.hidden.iter().map(ItemId::to_string).collect(),
        place: profile.place.map(|place| (place.latitude, place.longitude)),
        openings: store_openings(&profile.openings),
        learned_through: profile.learned_through,
        forgotten_through: profile.forgotten_through,
        seed: profile.seed,
    };
    blob::encode(WHAT, FORMAT, &stored)
}

/// The profile; none before the first was saved.
///
/// # Errors
/// [`crate::base::Error::Storage`]; [`crate::base::Error::Damaged`].
pub fn load(connection: &Connection) -> Result<Option<Profile>> {
    meta::get(connection, KEY)?.map(|bytes| decode(&bytes)).transpose()
}

/// The profile of such bytes.
///
/// # Errors
/// [`crate::base::Error::Damaged`]; [`crate::base::Error::InvalidInput`] for a name that is none.
pub fn decode(bytes: &[u8]) -> Result<Profile> {
    let stored: StoredProfile = blob::decode(WHAT, FORMAT, bytes)?;
    Ok(Profile {
        history: stored.history.into_iter().map(restore).collect::<Result<_>>()?,
        hidden: stored.hidden.into_iter().map(ItemId::new).collect::<Result<_>>()?,
        place: stored.place.map(|(north, east)| GeoPoint::new(north, east)).transpose()?,
        openings: restore_openings(stored.openings),
        learned_through: stored.learned_through,
        forgotten_through: stored.forgotten_through,
        seed: stored.seed,
    })
}

fn store_openings(openings: &Openings) -> StoredOpenings {
    let by_slate = openings.by_slate.iter().map(|((surface, context), usage)| {
        (surface.clone(), context.clone(), usage.weekday, usage.weekend)
    });
    let Usage { weekday, weekend } = openings.days;
    let newest = openings.newest;
    StoredOpenings { by_slate: by_slate.collect(), days: (weekday, weekend), newest }
}

fn restore_openings(stored: StoredOpenings) -> Openings {
    let by_slate = stored.by_slate.into_iter().map(|(surface, context, weekday, weekend)| {
        ((surface, context), Usage { weekday, weekend })
    });
    let (weekday, weekend) = stored.days;
    let days = Usage { weekday, weekend };
    Openings { by_slate: by_slate.collect(), days, newest: stored.newest }
}

fn store(entry: &HistoryItem) -> StoredItem {
    let weights = entry.weight_by_context.iter();
    StoredItem {
        item: entry.item.to_string(),
        weights: weights
            .map(|(context, weight)| (context.as_ref().map(ContextId::to_string), *weight))
            .collect(),
        negative: entry.negative,
        last_chosen_ms: entry.last_chosen_ms,
    }
}

fn restore(stored: StoredItem) -> Result<HistoryItem> {
    let weights = stored.weights.into_iter();
    let weight = |(context, weight): (Option<String>, f32)| {
        Ok((context.map(ContextId::new).transpose()?, weight))
    };
    Ok(HistoryItem {
        item: ItemId::new(stored.item)?,
        weight_by_context: weights.map(weight).collect::<Result<_>>()?,
        negative: stored.negative,
        last_chosen_ms: stored.last_chosen_ms,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::Day;
    use crate::store::Store;

    #[test]
    fn a_profile_comes_back() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        assert_eq!(store.read(load).unwrap(), None);
        let lunch = ContextId::new("lunch").unwrap();
        let mut openings = Openings::default();
        openings.note("home", "lunch", Day(20_000));
        let profile = Profile {
            history: vec![HistoryItem {
                item: ItemId::new("luna").unwrap(),
                weight_by_context: BTreeMap::from([(None, 1.0), (Some(lunch), 0.5)]),
                negative: 0.25,
                last_chosen_ms: Some(7),
            }],
            hidden: [ItemId::new("sol").unwrap()].into(),
            place: Some(GeoPoint::new(22.0, -100.0).unwrap()),
            openings,
            learned_through: 11,
            forgotten_through: 3,
            seed: 12,
        };
        store.write("test", |transaction| save(transaction, &profile)).unwrap();
        assert_eq!(store.read(load).unwrap(), Some(profile));
    }
}
