//! The object that apps hold. Each method converts, calls and converts.

use std::path::Path;
use std::sync::Arc;

use noctule_core::base::ItemId;
use noctule_core::{Noctule, upload};

use crate::feedback::core_events;
use crate::panics::guarded;
use crate::progress::Listening;
use crate::replay::key;
use crate::zone::ZoneClock;
use crate::{
    Budget, CancelToken, Conditions, Config, Consent, DataConsent, Decision, Diagnosis, Durability,
    FeedbackEvent, GeoPoint, Network, NightJournal, NightReport, ProgressListener, Receipt,
    RecommendRequest, Recommendations, ReleaseName, Releases, Result, Status, Transfer,
    TransferOutcome,
};

/// One profile: a directory with its database, its releases and its slates.
///
/// Open one for each directory and keep it; it may be shared between threads. Every method blocks.
///
/// ```
/// use noctule_ffi::{Config, DataConsent, EmptyReason, RecommendRequest, Recommender};
///
/// let directory = tempfile::tempdir()?;
/// let recommender = Recommender::open(Config {
///     directory: directory.path().join("profile").display().to_string(),
///     app: "town".into(),
///     consent: DataConsent::Full,
///     trusted_keys: vec![],
///     utc_offset_minutes: None,
///     plan: None,
///     allow_unsigned_for_development: false,
///     trusted_root: None,
///     delivery: None,
///     widget: None,
///     rotate_pseudonym_days: None,
///     event_kinds: vec![],
///     collector_keys: vec![],
///     keep_events_days: None,
///     keep_events: None,
///     metered_upload_bytes_a_day: None,
/// })?;
/// let request = RecommendRequest { surface: "home".into(), context: None, limit: None };
/// let answer = recommender.recommend(request)?;
/// assert_eq!(answer.empty_reason, Some(EmptyReason::NoRelease));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, uniffi::Object)]
pub struct Recommender {
    noctule: Noctule,
    zone: Arc<ZoneClock>,
}

#[uniffi::export]
impl Recommender {
    /// Opens or creates the profile in `config.directory`. Reads and writes files, so not for the
    /// main thread; no network.
    ///
    /// # Errors
    /// `InvalidInput` with the field of `config`; `AlreadyRunning` when the directory is open
    /// already; `Storage`, `StorageFull`. A damaged slate is no error: see [`Status::damaged`].
    #[uniffi::constructor]
    pub fn open(config: Config) -> Result<Self> {
        guarded(|| {
            let zone = Arc::new(ZoneClock::default());
            zone.set(config.utc_offset_minutes)?;
            let mut config: noctule_core::Config = config.try_into()?;
            config.clock = zone.clone();
            Ok(Self { noctule: Noctule::open(config)?, zone })
        })
    }

    /// Verifies the release in the directory `path`, copies it into the profile and makes it the
    /// active one. The release before it stays for rollback. May take seconds.
    ///
    /// # Errors
    /// `ReleaseRefused` with the file and the reason; `AlreadyRunning`, `InvalidInput`, `Storage`,
    /// `StorageFull`, `Closed`. The active release is then the one it was.
    pub fn install_release(&self, path: &str) -> Result<ReleaseName> {
        guarded(|| Ok(self.noctule.install_release(Path::new(path))?.into()))
    }

    /// Installs the release in the directory `path`, which ships in the app, where the profile has
    /// none yet, and says whether it did. It counts when one of `trusted_keys` has signed it, also
    /// with a `trusted_root`.
    ///
    /// # Errors
    /// As `install_release`; the profile then has no release, as before.
    pub fn install_starter(&self, path: &str) -> Result<bool> {
        guarded(|| Ok(self.noctule.install_starter(Path::new(path))?))
    }

    /// Goes back to the previous release and gives its name. The active one is not tried again on
    /// this device. May take seconds.
    ///
    /// # Errors
    /// `InvalidInput` for `release` when there is none to go back to; `ReleaseRefused` when that is
    /// damaged; `AlreadyRunning`, `Storage`, `StorageFull`, `Closed`.
    pub fn rollback(&self) -> Result<ReleaseName> {
        guarded(|| Ok(self.noctule.rollback()?.into()))
    }

    /// The active release, the one to go back to, and those that are never tried again.
    ///
    /// # Errors
    /// `Storage`, `Closed`.
    pub fn releases(&self) -> Result<Releases> {
        guarded(|| Ok(self.noctule.releases()?.into()))
    }

    /// Tells where the user is, for nearness; none forgets it.
    ///
    /// # Errors
    /// `InvalidInput` with the coordinate; `Storage`, `StorageFull`, `Closed`.
    pub fn set_place(&self, place: Option<GeoPoint>) -> Result<()> {
        guarded(|| Ok(self.noctule.set_place(place.map(TryInto::try_into).transpose()?)?))
    }

    /// Tells the offset of the local time from UTC in minutes, east positive; none follows the
    /// device's zone, which is then asked for anew. Memory only, any thread.
    ///
    /// # Errors
    /// `InvalidInput`; the offset stays as it was.
    pub fn set_utc_offset(&self, minutes: Option<i32>) -> Result<()> {
        guarded(|| self.zone.set(minutes))
    }

    /// Whether to run a night now, as far as the core can tell from `conditions` and the nights
    /// before. Ask whenever the platform gives background time, and when the app is opened; run
    /// what it says with the budget that it gives. Refusals are noted in the journal.
    ///
    /// # Errors
    /// `Storage`, `Closed`.
    pub fn schedule(&self, conditions: Conditions) -> Result<Decision> {
        guarded(|| Ok(self.noctule.schedule(&conditions.into())?.into()))
    }

    /// The journal of nights: those that ran, and why none did.
    ///
    /// # Errors
    /// `Storage`, `Closed`.
    pub fn journal(&self) -> Result<NightJournal> {
        guarded(|| Ok(self.noctule.journal()?.into()))
    }

    /// What is wrong with the profile, in sentences for a support engineer and without user data.
    /// Reads every byte of the release: may take seconds.
    ///
    /// # Errors
    /// `Storage`, `Closed`.
    pub fn doctor(&self) -> Result<Diagnosis> {
        guarded(|| Ok(self.noctule.doctor()?.into()))
    }

    /// Runs one slice of the night: learns from the feedback, then makes and publishes what is left
    /// to make. May be killed at any instruction: the next call goes on with what is left. Asks
    /// `cancel` and the budget before each slate and inside it, and then returns with the outcome
    /// `Stopped`.
    ///
    /// `progress` hears of each slate on this thread; one that throws is not called again.
    ///
    /// # Errors
    /// `InvalidInput` for a budget of no thread; `AlreadyRunning` when a night or an installation
    /// runs; `ReleaseRefused` when the installed release was changed on disk; `Internal` when a
    /// score is not finite; `Storage`, `StorageFull`, `Closed`. Lack of a release is an outcome,
    /// not an error.
    pub fn run_night(
        &self,
        budget: Budget,
        cancel: &CancelToken,
        progress: Option<Arc<dyn ProgressListener>>,
    ) -> Result<NightReport> {
        guarded(|| {
            let listening = Listening::to(progress);
            let report = self.noctule.run_night(budget.into(), &cancel.0, &listening)?;
            Ok(NightReport::new(report, listening.failure()))
        })
    }

    /// Answers from the published slates: memory only, any thread.
    ///
    /// # Errors
    /// `InvalidInput` for a surface or context that is no identifier; `Closed`. What is missing is
    /// not an error but an empty answer with its reason.
    pub fn recommend(&self, request: RecommendRequest) -> Result<Recommendations> {
        guarded(|| Ok(self.noctule.recommend(&request.try_into()?)?.into()))
    }

    /// Stores `events`, all or none: record a screen in one call. When it returns they survive the
    /// end of the process; and also a loss of power, unless all of them are impressions, or
    /// `durability` says otherwise.
    /// Without the user's consent nothing is stored, which the receipt says; it is no error.
    ///
    /// # Errors
    /// `InvalidInput` with the event and the field; `Storage`, `StorageFull`, `Closed`. Nothing is
    /// stored then.
    #[uniffi::method(default(durability = None))]
    pub fn record(
        &self,
        events: Vec<FeedbackEvent>,
        durability: Option<Durability>,
    ) -> Result<Receipt> {
        guarded(|| {
            let events = core_events(events)?;
            let receipt = match durability {
                Some(durability) => self.noctule.record_as(durability.into(), &events)?,
                None => self.noctule.record(&events)?,
            };
            Ok(receipt.into())
        })
    }

    /// Forgets what the user did with `items`, which a reason named: gone from reasons and scores
    /// at the next read, from the slates with the next night, and not learned again unless the user
    /// chooses them anew.
    ///
    /// # Errors
    /// `InvalidInput` for what is no identifier and for more than 10,000 items; `Storage`,
    /// `StorageFull`, `Closed`. Nothing is forgotten then.
    pub fn forget_items(&self, items: Vec<String>) -> Result<()> {
        guarded(|| {
            let items = items.into_iter().map(ItemId::new).collect::<Result<Vec<_>, _>>()?;
            Ok(self.noctule.forget_items(&items)?)
        })
    }

    /// What the app's HTTP client should do next: feedback goes first, then a new release comes.
    /// The call behind its last byte verifies, examines and activates it.
    ///
    /// # Errors
    /// `ReleaseRefused` when a release that has arrived is refused: the active one stays, and this
    /// one is not fetched again. `Storage`, `StorageFull`, `Closed`.
    pub fn next_transfer(&self, network: Network) -> Result<Transfer> {
        guarded(|| Ok(self.noctule.next_transfer(network.into())?.into()))
    }

    /// Says how many bytes the app may still write to the volume of the profile, as the system
    /// tells it; none forgets it. With it no release is fetched for which there is no room: call it
    /// before `next_transfer`.
    pub fn set_free_bytes(&self, bytes: Option<u64>) {
        self.noctule.set_free_bytes(bytes);
    }

    /// Forgets the release that is on its way and frees its space.
    ///
    /// # Errors
    /// `Storage`, `StorageFull`, `Closed`.
    pub fn cancel_delivery(&self) -> Result<()> {
        guarded(|| Ok(self.noctule.cancel_delivery()?))
    }

    /// Takes note of how the transfer `id` ended. Nothing is removed before it was acknowledged,
    /// and nothing that was fetched is used before its digest is checked.
    ///
    /// # Errors
    /// `ReleaseRefused` when the repository's metadata is refused; `Storage`, `StorageFull`,
    /// `Closed`.
    pub fn transfer_finished(&self, id: &str, outcome: TransferOutcome) -> Result<()> {
        guarded(|| {
            let outcome: upload::TransferOutcome = outcome.into();
            Ok(self.noctule.transfer_finished(id, &outcome)?)
        })
    }

    /// How the profile stands.
    ///
    /// # Errors
    /// `Storage`, `Closed`.
    pub fn status(&self) -> Result<Status> {
        guarded(|| Ok(self.noctule.status()?.into()))
    }

    /// A bundle with the slate of `surface` and `context` and everything it was made from but the
    /// release, for `noctule replay`: the user's history, hidden items and place. Personal data: it
    /// leaves the device only when the user was asked and agreed, which `consent` says.
    ///
    /// # Errors
    /// `InvalidInput` without consent, for a slate that is not there, or when what it was made from
    /// is not kept; `Storage`, `Closed`.
    pub fn export_replay(
        &self,
        surface: String,
        context: String,
        consent: Consent,
    ) -> Result<Vec<u8>> {
        guarded(|| Ok(self.noctule.export_replay(&key(surface, context)?, consent.into())?))
    }

    /// What the user allows.
    #[must_use]
    pub fn consent(&self) -> DataConsent {
        self.noctule.consent().into()
    }

    /// Changes what the user allows; durable when it returns. `NotGiven` cancels a night that runs,
    /// removes everything that is known of the user and asks the collector to delete what it has;
    /// `OnDevice` lets nothing leave that was not sent yet; `Full` lets leave what is recorded from
    /// now on.
    ///
    /// # Errors
    /// `AlreadyRunning` when a night or an installation does not end in ten seconds; `Storage`,
    /// `StorageFull`, `Closed`. Less consent is in force all the same, and what is left to remove
    /// is removed at the end of the night or at the next opening.
    pub fn set_consent(&self, consent: DataConsent) -> Result<()> {
        guarded(|| Ok(self.noctule.set_consent(consent.into())?))
    }

    /// Writes everything that the device knows of its user to the file at `path`, as readable JSON:
    /// whole or not at all. Personal data. May take seconds.
    ///
    /// # Errors
    /// `InvalidInput` for a path in the profile directory; `Storage`, `StorageFull`, `Closed`.
    pub fn export_to(&self, path: &str) -> Result<()> {
        guarded(|| Ok(self.noctule.export_to(Path::new(path))?))
    }

    /// Removes the events with these sequence numbers, as receipts tell them, and gives how many
    /// were still here. They are not learned, and not sent when they were not yet.
    ///
    /// # Errors
    /// `InvalidInput` for more than 10,000 numbers; `Storage`, `StorageFull`, `Closed`. Nothing is
    /// removed then.
    pub fn forget_events(&self, sequences: &[u64]) -> Result<u64> {
        guarded(|| Ok(self.noctule.forget_events(sequences)?))
    }

    /// Forgets the user: feedback, also what was not sent yet, profile, slates, what they were made
    /// from, the file for widgets, and the pseudonym. The release and the consent stay. The
    /// collector is asked to delete what it has: `next_transfer` says so until it has answered.
    ///
    /// # Errors
    /// `AlreadyRunning` while a night runs: cancel it first; `Storage`, `StorageFull`, `Closed`.
    pub fn erase(&self) -> Result<()> {
        guarded(|| Ok(self.noctule.erase()?))
    }

    /// Lets go of every file and lock of the profile until `resume`, within 200 ms, for a system
    /// that ends processes which hold a lock while they are frozen. A night that runs is cancelled.
    /// `recommend` goes on to answer from memory; calls that need the database give `Suspended`.
    ///
    /// # Errors
    /// `Closed`.
    pub fn suspend(&self) -> Result<()> {
        guarded(|| Ok(self.noctule.suspend()?))
    }

    /// Takes the profile up again after `suspend`.
    ///
    /// # Errors
    /// `AlreadyRunning` when another process has it open, `Storage`, `InvalidInput` when its
    /// directory is gone: it stays suspended. `Closed`.
    pub fn resume(&self) -> Result<()> {
        guarded(|| Ok(self.noctule.resume()?))
    }

    /// Lets go of the directory; later calls give `Closed`. A night that is under way ends at its
    /// next step with that error. Closing twice does nothing.
    pub fn close(&self) {
        self.noctule.close();
    }
}
