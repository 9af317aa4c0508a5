//! The current slates as a flat file, for extensions of the app that must not open SQLite: an iOS
//! widget, an Android app widget.
//!
//! The library writes it, replacing the file in one step, whenever what is served changes; an
//! extension maps or reads it and asks [`FlatSlates`]. `core/docs/formats/widget.md` describes the
//! bytes so that a stranger could read them.

mod check;
mod choosing;
mod encode;
mod format;
mod policy;
mod read;
#[cfg(test)]
mod tests;
mod views;

pub use choosing::{Chosen, choose};
pub use encode::{Encoded, encode};
pub use policy::{WIDGET_FILE, WidgetPolicy};
pub use read::{FlatSlates, read_file};
pub use views::{FlatReason, FlatReasonKind, FlatSlate, FlatSlot};
