//! What the user asked to be forgotten, as long as anything on the device may still tell of it.

pub mod rows;
