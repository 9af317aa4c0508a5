//! What a developer asks first.

use super::Noctule;
use crate::base::Result;
use crate::feedback::rows as events;
use crate::release::Policy;
use crate::upload::QueueState;

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
    /// Events ever recorded under this pseudonym.
    pub recorded: u64,
    /// Events of those that wait for an acknowledgement.
    pub pending_events: u64,
    /// Events that the collector refused one by one.
    pub rejected: u64,
    /// Slates on the shelf.
    pub slates: u32,
    /// Stored values that failed their checksum since this was opened, and what replaced them was
    /// the baseline or a new profile; and an installed release that changed on disk, from which
    /// nothing was made.
    pub damaged: Vec<String>,
}

impl Noctule {
    /// How the profile stands.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::Damaged`],
    /// [`crate::base::Error::Closed`].
    pub fn status(&self) -> Result<Status> {
        let (recorded, queue) = self.store.read(|connection| {
            Ok((events::last_sequence(connection)?, QueueState::load(connection)?))
        })?;
        let state = self.state();
        let treatment = state.treatment();
        Ok(Status {
            release: state.installed.first().map(|active| active.release.to_string()),
            arm: treatment.arm,
            policy: treatment.policy,
            installation: state.identity.installation.to_string(),
            recorded,
            pending_events: recorded.saturating_sub(queue.acknowledged_through),
            rejected: queue.rejected,
            slates: self.shelf.snapshot().slates.len() as u32,
            damaged: state.damaged.clone(),
        })
    }
}
