//! The first connection of a process.

use std::sync::Once;

static FIRST: Once = Once::new();

/// Opens a connection; the first one of the process alone. At that, SQLite makes itself ready, and
/// leaves it to a plain flag that other threads see it: well on all processors that it knows, but a
/// race by the rules of C and Rust, and ThreadSanitizer says so.
pub(super) fn first_alone<T>(open: impl Fn() -> T) -> T {
    let mut first = None;
    FIRST.call_once(|| first = Some(open()));
    first.unwrap_or_else(open)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_first_call_and_all_others_open_once() {
        let opened = Cell::new(0);
        for calls in 1..4 {
            first_alone(|| opened.set(opened.get() + 1));
            assert_eq!(opened.get(), calls);
        }
    }
}
