//! The fit of a SASRec.

use super::{SasrecSettings, SasrecTask};
use crate::Result;
use crate::training::Session;
use crate::training::network::{Job, TrainedNetwork, fit_network};

/// Trains a network on the events of `job`, until its validation has got no better for the
/// patience of the settings, or for all epochs where nothing is held out. The settings, seed
/// included, decide the result to the bit; the number of threads does not.
///
/// # Errors
/// [`crate::Error::Setting`], [`crate::Error::Data`] when no user has two events, and those of
/// [`fit()`](crate::training::neural::fit()).
pub fn fit_sasrec(
    job: &Job<'_>,
    settings: &SasrecSettings,
    session: &Session<'_>,
) -> Result<TrainedNetwork> {
    let mut task = SasrecTask::new(job, settings)?;
    // The number of threads changes nothing.
    let fingerprint = job.fingerprint(&SasrecSettings { threads: 1, ..settings.clone() })?;
    fit_network(&mut task, (job, &fingerprint), (&settings.fit(), settings.threads), session)
}
