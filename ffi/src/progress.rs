//! Progress, told to the app.

use std::cell::RefCell;
use std::sync::Arc;

use noctule_core::base::{Progress, Step};

/// A stage of the night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum NightStep {
    /// The day's feedback becomes the new profile.
    Learning,
    /// The user's vector is computed.
    FoldIn,
    /// Slates are made and published.
    Slates,
    /// Housekeeping of the database.
    Maintenance,
}

impl From<Step> for NightStep {
    fn from(step: Step) -> Self {
        match step {
            Step::Learning => Self::Learning,
            Step::FoldIn => Self::FoldIn,
            Step::Slates => Self::Slates,
            Step::Maintenance => Self::Maintenance,
        }
    }
}

/// What a listener may throw; anything else that it throws arrives as this too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ListenerError {
    /// The listener failed.
    #[error("{reason}")]
    Failed {
        /// For the log.
        reason: String,
    },
}

// Without this, an exception that the listener does not declare would be a panic here.
impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: error.reason }
    }
}

/// Hears how far a night has come. Written by the app.
///
/// A listener that throws is not called again in this night, which goes on without it: progress is
/// for display, and the night's work is worth more. [`crate::NightReport::listener_failure`] says
/// what it threw.
#[uniffi::export(foreign)]
pub trait ProgressListener: Send + Sync {
    /// `done` of `total` parts of `step` are done. Called on the thread that called `run_night`, at
    /// most once for each slate. Must not block and must not hold the recommender.
    ///
    /// # Errors
    /// [`ListenerError`] when it does not want to hear more.
    fn on_progress(&self, step: NightStep, done: u32, total: u32) -> Result<(), ListenerError>;
}

/// Calls the listener until it fails.
pub(crate) struct Listening {
    listener: Option<Arc<dyn ProgressListener>>,
    failure: RefCell<Option<String>>,
}

impl Listening {
    pub(crate) fn to(listener: Option<Arc<dyn ProgressListener>>) -> Self {
        Self { listener, failure: RefCell::new(None) }
    }

    /// What the listener threw, if it did.
    pub(crate) fn failure(self) -> Option<String> {
        self.failure.into_inner()
    }
}

impl Progress for Listening {
    fn report(&self, step: Step, done: u32, total: u32) {
        let Some(listener) = &self.listener else { return };
        if self.failure.borrow().is_some() {
            return;
        }
        if let Err(error) = listener.on_progress(step.into(), done, total) {
            self.failure.replace(Some(error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    struct Refusing(AtomicU32);

    impl ProgressListener for Refusing {
        fn on_progress(&self, _: NightStep, _: u32, _: u32) -> Result<(), ListenerError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Err(ListenerError::Failed { reason: "the screen is gone".into() })
        }
    }

    #[test]
    fn a_listener_that_fails_is_not_called_again_and_its_failure_is_kept() {
        let refusing = Arc::new(Refusing(AtomicU32::new(0)));
        let listening = Listening::to(Some(refusing.clone()));
        for done in 0..3 {
            listening.report(Step::Slates, done, 3);
        }
        assert_eq!(refusing.0.load(Ordering::SeqCst), 1);
        assert_eq!(listening.failure().as_deref(), Some("the screen is gone"));
    }
}
