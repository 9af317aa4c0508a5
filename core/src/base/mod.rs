//! Values that every room may use and that use none.
//!
//! Errors, identifiers, time, budgets, progress, seeded randomness, limits, the profile, and mapped
//! files with the tensors in them.

pub mod bucket;
pub mod budget;
pub(crate) mod checksum;
pub mod clock;
pub mod day;
pub mod digest;
pub mod dtype;
pub mod error;
pub mod forgotten;
pub mod geo;
pub mod ids;
pub mod json;
pub mod label_weights;
pub mod limits;
pub mod map;
pub mod openings;
pub mod order;
pub mod pause;
pub mod profile;
pub mod progress;
pub mod random;
pub mod refusal;
pub mod replace;
pub mod replay_refusal;
pub(crate) mod sync;
pub mod tensors;
pub mod transfer;
pub mod trust_refusal;
mod usage;
pub mod week;
pub mod widget_refusal;

pub use budget::{Budget, CancelToken, StopReason};
pub use clock::{Clock, ManualClock, SystemClock};
pub use day::Day;
pub use dtype::Dtype;
pub use error::{Error, Result};
pub use forgotten::{Forgetting, Forgotten};
pub use geo::GeoPoint;
pub use ids::{ContextId, EventId, ItemId, SurfaceId};
pub use label_weights::LabelWeights;
pub use map::MappedFile;
pub use openings::{Openings, Usage};
pub use pause::Pause;
pub use profile::{HistoryItem, Profile};
pub use progress::{NoProgress, Progress, Step};
pub use random::{Seed, SeededRandom};
pub use refusal::Refusal;
pub use replay_refusal::ReplayRefusal;
pub use tensors::{TensorInfo, TensorLayout};
pub use transfer::{FetchRequest, Network, Transfer, TransferOutcome, UploadRequest};
pub use trust_refusal::TrustRefusal;
pub use week::{Days, Span, WeekMinute};
pub use widget_refusal::WidgetRefusal;
