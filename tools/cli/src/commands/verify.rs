//! `noctule verify`.

use std::path::PathBuf;

use clap::Args;
use noctule_core::base::{Clock, SystemClock};
use noctule_releases::PublicKey;
use serde_json::json;

use super::checks::{exam_json, exam_text, outcome};
use crate::error::{Error, Result};
use crate::output::{Output, grouped};

/// Verify a release as a phone would: signature, validity, every hash, every value; then put its
/// checks to it, if it has some.
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with 65 when the release is whole but fails a check of its own.

Examples:
  noctule verify release --public-key release.key.pub
  noctule verify release --public-key old.key.pub --public-key new.key.pub --json")]
pub(crate) struct Verify {
    /// Directory of the release.
    #[arg(value_name = "RELEASE_DIR")]
    release: PathBuf,

    /// A key that the release may be signed with; may be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    public_key: Vec<PathBuf>,

    /// Judge validity at this moment, Unix milliseconds, instead of now.
    #[arg(long, value_name = "MS")]
    at_ms: Option<i64>,

    /// Leave the checks out.
    #[arg(long)]
    no_exam: bool,
}

/// Reads public keys.
pub(crate) fn public_keys(action: &'static str, paths: &[PathBuf]) -> Result<Vec<PublicKey>> {
    paths.iter().map(|path| PublicKey::load(path).map_err(Error::failed(action))).collect()
}

/// Verifies.
pub(crate) fn run(asked: &Verify, output: Output) -> Result<()> {
    let keys = public_keys("verify", &asked.public_key)?;
    let now_ms = asked.at_ms.unwrap_or_else(|| SystemClock::default().now_ms());
    let verified =
        noctule_releases::verify(&asked.release, &keys, now_ms).map_err(Error::failed("verify"))?;
    let exam = if asked.no_exam {
        None
    } else {
        noctule_releases::examine(&verified).map_err(Error::failed("run the checks"))?
    };
    let release = verified.manifest.release.to_string();
    let items = grouped(verified.items as u64);
    let mut text =
        format!("{release} is whole: {items} items, manifest {}\n", verified.manifest_sha256);
    match &exam {
        Some(exam) => text.push_str(&exam_text(exam)),
        None if asked.no_exam => text.push_str("its checks were left out\n"),
        None => text.push_str("it has no checks\n"),
    }
    let json = json!({
        "release": release,
        "app": verified.manifest.app,
        "items": verified.items,
        "manifest_sha256": verified.manifest_sha256,
        "exam": exam.as_ref().map(exam_json),
    });
    output.print(&json, &text)?;
    exam.as_ref().map_or(Ok(()), outcome)
}
