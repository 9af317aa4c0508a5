//! The whole library through its public face.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod activation;
mod consent;
mod consent_kill;
mod consent_model;
mod deletions;
mod delivery;
mod delivery_kill;
mod delivery_refusals;
mod determinism;
mod envelope;
mod erasure;
mod exam;
mod export;
mod faithful;
mod forgetting;
mod full_disk;
mod health;
mod integrity;
mod kernels;
mod kill;
mod model;
mod models;
mod night_cut;
mod night_kill;
mod nights;
mod profiles;
mod pseudonyms;
mod queue_model;
mod read_only;
mod refused_releases;
mod replay;
mod retention;
mod rows;
mod scheduled;
mod spoiled;
mod suspension;
mod switching;
mod uploads;
mod versions;
mod widget;
mod widget_faults;
