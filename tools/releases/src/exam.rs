//! The exam of a release on the machine that packed it.

use noctule_core::exam::{Conditions, ExamReport, sit};
use noctule_core::night::LoadedRelease;
use noctule_core::release::{Checks, VerifiedRelease};

use crate::Result;

/// Checks of a release and how it stood them.
#[derive(Debug, Clone, PartialEq)]
pub struct Exam {
    /// The checks.
    pub checks: Checks,
    /// The report.
    pub report: ExamReport,
}

/// Puts the checks of a release that was verified to it, as a device does before activation; none
/// when it has no checks. Limits of time hold as they are written, without a device's factor.
///
/// # Errors
/// [`crate::Error::Core`] when the release cannot be opened.
pub fn examine(release: &VerifiedRelease) -> Result<Option<Exam>> {
    let Some(checks) = Checks::of_release(&release.directory, &release.manifest)? else {
        return Ok(None);
    };
    examine_with(release, checks).map(Some)
}

/// As [`examine`], with `checks` instead of the release's own.
///
/// # Errors
/// As [`examine`].
pub fn examine_with(release: &VerifiedRelease, checks: Checks) -> Result<Exam> {
    let loaded = LoadedRelease::open(&release.directory, &release.manifest_sha256)?;
    loaded.verify_codes()?;
    let report = sit(&loaded, &release.manifest.plan, &checks, &Conditions::default())?;
    Ok(Exam { checks, report })
}
