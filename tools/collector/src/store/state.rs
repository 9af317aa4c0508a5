//! What the store holds, in versions.
//!
//! `_state/<version>.json` says which journal objects have become Parquet and which Parquet files
//! count; the highest version is the truth. The next version is made of it and of one claim,
//! `_claims/<version>.json`, which names the journal objects it takes in. Both are only ever made
//! where there is none: so two who make the same version make the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::place::{Place, number_of};
use crate::error::{Error, Result};
use crate::forgetting::Forgotten;
use crate::merging::Merging;

const STATES: &str = "_state";
const CLAIMS: &str = "_claims";
const FORGOTTEN: &str = "_forgotten";

/// Bytes of a state, a claim or the list of the forgotten: millions of files or installations.
const BYTES_MAX: u64 = 1 << 30;

/// Versions that are kept. One who has slept for less finds the claim it knows; one who has slept
/// for longer finds out that it is not the last any more.
const KEPT: u64 = 256;

/// How long an instance that brings nothing is remembered.
const INSTANCE_MS: i64 = 30 * 86_400_000;

/// What the store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) version: u64,
    /// The last journal object of each instance that has become Parquet.
    pub(crate) consumed: BTreeMap<String, Consumed>,
    /// The Parquet files that count, by path.
    pub(crate) files: BTreeMap<String, FileEntry>,
    /// The version that wrote the digests of who is forgotten.
    pub(crate) forgotten: Option<u64>,
}

/// How far the journal of an instance has become Parquet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consumed {
    pub(crate) last: u64,
    /// When that was claimed.
    pub(crate) at_ms: i64,
}

/// A Parquet file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

/// What a version is made of, beside the state before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) version: u64,
    /// The clock of whoever claims: which days are over follows from it.
    pub(crate) at_ms: i64,
    /// Numbers of the journal objects that become Parquet, by instance. With none, days that are
    /// over are merged.
    pub(crate) segments: BTreeMap<String, Vec<u64>>,
    pub(crate) merge_after_ms: u64,
    pub(crate) merge_target_bytes: u64,
}

impl Claim {
    pub(crate) fn merging(&self) -> Merging {
        Merging {
            after: std::time::Duration::from_millis(self.merge_after_ms),
            target_bytes: self.merge_target_bytes,
        }
    }
}

impl State {
    /// The highest version in the store; version 0, with nothing, in an empty one.
    pub(crate) fn load(place: &Place) -> Result<Self> {
        loop {
            let found = place.list(STATES)?;
            let last = found.iter().filter_map(|found| number_of(&found.path, ".json")).max();
            let Some(version) = last else { return Ok(Self::default()) };
            // Gone since the listing: another has gone on by many versions.
            let Some(state) = read::<Self>(place, &path(STATES, version))? else { continue };
            return Ok(state);
        }
    }

    /// Makes this version, unless it is there; whether it is the highest one.
    pub(crate) fn commit(&self, place: &Place) -> Result<bool> {
        place.put_new(&path(STATES, self.version), encode(self)?)?;
        Ok(Self::load(place)?.version == self.version)
    }

    /// Whether a journal object has become Parquet.
    pub(crate) fn has_consumed(&self, instance: &str, number: u64) -> bool {
        self.consumed.get(instance).is_some_and(|consumed| number <= consumed.last)
    }

    /// Notes that the segments of a claim have become Parquet.
    pub(crate) fn consume(&mut self, claim: &Claim) {
        for (instance, numbers) in &claim.segments {
            let last = numbers.iter().copied().max().unwrap_or(0);
            let consumed = Consumed { last, at_ms: claim.at_ms };
            self.consumed.insert(instance.clone(), consumed);
        }
        self.consumed
            .retain(|_, consumed| consumed.at_ms.saturating_add(INSTANCE_MS) > claim.at_ms);
    }

    /// Who is forgotten; none when another version has replaced the list meanwhile.
    pub(crate) fn load_forgotten(&self, place: &Place) -> Result<Option<Forgotten>> {
        let Some(version) = self.forgotten else { return Ok(Some(Forgotten::default())) };
        let at = forgotten_path(version);
        let Some(bytes) = place.get(&at, BYTES_MAX)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        let reason = "it holds something else than digests";
        Forgotten::parse(&text).map(Some).ok_or(Error::Damaged { path: at.into(), reason })
    }

    /// Writes the list of who is forgotten for this version.
    pub(crate) fn save_forgotten(&mut self, place: &Place, forgotten: &Forgotten) -> Result<()> {
        place.put_new(&forgotten_path(self.version), forgotten.text().into_bytes())?;
        self.forgotten = Some(self.version);
        Ok(())
    }

    /// Removes versions, claims and lists that nobody needs any more.
    pub(crate) fn remove_old(&self, place: &Place) -> Result<()> {
        let end = self.version.saturating_sub(KEPT);
        for folder in [STATES, CLAIMS] {
            for found in place.list(folder)? {
                if number_of(&found.path, ".json").is_some_and(|version| version < end) {
                    place.delete(&found.path)?;
                }
            }
        }
        for found in place.list(FORGOTTEN)? {
            let version = number_of(&found.path, ".txt");
            if version < self.forgotten {
                place.delete(&found.path)?;
            }
        }
        Ok(())
    }
}

/// The claim of a version, if there is one.
pub(crate) fn load_claim(place: &Place, version: u64) -> Result<Option<Claim>> {
    read(place, &path(CLAIMS, version))
}

/// Makes a claim, and gives the one that counts: another may have been faster. None when that is
/// gone already.
pub(crate) fn make_claim(place: &Place, claim: Claim) -> Result<Option<Claim>> {
    if place.put_new(&path(CLAIMS, claim.version), encode(&claim)?)? {
        return Ok(Some(claim));
    }
    load_claim(place, claim.version)
}

fn path(folder: &str, version: u64) -> String {
    format!("{folder}/{version:012}.json")
}

fn forgotten_path(version: u64) -> String {
    format!("{FORGOTTEN}/{version:012}.txt")
}

pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::file("json".as_ref(), "encode")(error.into()))
}

pub(super) fn read<T: DeserializeOwned>(place: &Place, path: &str) -> Result<Option<T>> {
    let Some(bytes) = place.get(path, BYTES_MAX)? else { return Ok(None) };
    let read = serde_json::from_slice(&bytes).map(Some);
    read.map_err(|_| Error::Damaged { path: path.into(), reason: "it is no such JSON" })
}
