//! Journal objects become Parquet, version by version.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc as channel};

use super::JOURNAL;
use super::building::{self, Built, due_for_merging, version_of};
use super::lease::Lease;
use super::place::{Place, number_of};
use super::state::{Claim, State, load_claim, make_claim};
use crate::compaction::Closed;
use crate::error::Result;
use crate::index::Index;
use crate::merging::Merging;
use crate::metrics::add;
use crate::routes::now_ms;
use crate::shared::Shared;

/// Bytes of journal that one version takes in: it is in memory at once.
const CLAIM_BYTES: u64 = 64 << 20;

/// Versions between two looks for objects that no version names.
const SWEEP_EVERY: u64 = 64;

/// What became of an attempt to make a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Made,
    NothingToDo,
    /// Another has made it, and gone on.
    Overtaken,
}

/// Makes versions while it holds the lease.
#[derive(Debug)]
pub(crate) struct StoreCompaction {
    place: Place,
    lease: Lease,
    merging: Merging,
    shared: Arc<Shared>,
    /// What is stored as of a version.
    index: Option<(u64, Index)>,
    swept: Option<u64>,
    /// The version whose list of the forgotten the journal thread knows.
    heard: Option<u64>,
}

impl StoreCompaction {
    pub(crate) fn new(place: Place, lease: Lease, merging: Merging, shared: Arc<Shared>) -> Self {
        Self { place, lease, merging, shared, index: None, swept: None, heard: None }
    }

    /// Works whenever it is asked to, until the journal thread has ended.
    pub(crate) fn run(mut self, inbox: &channel::Receiver<Closed>) {
        while let Ok(Closed { reply, .. }) = inbox.recv() {
            let result = self.work().and_then(|()| self.hear());
            let failure = result.as_ref().err().map(|error| format!("compaction: {error}"));
            self.shared.set_compaction_failure(failure);
            if let Some(reply) = reply {
                let _ = reply.send(result);
            }
        }
        // Should it fail, the lease ends by itself.
        let _ = self.end();
    }

    /// Gives the lease back.
    pub(crate) fn end(&self) -> Result<()> {
        self.lease.give_back()
    }

    /// Makes versions until nothing is left to do or another is at it.
    pub(crate) fn work(&mut self) -> Result<()> {
        while self.lease.take(now_ms())? {
            let step = self.step();
            if !matches!(step, Ok(Step::Made)) {
                // What was half done may have changed it.
                if !matches!(step, Ok(Step::NothingToDo)) {
                    self.index = None;
                }
                return step.map(|_| ());
            }
        }
        Ok(())
    }

    /// Tells the journal thread who has been forgotten, be it by another instance.
    pub(super) fn hear(&mut self) -> Result<()> {
        let state = State::load(&self.place)?;
        if state.forgotten != self.heard
            && let Some(forgotten) = state.load_forgotten(&self.place)?
        {
            self.shared.tell_forgotten(forgotten);
            self.heard = state.forgotten;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Step> {
        let state = State::load(&self.place)?;
        self.sweep(&state)?;
        let journal = self.journal(&state)?;
        let version = state.version + 1;
        let claim = match load_claim(&self.place, version)? {
            Some(claim) => claim,
            None => {
                let segments = first_segments(journal);
                let (merging, at_ms) = (self.merging, now_ms());
                if segments.is_empty() && due_for_merging(&state, &merging, at_ms).is_none() {
                    return Ok(Step::NothingToDo);
                }
                let merge_after_ms = u64::try_from(merging.after.as_millis()).unwrap_or(u64::MAX);
                let merge_target_bytes = merging.target_bytes;
                let claim = Claim { version, at_ms, segments, merge_after_ms, merge_target_bytes };
                let Some(claim) = make_claim(&self.place, claim)? else {
                    return Ok(Step::Overtaken);
                };
                claim
            }
        };
        let mut index = match self.index.take() {
            Some((of, index)) if of == state.version => index,
            _ => match building::read_index(&self.place, &state)? {
                Some(index) => index,
                None => return Ok(Step::Overtaken),
            },
        };
        let Some(built) = building::build(&self.place, &state, &claim, &mut index)? else {
            return Ok(Step::Overtaken);
        };
        if !built.next.commit(&self.place)? {
            return Ok(Step::Overtaken);
        }
        self.index = Some((built.next.version, index));
        self.count(&built);
        self.remove_replaced(&state, &claim, &built.next)?;
        Ok(Step::Made)
    }

    fn count(&self, built: &Built) {
        let metrics = &self.shared.metrics;
        add(&metrics.parts, built.parts);
        add(&metrics.rewritten_files, built.rewritten);
        add(&metrics.merged_files, built.merged.sources);
        add(&metrics.merges, built.merged.files);
    }

    /// The journal objects that are not yet Parquet; the others are removed.
    fn journal(&self, state: &State) -> Result<Vec<(String, u64, u64)>> {
        let mut waiting = Vec::new();
        for found in self.place.list(JOURNAL)? {
            let instance = found.path.split('/').nth(1).unwrap_or_default().to_owned();
            let Some(number) = number_of(&found.path, ".ndjson") else { continue };
            if state.has_consumed(&instance, number) {
                self.place.delete(&found.path)?;
            } else {
                waiting.push((instance, number, found.bytes));
            }
        }
        let bytes = waiting.iter().map(|(_, _, bytes)| bytes).sum();
        self.shared.backlog.store(bytes, Ordering::Relaxed);
        Ok(waiting)
    }

    /// Removes what a version has replaced. A crash before it is done leaves it to a later one.
    fn remove_replaced(&self, before: &State, claim: &Claim, now: &State) -> Result<()> {
        for (instance, numbers) in &claim.segments {
            for number in numbers {
                self.place.delete(&format!("{JOURNAL}/{instance}/{number:012}.ndjson"))?;
            }
        }
        for path in before.files.keys().filter(|path| !now.files.contains_key(*path)) {
            self.place.delete(path)?;
        }
        now.remove_old(&self.place)
    }

    /// Removes Parquet files that no version names: what a crash has left, and what one wrote who
    /// did not know that others had gone on.
    fn sweep(&mut self, state: &State) -> Result<()> {
        if self.swept.is_some_and(|swept| state.version < swept + SWEEP_EVERY) {
            return Ok(());
        }
        for found in self.place.list("")? {
            let is_row_file =
                found.path.starts_with("app=") || found.path.starts_with("_rejected/app=");
            let is_past = version_of(&found.path).is_some_and(|of| of <= state.version);
            if is_row_file && is_past && !state.files.contains_key(&found.path) {
                self.place.delete(&found.path)?;
            }
        }
        self.swept = Some(state.version);
        Ok(())
    }
}

/// As many as one version takes in, of each instance the first.
fn first_segments(journal: Vec<(String, u64, u64)>) -> BTreeMap<String, Vec<u64>> {
    let (mut segments, mut size) = (BTreeMap::<String, Vec<u64>>::new(), 0);
    for (instance, number, bytes) in journal {
        size += bytes;
        if size > CLAIM_BYTES && !segments.is_empty() {
            break;
        }
        segments.entry(instance).or_default().push(number);
    }
    segments
}
