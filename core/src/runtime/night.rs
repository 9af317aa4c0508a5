//! One night: learn, make, publish, tidy up.

use std::cell::Cell;

use super::{Noctule, lock};
use crate::base::budget::Spending;
use crate::base::{Budget, CancelToken, Error, Profile, Progress, Result, Step};
use crate::feedback::rows as events;
use crate::learning::{LabelWeights, Labels, rows as profiles};
use crate::night::{Job, NightOutcome, NightReport, rows as journal};
use crate::release::Probation;
use crate::release::activation::rows as states;
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
    /// A release that is damaged gives way to the previous one, which then makes the slates; one on
    /// probation is confirmed by a finished night, or given up: see [`crate::Status::reverted`].
    ///
    /// # Errors
    /// [`crate::base::Error::AlreadyRunning`] when a night or an installation runs in this
    /// process; [`crate::base::Error::Model`] when a score is not finite (the slates before stay);
    /// [`crate::base::Error::ReleaseRefused`] when the plan of the app does not fit the release;
    /// [`crate::base::Error::ReleaseDamaged`] when a file of the installed release changed, found
    /// before a slate is made from it, and there is no whole one to go back to;
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
        let (run, cut) = self.store.write("opening the night's journal", |transaction| {
            let run = journal::begin(transaction, now_ms)?;
            let begun = |probation: &mut Probation| {
                let before = probation.cut_nights;
                probation.cut_nights = before.saturating_add(1);
                before
            };
            Ok((run, states::on_probation(transaction, begun)?))
        })?;
        self.check_cut_nights(cut)?;
        let result = self.night(&spending, progress);
        let ended_ms = self.config.clock.now_ms();
        self.store.write("closing the night's journal", |transaction| {
            states::on_probation(transaction, |probation| probation.cut_nights = 0)?;
            journal::end(transaction, run, ended_ms, result.as_ref())
        })?;
        let judged = self.judge_night(result.as_ref());
        let report = result?;
        judged.map(|()| report)
    }

    /// A night with the active release; when that is damaged, with the one before it.
    fn night(&self, spending: &Spending<'_>, progress: &dyn Progress) -> Result<NightReport> {
        match self.night_of_active(spending, progress) {
            Err(error @ Error::ReleaseDamaged { .. }) if self.fall_back(&error)? => {
                self.night_of_active(spending, progress)
            }
            ended => ended,
        }
    }

    fn night_of_active(
        &self,
        spending: &Spending<'_>,
        progress: &dyn Progress,
    ) -> Result<NightReport> {
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
        let tag = loaded.release.manifest().release.to_string();
        let shelf = self.shelf.snapshot();
        let of_another = shelf.slates.values().any(|published| published.slate().release != tag);
        let changes = Cell::new(of_another);
        drop(shelf);
        let publish = |slate, inputs: &[u8]| {
            // With the first slate of a new release the others of the old one go.
            let beside = if changes.take() { self.change_over(&loaded, true)? } else { Vec::new() };
            self.publish(slate, inputs, beside)
        };
        let report = job.run(&|key| self.published_inputs(key), &publish)?;
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

    /// Publishes on disk first, then in memory; stand-ins `beside` it in the same transaction.
    fn publish(&self, mut slate: Slate, inputs: &[u8], mut beside: Vec<Slate>) -> Result<()> {
        beside.retain(|stand_in| stand_in.key != slate.key);
        self.store.write("publishing a slate", |transaction| {
            slates::publish_stand_ins(transaction, &mut beside)?;
            slates::publish(transaction, &mut slate, inputs)
        })?;
        self.shelf.put(beside.into_iter().chain([slate]));
        Ok(())
    }
}
