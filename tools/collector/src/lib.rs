//! The collector: feedback batches come in over HTTP, Parquet comes out.
//!
//! ```text
//! POST /v1/batches -> inflate -> check -> journal, written through -> 200
//!                                            |
//!                                            +-> app=…/day=…/part-….parquet
//! ```
//!
//! A batch is acknowledged when it is durable, and an event that comes again is not stored again.
//! So devices send at least once, and the output holds every acknowledged event exactly once, also
//! after a crash at any moment. `tools/docs/collector.md` tells how.

mod access;
mod batch;
mod body;
mod compaction;
mod description;
mod disk;
mod error;
mod healing;
mod index;
mod journal;
mod listener;
mod metrics;
mod peer;
mod rates;
mod routes;
mod server;
mod settings;
mod shared;
mod table;
mod tls;
mod validation;
mod writer;

pub use error::{Error, Result};
pub use metrics::Counts;
pub use rates::{Allowance, Rate, Rates};
pub use server::{Collector, RunningCollector};
pub use settings::{Limits, Settings};
pub use table::{FEEDBACK_SCHEMA, FEEDBACK_SCHEMA_VERSION};
pub use tls::{Clients, Tls};
