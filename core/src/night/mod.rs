//! The night job: order of work, the loop over contexts, publication, the journal of runs.
//!
//! ```text
//! LoadedRelease + Profile -> SlateMaker: eligible -> candidates -> ranking -> re-ranking
//!                                        -> reasons -> publish, one slate at a time
//! ```
//!
//! Each slate is published in a transaction of its own, with a digest of everything it was made
//! from. A night that is cut short, by its budget or by a kill, leaves old or new slates; the next
//! one finds by the digests which are left to make and goes on with those.

mod attribution;
mod background;
mod inputs;
mod items;
mod job;
pub mod journal;
mod loaded;
mod maker;
mod named;
mod nearest;
mod needs;
mod order;
mod parts;
mod rerank;
pub mod rows;
pub mod schedule;
mod scores;
mod trace;
mod user;

pub use attribution::SequenceParts;
pub use inputs::{Treatment, inputs_digest};
pub use items::ItemTensors;
pub use job::{GoOn, Job, NightOutcome, NightReport, SlateKeeper};
pub use journal::{NightRun, Refusals, RunOutcome};
pub use loaded::LoadedRelease;
pub use maker::SlateMaker;
pub use nearest::NearestItems;
pub use order::{WorkItem, coming_day, night_of, order_of_work};
pub use trace::{Recorder, Trace, TracedCandidate};
