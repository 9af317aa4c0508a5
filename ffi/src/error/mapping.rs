//! Which error of the core becomes which error of the app: the only place that decides it.

use noctule_core::Error;

use super::RecommenderError;

impl From<Error> for RecommenderError {
    fn from(error: Error) -> Self {
        let reason = error.to_string();
        match error {
            Error::Closed => Self::Closed,
            Error::Suspended => Self::Suspended,
            Error::AlreadyRunning { .. } | Error::DirectoryInUse { .. } => {
                Self::AlreadyRunning { reason }
            }
            Error::InvalidInput { field, reason } => Self::InvalidInput { field, reason },
            Error::DirectoryMissing { .. } => Self::invalid("directory", reason),
            Error::ReleaseRefused { file, refusal } => {
                Self::ReleaseRefused { file, reason: refusal.to_string() }
            }
            Error::TrustRefused { file, refusal } => {
                Self::ReleaseRefused { file, reason: refusal.to_string() }
            }
            Error::ReplayRefused { refusal } => Self::invalid("replay", refusal.to_string()),
            Error::NoPreviousRelease => Self::invalid("release", reason),
            Error::StorageFull { .. } => Self::StorageFull { reason },
            Error::NotADatabase { .. }
            | Error::SchemaTooNew { .. }
            | Error::Storage { .. }
            | Error::ReadOnly { .. }
            | Error::Damaged { .. }
            | Error::WidgetRefused { .. }
            | Error::ReleaseDamaged { .. }
            | Error::File { .. } => Self::Storage { reason },
            // A cancelled night is an outcome; nothing else that an app calls is cancelled.
            Error::Model { .. } | Error::Cancelled => Self::Internal { reason },
            // The core may name more errors than this was written for.
            _ => Self::Internal { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use noctule_core::base::Refusal;

    use super::*;

    #[test]
    fn a_directory_in_use_is_somebody_else_at_work() {
        let error = Error::DirectoryInUse { path: PathBuf::from("profile") };
        let expected = "profile: another process has this directory open".to_owned();
        assert_eq!(
            RecommenderError::from(error),
            RecommenderError::AlreadyRunning { reason: expected }
        );
    }

    #[test]
    fn a_refused_release_names_its_file_once() {
        let error = Error::refused("manifest.sig", Refusal::NotSigned);
        let expected = "release refused: manifest.sig: not signed";
        assert_eq!(RecommenderError::from(error).to_string(), expected);
    }

    #[test]
    fn what_an_app_cannot_act_on_differently_is_one_storage_error() {
        let path = || PathBuf::from("noctule.db");
        let too_new = Error::SchemaTooNew { path: path(), found: 9, supported: 1 };
        for error in [Error::NotADatabase { path: path() }, too_new, Error::damaged("a", "b")] {
            let text = error.to_string();
            assert_eq!(error_reason(error), text);
        }
    }

    fn error_reason(error: Error) -> String {
        match RecommenderError::from(error) {
            RecommenderError::Storage { reason } => reason,
            other => panic!("{other:?}"),
        }
    }
}
