//! Progress, told coarsely and on the caller's thread.

/// A stage of the night job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The day's feedback becomes the new profile.
    Learning,
    /// The user's vector is computed.
    FoldIn,
    /// Slates are made and published.
    Slates,
    /// Housekeeping of the database.
    Maintenance,
}

/// Hears how far long work has come.
pub trait Progress {
    /// `done` of `total` parts of `step` are done. Called on the thread that does the work, at
    /// most once for each slate; must not block.
    fn report(&self, step: Step, done: u32, total: u32);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn report(&self, _: Step, _: u32, _: u32) {}
}

impl<F: Fn(Step, u32, u32)> Progress for F {
    fn report(&self, step: Step, done: u32, total: u32) {
        self(step, done, total);
    }
}
