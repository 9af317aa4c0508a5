//! One night: learn, make, publish, tidy up.

use std::cell::{Cell, OnceCell};

use super::{Noctule, lock};
use crate::base::budget::Spending;
use crate::base::sync::atomic::Ordering;
use crate::base::{Budget, CancelToken, Error, Profile, Progress, Result, Step, StopReason};
use crate::feedback::{Durability, recorder, rows as events};
use crate::learning::forgotten::rows as forgotten;
use crate::learning::{LabelWeights, Labels, rows as profiles};
use crate::night::rows::{self as journal, Spent};
use crate::night::{
    Job, LoadedRelease, NightOutcome, NightReport, RunOutcome, SlateKeeper, SlateMaker, coming_day,
};
use crate::release::activation::rows as states;
use crate::release::{Probation, rows as releases};
use crate::replay::rows::{Origin, StandIns};
use crate::serving::Today;
use crate::slates::{Slate, SlateKey, rows as slates};
use crate::upload::standing::rows as standing;

/// Events that are learned in one transaction: a hundredth of a second, in which nothing can be
/// recorded and no cancellation is answered.
const EVENTS_AT_ONCE: usize = 500;

/// A slate that is kept is written anew only when it stays fresh for so much longer.
const WORTH_KEEPING_MS: i64 = 60 * 60 * 1_000;

impl Noctule {
    /// Runs one slice of the night: learns from the feedback, then makes and publishes what is left
    /// to make, the most needed slate first, each in a transaction of its own.
    ///
    /// May be killed at any instruction: the next call goes on with what is left, and makes at most
    /// the slate again that was being made. Asks `cancel` and the budget before each slate and
    /// inside it. Lack of a release is an outcome, not an error.
    ///
    /// A slate that the model cannot make stays as it was; the others are made, and then the error
    /// is given. A release that is damaged gives way to the previous one, which then makes the
    /// slates; one on probation is confirmed by a finished night, or given up: see
    /// [`crate::Status::reverted`].
    ///
    /// # Errors
    /// [`crate::base::Error::InvalidInput`] for a budget without a thread;
    /// [`crate::base::Error::AlreadyRunning`] when a night or an installation runs in this
    /// process; [`crate::base::Error::Model`] when a score is not finite (the other slates stay);
    /// [`crate::base::Error::ReleaseRefused`] when the plan of the app does not fit the release;
    /// [`crate::base::Error::ReleaseDamaged`] when a file of the installed release changed, found
    /// before a slate is made from it, and there is no whole one to go back to;
    /// [`crate::base::Error::DirectoryMissing`] when the profile's directory was removed;
    /// the storage errors; [`crate::base::Error::Closed`].
    pub fn run_night(
        &self,
        budget: Budget,
        cancel: &CancelToken,
        progress: &dyn Progress,
    ) -> Result<NightReport> {
        budget.check()?;
        let _working = self.begin_work()?;
        let spending = Spending::begin(budget, cancel);
        let now_ms = self.config.clock.now_ms();
        let conditions = self.conditions_of(now_ms);
        let taken = self.taken_from_night.load(Ordering::Acquire);
        let (run, cut) = self.store.write("opening the night's journal", |transaction| {
            let run = journal::begin(transaction, now_ms, conditions.as_deref())?;
            let begun = |probation: &mut Probation| {
                let before = probation.cut_nights.saturating_sub(u32::from(taken));
                probation.cut_nights = before.saturating_add(1);
                before
            };
            Ok((run, states::on_probation(transaction, begun)?))
        })?;
        self.taken_from_night.store(false, Ordering::Release);
        self.check_cut_nights(cut)?;
        *lock(&self.night) = Some(cancel.clone());
        let result = self.night(run, &spending, progress);
        *lock(&self.night) = None;
        self.refresh_widget();
        self.end_run(run, result.as_ref(), &spending, cancel)?;
        let judged = self.judge_night(result.as_ref());
        self.finish_withdrawal()?;
        let report = result?;
        judged.map(|()| report)
    }

    fn end_run(
        &self,
        run: i64,
        result: Result<&NightReport, &Error>,
        spending: &Spending<'_>,
        cancel: &CancelToken,
    ) -> Result<()> {
        let ended_ms = self.config.clock.now_ms();
        let left = result.map_or((0, 0), |report| (report.kept, report.remaining));
        let spent = Spent {
            cpu_ms: u64::try_from(spending.cpu_spent().as_millis()).unwrap_or(u64::MAX),
            wall_ms: u64::try_from(spending.elapsed().as_millis()).unwrap_or(u64::MAX),
            stop_told: cancel.reason(),
        };
        let outcome = RunOutcome::of(result);
        let closed = self.store.write("closing the night's journal", |transaction| {
            states::on_probation(transaction, |probation| probation.cut_nights = 0)?;
            journal::end(transaction, run, ended_ms, &outcome, left, &spent)
        });
        if matches!(closed, Err(Error::Suspended)) {
            self.taken_from_night.store(true, Ordering::Release);
        }
        // What went wrong in the night says more than that it could not be noted.
        if result.is_err() { Ok(()) } else { closed }
    }

    /// A night with the active release; when that is damaged, with the one before it.
    fn night(
        &self,
        run: i64,
        spending: &Spending<'_>,
        progress: &dyn Progress,
    ) -> Result<NightReport> {
        match self.night_of_active(run, spending, progress) {
            Err(error @ Error::ReleaseDamaged { .. }) if self.fall_back(&error)? => {
                self.night_of_active(run, spending, progress)
            }
            ended => ended,
        }
    }

    fn night_of_active(
        &self,
        run: i64,
        spending: &Spending<'_>,
        progress: &dyn Progress,
    ) -> Result<NightReport> {
        progress.report(Step::Learning, 0, 1);
        let (profile, learned_events) = self.learn(spending)?;
        progress.report(Step::Learning, 1, 1);
        if let Some(reason) = spending.stop_reason() {
            return Ok(NightReport::new(self.stopped(reason), self.planned(), learned_events));
        }
        let loaded = match self.loaded(&|| spending.check()) {
            Ok(loaded) => loaded,
            Err(Error::Cancelled) => {
                let reason = spending.stop_reason().unwrap_or(StopReason::Cancelled);
                return Ok(NightReport::new(self.stopped(reason), self.planned(), learned_events));
            }
            Err(error) => return Err(error),
        };
        let Some((loaded, was_checked)) = loaded else {
            return Ok(NightReport::new(NightOutcome::NoRelease, 0, learned_events));
        };
        self.restore_plan(&loaded)?;
        let treatment = self.state().treatment();
        let maker = self.maker(&loaded, &profile, treatment, true);
        let go_on = || spending.check();
        let check = || if was_checked { Ok(()) } else { self.check_release(&go_on) };
        let clock = &self.config.clock;
        let coming = coming_day(clock.now_ms(), clock.offset_minutes());
        let job = Job { maker: &maker, spending, progress, check_release: &check, coming };
        let report = job.run(&Keeper::new(self, &maker, run))?;
        if report.outcome == NightOutcome::Finished {
            self.store.maintain()?;
            progress.report(Step::Maintenance, 1, 1);
        }
        Ok(NightReport { learned_events, ..report })
    }

    /// Takes plan and experiment from the release again, if what was stored of them is damaged.
    fn restore_plan(&self, loaded: &LoadedRelease) -> Result<()> {
        if !self.state().plan_damaged {
            return Ok(());
        }
        let manifest = loaded.release.manifest();
        let action = "storing the plan again";
        self.store.write(action, |transaction| releases::put_plan(transaction, manifest))?;
        {
            let mut state = self.state();
            state.experiment.clone_from(&manifest.experiment);
            state.plan_damaged = false;
        }
        self.fill_shelf()
    }

    /// A night that stops before it has a release open: there may be none.
    fn stopped(&self, reason: StopReason) -> NightOutcome {
        if self.state().installed.is_empty() {
            NightOutcome::NoRelease
        } else {
            NightOutcome::Stopped(reason)
        }
    }

    /// Slates of the plan in force.
    pub(super) fn planned(&self) -> u32 {
        let shelf = self.shelf.snapshot();
        let surfaces = shelf.plan.as_ref().map(|plan| plan.surfaces.iter());
        surfaces.map_or(0, |surfaces| surfaces.map(|surface| surface.contexts.len() as u32).sum())
    }

    /// Brings the profile up to date with what was recorded, some events a transaction, so that a
    /// kill costs no more than those. Stops early when the work has to.
    fn learn(&self, spending: &Spending<'_>) -> Result<(Profile, u64)> {
        if !self.state().consent.may_record() {
            return Ok((self.profile_in_use()?, 0));
        }
        let mut all = 0;
        let profile = loop {
            let (profile, read) = self.learn_some()?;
            all += read;
            if read < EVENTS_AT_ONCE as u64 || spending.stop_reason().is_some() {
                break profile;
            }
        };
        let _recording = lock(&self.recording);
        let today = self.store.read(|connection| {
            let forgotten = forgotten::load(connection)?;
            let mut today = Today::of(&profile, &forgotten);
            events::note_after(connection, profile.learned_through, &forgotten, &mut today)?;
            Ok(today)
        })?;
        self.shelf.set_today(today);
        Ok((profile, all))
    }

    fn learn_some(&self) -> Result<(Profile, u64)> {
        let _recording = lock(&self.recording);
        let shelf = self.shelf.snapshot();
        let made_with = shelf.slates.values().map(|published| published.slate().forgotten_through);
        let slates_through = made_with.min().unwrap_or(u64::MAX);
        let consent = self.state().consent;
        if !consent.may_record() {
            // Withdrawn since the night began.
            return Ok((self.profile_in_use()?, 0));
        }
        self.store.write("learning", |transaction| {
            let mut before = self.profile(profiles::load(transaction))?;
            // A profile that began anew after damage has forgotten everything already.
            before.forgotten_through = forgotten::latest(transaction)?;
            let after = before.learned_through;
            let labels = Labels::new(before, LabelWeights::default());
            let labels = labels.without(forgotten::load(transaction)?);
            let mut labels = labels.in_zone(self.config.clock.offset_minutes());
            events::each_after(transaction, after, EVENTS_AT_ONCE, |event| {
                labels.learn(&event);
                Ok(())
            })?;
            let (profile, read) = labels.finish();
            profiles::save(transaction, &profile)?;
            let may_send = consent.may_send();
            standing::remove_settled(transaction, profile.learned_through, may_send)?;
            let now_ms = self.config.clock.now_ms();
            standing::retain(transaction, self.config.retention, now_ms, may_send)?;
            recorder::rows::tidy_stamps(transaction)?;
            forgotten::tidy(transaction, slates_through)?;
            Ok((profile, read))
        })
    }
}

/// Publishes the slates of one night: on disk first, then in memory.
struct Keeper<'a> {
    noctule: &'a Noctule,
    maker: &'a SlateMaker<'a>,
    run: i64,
    /// What the slates are made from, once the first is.
    origin: OnceCell<Origin>,
    /// Slates of another release are on the shelf: with the first slate of the new one they go.
    changes: Cell<bool>,
}

impl<'a> Keeper<'a> {
    fn new(noctule: &'a Noctule, maker: &'a SlateMaker<'a>, run: i64) -> Self {
        let tag = maker.loaded.release.manifest().release.to_string();
        let shelf = noctule.shelf.snapshot();
        let of_another = shelf.slates.values().any(|published| published.slate().release != tag);
        Self { noctule, maker, run, origin: OnceCell::new(), changes: Cell::new(of_another) }
    }

    fn origin(&self) -> &Origin {
        let SlateMaker { loaded, profile, day, .. } = *self.maker;
        self.origin.get_or_init(|| self.noctule.origin(loaded, profile, day))
    }
}

impl SlateKeeper for Keeper<'_> {
    /// None for a slate that is not on the shelf, as after damage.
    fn inputs_of(&self, key: &SlateKey) -> Result<Option<Vec<u8>>> {
        if !self.noctule.shelf.snapshot().slates.contains_key(key) {
            return Ok(None);
        }
        self.noctule.store.read(|connection| slates::inputs_of(connection, key))
    }

    fn publish(&self, mut slate: Slate, inputs: &[u8]) -> Result<()> {
        let noctule = self.noctule;
        if slate.personalised && !noctule.state().consent.may_record() {
            // Withdrawn since the slate was begun.
            return Err(Error::Cancelled);
        }
        noctule.store.check_present()?;
        let mut beside: Option<StandIns> = match self.changes.take() {
            true => Some(noctule.change_over(self.maker.loaded, true)?),
            false => None,
        };
        if let Some(beside) = &mut beside {
            beside.slates.retain(|stand_in| stand_in.key != slate.key);
        }
        // The night's end is committed for a loss of power, too, and takes the slates along: one
        // that is lost before is made again. A file for widgets would outlive such a loss, and must
        // not show what is lost.
        let durability = match (&beside, &noctule.config.widget) {
            (None, None) => Durability::ProcessEnd,
            _ => Durability::PowerLoss,
        };
        noctule.store.write_as(durability, "publishing a slate", |transaction| {
            if let Some(beside) = &mut beside {
                beside.publish(transaction)?;
            }
            slates::publish(transaction, &mut slate, inputs)?;
            self.origin().remember(transaction, [&slate])?;
            journal::count_published(transaction, self.run)
        })?;
        let beside = beside.into_iter().flat_map(|beside| beside.slates);
        noctule.shelf.put(beside.chain([slate]));
        Ok(())
    }

    fn keep(&self, key: &SlateKey, stale_after_ms: i64) -> Result<()> {
        let noctule = self.noctule;
        let shelf = noctule.shelf.snapshot();
        let Some(published) = shelf.slates.get(key) else { return Ok(()) };
        let slate = published.slate();
        if stale_after_ms.saturating_sub(slate.stale_after_ms) < WORTH_KEEPING_MS {
            return Ok(());
        }
        let slate = Slate { stale_after_ms, ..slate.clone() };
        noctule.store.check_present()?;
        noctule.store.write("keeping a slate", |transaction| slates::keep(transaction, &slate))?;
        noctule.shelf.put([slate]);
        Ok(())
    }
}
