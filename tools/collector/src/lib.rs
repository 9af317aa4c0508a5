//! Noctule.
