//! Noctule.
fn main() {}
