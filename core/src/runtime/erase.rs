//! Erasing what is known of the user.

use super::{Config, Noctule, lock, widget};
use crate::base::Result;
use crate::feedback::{private, rows as events};
use crate::learning::rows as profiles;
use crate::slates::rows as slates;
use crate::store::{Identity, Store, meta};
use crate::upload::{QueueState, deletions, metered, withheld};

/// Set before anything is erased, taken away in the transaction that erases: an erasure that was
/// begun is finished, by the next opening if need be.
pub(super) const ERASURE_PENDING: &str = "erasure_pending";
/// Set in the transaction that deletes, taken away once what was deleted is overwritten.
pub(super) const SCRUB_PENDING: &str = "scrub_pending";

impl Noctule {
    /// Forgets the user: feedback (also what was not sent yet), profile, slates, what they were
    /// made from, journal and pseudonyms, in one transaction, before it the file for widgets; and
    /// then overwrites what was deleted in the database file and its write-ahead log. An erasure
    /// that is killed or fails is finished by the next opening. The release and the consent stay,
    /// slates come back with the next night; a new pseudonym is drawn.
    ///
    /// When a batch was ever handed out, the collector is asked to delete what it has:
    /// [`Noctule::next_transfer`] says so until it has answered, and until then the old pseudonym
    /// is in that request and nowhere else.
    ///
    /// # Errors
    /// [`crate::base::Error::AlreadyRunning`] while a night runs: cancel it first; the storage
    /// errors; [`crate::base::Error::Closed`].
    pub fn erase(&self) -> Result<()> {
        let _working = self.begin_work()?;
        self.store.write("beginning an erasure", |transaction| {
            meta::put_number(transaction, ERASURE_PENDING, 1)
        })?;
        self.finish_erasure()
    }

    /// Erases everything after it was noted that this has to be done. The caller owns the work.
    pub(super) fn finish_erasure(&self) -> Result<()> {
        {
            // The file goes first, and whoever records now waits until the pseudonym is another.
            let _recording = lock(&self.recording);
            self.remove_widget()?;
            let now_ms = self.config.clock.now_ms();
            let identity = erase_all(&self.store, now_ms)?;
            let mut state = self.state();
            state.identity = identity;
            state.damaged.clear();
            *lock(&self.run) = None;
            *lock(&self.asked) = super::schedule::LastAsked::default();
        }
        // What is in memory goes first: it must not be served when the overwriting fails.
        self.fill_shelf()?;
        finish_scrub(&self.store)
    }
}

/// Finishes what a kill or an error left of an erasure, before anything else is looked at.
pub(super) fn finish_pending(store: &Store, config: &Config) -> Result<()> {
    if store.read(|connection| meta::number(connection, ERASURE_PENDING))? == 0 {
        return Ok(());
    }
    widget::remove_files(store, config)?;
    erase_all(store, config.clock.now_ms()).map(drop)
}

/// One transaction removes every row that has to do with the user, requests the deletion of what
/// was sent, and begins a new identity.
pub(super) fn erase_all(store: &Store, now_ms: i64) -> Result<Identity> {
    let identity = Identity::generate(None, now_ms);
    // Before the numbers begin anew: a mark that is ahead of them would tell of a loss.
    store.remove_mark();
    store.write("erasing", |transaction| {
        deletions::rows::request_all(transaction, now_ms)?;
        events::remove_all(transaction)?;
        slates::remove_all(transaction)?;
        crate::replay::rows::remove_all(transaction)?;
        crate::learning::forgotten::rows::remove_all(transaction)?;
        crate::night::rows::remove_all(transaction)?;
        meta::remove(transaction, crate::night::schedule::rows::KEY)?;
        meta::remove(transaction, profiles::KEY)?;
        meta::remove(transaction, private::rows::KEY)?;
        meta::remove(transaction, private::rows::SPENT)?;
        metered::rows::forget(transaction)?;
        withheld::rows::remove_all(transaction)?;
        QueueState::default().save(transaction)?;
        meta::remove(transaction, ERASURE_PENDING)?;
        meta::put_number(transaction, SCRUB_PENDING, 1)?;
        identity.save(transaction)
    })?;
    Ok(identity)
}

/// Overwrites what an erasure deleted, also one that was killed before it came to that.
pub(super) fn finish_scrub(store: &Store) -> Result<()> {
    if store.read(|connection| meta::number(connection, SCRUB_PENDING))? == 0 {
        return Ok(());
    }
    store.scrub()?;
    store.write("ending an erasure", |transaction| meta::remove(transaction, SCRUB_PENDING))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::base::ItemId;
    use crate::consent::DataConsent;
    use crate::feedback::{EventKind, FeedbackEvent};

    fn holds(directory: &std::path::Path, canary: &str) -> bool {
        std::fs::read_dir(directory).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
            bytes.windows(canary.len()).any(|window| window == canary.as_bytes())
        })
    }

    /// The files as they stand are what a kill leaves.
    fn copied(from: &std::path::Path) -> tempfile::TempDir {
        let left = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            // The index of the log is rebuilt by whoever opens the log first.
            if !entry.file_name().to_string_lossy().ends_with("-shm") {
                std::fs::copy(entry.path(), left.path().join(entry.file_name())).unwrap();
            }
        }
        left
    }

    #[test]
    fn an_erasure_that_was_begun_is_finished_at_the_next_opening() {
        let scratch = tempfile::tempdir().unwrap();
        let canary = "canary-4712";
        let config = |path: &std::path::Path| Config::new(path, "town", DataConsent::Full);
        let noctule = Noctule::open(config(scratch.path())).unwrap();
        let like = FeedbackEvent::new(EventKind::Like, ItemId::new(canary).unwrap());
        noctule.record(&[like]).unwrap();
        let before = noctule.status().unwrap().installation;
        noctule.store.write("test", |t| meta::put_number(t, ERASURE_PENDING, 1)).unwrap();
        let left = copied(scratch.path());
        assert!(holds(left.path(), canary));
        let again = Noctule::open(config(left.path())).unwrap();
        assert!(!holds(left.path(), canary));
        let status = again.status().unwrap();
        assert!(status.recorded == 0 && status.installation != before);
    }

    #[test]
    fn an_erasure_killed_before_the_overwriting_is_finished_at_the_next_opening() {
        let scratch = tempfile::tempdir().unwrap();
        let canary = "canary-4711";
        let noctule =
            Noctule::open(Config::new(scratch.path(), "town", DataConsent::Full)).unwrap();
        let like = FeedbackEvent::new(EventKind::Like, ItemId::new(canary).unwrap());
        noctule.record(&[like]).unwrap();
        // The deleting transaction of an erasure with what comes before, and nothing behind it.
        noctule.store.remove_mark();
        noctule
            .store
            .write("test", |transaction| {
                events::remove_all(transaction)?;
                meta::put_number(transaction, SCRUB_PENDING, 1)
            })
            .unwrap();
        assert!(holds(scratch.path(), canary), "the write-ahead log still has it");
        let left = copied(scratch.path());
        assert!(holds(left.path(), canary));
        let again = Noctule::open(Config::new(left.path(), "town", DataConsent::Full)).unwrap();
        assert!(!holds(left.path(), canary));
        assert_eq!(again.status().unwrap().recorded, 0);
    }
}
