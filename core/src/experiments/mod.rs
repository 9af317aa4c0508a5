//! Experiments: deterministic assignment of an installation to an arm.
