//! The real binary, run as a person would: commands chained over files, mistakes, the demo.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod chain;
mod checks;
mod collect;
mod demo;
mod doctor;
mod import;
mod labels;
mod mistakes;
mod pytorch;
mod readers;
mod replay;
mod retraining;
mod roll_out;
mod runner;
mod runs;
mod sasrec;
mod static_server;
mod two_tower;
