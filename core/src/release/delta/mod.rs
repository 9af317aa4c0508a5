//! Deltas: what changed between two releases, in one file, applied to the older on the device.
//!
//! The format stands in `core/docs/formats/delta.md`. A delta needs no trust: whatever it says,
//! a file that it makes counts only when it has the length and SHA-256 that the manifest binds.
//! [`DeltaHeader`] says what a delta is about, [`apply`] makes the files of the newer release, and
//! [`rebuild`] makes one file out of the instructions for it. The backend makes deltas.

mod apply;
mod deflated;
mod files;
mod header;
mod records;

pub use apply::apply;
pub use deflated::Deflated;
pub use header::{Content, DELTA_FORMAT, DeltaEntry, DeltaHeader};
pub use records::{RECORD_BYTES_MIN, Sink, Source, rebuild, write_varint};
