//! Whether a release behaves on this phone as it did at the packer's.
//!
//! The model's scores in one user's slates are compared with those of a sample of users, which the
//! packer made with the same pipeline. One user is narrower than a population, and some users are
//! unusual; the limit therefore comes from the same sample: how far its own users are from the
//! whole of it.

mod distance;
mod gate;
mod histogram;

pub use distance::jensen_shannon;
pub use gate::{Verdict, judge, slate_scores};
pub use histogram::{Calibration, calibrate, count};
