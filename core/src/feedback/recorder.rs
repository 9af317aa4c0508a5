//! What the library stamps on events: numbers, clocks, visits.

pub mod rows;

use super::private::PrivateAnswers;

/// What is stamped on every event of one call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stamp<'a> {
    /// The wall clock, for events that bring no time.
    pub now_ms: i64,
    /// A clock that nobody can set, since the run began.
    pub run_ms: Option<u64>,
    /// Number of the run of the library.
    pub run: u32,
    /// Pseudonym that the events go out under: what is stamped tells nothing of another.
    pub pseudonym: uuid::Uuid,
    /// Offset of the device from UTC in minutes.
    pub zone_minutes: i32,
    /// The active release, as `name@version`.
    pub release: Option<&'a str>,
    /// The arm of the installation.
    pub arm: Option<&'a str>,
    /// What the collector is told with noise.
    pub private: Option<PrivateAnswers<'a>>,
}
