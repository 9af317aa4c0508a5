//! Columns: what is written is read again, and nothing else is read at all.

mod golden;
mod hostile;
mod order;
mod round_trip;
