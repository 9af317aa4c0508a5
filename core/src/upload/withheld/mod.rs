//! Events that are never sent: the user asked for them to be forgotten, or did not allow it.
//!
//! Their sequence numbers are told in the header of the next batch behind them, so that the
//! collector does not count them as lost.

pub mod rows;
