//! What is timed.

use std::hint::black_box;

use noctule_kernels::integer::{BLOCK, Kernel, Reach, STREAMS, ScanQuery};
use noctule_kernels::product::{self, Matrix};
use noctule_kernels::{arithmetic, cholesky, exact};

use crate::turns::{Result, time};

const D: usize = 64;
/// Rows that caches do not hold, and rows that they do.
const ROWS: usize = 1_000_000;
const FEW: usize = 16_384;
/// Items that a user is folded in from.
const HISTORY: usize = 44;

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

/// All names, in the order in which they are shown.
pub(crate) const NAMES: [&str; 13] =
    [INT8, HIGH, CACHED, PANEL, REACH, PLANES, EXACT, PRODUCT, SOFTMAX, NORM, GELU, SOLVE, OUTER];

/// Prints the least time of each, in microseconds.
pub(crate) fn print() -> Result<()> {
    let mut random = Random(1);
    integers(&mut random);
    let vectors: Vec<f32> = (0..ROWS * D / 16).map(|_| random.value()).collect();
    floats(&vectors, &vectors[..D])
}

/// Draws for what is timed, whose speed does not depend on them: the generator SplitMix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// From -2 to 2.
    fn value(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 22) as f32 - 2.0
    }

    /// Codes of at most `most`.
    fn codes(&mut self, count: usize, most: i8) -> Vec<i8> {
        let span = 2 * most as u64 + 1;
        (0..count).map(|_| ((self.bits() % span) as i64 - i64::from(most)) as i8).collect()
    }
}

fn integers(random: &mut Random) {
    let kernel = Kernel::fastest();
    let codes = random.codes(ROWS * D, 127);
    // Any bytes are half codes.
    let [high, low] = [7, 0].map(|from| {
        codes[from..].iter().take(ROWS * D / 2).map(|code| *code as u8).collect::<Vec<_>>()
    });
    let scales: Vec<f32> = (0..FEW).map(|_| random.value()).collect();
    let scan = ScanQuery::new(random.codes(D, kernel.query_max(false)));
    let mut sums = [[0; BLOCK]; STREAMS];
    for (name, rows) in [(INT8, ROWS), (CACHED, FEW)] {
        time(name, || {
            for first in (0..rows / STREAMS / BLOCK).map(|block| block * BLOCK) {
                let begin = |k: usize| (k * (rows / STREAMS) + first) * D;
                let streams = std::array::from_fn(|k| &codes[begin(k)..][..BLOCK * D]);
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
    let most = kernel.query_max(true);
    let many: Vec<ScanQuery> = (0..24).map(|_| ScanQuery::new(random.codes(D, most))).collect();
    let many: Vec<&ScanQuery> = many.iter().collect();
    let (mut panel, mut all) = (kernel.panel(D), vec![sums; many.len()]);
    time(PANEL, || {
        for first in (0..FEW / STREAMS / BLOCK).map(|block| block * BLOCK) {
            let begin = |k: usize| (k * (FEW / STREAMS) + first) * D;
            let streams = std::array::from_fn(|k| &codes[begin(k)..][..BLOCK * D]);
            kernel.lay_out(streams, D, BLOCK, &mut panel);
            kernel.scan_panel(&many, &panel, &mut all);
        }
        black_box(&all);
    });
    let reach = Reach { step: 0.1, slack: 1.0, floor: 1e9 };
    time(REACH, || {
        for scales in scales.chunks(BLOCK) {
            black_box(kernel.reaching(reach, &sums[0], scales));
        }
    });
    let (rows, mut dots): ([u32; 1_024], _) = (std::array::from_fn(|row| row as u32), [0; 1_024]);
    time(PLANES, || {
        kernel.dot_planes(&scan, [&high, &low], &rows, &mut dots);
        black_box(&dots);
    });
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
    // What 400 rows add up to: positive definite.
    let wide: Vec<f64> = vectors[..400 * D].iter().map(|value| f64::from(*value)).collect();
    let mut system = vec![0.0; D * D];
    wide.chunks_exact(4 * D)
        .for_each(|four| cholesky::add_four_outer(&mut system, D, [1.0; 4], four));
    let (whole, mut right) = (system.clone(), vec![0.0; D]);
    time(SOLVE, || {
        system.copy_from_slice(&whole);
        right.fill(1.0);
        black_box(cholesky::factor(&mut system, D)).ok();
        cholesky::solve(&system, D, &mut right);
    });
    Ok(())
}
