//! What is timed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use noctule_core::base::digest::sha256_hex;
use noctule_core::base::{Seed, SeededRandom};
use noctule_core::model::{FoldIn, gram};
use noctule_core::scoring::{Codes, ItemMatrix, Vectors, quantise, top_k};
use noctule_kernels::integer::{BLOCK, Kernel, Reach, STREAMS, ScanQuery};
use noctule_kernels::product::{self, Matrix};
use noctule_kernels::{arithmetic, cholesky, exact};

use crate::Result;

const D: usize = 64;
/// Rows that caches do not hold, and rows that they do.
const ROWS: usize = 1_000_000;
const FEW: usize = 16_384;
/// Items that a user is folded in from.
const HISTORY: usize = 44;
const K: usize = 100;
/// How long each is repeated, and how often at least.
const SPAN: Duration = Duration::from_millis(60);
const REPEATS: usize = 7;

const INT8: &str = "int8 codes of 1,000,000 rows";
const HIGH: &str = "the high plane of 1,000,000 rows";
const CACHED: &str = "int8 codes of 16,384 rows";
const PANEL: &str = "the same by 24 queries";
const REACH: &str = "upper ends of 16,384 rows against a floor";
const PLANES: &str = "1,024 rows out of both planes";
const EXACT: &str = "exact scores of 1,024 rows";
const PRODUCT: &str = "500 x 128 by 128 x 64";
const SOFTMAX: &str = "softmax of 200 x 200";
const NORM: &str = "layer norm of 200 x 64";
const GELU: &str = "GELU of 200 x 256";
const SOLVE: &str = "a system of 64 factored and solved";
const OUTER: &str = "44 outer products of 64";
const HASH: &str = "SHA-256 of 4 MiB";
const FOLD_IN: &str = "a user folded in from 44 items";
const SMALL: &str = "best 100 of 10,000";
const MIDDLE: &str = "best 100 of 100,000";
const LARGE: &str = "best 100 of 1,000,000";
const LARGE_PLANES: &str = "best 100 of 1,000,000, codes in planes";

/// All names, kernels first, and whether what is timed only calls some.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, bool)> {
    let kernels = [
        INT8, HIGH, CACHED, PANEL, REACH, PLANES, EXACT, PRODUCT, SOFTMAX, NORM, GELU, SOLVE,
        OUTER, HASH,
    ];
    let callers = [FOLD_IN, SMALL, MIDDLE, LARGE, LARGE_PLANES];
    kernels.map(|name| (name, false)).into_iter().chain(callers.map(|name| (name, true)))
}

/// Prints the least time of each, in microseconds.
pub(crate) fn print() -> Result<()> {
    let mut random = SeededRandom::new(Seed(1));
    let mut normal = |count: usize| (0..count).map(|_| random.normal() as f32).collect::<Vec<_>>();
    let (vectors, query) = (normal(ROWS * D), normal(D));
    integers(&vectors, &query)?;
    floats(&vectors, &query)?;
    callers(&vectors, &query)
}

fn time(name: &str, mut work: impl FnMut()) {
    work();
    let (begun, mut least, mut times) = (Instant::now(), f64::INFINITY, 0);
    while times < REPEATS || begun.elapsed() < SPAN {
        let begun = Instant::now();
        work();
        least = least.min(begun.elapsed().as_secs_f64() * 1e6);
        times += 1;
    }
    println!("{name}\t{least}");
}

fn integers(vectors: &[f32], query: &[f32]) -> Result<()> {
    let kernel = Kernel::fastest();
    let int8 = quantise(vectors, D)?;
    let [high, low] = int8.planes(D);
    let most = f32::from(kernel.query_max(false)) / 4.0;
    let coded = |of: &[f32], most: f32| {
        ScanQuery::new(
            of.iter().map(|value| (value * most).clamp(-4.0 * most, 4.0 * most) as i8).collect(),
        )
    };
    let scan = coded(query, most);
    let mut sums = [[0; BLOCK]; STREAMS];
    for (name, rows) in [(INT8, ROWS), (CACHED, FEW)] {
        time(name, || {
            for first in (0..rows / STREAMS / BLOCK).map(|block| block * BLOCK) {
                let begin = |k: usize| (k * (rows / STREAMS) + first) * D;
                let streams = std::array::from_fn(|k| &int8.codes[begin(k)..][..BLOCK * D]);
                kernel.scan(&scan, streams, BLOCK, &mut sums);
            }
            black_box(&sums);
        });
    }
    time(HIGH, || {
        for first in (0..ROWS / STREAMS / BLOCK).map(|block| block * BLOCK) {
            let begin = |k: usize| (k * (ROWS / STREAMS) + first) * D / 2;
            let streams = std::array::from_fn(|k| &high[begin(k)..][..BLOCK * D / 2]);
            black_box(kernel.scan_int4(&scan, streams, BLOCK, &mut sums));
        }
    });
    let many: Vec<ScanQuery> = (1..=24)
        .map(|at| coded(&vectors[at * D..(at + 1) * D], f32::from(kernel.query_max(true)) / 4.0))
        .collect();
    let many: Vec<&ScanQuery> = many.iter().collect();
    let (mut panel, mut all) = (kernel.panel(D), vec![sums; many.len()]);
    time(PANEL, || {
        for first in (0..FEW / STREAMS / BLOCK).map(|block| block * BLOCK) {
            let begin = |k: usize| (k * (FEW / STREAMS) + first) * D;
            let streams = std::array::from_fn(|k| &int8.codes[begin(k)..][..BLOCK * D]);
            kernel.lay_out(streams, D, BLOCK, &mut panel);
            kernel.scan_panel(&many, &panel, &mut all);
        }
        black_box(&all);
    });
    let reach = Reach { step: 0.1, slack: 1.0, floor: 1e9 };
    time(REACH, || {
        for scales in int8.scales[..FEW].chunks(BLOCK) {
            black_box(kernel.reaching(reach, &sums[0], scales));
        }
    });
    time(PLANES, || {
        for row in 0..1_024 {
            let bytes = row * D / 2..(row + 1) * D / 2;
            black_box(kernel.dot_planes(&scan, &high[bytes.clone()], &low[bytes]));
        }
    });
    Ok(())
}

fn floats(vectors: &[f32], query: &[f32]) -> Result<()> {
    time(EXACT, || {
        for four in vectors[..1_024 * D].chunks_exact(4 * D) {
            let rows = std::array::from_fn(|at| &four[at * D..(at + 1) * D]);
            black_box(exact::exact_scores(query, rows));
        }
    });
    let (a, b) = (&vectors[..500 * 128], &vectors[64_000..64_000 + 128 * 64]);
    let mut to = vec![0.0; 500 * 64];
    let (a, b) = (Matrix::new(a, 500, 128, 128)?, Matrix::new(b, 128, 64, 64)?);
    time(PRODUCT, || {
        to.fill(0.0);
        black_box(product::add(&mut to, 64, a, b)).ok();
    });
    let mut rows = vectors[..200 * 256].to_vec();
    time(SOFTMAX, || rows[..40_000].chunks_exact_mut(200).for_each(arithmetic::softmax));
    let (ones, zeros) = (vec![1.0; D], vec![0.0; D]);
    time(NORM, || {
        black_box(arithmetic::layer_norm(&vectors[..200 * D], &ones, &zeros, 1e-5));
    });
    time(GELU, || {
        rows.copy_from_slice(&vectors[..200 * 256]);
        arithmetic::gelu(&mut rows);
    });
    let wide: Vec<f64> = vectors[..HISTORY * D].iter().map(|value| f64::from(*value)).collect();
    let mut matrix = vec![0.0; D * D];
    time(OUTER, || {
        for four in wide.chunks_exact(4 * D) {
            cholesky::add_four_outer(&mut matrix, D, [1.0; 4], four);
        }
    });
    let mut system = gram(&vectors[..400 * D], D);
    let (whole, mut right) = (system.clone(), vec![0.0; D]);
    time(SOLVE, || {
        system.copy_from_slice(&whole);
        right.fill(1.0);
        black_box(cholesky::factor(&mut system, D)).ok();
        cholesky::solve(&system, D, &mut right);
    });
    let bytes: Vec<u8> = vectors[..1 << 20].iter().flat_map(|value| value.to_le_bytes()).collect();
    time(HASH, || {
        black_box(sha256_hex(&bytes));
    });
    Ok(())
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
