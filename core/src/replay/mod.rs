//! Making a published slate again, byte for byte, and telling why each item stands where it does.
//!
//! A slate is a pure function of the release, the profile, the plan, the treatment and the time.
//! What slates were made from is kept beside them ([`Inputs`]), since the profile moves on the next
//! day. [`Bundle`] takes it out of the device, with the user's consent; [`replay`] computes the
//! slate again and compares. `core/docs/replay.md` tells how to use it.

mod bundle;
mod inputs;
pub mod rows;
mod run;
mod story;

pub use bundle::{Bundle, Consent, read_file};
pub use inputs::Inputs;
pub use run::{Difference, Replayed, open_release, replay};
pub use story::{CandidateStory, Move, stories};
