//! What the user allows: settled when the profile is opened, changed later.

use std::time::{Duration, Instant};

use super::erase::{ERASURE_PENDING, SCRUB_PENDING, finish_pending};
use super::{Config, Noctule, lock};
use crate::base::sync::{MutexGuard, wait};
use crate::base::{Error, Result};
use crate::consent::DataConsent;
use crate::consent::rows::{self, Stored};
use crate::store::{Store, meta};
use crate::upload::withheld::rows::withhold_all;

/// How long a withdrawal waits for the night to stop, which does within a tenth of a second; an
/// installation may have to copy a release first.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The consent in force when a profile is opened: the lesser of what is stored and what the app
/// says. What the app no longer has is withdrawn here.
pub(super) fn settle(store: &Store, config: &Config) -> Result<DataConsent> {
    let now = config.consent;
    match store.read(rows::load)? {
        Stored::Nothing => store.write("storing the consent", |transaction| {
            rows::save(transaction, now)?;
            Ok(now)
        }),
        Stored::Known(before) if before <= now => Ok(before),
        // Whatever was stored: the app says that nothing is allowed.
        Stored::Known(_) | Stored::Unreadable if now == DataConsent::NotGiven => {
            store.write("withdrawing the consent", |transaction| {
                rows::save(transaction, now)?;
                meta::put_number(transaction, ERASURE_PENDING, 1)
            })?;
            finish_pending(store, config)?;
            Ok(now)
        }
        Stored::Known(_) => {
            store.write("withdrawing the consent", |transaction| {
                rows::save(transaction, now)?;
                withhold_all(transaction)?;
                meta::put_number(transaction, SCRUB_PENDING, 1)
            })?;
            Ok(now)
        }
        // Nothing is used and nothing is removed until the app says what is allowed.
        Stored::Unreadable => Ok(DataConsent::NotGiven),
    }
}

impl Noctule {
    /// What the user allows.
    #[must_use]
    pub fn consent(&self) -> DataConsent {
        self.state().consent
    }

    /// Changes what the user allows; durable when it returns.
    ///
    /// - [`DataConsent::NotGiven`]: from the begin of the call nothing is recorded, learned or
    ///   sent. A night that runs is cancelled, and then everything that is known of the user is
    ///   removed as by [`Noctule::erase`], with a request to the collector when a batch was ever
    ///   handed out. Slates that are the same for everybody take the place of the others where the
    ///   release is whole; otherwise the next night makes them.
    /// - [`DataConsent::OnDevice`]: what waited to be sent never is, and what was kept for that
    ///   alone is removed. What was sent stays with the collector.
    /// - [`DataConsent::Full`]: what is recorded from now on is sent; what was recorded under less
    ///   never is.
    ///
    /// # Errors
    /// The storage errors; [`Error::Closed`]; [`Error::AlreadyRunning`] when a night or an
    /// installation does not end in ten seconds. Less consent is in force all the same until the
    /// profile is closed, and what could not be removed is at the end of the night or at the next
    /// opening.
    pub fn set_consent(&self, consent: DataConsent) -> Result<()> {
        self.check_open()?;
        let before = self.put_consent(consent)?;
        if consent == DataConsent::NotGiven {
            return self.withdraw();
        }
        if !before.may_record() {
            self.fill_shelf()?;
        }
        self.scrub_soon();
        Ok(())
    }

    fn put_consent(&self, consent: DataConsent) -> Result<DataConsent> {
        let _recording = lock(&self.recording);
        let before = self.state().consent;
        // Less counts at once, whether it can be stored or not.
        self.state().consent = before.min(consent);
        self.store.write("setting the consent", |transaction| {
            rows::save(transaction, consent)?;
            match consent {
                DataConsent::NotGiven => meta::put_number(transaction, ERASURE_PENDING, 1),
                DataConsent::Full if before == DataConsent::Full => Ok(()),
                DataConsent::OnDevice | DataConsent::Full => {
                    withhold_all(transaction)?;
                    meta::put_number(transaction, SCRUB_PENDING, 1)
                }
            }
        })?;
        self.state().consent = consent;
        Ok(before)
    }

    fn withdraw(&self) -> Result<()> {
        // Nothing of the user is shown while the night comes to its end.
        self.fill_shelf()?;
        if let Some(night) = &*lock(&self.night) {
            night.cancel_because("the consent was withdrawn");
        }
        let _working = self.begin_work_within(PATIENCE)?;
        self.finish_withdrawal()?;
        self.put_stand_ins();
        Ok(())
    }

    /// Slates that are the same for everybody, where there are none. What fails here is made up
    /// for by the next night.
    fn put_stand_ins(&self) {
        let Ok(Some((loaded, _))) = self.loaded(&|| Ok(())) else { return };
        let made = self.change_over(&loaded, true).and_then(|mut made| {
            self.store.write("putting slates in place", |transaction| made.publish(transaction))
        });
        if made.is_ok() {
            let _ = self.fill_shelf();
        }
    }

    /// Removes what a withdrawal could not wait for. The caller owns the work.
    pub(super) fn finish_withdrawal(&self) -> Result<()> {
        match self.store.read(|connection| meta::number(connection, ERASURE_PENDING))? {
            0 => Ok(()),
            _ => self.finish_erasure(),
        }
    }

    fn begin_work_within(&self, patience: Duration) -> Result<MutexGuard<'_, ()>> {
        let begun = Instant::now();
        loop {
            match self.begin_work() {
                Err(Error::AlreadyRunning { .. }) if begun.elapsed() < patience => {
                    wait(LOOK_EVERY);
                }
                other => return other,
            }
        }
    }
}
