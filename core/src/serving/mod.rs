//! Serving: an immutable snapshot, read-time filters, fatigue, the fallback ladder.
