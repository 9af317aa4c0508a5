//! Recommendations that are made on the phone, at night, while it charges, and are simply there in
//! the morning.
//!
//! ```text
//! release -> model -> candidates -> rank -> re-rank -> publish -> serve -> feedback -> learn
//!    ^                                                                        |         |
//!    |            reports <- collector <- upload <----------------------------+   next night
//! ```
//!
//! The rooms stand in the order in which data flows; a room imports only those before it.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "a test may compare with the platform's functions")
)]

pub mod base;

pub mod store;

pub mod catalogue;

pub mod trust;

pub mod release;

pub mod model;

pub mod scoring;

pub mod candidates;

pub mod ranking;

pub mod reranking;

pub mod reasons;

pub mod slates;

pub mod night;

pub mod exam;

pub mod serving;

pub mod widget;

pub mod feedback;

pub mod learning;

pub mod replay;

pub mod experiments;

pub mod monitoring;

pub mod consent;

pub mod upload;

pub mod delivery;

pub mod export;

pub mod runtime;

pub use base::{Error, Result};
pub use runtime::{
    Config, DeliveryStatus, Diagnosis, Finding, Level, NightJournal, Noctule, Receipt, Releases,
    Sizes, Status, WidgetStatus,
};
