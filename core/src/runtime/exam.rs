//! The exam before activation.

use super::Noctule;
use crate::base::{CancelToken, Error, Result};
use crate::exam::{Conditions, rows, sit};
use crate::night::LoadedRelease;
use crate::release::{CHECKS_FILE, Checks, prune};

impl Noctule {
    /// Puts the checks of `loaded` to it and keeps the report, also that of a failure.
    ///
    /// The slates are those of the release's own plan, so that a device comes to the verdict that
    /// the packer came to; how much slower it may be is for the plan in force to say.
    pub(super) fn sit_exam(&self, loaded: &LoadedRelease) -> Result<()> {
        let (directory, manifest) = (loaded.release.directory(), loaded.release.manifest());
        let checks = Checks::of_release(directory, manifest)?;
        let latency_factor = self.plan(loaded).latency_factor;
        let conditions = Conditions { latency_factor, cancel: CancelToken::new() };
        let report =
            checks.map(|checks| sit(loaded, &manifest.plan, &checks, &conditions)).transpose()?;
        if report != self.store.read(rows::load)? {
            self.store.write("keeping an exam's report", |transaction| {
                rows::save(transaction, report.as_ref())
            })?;
        }
        let Some(refusal) = report.and_then(|report| report.refusal()) else { return Ok(()) };
        let installed = self.state().installed.clone();
        let keep: Vec<_> = installed.into_iter().map(|installed| installed.release).collect();
        // The copy of what was refused takes room; what cannot be tidied away now is next time.
        let _ = prune(&self.config.directory.join("releases"), &keep);
        Err(Error::refused(CHECKS_FILE, refusal))
    }
}
