//! Holding no lock while the system freezes the process.

use std::sync::TryLockError;
use std::time::{Duration, Instant};

use super::{Noctule, lock};
use crate::base::Result;
use crate::base::sync::wait;
use crate::consent::rows::{self as consents, Stored};
use crate::feedback::{recorder, rows as events};
use crate::release::rows as releases;
use crate::store::Identity;

/// How long a night may take to end by itself and to note that in its journal.
const PATIENCE: Duration = Duration::from_millis(80);
const LOOK_EVERY: Duration = Duration::from_millis(1);

impl Noctule {
    /// Lets go of every file and lock of the profile until [`Noctule::resume`], within 200 ms: for
    /// a system that ends processes which hold a lock while they are frozen, as iOS does. A night
    /// that runs is cancelled; what else is under way ends, or is undone with
    /// [`Error::Suspended`].
    ///
    /// Until then [`Noctule::recommend`] goes on to answer from memory, and every call that needs
    /// the database gives [`Error::Suspended`] and changes nothing. Twice is once.
    ///
    /// [`Error::Suspended`]: crate::Error::Suspended
    ///
    /// # Errors
    /// [`Error::Closed`](crate::Error::Closed).
    pub fn suspend(&self) -> Result<()> {
        self.check_open()?;
        let begun = Instant::now();
        // A night that ends by itself can still say so in its journal.
        let is_working = || matches!(self.working.try_lock(), Err(TryLockError::WouldBlock));
        while is_working() && begun.elapsed() < PATIENCE {
            if let Some(night) = &*lock(&self.night) {
                night.cancel_because("suspended");
            }
            wait(LOOK_EVERY);
        }
        self.store.suspend()
    }

    /// Takes the profile up again after [`Noctule::suspend`], with whatever another process did to
    /// it meanwhile. Without a suspension it does nothing.
    ///
    /// # Errors
    /// Those of the store: [`Error::DirectoryInUse`](crate::Error::DirectoryInUse) when another
    /// process has it open, [`Error::DirectoryMissing`](crate::Error::DirectoryMissing),
    /// [`Error::Storage`](crate::Error::Storage), [`Error::File`](crate::Error::File): it stays
    /// suspended, or is again. [`Error::Closed`](crate::Error::Closed).
    pub fn resume(&self) -> Result<()> {
        self.check_open()?;
        if !self.take_up()? {
            return Ok(());
        }
        self.resume_delivery()?;
        // What is in memory may be of before; a resumption that is tried again reads it again.
        self.fill_shelf().inspect_err(|_| drop(self.store.suspend()))
    }

    /// A look for a new release goes on, unless another process has trusted something else since:
    /// an app that is suspended between a transfer's begin and its end would never come to the end
    /// of one. Whether a release is on its way is looked up again.
    fn resume_delivery(&self) -> Result<()> {
        let mut session = lock(&self.delivery);
        let under_way = session.update.is_some().then(|| self.trusted_set()).transpose();
        let stored = under_way.inspect_err(|_| drop(self.store.suspend()))?.flatten();
        session.resume(stored.as_ref());
        Ok(())
    }

    fn take_up(&self) -> Result<bool> {
        let _recording = lock(&self.recording);
        // A database that is gone must not be made anew, empty.
        self.store.check_present()?;
        if !self.store.resume()? {
            return Ok(false);
        }
        if let Err(error) = self.read_again() {
            // What is in memory may not be what is on the disk: nobody may use both.
            self.store.suspend()?;
            return Err(error);
        }
        Ok(true)
    }

    fn read_again(&self) -> Result<()> {
        let now_ms = self.config.clock.now_ms();
        let mark = self.store.mark();
        let identity = self.store.write("resuming", |transaction| {
            if self.store.was_suspected() {
                events::remove_unreadable(transaction)?;
            }
            recorder::rows::go_on_behind(transaction, mark)?;
            Identity::load_or_create(transaction, self.config.seed, now_ms)
        })?;
        let (stored, installed, experiment) = self.store.read(|connection| {
            let installed = releases::installed(connection)?;
            Ok((consents::load(connection)?, installed, releases::active_experiment(connection)))
        })?;
        let mut state = self.state();
        // Never more than this process knew: more is given by `set_consent` alone.
        state.consent = match stored {
            Stored::Known(stored) => state.consent.min(stored),
            Stored::Nothing | Stored::Unreadable => crate::consent::DataConsent::NotGiven,
        };
        state.identity = identity;
        state.damaged.extend(self.store.take_rescued());
        if state.installed != installed {
            state.loaded = None;
        }
        state.installed = installed;
        state.experiment = state.of_release(experiment)?;
        Ok(())
    }
}
