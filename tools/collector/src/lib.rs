//! The collector: feedback batches come in over HTTP, Parquet comes out.
//!
//! ```text
//! POST /v1/batches -> inflate -> check -> journal, written through -> 200
//!                                            |
//!                                            +-> app=…/day=…/part-….parquet
//! POST /v1/deletions -> journal, written through -> 200
//!                                            |
//!                                            +-> everything of the installation leaves
//! ```
//!
//! A batch is acknowledged when it is durable, and an event that comes again is not stored again.
//! So devices send at least once, and the output holds every acknowledged event exactly once, also
//! after a crash at any moment. `tools/docs/collector.md` tells how.

mod access;
mod batch;
mod body;
mod columns;
mod compaction;
mod deletions;
mod description;
mod disk;
mod error;
mod forgetting;
mod group;
mod healing;
mod index;
mod journal;
mod listener;
mod merging;
mod metrics;
mod partitions;
mod peer;
mod rates;
mod rejections;
mod rewriting;
mod routes;
mod rows;
mod server;
mod settings;
mod shared;
mod signing;
mod sink;
mod store;
mod swapping;
mod table;
mod tls;
mod validation;
mod writer;

pub use deletions::forget;
pub use error::{Error, Result};
pub use merging::Merging;
pub use metrics::Counts;
pub use rates::{Allowance, Rate, Rates};
pub use rejections::{REJECTIONS_SCHEMA, REJECTIONS_SCHEMA_VERSION};
pub use server::{Collector, RunningCollector};
pub use settings::{Limits, Settings};
pub use signing::Signer;
pub use table::{FEEDBACK_SCHEMA, FEEDBACK_SCHEMA_VERSION};
pub use tls::{Clients, Tls};
