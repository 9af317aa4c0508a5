//! The k best items for a query: a coarse scan over the codes, then exact scores for what may be
//! among the best, and a proof that nothing else can be.
//!
//! # Why the result is exact
//! The scan gives every row an interval that holds its exact score (derived in `bound`). Once k
//! eligible rows have a lower end of at least L, the k best scores are at least L, and a row whose
//! upper end is below L (by more than rounding to f32 can hide) is neither among them nor ties
//! with one. Such rows are dropped while the scan runs, L only grows, and what is left at the end
//! is scored exactly, from the highest upper end downwards, until the k-th best exact score is
//! above every upper end that remains. So the result equals that of scoring every row exactly:
//! recall is 1 by construction, whatever the data. They decide only how many rows are left.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::bound::{CoarseQuery, exact_scores};
use super::item_matrix::ItemMatrix;
use super::kernels::Kernel;
use super::quantise::check_finite;
use super::vectors::Vectors;
use crate::base::{Error, Result};

/// Rows whose sums are computed before they are compared. Short blocks keep the loads going:
/// measured at 1,000,000 x 64, 256 took 2.4 ms, 1,024 took 2.6 and 4,096 took 3.0. Reading two or
/// four streams side by side was no faster.
const BLOCK_ROWS: usize = 256;
/// Rows compared with the floor at once; a branch is taken only when one of them reaches it.
const COMPARED_ROWS: usize = 32;
/// Survivors that are added before those that fell below the floor are cleared away again.
const SURVIVORS_BETWEEN_CLEARINGS: usize = 1024;

/// An item and its exact score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Index of the item: its row in the matrix.
    pub index: u32,
    /// Its dot product with the query, as [`exact_score`] computes it.
    pub score: f32,
}

impl Scored {
    /// Greater is better: by score, and at equal scores the lower index.
    fn rank(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.index.cmp(&self.index))
    }
}

/// The dot product of `query` and `row`: the products in f64 (where they are exact), summed from
/// the first to the last, rounded to f32 once. The same on every machine.
///
/// ```
/// assert_eq!(noctule_core::scoring::exact_score(&[1.0, 2.0], &[0.5, 0.25]), 1.0);
/// ```
#[must_use]
pub fn exact_score(query: &[f32], row: &[f32]) -> f32 {
    exact_scores(query, [row; 4])[0]
}

/// The `k` items with the highest [`exact_score`], best first; of equal scores the lower index
/// first. Fewer when fewer are `eligible` (all are, without it).
///
/// One pass over the codes of all items on the caller's thread: 1,000,000 items of 64 dimensions
/// take a few milliseconds. `eligible` is asked about the few rows that could be among the best,
/// at most once for each, in no particular order. The result is exact for every matrix that passes
/// [`ItemMatrix::verify`], and the same on every machine.
///
/// ```
/// use noctule_core::scoring::{ItemMatrix, quantise, top_k};
/// let embeddings = [1.0, 0.0, 0.6, 0.8, 0.0, 1.0];
/// let quantised = quantise(&embeddings, 2)?;
/// let items = ItemMatrix::new(&quantised.codes, &quantised.scales, &embeddings, 2)?;
/// let best = top_k(&items, &[1.0, 0.5], 2, Some(&|index| index != 0))?;
/// assert_eq!(best.iter().map(|scored| scored.index).collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidInput`] when `query` has another length than the rows or a value that is not
/// finite; [`Error::Model`] when a score among the best leaves the range of f32.
pub fn top_k(
    matrix: &ItemMatrix<'_>,
    query: &[f32],
    k: usize,
    eligible: Option<&dyn Fn(u32) -> bool>,
) -> Result<Vec<Scored>> {
    top_k_with(Kernel::fastest(), matrix, query, k, eligible)
}

/// [`top_k`] with a kernel of the caller's choice, for tests and measurements. The result is the
/// same with each.
///
/// # Errors
/// As [`top_k`].
pub fn top_k_with(
    kernel: Kernel,
    matrix: &ItemMatrix<'_>,
    query: &[f32],
    k: usize,
    eligible: Option<&dyn Fn(u32) -> bool>,
) -> Result<Vec<Scored>> {
    if query.len() != matrix.dimensions {
        let reason = format!("{} values, but {} are needed", query.len(), matrix.dimensions);
        return Err(Error::invalid("query", reason));
    }
    check_finite("query", query)?;
    let is_eligible = |index: u32| eligible.is_none_or(|eligible| eligible(index));
    let k = k.min(matrix.len());
    if k == 0 {
        return Ok(Vec::new());
    }
    let Some(coarse) = CoarseQuery::new(query, matrix) else {
        // Every score is 0, and the lowest indices are the best.
        let indices = (0..matrix.len() as u32).filter(|index| is_eligible(*index));
        return Ok(indices.take(k).map(|index| Scored { index, score: 0.0 }).collect());
    };
    let mut scan = Scan::new(matrix, &coarse, k, &is_eligible);
    scan.run(kernel);
    let best = scan.exact(query);
    match best.iter().find(|scored| !scored.score.is_finite()) {
        Some(Scored { index, score }) => {
            Err(Error::Model { reason: format!("the score of item {index} is {score}") })
        }
        None => Ok(best),
    }
}

/// A row that may be among the best, with the ends of its interval in scan units.
#[derive(Debug, Clone, Copy)]
struct Survivor {
    index: u32,
    upper: f32,
    lower: f32,
}

/// One pass over the codes.
struct Scan<'a, F> {
    matrix: &'a ItemMatrix<'a>,
    query: &'a CoarseQuery,
    k: usize,
    is_eligible: &'a F,
    survivors: Vec<Survivor>,
    /// Rows whose upper end is below this are not among the best.
    floor: f32,
    /// Survivors at which those below the floor are cleared away.
    clear_at: usize,
}

impl<'a, F: Fn(u32) -> bool> Scan<'a, F> {
    fn new(
        matrix: &'a ItemMatrix<'a>,
        query: &'a CoarseQuery,
        k: usize,
        is_eligible: &'a F,
    ) -> Self {
        let (floor, clear_at) = (f32::NEG_INFINITY, k);
        Self { matrix, query, k, is_eligible, survivors: Vec::new(), floor, clear_at }
    }

    /// Reads all rows, block by block.
    fn run(&mut self, kernel: Kernel) {
        let (mut sums, mut room) = ([0; BLOCK_ROWS], Vec::new());
        for first in (0..self.matrix.len()).step_by(BLOCK_ROWS) {
            let behind = self.matrix.len().min(first + BLOCK_ROWS);
            let codes = self.matrix.codes.rows(first..behind, self.matrix.dimensions, &mut room);
            let sums = &mut sums[..behind - first];
            kernel.dot_products(&self.query.codes, codes, sums);
            self.offer(first, sums);
        }
    }

    /// Takes the integer dot products of the rows from `first` on.
    fn offer(&mut self, first: usize, sums: &[i32]) {
        let scales = &self.matrix.scales[first..first + sums.len()];
        let chunks = sums.chunks(COMPARED_ROWS).zip(scales.chunks(COMPARED_ROWS));
        for (chunk, (sums, scales)) in chunks.enumerate() {
            // No early exit: the comparisons run side by side.
            let reaches = |(sum, scale): (&i32, &f32)| self.query.upper(*scale, *sum) >= self.floor;
            if sums.iter().zip(scales).fold(false, |any, pair| any | reaches(pair)) {
                self.take(first + chunk * COMPARED_ROWS, sums, scales);
            }
        }
        if self.survivors.len() >= self.clear_at {
            self.clear();
        }
    }

    /// Keeps the eligible rows that reach the floor.
    fn take(&mut self, first: usize, sums: &[i32], scales: &[f32]) {
        for (i, (sum, scale)) in sums.iter().zip(scales).enumerate() {
            let upper = self.query.upper(*scale, *sum);
            let index = (first + i) as u32;
            if upper >= self.floor && (self.is_eligible)(index) {
                let lower = self.query.lower(*scale, *sum);
                self.survivors.push(Survivor { index, upper, lower });
            }
        }
    }

    /// Raises the floor to what the k best lower ends allow and drops what is below.
    fn clear(&mut self) {
        if self.survivors.len() < self.k {
            return;
        }
        let descending = |a: &Survivor, b: &Survivor| b.lower.total_cmp(&a.lower);
        let (_, least, _) = self.survivors.select_nth_unstable_by(self.k - 1, descending);
        self.floor = self.query.floor(f64::from(least.lower));
        self.survivors.retain(|survivor| survivor.upper >= self.floor);
        self.clear_at = 2 * self.survivors.len() + SURVIVORS_BETWEEN_CLEARINGS;
    }

    /// The k best of the survivors by exact score, best first.
    fn exact(mut self, query: &[f32]) -> Vec<Scored> {
        self.clear();
        self.survivors.sort_unstable_by(|a, b| b.upper.total_cmp(&a.upper));
        let mut best: BinaryHeap<Reverse<Ranked>> = BinaryHeap::with_capacity(self.k + 1);
        let mut room = Vec::new();
        for four in self.survivors.chunks(4) {
            if let Some(Reverse(Ranked(worst))) = best.peek().filter(|_| best.len() == self.k) {
                let floor = self.query.floor(self.query.in_scan_units(worst.score));
                if four[0].upper < floor {
                    break;
                }
            }
            // A last group of fewer than four repeats its first row.
            let indices = std::array::from_fn(|i| four.get(i).unwrap_or(&four[0]).index as usize);
            let rows = four_rows(self.matrix, indices, &mut room);
            for (survivor, score) in four.iter().zip(exact_scores(query, rows)) {
                best.push(Reverse(Ranked(Scored { index: survivor.index, score })));
                if best.len() > self.k {
                    best.pop();
                }
            }
        }
        best.into_sorted_vec().into_iter().map(|Reverse(Ranked(scored))| scored).collect()
    }
}

/// Four rows of `matrix`: as they lie, or converted into `room`.
fn four_rows<'r>(
    matrix: &ItemMatrix<'r>,
    indices: [usize; 4],
    room: &'r mut Vec<f32>,
) -> [&'r [f32]; 4] {
    let d = matrix.dimensions;
    if let Vectors::F32(all) = matrix.vectors {
        return indices.map(|index| &all[index * d..(index + 1) * d]);
    }
    room.resize(4 * d, 0.0);
    for (row, index) in room.chunks_exact_mut(d).zip(indices) {
        matrix.vectors.read_row(index, matrix.codes, matrix.scales, row);
    }
    std::array::from_fn(|i| &room[i * d..(i + 1) * d])
}

/// An item in the order of [`Scored::rank`].
#[derive(Debug)]
struct Ranked(Scored);

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.rank(&other.0)
    }
}

#[cfg(test)]
#[path = "top_k_tests.rs"]
mod tests;
