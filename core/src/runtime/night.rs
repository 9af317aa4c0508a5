//! One night: learn, make, publish, tidy up.

use super::{Noctule, lock};
use crate::base::budget::Spending;
use crate::base::{Budget, CancelToken, Profile, Progress, Result, Step};
use crate::feedback::rows as events;
use crate::learning::{LabelWeights, Labels, rows as profiles};
use crate::night::{Job, NightOutcome, NightReport, rows as journal};
use crate::serving::Today;
use crate::slates::{Slate, SlateKey, rows as slates};
use crate::upload::QueueState;

impl Noctule {
    /// Runs one slice of the night: learns from the feedback, then makes and publishes what is left
    /// to make, the most opened slate first, each in a transaction of its own.
    ///
    /// May be killed at any instruction: the next call goes on with what is left. Asks `cancel` and
    /// the budget before each slate. Lack of a release is an outcome, not an error.
    ///
    /// # Errors
    /// [`crate::base::Error::AlreadyRunning`] when a night or an installation runs in this
    /// process; [`crate::base::Error::Model`] when a score is not finite (the slates before stay);
    /// [`crate::base::Error::ReleaseDamaged`] when a file of the installed release changed, found
    /// before a slate is made from it;
    /// the storage errors; [`crate::base::Error::Closed`].
    pub fn run_night(
        &self,
        budget: Budget,
        cancel: &CancelToken,
        progress: &dyn Progress,
    ) -> Result<NightReport> {
        let _working = self.begin_work()?;
        let spending = Spending::begin(budget, cancel);
        let now_ms = self.config.clock.now_ms();
        let run = self.store.write("opening the night's journal", |transaction| {
            journal::begin(transaction, now_ms)
        })?;
        let result = self.night(&spending, progress);
        let ended_ms = self.config.clock.now_ms();
        self.store.write("closing the night's journal", |transaction| {
            journal::end(transaction, run, ended_ms, result.as_ref())
        })?;
        result
    }

    fn night(&self, spending: &Spending<'_>, progress: &dyn Progress) -> Result<NightReport> {
        progress.report(Step::Learning, 0, 1);
        let (profile, learned_events) = self.learn()?;
        progress.report(Step::Learning, 1, 1);
        let Some((loaded, was_checked)) = self.loaded()? else {
            let outcome = NightOutcome::NoRelease;
            return Ok(NightReport {
                outcome,
                published: 0,
                kept: 0,
                remaining: 0,
                learned_events,
            });
        };
        let treatment = self.state().treatment();
        let maker = self.maker(&loaded, &profile, treatment, true);
        let check = || if was_checked { Ok(()) } else { self.check_release() };
        let job = Job { maker: &maker, spending, progress, check_release: &check };
        let report = job
            .run(&|key| self.published_inputs(key), &|slate, inputs| self.publish(slate, inputs))?;
        if report.outcome == NightOutcome::Finished {
            self.store.maintain()?;
            progress.report(Step::Maintenance, 1, 1);
        }
        Ok(NightReport { learned_events, ..report })
    }

    /// Brings the profile up to date with what was recorded, in one transaction.
    fn learn(&self) -> Result<(Profile, u64)> {
        let _recording = lock(&self.recording);
        let learned = self.store.write("learning", |transaction| {
            let before = self.profile(profiles::load(transaction))?;
            let after = before.learned_through;
            let mut labels = Labels::new(before, LabelWeights::default());
            events::each_after(transaction, after, usize::MAX, |event| {
                labels.learn(&event);
                Ok(())
            })?;
            let (profile, read) = labels.finish();
            profiles::save(transaction, &profile)?;
            let delivered = QueueState::load(transaction)?.acknowledged_through;
            events::remove_through(transaction, delivered.min(profile.learned_through))?;
            Ok((profile, read))
        })?;
        self.shelf.set_today(Today::of(&learned.0));
        Ok(learned)
    }

    /// The inputs of the slate of `key`; none when it is not on the shelf, as after damage.
    fn published_inputs(&self, key: &SlateKey) -> Result<Option<Vec<u8>>> {
        if !self.shelf.snapshot().slates.contains_key(key) {
            return Ok(None);
        }
        self.store.read(|connection| slates::inputs_of(connection, key))
    }

    /// Publishes on disk first, then in memory.
    fn publish(&self, mut slate: Slate, inputs: &[u8]) -> Result<()> {
        self.store.write("publishing a slate", |transaction| {
            slates::publish(transaction, &mut slate, inputs)
        })?;
        self.shelf.put(slate);
        Ok(())
    }
}
