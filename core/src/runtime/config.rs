//! How a profile is opened.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{Clock, SystemClock};
use crate::consent::DataConsent;
use crate::delivery::DeliveryPolicy;
use crate::feedback::{KindSchemas, Retention};
use crate::night::schedule::SchedulePolicy;
use crate::release::Plan;
use crate::upload::UploadPolicy;
use crate::widget::WidgetPolicy;

/// What [`crate::Noctule::open`] needs to know.
#[derive(Clone)]
pub struct Config {
    /// The profile directory: one user, one process at a time. Made when its parent exists.
    pub directory: PathBuf,
    /// The app; releases for another are refused, and feedback is sent under this name.
    pub app: String,
    /// What the user allows. Less than what is stored withdraws it at once, as
    /// [`crate::Noctule::set_consent`] does; more counts for a new profile only: a consent that was
    /// withdrawn is not given again by opening.
    pub consent: DataConsent,
    /// Ed25519 public keys whose signature on a release counts. Without any, no release passes.
    pub trusted_keys: Vec<[u8; 32]>,
    /// The bytes of a repository's `root.json`: releases then need the repository's word (see
    /// [`crate::trust`]), and neither `trusted_keys` nor detached signatures count.
    pub trusted_root: Option<Vec<u8>>,
    /// Lets releases pass that nobody signed: for a developer's own machine, never for an app.
    pub allow_unsigned_for_development: bool,
    /// Lets [`crate::Noctule::next_transfer`] fetch new releases; needs a `trusted_root`.
    pub delivery: Option<DeliveryPolicy>,
    /// What feedback may cost on metered networks.
    pub upload: UploadPolicy,
    /// Replaces the plan of the release. Its contexts must be those of the release.
    pub plan: Option<Plan>,
    /// Keeps a file of the current slates for extensions of the app that must not open SQLite: see
    /// [`crate::widget`]. None by default: the file is a second place with data of the user.
    pub widget: Option<WidgetPolicy>,
    /// The fields of the app's own kinds of events. A kind without fields needs no declaration.
    pub event_kinds: KindSchemas,
    /// How much feedback is kept on the device.
    pub retention: Retention,
    /// Ed25519 public keys of the collector. With any, only an acknowledgement that one of them
    /// signed removes feedback from the device, and only such an answer ends a request to delete;
    /// without, the app's connection vouches for both.
    pub collector_keys: Vec<[u8; 32]>,
    /// What [`crate::Noctule::schedule`] goes by.
    pub schedule: SchedulePolicy,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Takes another pseudonym for feedback every so many days, so that what is recorded later
    /// cannot be put together with what was sent before. Arms of experiments stay. What was sent
    /// under a pseudonym that is gone from the device cannot be deleted by
    /// [`crate::Noctule::erase`].
    pub rotate_pseudonym_days: Option<u32>,
    /// Makes the installation's pseudonym and its random draws repeatable: for simulations.
    pub seed: Option<u64>,
}

impl Config {
    /// A profile of `app` in `directory` of a user who allows `consent`, with the system's clock
    /// and nothing trusted yet.
    pub fn new(
        directory: impl Into<PathBuf>,
        app: impl Into<String>,
        consent: DataConsent,
    ) -> Self {
        Self {
            directory: directory.into(),
            app: app.into(),
            consent,
            trusted_keys: Vec::new(),
            trusted_root: None,
            allow_unsigned_for_development: false,
            delivery: None,
            upload: UploadPolicy::default(),
            plan: None,
            widget: None,
            event_kinds: KindSchemas::default(),
            retention: Retention::default(),
            collector_keys: Vec::new(),
            schedule: SchedulePolicy::default(),
            clock: Arc::new(SystemClock::default()),
            rotate_pseudonym_days: None,
            seed: None,
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("directory", &self.directory)
            .field("app", &self.app)
            .field("consent", &self.consent)
            .field("trusted_keys", &self.trusted_keys.len())
            .field("trusted_root", &self.trusted_root.is_some())
            .field("plan", &self.plan.is_some())
            .finish_non_exhaustive()
    }
}
