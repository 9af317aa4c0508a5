//! The last exam of a profile, also of a release that was refused after it.

use bincode::{Decode, Encode};
use rusqlite::{Connection, Transaction};

use super::{ExamReport, Failure, NotMeasured};
use crate::base::{Error, Result};
use crate::release::Level;
use crate::store::{blob, meta};

/// Version of [`Stored`].
const FORMAT: u8 = 1;
const KEY: &str = "exam";
const WHAT: &str = "the exam";

#[derive(Encode, Decode)]
struct Stored {
    release: String,
    passed: u32,
    /// Id, level and reason.
    failed: Vec<(String, u8, String)>,
    not_measured: Vec<(String, String)>,
    millis: u64,
}

/// Replaces the report; `None` forgets it, for a release without checks.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn save(transaction: &Transaction<'_>, report: Option<&ExamReport>) -> Result<()> {
    let Some(report) = report else { return meta::remove(transaction, KEY) };
    let failed = report.failed.iter().cloned();
    let not_measured = report.not_measured.iter().cloned();
    let stored = Stored {
        release: report.release.clone(),
        passed: report.passed,
        failed: failed.map(|Failure { id, level, reason }| (id, level as u8, reason)).collect(),
        not_measured: not_measured.map(|NotMeasured { id, what }| (id, what)).collect(),
        millis: report.millis,
    };
    meta::put(transaction, KEY, &blob::encode(WHAT, FORMAT, &stored)?)
}

/// The last report, if there is one. One that is damaged is none: the next exam replaces it, and
/// neither serving nor uploading has to wait for that.
///
/// # Errors
/// [`Error::Storage`].
pub fn load(connection: &Connection) -> Result<Option<ExamReport>> {
    let Some(bytes) = meta::get(connection, KEY)? else { return Ok(None) };
    match blob::decode(WHAT, FORMAT, &bytes).and_then(restore) {
        Ok(report) => Ok(Some(report)),
        Err(Error::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn restore(stored: Stored) -> Result<ExamReport> {
    let Stored { release, passed, failed, not_measured, millis } = stored;
    let failed = failed.into_iter().map(|(id, level, reason)| {
        let level = level_of(level)?;
        Ok(Failure { id, level, reason })
    });
    let not_measured = not_measured.into_iter().map(|(id, what)| NotMeasured { id, what });
    Ok(ExamReport {
        release,
        passed,
        failed: failed.collect::<Result<_>>()?,
        not_measured: not_measured.collect(),
        millis,
    })
}

fn level_of(number: u8) -> Result<Level> {
    let levels = [Level::Sanity, Level::Invariance, Level::Regression, Level::Budget];
    let found = levels.into_iter().find(|level| *level as u8 == number);
    found.ok_or_else(|| Error::damaged(WHAT, format!("level {number}")))
}
