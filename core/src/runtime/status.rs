//! What a developer asks first.

use super::{Noctule, WidgetStatus};
use crate::base::Result;
use crate::consent::DataConsent;
use crate::exam::{self, ExamReport};
use crate::release::{Policy, Reverted, activation};
use crate::upload::deletions;
use crate::upload::standing::rows as standing;

/// How far a release on its way is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryStatus {
    /// Its name and version, as `town@3`.
    pub release: String,
    /// Bytes of its files that are here.
    pub bytes_here: u64,
    /// Bytes of all its files; 0 until its manifest is here.
    pub bytes_total: u64,
}

/// How a profile stands.
#[derive(Debug, Clone, PartialEq)]
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
    /// Deletion requests that the collector has not answered yet: [`Noctule::next_transfer`] hands
    /// them out whatever the consent.
    pub deletions_pending: u32,
    /// Events recorded since the last erasure.
    pub recorded: u64,
    /// Events that are here and will be sent, or were and wait for an acknowledgement.
    pub pending_events: u64,
    /// Events that the collector refused one by one.
    pub rejected: u64,
    /// Events of those that wait which are in batches that the collector refused as a whole: set
    /// aside, and sent again after an update of the library or a week.
    pub set_aside: u64,
    /// Events that were given up for room or age before they were delivered.
    pub evicted: u64,
    /// Events that were recorded, and then lost with a part of the database that was damaged: the
    /// collector sees a gap in their place.
    pub lost: u64,
    /// Slates on the shelf.
    pub slates: u32,
    /// The release that is on its way, if one is.
    pub delivery: Option<DeliveryStatus>,
    /// Stored values that failed their checksum since this was opened, and what replaced them was
    /// the baseline or a new profile; and an installed release that changed on disk, from which
    /// nothing was made.
    pub damaged: Vec<String>,
    /// How the last release with checks stood its exam, also when it was refused after it.
    pub exam: Option<ExamReport>,
    /// The release that was given up last, until one is confirmed after it.
    pub reverted: Option<Reverted>,
    /// How the file for widgets stands; none when the app asks for none.
    pub widget: Option<WidgetStatus>,
}

impl Noctule {
    /// How the profile stands.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::Damaged`],
    /// [`crate::base::Error::Closed`].
    pub fn status(&self) -> Result<Status> {
        let may_send = self.consent().may_send();
        let (feedback, deletions) = self.store.read(|connection| {
            let deletions = deletions::rows::pending(connection)?;
            Ok((standing::standing(connection, may_send)?, deletions))
        })?;
        let (exam, activation) = self.store.read(|connection| {
            Ok((exam::rows::load(connection)?, activation::rows::load(connection)?))
        })?;
        let delivery = self.delivery_status()?;
        let state = self.state();
        let treatment = state.treatment();
        Ok(Status {
            release: state.installed.first().map(|active| active.release.to_string()),
            arm: treatment.arm,
            policy: treatment.policy,
            installation: state.identity.installation.to_string(),
            consent: state.consent,
            deletions_pending: deletions.len() as u32,
            recorded: feedback.recorded,
            pending_events: feedback.pending,
            rejected: feedback.rejected,
            set_aside: feedback.set_aside,
            evicted: feedback.evicted,
            lost: feedback.lost,
            slates: self.shelf.snapshot().slates.len() as u32,
            delivery,
            damaged: state.damaged.clone(),
            exam,
            reverted: activation.reverted,
            widget: self.widget_status(),
        })
    }
}
