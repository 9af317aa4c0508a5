//! Published and recomputed numbers, reproduced from real data. The data do not come with the
//! sources: they are looked for where `NOCTULE_DATA` points, else in `shared/data` beside the
//! workspace. A test whose data are missing says so and skips.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod amazon_games;
mod data;
mod fairness;
mod layouts;
mod lenskit;
mod matrix_factorization;
mod metrics;
mod pipeline;
mod s3rec;
mod sasrec;
