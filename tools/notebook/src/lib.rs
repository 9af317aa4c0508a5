//! What notebooks ask of [`noctule_core`] beside what apps do: replaying an exported slate.
//!
//! `cargo dev wheel` puts it into a Python wheel, beside the library that phones have; the thin
//! modules over it are in `tools/notebook/python`, and `tools/docs/notebooks.md` shows them in use.

mod told;

use std::path::Path;

use noctule_core::replay::{self, Bundle, stories};

uniffi::setup_scaffolding!("noctule_notebook");

/// Why a slate could not be computed again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ReplayError {
    /// The bundle, the release, or both together: what is wrong, with the file where there is one.
    #[error("{reason}")]
    Refused {
        /// What is wrong.
        reason: String,
    },
}

impl From<noctule_core::Error> for ReplayError {
    fn from(error: noctule_core::Error) -> Self {
        Self::Refused { reason: error.to_string() }
    }
}

/// Computes the slate of the exported `bundle` again from the release in the directory `release`,
/// and tells every stage as JSON: what `tools/docs/notebooks.md` describes.
///
/// # Errors
/// [`ReplayError::Refused`]; a slate that comes out otherwise is none, but says so.
#[uniffi::export]
#[allow(clippy::needless_pass_by_value, reason = "bindings hand over what they own")]
pub fn replay(bundle: Vec<u8>, release: &str) -> Result<String, ReplayError> {
    let bundle = Bundle::parse(&bundle)?;
    let loaded = replay::open_release(Path::new(release), &bundle)?;
    let replayed = replay::replay(&bundle, &loaded)?;
    Ok(told::json(&replayed, &stories(&replayed)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bundle_is_refused_in_words() {
        let refused = replay(b"something else".to_vec(), "nowhere").unwrap_err();
        assert!(!refused.to_string().is_empty());
    }
}
