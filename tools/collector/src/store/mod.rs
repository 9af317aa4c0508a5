//! A collector whose output is an object store, beside others with the same output.
//!
//! ```text
//! _journal/<instance>/<number>.ndjson   acknowledged, not yet Parquet
//! _claims/<version>.json                which of them the next version takes in
//! _state/<version>.json                 which Parquet files count; the highest is the truth
//! _forgotten/<version>.txt              digests of who is forgotten
//! _lease/<number>.json                  who makes the next version
//! app=…/day=…/part-<version>….parquet   events
//! app=…/day=…/merged-<version>-….parquet
//! _rejected/app=…/day=…/…               rejected lines
//! ```
//!
//! Objects are made where there is none and never written over. Whoever makes a version makes it of
//! the version before and its claim alone, and under the same names: a collector that wakes up
//! after a long sleep and goes on with what it was doing writes what is there already, or objects
//! that no version names, which a sweep removes.

mod building;
mod compaction;
mod lease;
mod place;
mod remote;
mod sink;
mod state;

#[cfg(test)]
mod manners;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, mpsc as channel};

use uuid::Uuid;

pub(crate) use self::compaction::StoreCompaction;
use self::lease::Lease;
use self::place::Place;
pub(crate) use self::sink::StoreSink;
use self::state::State;
use crate::compaction::Closed;
use crate::error::Result;
use crate::forgetting::Forgotten;
use crate::journal::Line;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::sink::Sink as _;

/// Folder of the journals of all instances.
const JOURNAL: &str = "_journal";

/// The URL of an object store, when an output is one and no folder.
pub(crate) fn url_of(output: &Path) -> Option<&str> {
    output.to_str().filter(|text| text.contains("://"))
}

/// What a collector needs of its store.
pub(crate) struct Store {
    pub(crate) sink: StoreSink,
    pub(crate) compaction: StoreCompaction,
    pub(crate) closed: channel::Receiver<Closed>,
    pub(crate) forgotten: Forgotten,
}

impl Store {
    /// Opens the store at `url` and looks whether it keeps its word.
    pub(crate) fn open(url: &str, settings: &Settings, shared: &Arc<Shared>) -> Result<Self> {
        Self::at(Place::open(url)?, settings, shared)
    }

    fn at(place: Place, settings: &Settings, shared: &Arc<Shared>) -> Result<Self> {
        // A name of its own for every start: numbers begin anew with it.
        let instance = Uuid::now_v7().to_string();
        place.check_put_new(&format!("_probe/{instance}"))?;
        let forgotten = loop {
            if let Some(forgotten) = State::load(&place)?.load_forgotten(&place)? {
                break forgotten;
            }
        };
        let (sender, closed) = channel::channel();
        let lease = Lease::new(place.clone(), &instance, settings.lease);
        let sink = StoreSink::new(place.clone(), &instance, sender, Arc::clone(shared));
        let compaction = StoreCompaction::new(place, lease, settings.merging, Arc::clone(shared));
        Ok(Self { sink, compaction, closed, forgotten })
    }
}

/// Asks the collectors of a store to forget, by lines in a journal of its own, and makes the
/// version that does so unless one of them is at it.
pub(crate) fn forget(url: &str, lines: &[Line<'_>]) -> Result<u64> {
    let shared = Arc::new(Shared::default());
    let settings = Settings::new(([127, 0, 0, 1], 0).into(), url);
    let mut store = Store::open(url, &settings, &shared)?;
    let mut text = Vec::new();
    for line in lines {
        text.extend(state::encode(line)?);
        text.push(b'\n');
    }
    if !store.sink.append(&text) {
        let failure = shared.failure().unwrap_or_default();
        let refused = std::io::Error::other(failure);
        return Err(crate::Error::file(url.as_ref(), "write")(refused));
    }
    store.compaction.work()?;
    store.compaction.end()?;
    Ok(shared.metrics.counts().rewritten_files)
}
