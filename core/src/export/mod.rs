//! Everything that the device knows of its user, as JSON that a person can read
//! (`core/docs/formats/export.md`).
//!
//! Every table and every single value of the database is written, so that a new one cannot be
//! missed; what is stored as bytes is written as what it means. One row at a time is in memory.

mod meaning;
pub mod rows;

use serde_json::{Value, json};

use crate::consent::DataConsent;
use crate::store::Identity;

/// Version of the document.
pub const EXPORT_SCHEMA: u32 = 1;

/// What begins the document.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The app.
    pub app: &'a str,
    /// When it is written, Unix milliseconds.
    pub now_ms: i64,
    /// The consent in force.
    pub consent: DataConsent,
    /// Who the installation is.
    pub identity: &'a Identity,
}

impl Head<'_> {
    /// The fields in their order.
    fn fields(&self) -> [(&'static str, Value); 7] {
        let Identity { installation, since_ms, assignment, seed } = self.identity;
        let identity = json!({
            "installation": installation,
            "since_ms": since_ms,
            "assignment": assignment,
            "seed": seed,
        });
        [
            ("format", json!("noctule-export")),
            ("schema", json!(EXPORT_SCHEMA)),
            ("library", json!(env!("CARGO_PKG_VERSION"))),
            ("app", json!(self.app)),
            ("exported_at_ms", json!(self.now_ms)),
            ("consent", json!(self.consent.as_str())),
            ("identity", identity),
        ]
    }
}
