//! Many threads over the real boundary, as programs that a sanitiser can watch.
//!
//! `boundary` is the library as Kotlin and Swift call it, `handles` makes, clones, uses, closes
//! and frees both objects from all threads at once, `mixed` calls everything on one profile while
//! it is suspended again and again. Both count what was promised and compare to the event.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

pub mod boundary;
pub mod handles;
pub mod mixed;

use std::path::Path;

use noctule_ffi::{Config, DataConsent, EventKind, FeedbackEvent, RecommendRequest};

/// How every profile is opened: as one of the app `town` that trusts whoever has `key`, 64
/// hexadecimal digits.
#[must_use]
pub fn config(directory: &Path, key: Option<&str>) -> Config {
    Config {
        directory: directory.display().to_string(),
        app: "town".into(),
        consent: DataConsent::Full,
        trusted_keys: key.map(str::to_owned).into_iter().collect(),
        utc_offset_minutes: None,
        plan: None,
        allow_unsigned_for_development: false,
        trusted_root: None,
        delivery: None,
        widget: None,
        event_kinds: vec![],
        rotate_pseudonym_days: None,
        collector_keys: vec![],
        keep_events_days: None,
        keep_events: Some(10_000_000),
        metered_upload_bytes_a_day: None,
    }
}

fn click() -> FeedbackEvent {
    FeedbackEvent {
        kind: EventKind::Click,
        item: "item-1".into(),
        surface: None,
        context: None,
        position: None,
        generation: None,
        propensity: None,
        dwell_ms: None,
        visible_ms: None,
        undoes: None,
        details: vec![],
        at_ms: None,
    }
}

fn home() -> RecommendRequest {
    RecommendRequest { surface: "home".into(), context: None, limit: None }
}
