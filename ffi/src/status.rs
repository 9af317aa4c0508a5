//! How a profile stands.

use noctule_core::release;

use crate::DataConsent;

/// Name and version of a release.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ReleaseName {
    /// The line of releases.
    pub name: String,
    /// Grows with every release of the line.
    pub version: u64,
}

impl From<release::ReleaseName> for ReleaseName {
    fn from(release: release::ReleaseName) -> Self {
        Self { name: release.name, version: release.version }
    }
}

/// What makes the slates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Policy {
    /// The release's model.
    Model,
    /// The rule-based baseline: popular in this context, near the user, open.
    Baseline,
}

impl From<release::Policy> for Policy {
    fn from(policy: release::Policy) -> Self {
        match policy {
            release::Policy::Model => Self::Model,
            release::Policy::Baseline => Self::Baseline,
        }
    }
}

/// How a profile stands.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Status {
    /// The active release, as `name@version`.
    pub release: Option<String>,
    /// The arm of the experiment, when one runs.
    pub arm: Option<String>,
    /// What the treatment asks for; a release without a model serves its baseline all the same.
    pub policy: Policy,
    /// Pseudonym of the installation.
    pub installation: String,
    /// What the user allows.
    pub consent: DataConsent,
    /// Deletion requests that the collector has not answered yet.
    pub deletions_pending: u32,
    /// Events recorded since the last erasure.
    pub recorded: u64,
    /// Events that are here and will be sent, or were and wait for an acknowledgement.
    pub pending_events: u64,
    /// Events that the collector refused one by one.
    pub rejected: u64,
    /// Events of those that wait which are in batches that the collector refused as a whole: kept,
    /// and sent again after an update of the library and once a week.
    pub set_aside: u64,
    /// Events that were given up for room or age before they were delivered.
    pub evicted: u64,
    /// Events that were recorded, and then lost with a part of the database that was damaged.
    pub lost: u64,
    /// Slates that can be served.
    pub slates: u32,
    /// Stored values that failed their checksum since this was opened, and what replaced them was
    /// the baseline or a new profile.
    pub damaged: Vec<String>,
    /// The release that was given up last, until one is confirmed after it.
    pub reverted: Option<GivenUpRelease>,
    /// Why the file for widgets could not be brought up to date.
    pub widget_failed: Option<String>,
}

/// A release that was given up for the one before it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct GivenUpRelease {
    /// The release, as `name@version`.
    pub release: String,
    /// Why, as a sentence for the log.
    pub reason: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

impl From<release::Reverted> for GivenUpRelease {
    fn from(reverted: release::Reverted) -> Self {
        let release::Reverted { release, reason, at_ms } = reverted;
        Self { release, reason: reason.to_string(), at_ms }
    }
}

impl From<release::RefusedRelease> for GivenUpRelease {
    fn from(refused: release::RefusedRelease) -> Self {
        let release::RefusedRelease { release, reason, at_ms, .. } = refused;
        Self { release, reason: reason.to_string(), at_ms }
    }
}

/// The releases of a profile.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Releases {
    /// The active one.
    pub active: Option<ReleaseName>,
    /// The one to go back to.
    pub previous: Option<ReleaseName>,
    /// Whether the active one has still to complete a night that passes its health gate.
    pub on_probation: bool,
    /// Those that are never tried again here, the oldest first.
    pub refused: Vec<GivenUpRelease>,
}

impl From<noctule_core::Releases> for Releases {
    fn from(releases: noctule_core::Releases) -> Self {
        Self {
            active: releases.active.map(|active| active.release.into()),
            previous: releases.previous.map(|previous| previous.release.into()),
            on_probation: releases.on_probation,
            refused: releases.refused.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<noctule_core::Status> for Status {
    fn from(status: noctule_core::Status) -> Self {
        Self {
            release: status.release,
            arm: status.arm,
            policy: status.policy.into(),
            installation: status.installation,
            consent: status.consent.into(),
            deletions_pending: status.deletions_pending,
            recorded: status.recorded,
            pending_events: status.pending_events,
            rejected: status.rejected,
            set_aside: status.set_aside,
            evicted: status.evicted,
            lost: status.lost,
            slates: status.slates,
            damaged: status.damaged,
            reverted: status.reverted.map(Into::into),
            widget_failed: status.widget.and_then(|widget| widget.failed),
        }
    }
}
