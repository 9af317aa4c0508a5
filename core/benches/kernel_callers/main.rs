//! What calls the kernels, as the library for phones is compiled (they for speed, all around them
//! for size), beside the same at `opt-level = 3` throughout, one process of each in turn.
//!
//! `cargo dev bench kernel_callers`, as `kernels`.

#[path = "../../kernels/benches/kernels/turns.rs"]
mod turns;

use std::hint::black_box;
use std::process::ExitCode;

use noctule_core::base::digest::sha256_hex;
use noctule_core::base::{Seed, SeededRandom};
use noctule_core::model::{FoldIn, gram};
use noctule_core::scoring::{Codes, ItemMatrix, Vectors, quantise, top_k};
use turns::{Result, time};

const D: usize = 64;
const ROWS: usize = 1_000_000;
/// Items that a user is folded in from.
const HISTORY: usize = 44;
const K: usize = 100;

const HASH: &str = "SHA-256 of 4 MiB";
const FOLD_IN: &str = "a user folded in from 44 items";
const SMALL: &str = "best 100 of 10,000";
const MIDDLE: &str = "best 100 of 100,000";
const LARGE: &str = "best 100 of 1,000,000";
const LARGE_PLANES: &str = "best 100 of 1,000,000, codes in planes";

fn main() -> ExitCode {
    let names = [HASH, FOLD_IN, SMALL, MIDDLE, LARGE, LARGE_PLANES];
    turns::run(["noctule-core", "kernel_callers"], &names, print)
}

fn print() -> Result<()> {
    let mut random = SeededRandom::new(Seed(1));
    let mut normal = |count: usize| (0..count).map(|_| random.normal() as f32).collect::<Vec<_>>();
    let (vectors, query) = (normal(ROWS * D), normal(D));
    let bytes: Vec<u8> = vectors[..1 << 20].iter().flat_map(|value| value.to_le_bytes()).collect();
    time(HASH, || {
        black_box(sha256_hex(&bytes));
    });
    callers(&vectors, &query)
}

fn callers(vectors: &[f32], query: &[f32]) -> Result<()> {
    let fold_in = FoldIn::new(&gram(&vectors[..4_000 * D], D), D, 0.1, 0.01, 1.0, 4_000)?;
    let seen: Vec<(&[f32], f32, f32)> =
        vectors.chunks_exact(D).take(HISTORY).map(|row| (row, 1.0, 1.0)).collect();
    fold_in.solve(&seen)?;
    time(FOLD_IN, || {
        black_box(fold_in.solve(&seen)).ok();
    });
    for (name, rows) in [(SMALL, 10_000), (MIDDLE, 100_000), (LARGE, ROWS), (LARGE_PLANES, ROWS)] {
        let some = &vectors[..rows * D];
        let int8 = quantise(some, D)?;
        let [high, low] = &int8.planes(D);
        let codes = match name {
            LARGE_PLANES => Codes::Planes { high, low },
            _ => Codes::Int8(&int8.codes),
        };
        let matrix = ItemMatrix::stored(codes, &int8.scales, Vectors::F32(some), D)?;
        top_k(&matrix, query, K, None)?;
        time(name, || {
            black_box(top_k(&matrix, query, K, None)).ok();
        });
    }
    Ok(())
}
