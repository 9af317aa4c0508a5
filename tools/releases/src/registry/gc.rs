//! Garbage collection: versions that nobody needs, then blobs that nothing refers to.
//!
//! A sweep is announced in a commit before the first blob goes. A publisher whose commit comes
//! before it has its blobs referred to, so they are not in the sweep; one whose commit would come
//! after it sees that there was a sweep, and looks again for every blob it found. So no order of
//! the two leaves a version without its blobs. The grace period spares publishers the work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use noctule_core::trust::METADATA_FOLDER;
use serde::Serialize;

use super::Registry;
use super::blobs::{self, BLOBS};
use super::commits;
use super::state::{State, Sweep};
use crate::{Error, Result};

/// Time that a sweep has before others take its process for dead; it stops itself at half of it.
const SWEEP_MS: i64 = 10 * 60 * 1_000;

/// States, and metadata of each kind, that are kept whatever their age.
const STATES_KEPT: usize = 100;

/// How to collect.
#[derive(Debug, Clone)]
pub struct GcOptions {
    /// Versions of each line, the newest, that stay.
    pub keep: usize,
    /// Blobs younger than this stay: a publish under way has sent them.
    pub grace: Duration,
    /// Say only what would go.
    pub dry_run: bool,
}

impl Default for GcOptions {
    fn default() -> Self {
        Self { keep: 10, grace: Duration::from_hours(24), dry_run: false }
    }
}

/// What went, or would go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Versions.
    pub versions: Vec<String>,
    /// SHA-256 of the blobs.
    pub blobs: Vec<String>,
    /// Bytes of the blobs.
    pub bytes: u64,
    /// Old states.
    pub states: usize,
}

impl Registry {
    /// Removes the versions that neither an alias, nor a roll-out, nor the newest `keep` of a line
    /// hold, and the blobs and deltas that no version needs any more.
    ///
    /// # Errors
    /// [`Error::Sweeping`] when another collection is under way, [`Error::Store`],
    /// [`Error::Contended`].
    pub fn collect_garbage(&self, options: &GcOptions) -> Result<Collected> {
        let old = self.old_blobs(options.grace)?;
        if options.dry_run {
            let mut state = self.state()?;
            let versions = drop_versions(&mut state, options.keep);
            return Ok(collected(versions, &unreachable(&state, &old), &old));
        }
        let begun = Instant::now();
        let (state, (versions, blobs)) = self.commit("collect garbage", |state| {
            let now_ms = self.now_ms();
            if let Some(sweep) = state.sweep.as_ref().filter(|sweep| sweep.until_ms > now_ms) {
                return Err(Error::Sweeping { until_ms: sweep.until_ms });
            }
            let versions = drop_versions(state, options.keep);
            let blobs = unreachable(state, &old);
            let was_under_way = state.sweep.take().is_some();
            if !blobs.is_empty() || was_under_way {
                state.sweeps += 1;
            }
            if !blobs.is_empty() {
                state.sweep = Some(Sweep { blobs: blobs.clone(), until_ms: now_ms + SWEEP_MS });
            }
            Ok((versions, blobs))
        })?;
        let swept = self.sweep(&state, &blobs, begun)?;
        let mut collected = collected(versions, &swept, &old);
        collected.states = self.drop_states(options.grace)?;
        self.drop_metadata(options.grace)?;
        self.after_commit()?;
        Ok(collected)
    }

    /// Removes the blobs of an announced sweep and says so in a commit.
    fn sweep(
        &self,
        announced: &State,
        blobs: &BTreeSet<String>,
        begun: Instant,
    ) -> Result<BTreeSet<String>> {
        let mut swept = BTreeSet::new();
        if blobs.is_empty() {
            return Ok(swept);
        }
        let half = Duration::from_millis(SWEEP_MS.unsigned_abs() / 2);
        for sha256 in blobs.iter().take_while(|_| begun.elapsed() < half) {
            self.place.delete(&blobs::path_of(sha256))?;
            swept.insert(sha256.clone());
        }
        self.commit("end of a collection", |state| {
            if state.sweeps == announced.sweeps {
                state.sweep = None;
            }
            Ok(())
        })?;
        Ok(swept)
    }

    /// The blobs older than `grace`, and their lengths.
    fn old_blobs(&self, grace: Duration) -> Result<BTreeMap<String, u64>> {
        let now_ms = self.now_ms();
        let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        let listed = self.place.list(BLOBS)?.into_iter();
        let old = listed.filter(|(_, meta)| {
            now_ms.saturating_sub(meta.last_modified.timestamp_millis()) >= grace_ms
        });
        Ok(old.map(|(name, meta)| (name, meta.size)).collect())
    }

    /// Removes states that are older than `grace` and not among the newest.
    fn drop_states(&self, grace: Duration) -> Result<usize> {
        let paths = self.state_numbers()?.into_iter().map(commits::path_of);
        self.drop_old(&paths.collect::<Vec<_>>(), grace)
    }

    /// The same for lists of releases and snapshots of them. The list that devices read is the
    /// newest of its kind, and a device that read its timestamp long ago asks again.
    fn drop_metadata(&self, grace: Duration) -> Result<()> {
        let listed = self.place.list(METADATA_FOLDER)?;
        for kind in [".targets.json", ".snapshot.json"] {
            let number = |name: &str| name.strip_suffix(kind)?.parse::<u64>().ok();
            let mut numbers: Vec<u64> = listed.iter().filter_map(|(it, _)| number(it)).collect();
            numbers.sort_unstable();
            let paths = numbers.iter().map(|number| format!("{METADATA_FOLDER}/{number}{kind}"));
            self.drop_old(&paths.collect::<Vec<_>>(), grace)?;
        }
        Ok(())
    }

    /// Removes those of `paths`, oldest first, that are older than `grace` and not of the newest.
    fn drop_old(&self, paths: &[String], grace: Duration) -> Result<usize> {
        let now_ms = self.now_ms();
        let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        let mut dropped = 0;
        for path in &paths[..paths.len().saturating_sub(STATES_KEPT)] {
            let Some(meta) = self.place.head(path)? else { continue };
            if now_ms.saturating_sub(meta.last_modified.timestamp_millis()) < grace_ms {
                break;
            }
            self.place.delete(path)?;
            dropped += 1;
        }
        Ok(dropped)
    }
}

/// Takes versions that nothing holds, and the deltas from or to them, out of `state`.
pub(super) fn drop_versions(state: &mut State, keep: usize) -> Vec<String> {
    let mut dropped = Vec::new();
    for (name, line) in &mut state.lines {
        let newest: BTreeSet<u64> = line.versions.keys().rev().take(keep).copied().collect();
        let aliased: BTreeSet<u64> = line.aliases.values().copied().collect();
        // Devices take the newest version that they are offered: behind one that everybody is
        // offered, older ones are offered to nobody.
        let full = line.versions.iter().rev().find(|(_, it)| it.percent == 100 && !it.halted);
        let full = full.map_or(0, |(number, _)| *number);
        line.versions.retain(|number, version| {
            // Without its target a device that runs a halted version would not learn of the halt.
            let offered = (version.percent > 0 || version.halted) && *number >= full;
            let kept = offered || newest.contains(number);
            let kept = kept || aliased.contains(number);
            if !kept {
                dropped.push(format!("{name}@{number}"));
            }
            kept
        });
    }
    let manifests: BTreeSet<String> =
        state.all().map(|(_, version)| version.manifest.sha256.clone()).collect();
    state.deltas.retain(|delta| manifests.contains(&delta.from) && manifests.contains(&delta.to));
    dropped
}

/// Those of `old` that `state` does not refer to.
fn unreachable(state: &State, old: &BTreeMap<String, u64>) -> BTreeSet<String> {
    let reachable = state.reachable();
    old.keys().filter(|sha256| !reachable.contains_key(sha256.as_str())).cloned().collect()
}

fn collected(
    versions: Vec<String>,
    blobs: &BTreeSet<String>,
    sizes: &BTreeMap<String, u64>,
) -> Collected {
    let bytes = blobs.iter().filter_map(|sha256| sizes.get(sha256)).sum();
    Collected { versions, blobs: blobs.iter().cloned().collect(), bytes, states: 0 }
}
