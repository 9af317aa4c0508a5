//! The pull queue: feedback that leaves, and releases that come.

use super::erase::{SCRUB_PENDING, finish_scrub};
use super::{Noctule, lock};
use crate::base::{Network, Result, Seed, SeededRandom, Transfer, TransferOutcome};
use crate::delivery::FETCH_ID;
use crate::learning::rows as profiles;
use crate::store::{meta, pseudonyms};
use crate::upload::standing::rows as standing;
use crate::upload::{QueueState, Sender, deletions, metered};

impl Noctule {
    /// What the app's HTTP client should do next: requests to delete go first, then feedback, if
    /// the user allows it, then a new release comes.
    ///
    /// Call it again after [`Noctule::transfer_finished`], until it says `Done` or to wait. When
    /// the last byte of a release is there, this call verifies, examines and activates it, which
    /// takes about as long as hashing it: call on a background thread.
    ///
    /// # Errors
    /// [`crate::base::Error::ReleaseRefused`] when a release that has arrived is refused (the
    /// active one stays, and this one is not fetched again); [`crate::base::Error::Storage`],
    /// [`crate::base::Error::StorageFull`], [`crate::base::Error::File`],
    /// [`crate::base::Error::Damaged`], [`crate::base::Error::Closed`].
    pub fn next_transfer(&self, network: Network) -> Result<Transfer> {
        let upload = self.next_upload(network)?;
        self.scrub_soon();
        if matches!(upload, Transfer::Upload(_)) {
            return Ok(upload);
        }
        Ok(match (upload, self.next_fetch(network)?) {
            (wait, fetch @ (Transfer::Wait { .. } | Transfer::Done)) => sooner(wait, fetch),
            (_, fetch) => fetch,
        })
    }

    fn next_upload(&self, network: Network) -> Result<Transfer> {
        // An erasure in between would send the new user's events under the old pseudonym.
        let _recording = lock(&self.recording);
        self.rotate_pseudonym()?;
        let sender = {
            let state = self.state();
            Sender {
                app: self.config.app.clone(),
                installation: state.identity.installation,
                experiment: state.experiment.as_ref().map(|experiment| experiment.key.clone()),
            }
        };
        let may_send = self.state().consent.may_send();
        let now_ms = self.config.clock.now_ms();
        self.store.write("choosing the next transfer", |transaction| {
            let deletion = deletions::rows::next(transaction, &sender.app, now_ms)?;
            if !may_send || matches!(deletion, Transfer::Upload(_)) {
                return Ok(deletion);
            }
            // A request that waits for its next attempt keeps no feedback back.
            let mut queue = QueueState::load(transaction)?;
            let batch = match queue.next(transaction, &sender, now_ms)? {
                Transfer::Upload(request) if network == Network::Metered => {
                    let bytes = request.body.len() as u64;
                    let policy = self.config.upload;
                    if metered::rows::spend(transaction, policy, bytes, now_ms)? {
                        Transfer::Upload(request)
                    } else {
                        Transfer::WaitForUnmetered { bytes }
                    }
                }
                other => other,
            };
            Ok(sooner(deletion, batch))
        })
    }

    /// Takes note of how a transfer ended. Feedback that was acknowledged and learned is removed;
    /// of what was fetched only what its digest proves is kept.
    ///
    /// # Errors
    /// [`crate::base::Error::ReleaseRefused`] when the metadata of the repository is refused (what
    /// was trusted before stays); [`crate::base::Error::Storage`],
    /// [`crate::base::Error::StorageFull`], [`crate::base::Error::File`],
    /// [`crate::base::Error::Damaged`], [`crate::base::Error::Closed`].
    pub fn transfer_finished(&self, id: &str, outcome: &TransferOutcome) -> Result<()> {
        if id.starts_with(FETCH_ID) {
            return self.fetch_finished(id, outcome);
        }
        let now_ms = self.config.clock.now_ms();
        let mut random = self.backoff_random(id);
        if id.starts_with(deletions::DELETION_ID) {
            return self.deletion_finished(id, outcome, now_ms, &mut random);
        }
        self.store.write("finishing a transfer", |transaction| {
            let mut queue = QueueState::load(transaction)?;
            let keys = &self.config.collector_keys;
            if queue.finished(transaction, (id, outcome), keys, now_ms, &mut random)? {
                let learned = self.profile(profiles::load(transaction))?.learned_through;
                standing::remove_settled(transaction, learned, true)?;
                let delivered = queue.delivered_through(transaction)?;
                if pseudonyms::remove_delivered(transaction, delivered)? {
                    meta::put_number(transaction, SCRUB_PENDING, 1)?;
                }
            }
            Ok(())
        })?;
        self.scrub_soon();
        Ok(())
    }

    fn deletion_finished(
        &self,
        id: &str,
        outcome: &TransferOutcome,
        now_ms: i64,
        random: &mut SeededRandom,
    ) -> Result<()> {
        self.store.write("finishing a deletion request", |transaction| {
            let keys = &self.config.collector_keys;
            if deletions::rows::finished(transaction, (id, outcome), keys, now_ms, random)? {
                // The pseudonym was left in this request only.
                meta::put_number(transaction, SCRUB_PENDING, 1)?;
            }
            Ok(())
        })?;
        self.scrub_soon();
        Ok(())
    }

    /// Overwrites what was deleted, now or, where there is no room for it, at the next opening.
    pub(super) fn scrub_soon(&self) {
        let _ = finish_scrub(&self.store);
    }

    /// Jitter that differs between devices, transfers and moments.
    pub(super) fn backoff_random(&self, id: &str) -> SeededRandom {
        let now_ms = self.config.clock.now_ms().to_string();
        SeededRandom::new(Seed(self.state().identity.seed).derive(&["backoff", id, &now_ms]))
    }
}

/// What comes first of two, of which neither has to be done now; whatever has to be wins.
fn sooner(one: Transfer, other: Transfer) -> Transfer {
    match (one, other) {
        (Transfer::Wait { until_ms: one }, Transfer::Wait { until_ms: other }) => {
            Transfer::Wait { until_ms: one.min(other) }
        }
        (wait, Transfer::Done) => wait,
        (_, other) => other,
    }
}
