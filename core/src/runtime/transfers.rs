//! The pull queue: feedback that leaves, and releases that come.

use super::{Noctule, lock};
use crate::base::{Network, Result, Seed, SeededRandom, Transfer, TransferOutcome};
use crate::delivery::FETCH_ID;
use crate::learning::rows as profiles;
use crate::upload::standing::rows as standing;
use crate::upload::{QueueState, Sender};

impl Noctule {
    /// What the app's HTTP client should do next: feedback goes first, then a new release comes.
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
        let upload = self.next_upload()?;
        if matches!(upload, Transfer::Upload(_)) {
            return Ok(upload);
        }
        Ok(match (upload, self.next_fetch(network)?) {
            (Transfer::Wait { until_ms: one }, Transfer::Wait { until_ms: other }) => {
                Transfer::Wait { until_ms: one.min(other) }
            }
            (wait, Transfer::Done) => wait,
            (_, fetch) => fetch,
        })
    }

    fn next_upload(&self) -> Result<Transfer> {
        // An erasure in between would send the new user's events under the old pseudonym.
        let _recording = lock(&self.recording);
        let sender = {
            let state = self.state();
            Sender {
                app: self.config.app.clone(),
                installation: state.identity.installation,
                experiment: state.experiment.as_ref().map(|experiment| experiment.key.clone()),
            }
        };
        let now_ms = self.config.clock.now_ms();
        self.store.write("choosing the next transfer", |transaction| {
            QueueState::load(transaction)?.next(transaction, &sender, now_ms)
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
        self.store.write("finishing a transfer", |transaction| {
            let mut queue = QueueState::load(transaction)?;
            let keys = &self.config.collector_keys;
            if queue.finished(transaction, (id, outcome), keys, now_ms, &mut random)? {
                let learned = self.profile(profiles::load(transaction))?.learned_through;
                standing::remove_settled(transaction, learned)?;
            }
            Ok(())
        })
    }

    /// Jitter that differs between devices, transfers and moments.
    pub(super) fn backoff_random(&self, id: &str) -> SeededRandom {
        let now_ms = self.config.clock.now_ms().to_string();
        SeededRandom::new(Seed(self.state().identity.seed).derive(&["backoff", id, &now_ms]))
    }
}
