//! Worlds with a known truth, and a fleet of simulated phones that live in them.
//!
//! ```text
//! world (town | recorded data) -> history for the trainer
//!        |
//!        v
//! fleet: install -> night -> recommend -> choice -> record -> upload, each phone a real library
//!
//! clicks: slates of any ranking -> choice, under any position bias: to try what learns from clicks
//! ```
//!
//! Everything follows from one seed; the number of threads changes no result.

pub mod choice;
pub mod clicks;
pub mod error;
pub mod fleet;
pub mod recorded;
pub mod town;
pub mod world;

pub use error::{Error, Result};
pub use fleet::{FleetProgress, FleetResult, FleetSettings, run_fleet};
pub use recorded::{Recorded, RecordedChoice, RecordedSettings, RecordedUser};
pub use town::{Town, TownSettings};
pub use world::{PastChoice, Showing, World};
