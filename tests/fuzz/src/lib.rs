//! Fuzzing on a stable compiler: foreign bytes, spoilt in every way, for each parser of them.
//!
//! A [`Target`] is a function of bytes with valid inputs to start from. [`run()`] spoils them,
//! watches each execution for panics, hangs and memory, and keeps inputs that are answered in a
//! way not seen before, so that it gets further into the parser. The page is
//! `tests/fuzz/README.md`.

pub mod memory;
mod mutation;
mod replay;
mod run;
mod shape;
pub mod targets;
mod watchdog;

pub use replay::replay;
pub use run::{Finding, Kind, Settings, Summary, run};
pub use shape::Shape;
pub use targets::Target;
