//! SQLite: one writer, migrations, maintenance. The plumbing that every `rows.rs` stands on.
