//! The library for apps: [`noctule_core::Noctule`] through UniFFI, for Kotlin, Swift and Python.
//!
//! Two objects have an identity, [`Recommender`] and [`CancelToken`]; everything else is an
//! immutable record or enum. Nothing is decided here: each method converts, calls the core and
//! converts back. Everything that can fail returns a [`RecommenderError`].
//!
//! Every method blocks. [`Recommender::recommend`] reads memory only and may be called from any
//! thread, the app's main thread included; the others belong on a background thread.

mod answer;
mod boundary;
mod cancel;
mod config;
mod consent;
mod doctor;
mod error;
mod feedback;
mod journal;
mod kinds;
mod night;
mod panics;
mod place;
mod progress;
mod reason;
mod recommender;
mod replay;
mod schedule;
mod status;
mod transfer;
mod widget;
mod zone;

pub use answer::{EmptyReason, RecommendRequest, Recommendations, RecommendedItem, Tier};
pub use cancel::CancelToken;
pub use config::{Config, DeliveryPolicy};
pub use consent::DataConsent;
pub use doctor::{Diagnosis, Finding, FindingLevel};
pub use error::RecommenderError;
pub use feedback::{EventKind, FeedbackEvent, Receipt};
pub use journal::{NightJournal, NightRun, Refusals, RunOutcome};
pub use kinds::{Detail, Durability, EventDetail, FieldSchema, FieldType, KindSchema};
pub use night::{Budget, NightOutcome, NightReport, StopReason};
pub use place::GeoPoint;
pub use progress::{ListenerError, NightStep, ProgressListener};
pub use reason::{Reason, ReasonKind};
pub use recommender::Recommender;
pub use replay::Consent;
pub use schedule::{Conditions, Decision, NotYetReason, RunReason, Thermal};
pub use status::{GivenUpRelease, Policy, ReleaseName, Releases, Status};
pub use transfer::{FetchRequest, Header, Network, Transfer, TransferOutcome, UploadRequest};
pub use widget::{
    WidgetPolicy, WidgetReason, WidgetReasonKind, WidgetSlate, WidgetSlot, widget_slate,
    widget_slates,
};

uniffi::setup_scaffolding!("noctule");

/// A result of this crate.
pub type Result<T, E = RecommenderError> = std::result::Result<T, E>;
