//! The one error of this crate: what was being done, and what the part behind it said.

use std::path::Path;
use std::process::ExitCode;

/// A result of this crate.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A part of Noctule, or the operating system, refused.
    #[error("failed to {action}: {source}")]
    Failed {
        /// What was being done (`pack`).
        action: &'static str,
        /// The part's error, whose message names file, line and field.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A release failed its own checks.
    #[error("{release} failed {failed} of {total} checks")]
    ExamFailed {
        /// The release, as `name@version`.
        release: String,
        /// Checks that failed.
        failed: usize,
        /// All checks.
        total: u32,
    },

    /// Ctrl-C.
    #[error("{0}")]
    Interrupted(String),

    /// Whoever read standard output has gone: nothing to tell, and nobody to tell it.
    #[error("the reader of standard output has gone")]
    ReaderGone,
}

/// `EX_DATAERR` of `sysexits.h`: the input was read well and is not good.
const EXAM_FAILED: u8 = 65;

impl Error {
    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::ExamFailed { .. } => ExitCode::from(EXAM_FAILED),
            Self::Interrupted(_) => ExitCode::from(crate::interrupt::INTERRUPTED),
            Self::ReaderGone => ExitCode::SUCCESS,
            Self::Failed { .. } => ExitCode::FAILURE,
        }
    }

    /// Wraps an error with the action that failed.
    pub(crate) fn failed<E>(action: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::Failed { action, source: source.into() }
    }

    /// A failure that is told in words, with the file it is about.
    pub(crate) fn at(action: &'static str, place: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Failed { action, source: format!("{}: {reason}", place.display()).into() }
    }

    /// The message on one line, also where the part behind it wrote several.
    pub(crate) fn line(&self) -> String {
        let text = self.to_string();
        text.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()).fold(
            String::new(),
            |mut line, part| {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(part);
                line
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_several_lines_is_told_on_one() {
        let error = Error::failed::<String>("train")("first\n  second\r\n\nthird".into());
        assert_eq!(error.line(), "failed to train: first second third");
    }

    #[test]
    fn a_place_stands_before_its_reason() {
        let error = Error::at("record", "a/b.jsonl".as_ref(), "12: item: is empty");
        assert_eq!(error.line(), "failed to record: a/b.jsonl: 12: item: is empty");
    }
}
