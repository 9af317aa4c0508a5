//! [`Noctule`]: opens the rooms and wires them. Wiring only.

mod activation;
mod arrival;
mod config;
mod consent;
mod delivery;
mod doctor;
mod erase;
mod exam;
mod export;
mod forget;
mod install;
mod night;
mod pseudonym;
mod record;
mod replay;
mod schedule;
mod status;
mod suspension;
mod transfers;
mod trust;
mod versions;
mod widget;

use std::sync::{Arc, PoisonError};

pub use activation::Releases;
pub use config::Config;
pub use doctor::{Diagnosis, Finding, Level, Sizes};
pub use record::Receipt;
pub use schedule::NightJournal;
pub use status::{DeliveryStatus, Status};
pub use widget::WidgetStatus;

use crate::base::ids::check_app;
use crate::base::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::base::sync::{Mutex, MutexGuard};
use crate::base::{CancelToken, Error, GeoPoint, Profile, Result, WeekMinute};
use crate::consent::DataConsent;
use crate::delivery::Session;
use crate::feedback::{recorder, rows as events};
use crate::learning::forgotten::rows as forgotten;
use crate::learning::rows as profiles;
use crate::night::{LoadedRelease, Treatment};
use crate::release::rows::{self as releases, Installed};
use crate::release::{Experiment, Plan, Policy};
use crate::serving::{RecommendRequest, Recommendations, Shelf, Snapshot, Today};
use crate::slates::rows as slates;
use crate::store::{Identity, Store};

/// One profile: a directory with its database, its releases and its slates.
///
/// Every method blocks and may be called from any thread. [`Noctule::recommend`] reads memory
/// only; [`Noctule::record`] is one short write; [`Noctule::run_night`] and
/// [`Noctule::install_release`] take as long as they take and belong on a background thread.
///
/// ```
/// use noctule_core::base::{Budget, CancelToken, NoProgress, SurfaceId};
/// use noctule_core::consent::DataConsent;
/// use noctule_core::serving::{EmptyReason, RecommendRequest};
/// use noctule_core::{Config, Noctule};
///
/// let directory = tempfile::tempdir()?;
/// // What the user chose when the app asked.
/// let consent = DataConsent::Full;
/// let noctule = Noctule::open(Config::new(directory.path().join("profile"), "town", consent))?;
/// noctule.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress)?;
/// let answer = noctule.recommend(&RecommendRequest::new(SurfaceId::new("home")?))?;
/// assert_eq!(answer.empty_reason, Some(EmptyReason::NoRelease));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Noctule {
    config: Config,
    store: Store,
    /// The run, once something was recorded in it: its number, and when it began by the clock that
    /// nobody can set. A new pseudonym begins another.
    run: Mutex<Option<(u32, u64)>>,
    /// Up to this sequence number there is room for events; set back whenever some were removed.
    room_until: AtomicU64,
    shelf: Shelf,
    closed: AtomicBool,
    /// The active release is on probation and nothing was served since this was opened.
    unserved: AtomicBool,
    /// A suspension took the database from a night before it could note its end: the release on
    /// probation is not to blame.
    taken_from_night: AtomicBool,
    state: Mutex<State>,
    /// Held by the one night or installation that may run.
    working: Mutex<()>,
    /// Held while feedback is written and noted, and while it is learned.
    recording: Mutex<()>,
    /// What delivery keeps in memory; held while it chooses or settles a transfer.
    delivery: Mutex<Session>,
    /// What the schedule was asked last.
    asked: Mutex<schedule::LastAsked>,
    /// How the file for widgets stands; held while it is replaced.
    widget: Mutex<WidgetStatus>,
    /// Stops the night that runs, for whoever withdraws the consent.
    night: Mutex<Option<CancelToken>>,
}

/// What is known of the active release without opening it.
struct State {
    identity: Identity,
    /// What the user allows, as far as it is known.
    consent: DataConsent,
    installed: Vec<Installed>,
    loaded: Option<Arc<LoadedRelease>>,
    experiment: Option<Experiment>,
    /// Stored values that failed their checksum since this was opened.
    damaged: Vec<String>,
    /// Whether the stored plan or experiment is one of these: the next night takes both from the
    /// release again.
    plan_damaged: bool,
}

impl Noctule {
    /// Opens or creates the profile in `config.directory`. No network, no model, no thread.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for the app's name or the plan; those of the store:
    /// [`Error::DirectoryMissing`], [`Error::DirectoryInUse`], [`Error::NotADatabase`],
    /// [`Error::SchemaTooNew`], [`Error::File`], [`Error::Storage`]. A damaged slate is no error:
    /// see [`Status::damaged`]. A release that was opened three times without a completed night or
    /// a served slate is given up here for the previous one: see [`Status::reverted`]. An erasure
    /// that did not end is finished, and a consent that `config` no longer has is withdrawn.
    /// A database that is damaged is made anew from what can be read of it, which
    /// [`Status::damaged`] tells and [`Status::lost`] counts.
    pub fn open(config: Config) -> Result<Self> {
        match Self::open_once(config.clone()) {
            // It is known now: the second time it is looked through, and made anew.
            Err(error) if error.is_database_damage() => Self::open_once(config),
            opened => opened,
        }
    }

    fn open_once(config: Config) -> Result<Self> {
        check_app("app", &config.app)?;
        pseudonym::check(&config)?;
        if let Some(plan) = &config.plan {
            plan.validate()?;
        }
        config.retention.check()?;
        let store = Store::open(&config.directory)?;
        export::tidy(&store)?;
        erase::finish_pending(&store, &config)?;
        let consent = consent::settle(&store, &config)?;
        // Overwriting needs free space. Without it the profile serves all the same, and the next
        // opening tries again.
        let _ = erase::finish_scrub(&store);
        let now_ms = config.clock.now_ms();
        let mark = store.mark();
        let identity = store.write("opening the profile", |transaction| {
            if store.was_suspected() {
                events::remove_unreadable(transaction)?;
            }
            recorder::rows::go_on_behind(transaction, mark)?;
            Identity::load_or_create(transaction, config.seed, now_ms)
        })?;
        let identity = pseudonym::notice_copy(&store, &config, identity)?;
        versions::agree(&store, &config.directory)?;
        widget::settle(&store, &config)?;
        // Before anything of the release is touched: it may be what ends the process.
        let opening = activation::count_opening(&store)?;
        let (installed, experiment) = store.read(|connection| {
            Ok((releases::installed(connection)?, releases::active_experiment(connection)))
        })?;
        let mut damaged: Vec<_> = opening.damaged.iter().map(ToString::to_string).collect();
        damaged.extend(store.take_rescued());
        let (loaded, plan_damaged) = (None, false);
        let mut state =
            State { identity, consent, installed, loaded, experiment: None, damaged, plan_damaged };
        state.experiment = state.of_release(experiment)?;
        let noctule = Self {
            config,
            store,
            run: Mutex::default(),
            room_until: AtomicU64::new(0),
            shelf: Shelf::default(),
            closed: AtomicBool::new(false),
            unserved: AtomicBool::new(opening.unserved),
            taken_from_night: AtomicBool::new(false),
            state: Mutex::new(state),
            working: Mutex::new(()),
            recording: Mutex::new(()),
            delivery: Mutex::new(Session::default()),
            asked: Mutex::default(),
            widget: Mutex::default(),
            night: Mutex::default(),
        };
        noctule.fill_shelf()?;
        if let Some(reason) = opening.revert {
            noctule.revert(&reason)?;
        }
        Ok(noctule)
    }

    /// Answers from the published slates: no inference, no SQL, no file. The first slate that is
    /// served of a release on probation is noted with one small write, unless another thread has
    /// the database.
    ///
    /// # Errors
    /// [`Error::Closed`]. What is missing is not an error but an empty answer with its reason.
    pub fn recommend(&self, request: &RecommendRequest) -> Result<Recommendations> {
        self.check_open()?;
        let clock = &self.config.clock;
        let now_ms = clock.now_ms();
        let moment = WeekMinute::at(now_ms, clock.offset_minutes());
        let answer = self.shelf.recommend(request, now_ms, moment);
        if !answer.items.is_empty() && self.unserved.load(Ordering::Acquire) {
            self.note_served();
        }
        Ok(answer)
    }

    /// Tells where the user is, for nearness; `None` forgets it. Without the user's consent nothing
    /// is stored.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`], [`Error::Closed`].
    pub fn set_place(&self, place: Option<GeoPoint>) -> Result<()> {
        let _recording = lock(&self.recording);
        if !self.state().consent.may_record() {
            return self.check_open();
        }
        self.store.write("setting the place", |transaction| {
            let mut profile = self.profile(profiles::load(transaction))?;
            profile.place = place;
            profiles::save(transaction, &profile)
        })
    }

    /// Closes the database and lets go of the directory; later calls give [`Error::Closed`].
    /// A night that is under way ends at its next step with that error.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.store.close();
    }

    /// Asks no lock: a serving thread must not wait for a transaction of the night.
    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(Error::Closed) } else { Ok(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The stored profile; one that is damaged or was never written begins anew, and what is still
    /// on disk of its feedback is learned again. A profile that could not be read for another
    /// reason may be whole: that stays an error, so that nothing is written over it.
    fn profile(&self, stored: Result<Option<Profile>>) -> Result<Profile> {
        let seed = self.state().identity.seed;
        match stored {
            Ok(Some(profile)) => Ok(profile),
            Ok(None) => Ok(Profile { seed, ..Profile::default() }),
            Err(error @ Error::Damaged { .. }) => {
                self.state().damaged.push(error.to_string());
                Ok(Profile { seed, ..Profile::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// The profile that slates are made from: one of which nothing is known without consent.
    fn profile_in_use(&self) -> Result<Profile> {
        let (consent, seed) = {
            let state = self.state();
            (state.consent, state.identity.seed)
        };
        if consent.may_record() {
            self.profile(self.store.read(profiles::load))
        } else {
            Ok(Profile::unknown(seed))
        }
    }

    /// Reads plan, slates and the day's feedback into memory. Without consent only slates that are
    /// the same for everybody.
    fn fill_shelf(&self) -> Result<()> {
        let recording = lock(&self.recording);
        self.room_until.store(0, Ordering::Relaxed);
        let (plan, slates, damaged, today) = self.store.read(|connection| {
            let plan = self.state().of_release(releases::active_plan(connection))?;
            let (mut slates, damaged) = slates::load_all(connection)?;
            if !self.state().consent.may_record() {
                slates.retain(|slate| !slate.personalised);
                return Ok((plan, slates, damaged, Today::default()));
            }
            let profile = self.profile(profiles::load(connection))?;
            let forgotten = forgotten::load(connection)?;
            let mut today = Today::of(&profile, &forgotten);
            events::note_after(connection, profile.learned_through, &forgotten, &mut today)?;
            Ok((plan, slates, damaged, today))
        })?;
        self.state().damaged.extend(damaged.iter().map(ToString::to_string));
        let plan = plan.map(|plan| Arc::new(self.config.plan.clone().unwrap_or(plan)));
        self.shelf.swap(Snapshot::new(plan, slates));
        self.shelf.set_today(today);
        drop(recording);
        self.refresh_widget();
        Ok(())
    }

    /// The plan in force: the app's, or the release's.
    fn plan<'a>(&'a self, loaded: &'a LoadedRelease) -> &'a Plan {
        self.config.plan.as_ref().unwrap_or(&loaded.release.manifest().plan)
    }
}

impl State {
    /// What was stored of the active release; none when it is damaged, which is noted.
    fn of_release<T>(&mut self, stored: Result<Option<T>>) -> Result<Option<T>> {
        match stored {
            Err(error @ Error::Damaged { .. }) if !error.is_database_damage() => {
                self.damaged.push(error.to_string());
                self.plan_damaged = true;
                Ok(None)
            }
            stored => stored,
        }
    }

    /// How this installation is treated: by the experiment of the active release, or like everybody
    /// without consent.
    fn treatment(&self) -> Treatment {
        if !self.consent.may_record() {
            return Treatment { policy: Policy::Baseline, arm: None };
        }
        let assignment = self.identity.assignment.to_string();
        let arm = self
            .experiment
            .as_ref()
            .and_then(|experiment| crate::experiments::assign(experiment, &assignment));
        match arm {
            Some(arm) => Treatment { policy: arm.policy, arm: Some(arm.name.clone()) },
            None => Treatment { policy: Policy::Model, arm: None },
        }
    }
}

impl std::fmt::Debug for Noctule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Noctule").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A panic of another thread left no half-changed value behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, shuttle))]
mod schedules;

#[cfg(test)]
mod tests;
