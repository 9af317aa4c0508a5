//! How the feedback stands between recording, learning and delivery.

pub mod rows;
