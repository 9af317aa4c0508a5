//! The k best items for a query, or for many: a coarse scan over the codes, then exact scores for
//! what may be among the best, and a proof that nothing else can be.
//!
//! # Why the result is exact
//! The scan gives every row an interval that holds its exact score (derived in `bound`). Once k
//! eligible rows have a lower end of at least L, the k best scores are at least L, and a row whose
//! upper end is below L (by more than rounding to f32 can hide) is neither among them nor ties
//! with one. Such rows are dropped while the scan runs, L only grows, and what is left at the end
//! is scored exactly. Where intervals are so wide that many rows are left, as with int4, the k
//! highest upper ends are scored at once: an exact score is a lower end, too. So the result equals
//! that of scoring every row exactly: recall is 1 by construction, whatever the data. They decide
//! only how many rows are left.
//!
//! Every row gets an interval from a query of as many levels as the kernel's instructions can
//! multiply, and, where codes lie in planes, from one of them; a row whose wide interval reaches L
//! gets a narrow one from a query of 255 levels and the whole codes.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::ops::Range;

use noctule_kernels::exact::exact_scores;
use noctule_kernels::integer::{BLOCK, Kernel};

use super::bound::CoarseQuery;
use super::item_matrix::ItemMatrix;
use super::quantise::check_finite;
use super::scan::Scan;
use super::walk::{PANEL_QUERIES, Walk};
use crate::base::{Error, MappedFile, Result};

/// Threads of a search: more than any phone has processors.
const THREADS_MAX: usize = 64;

/// Bytes of codes that are worth a thread: to start one costs as long as to read a few of these
/// megabytes, and as much as a time slice where all processors are busy. Tests have matrices of a
/// few rows, and threads all the same.
const BYTES_A_THREAD: usize = if cfg!(test) { 1 } else { 8 << 20 };

/// An item and its exact score.
#[derive(Debug, Clone, Copy)]
pub struct Scored {
    /// Index of the item: its row in the matrix.
    pub index: u32,
    /// Its dot product with the query, as [`exact_score`] computes it.
    pub score: f32,
}

/// Greater is better: by score, and at equal scores the lower index.
impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.index.cmp(&self.index))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scored {}

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
    let search = TopK { kernel, ..TopK::new(k) };
    let is_eligible = |_, index| eligible.is_none_or(|eligible| eligible(index));
    let mut best = search.on_one_thread(matrix, &[query], &is_eligible)?;
    Ok(best.pop().unwrap_or_default())
}

/// Whether the query of this number may have the item of this index.
pub type Eligible<'a> = dyn Fn(usize, u32) -> bool + Sync + 'a;

/// A search for the best items of many queries in one pass over the matrix.
///
/// ```
/// use noctule_core::scoring::{ItemMatrix, TopK, quantise};
/// let embeddings = [1.0, 0.0, 0.6, 0.8, 0.0, 1.0];
/// let quantised = quantise(&embeddings, 2)?;
/// let items = ItemMatrix::new(&quantised.codes, &quantised.scales, &embeddings, 2)?;
/// let best = TopK::new(1).search(&items, &[&[1.0, 0.0], &[-1.0, 0.5]])?;
/// assert_eq!((best[0][0].index, best[1][0].index), (0, 2));
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct TopK<'a> {
    /// Items wanted for each query.
    pub k: usize,
    /// What multiplies; the result is the same with each.
    pub kernel: Kernel,
    /// Threads at most, the caller's included, and at most 64; as many as the size of the matrix is
    /// worth are started for the length of the call.
    pub threads: NonZeroUsize,
    /// Which items may be found; all without it. Asked about the few that could be among the best.
    pub eligible: Option<&'a Eligible<'a>>,
    /// Asked about every 16,000 items: true ends the search with [`Error::Cancelled`].
    pub stop: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// The file that the matrix is mapped from: pages are given back to the system as soon as they
    /// are read, so that a search holds few of them at a time. The next search reads them anew.
    pub file: Option<&'a MappedFile>,
}

impl std::fmt::Debug for TopK<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { k, kernel, threads, .. } = self;
        let mut shown = f.debug_struct("TopK");
        shown.field("k", k).field("kernel", kernel).field("threads", threads);
        shown.finish_non_exhaustive()
    }
}

impl<'a> TopK<'a> {
    /// The `k` best of all items, by the fastest kernel on the caller's thread.
    #[must_use]
    pub fn new(k: usize) -> Self {
        let (kernel, threads) = (Kernel::fastest(), NonZeroUsize::MIN);
        Self { k, kernel, threads, eligible: None, stop: None, file: None }
    }

    /// The best items of each of `queries`, as [`top_k`] gives them.
    ///
    /// # Errors
    /// As [`top_k`]; [`Error::Cancelled`] when asked to stop.
    pub fn search(&self, matrix: &ItemMatrix<'_>, queries: &[&[f32]]) -> Result<Vec<Vec<Scored>>> {
        let eligible =
            |query: usize, index: u32| self.eligible.is_none_or(|eligible| eligible(query, index));
        let rows = self.walk(matrix, queries.len()).stream_rows();
        let worth = matrix.code_bytes() * queries.len().max(1) / BYTES_A_THREAD;
        let most = self.threads.get().min(THREADS_MAX).min(worth);
        let threads = most.min(rows.div_ceil(BLOCK)).max(1);
        if threads == 1 {
            return self.on_one_thread(matrix, queries, &eligible);
        }
        let share = rows.div_ceil(threads).next_multiple_of(BLOCK);
        let part = |i: usize| (i * share).min(rows)..((i + 1) * share).min(rows);
        self.with_scans(matrix, queries, &eligible, |walk, scans| {
            std::thread::scope(|scope| {
                let begin = |i: usize| {
                    let mut own: Vec<Scan<'_>> = scans.iter().map(Scan::beside).collect();
                    let work = move || walk.over(part(i), &mut own, &eligible).map(|()| own);
                    std::thread::Builder::new().spawn_scoped(scope, work)
                };
                let others: Vec<_> = (1..threads).map(begin).collect();
                walk.over(part(0), scans, &eligible)?;
                for (i, other) in others.into_iter().enumerate() {
                    match other.map(std::thread::ScopedJoinHandle::join) {
                        Ok(Ok(found)) => {
                            let found = found?;
                            scans.iter_mut().zip(found).for_each(|(scan, own)| scan.absorb(own));
                        }
                        Ok(Err(panic)) => std::panic::resume_unwind(panic),
                        // No thread to be had: its part is done here.
                        Err(_) => walk.over(part(i + 1), scans, &eligible)?,
                    }
                }
                Ok(())
            })
        })
    }

    fn on_one_thread<F: Fn(usize, u32) -> bool>(
        &self,
        matrix: &ItemMatrix<'_>,
        queries: &[&[f32]],
        eligible: &F,
    ) -> Result<Vec<Vec<Scored>>> {
        self.with_scans(matrix, queries, eligible, |walk, scans| {
            let all: Range<usize> = 0..walk.stream_rows();
            walk.over(all, scans, eligible)
        })
    }

    fn walk<'m>(&self, matrix: &'m ItemMatrix<'m>, queries: usize) -> Walk<'m>
    where
        'a: 'm,
    {
        let in_panel = queries >= PANEL_QUERIES;
        Walk { kernel: self.kernel, matrix, stop: self.stop, file: self.file, in_panel }
    }

    /// Makes the queries ready, lets `pass` offer the rows of all streams, and scores exactly.
    fn with_scans<F: Fn(usize, u32) -> bool>(
        &self,
        matrix: &ItemMatrix<'_>,
        queries: &[&[f32]],
        eligible: &F,
        pass: impl FnOnce(&Walk<'_>, &mut [Scan<'_>]) -> Result<()>,
    ) -> Result<Vec<Vec<Scored>>> {
        for query in queries {
            if query.len() != matrix.dimensions {
                let reason =
                    format!("{} values, but {} are needed", query.len(), matrix.dimensions);
                return Err(Error::invalid("query", reason));
            }
            check_finite("query", query)?;
        }
        let k = self.k.min(matrix.len());
        let walk = self.walk(matrix, queries.len());
        let ready = |query: &&[f32]| CoarseQuery::new(query, &walk);
        let coarse: Vec<Option<CoarseQuery>> = queries.iter().map(ready).collect();
        let asked = coarse.iter().enumerate().filter(|_| k > 0);
        let mut scans: Vec<Scan<'_>> = asked
            .filter_map(|(number, query)| {
                Some(Scan::new(number, query.as_ref()?, queries[number], k))
            })
            .collect();
        if !scans.is_empty() {
            pass(&walk, &mut scans)?;
            walk.over_rest(&mut scans, eligible);
        }
        // Every score of a query of zeros is 0, and the lowest indices are the best.
        let lowest = |number: usize| -> Vec<Scored> {
            let indices = (0..matrix.len() as u32).filter(|index| eligible(number, *index));
            indices.take(k).map(|index| Scored { index, score: 0.0 }).collect()
        };
        let mut scans = scans.into_iter();
        let best = coarse.iter().enumerate().map(|(number, query)| match query {
            Some(_) => match scans.next() {
                Some(scan) => finite(scan.best(&walk)),
                None => Ok(Vec::new()),
            },
            None => Ok(lowest(number)),
        });
        best.collect()
    }
}

/// Refuses a score beyond f32.
fn finite(best: Vec<Scored>) -> Result<Vec<Scored>> {
    match best.iter().find(|scored| !scored.score.is_finite()) {
        Some(Scored { index, score }) => {
            Err(Error::Model { reason: format!("the score of item {index} is {score}") })
        }
        None => Ok(best),
    }
}

#[cfg(test)]
#[path = "top_k_tests.rs"]
mod tests;
