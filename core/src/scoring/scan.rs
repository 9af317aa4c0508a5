//! The pass over the codes: intervals for every row, and what survives of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use noctule_kernels::exact::exact_scores;
use noctule_kernels::integer::{BLOCK, Kernel, Panel, QUERIES, STREAMS, Sums};

use super::bound::CoarseQuery;
use super::codes::Codes;
use super::item_matrix::{FOURS_AHEAD, ItemMatrix};
use super::top_k::Scored;
use super::vectors::Vectors;
use crate::base::{Error, MappedFile, Result};

/// Survivors that are added before those that fell below the floor are cleared away again.
const SURVIVORS_BETWEEN_CLEARINGS: usize = 128;
/// Survivors, for each row wanted, from which on exact scores raise the floor: where codes are as
/// coarse as int4, twice the width of an interval separates no row from many others.
const SURVIVORS_TO_SHARPEN: usize = 2;
/// Queries from which on laying rows out for all of them pays.
pub(super) const PANEL_QUERIES: usize = 4;
/// Blocks between two looks at whether to go on.
const BLOCKS_BETWEEN_LOOKS: usize = 64;
/// Rows scored exactly before their pages are given back.
const ROWS_BETWEEN_RETURNS: usize = 64;

/// A row that may be among the best, with the ends of its interval in scan units.
#[derive(Debug, Clone, Copy)]
struct Survivor {
    index: u32,
    upper: f32,
    lower: f32,
}

/// What one query has found so far.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// Number of the query.
    number: usize,
    query: &'a CoarseQuery,
    /// The query as it was given.
    given: &'a [f32],
    k: usize,
    survivors: Vec<Survivor>,
    /// Ends of the survivors, while one of them is looked for.
    ends: Vec<f32>,
    /// Rows whose upper end is below this are not among the best.
    floor: f32,
    /// Survivors at which those below the floor are cleared away.
    clear_at: usize,
}

/// One pass over a matrix for some queries.
pub(super) struct Walk<'a> {
    pub(super) kernel: Kernel,
    pub(super) matrix: &'a ItemMatrix<'a>,
    pub(super) stop: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Pages of this file that were read are given back at once.
    pub(super) file: Option<&'a MappedFile>,
}

impl Walk<'_> {
    /// Rows of each of the four streams; the last few rows of the matrix are in none.
    pub(super) fn stream_rows(&self) -> usize {
        self.matrix.len() / STREAMS
    }

    /// Offers the rows `part` of every stream to `scans`, each of which takes those that
    /// `eligible(its query, index)` allows.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when asked to stop.
    pub(super) fn over<F: Fn(usize, u32) -> bool>(
        &self,
        part: Range<usize>,
        scans: &mut [Scan<'_>],
        eligible: &F,
    ) -> Result<()> {
        let mut block = Block::new(self.kernel, self.matrix.dimensions);
        let mut returned = part.start;
        for (number, first) in part.clone().step_by(BLOCK).enumerate() {
            if number.is_multiple_of(BLOCKS_BETWEEN_LOOKS) {
                if self.stop.is_some_and(|stop| stop()) {
                    return Err(Error::Cancelled);
                }
                self.give_back(returned..first);
                returned = first;
            }
            let count = part.end.min(first + BLOCK) - first;
            let panel = scans.len() >= PANEL_QUERIES;
            if panel {
                block.lay_out(self, first, count);
            }
            let turns = scans.len().div_ceil(QUERIES);
            for (turn, some) in scans.chunks_mut(QUERIES).enumerate() {
                if panel {
                    self.fetch_ahead(
                        first + count..part.end.min(first + count + BLOCK),
                        turn,
                        turns,
                    );
                    block.scan_panel(self.kernel, some);
                } else {
                    block.scan_rows(self, some, first, count);
                }
                for (scan, sums) in some.iter_mut().zip(&block.sums) {
                    for (k, sums) in sums.iter().enumerate() {
                        let first = k * self.stream_rows() + first;
                        let number = scan.number;
                        let rows = first..first + count;
                        scan.offer(self, rows, sums, &|index| eligible(number, index));
                    }
                }
            }
        }
        self.give_back(returned..part.end);
        Ok(())
    }

    /// Asks for the rows `rows` of every stream, in this turn for its share of them: memory works
    /// while products are computed.
    fn fetch_ahead(&self, rows: Range<usize>, turn: usize, turns: usize) {
        let width = self.matrix.codes.row_bytes(self.matrix.dimensions);
        let bytes = rows.len() * width;
        let share = bytes.div_ceil(turns).next_multiple_of(64);
        let part = (turn * share).min(bytes)..((turn + 1) * share).min(bytes);
        for k in 0..STREAMS {
            let first = (k * self.stream_rows() + rows.start) * width;
            match self.matrix.codes {
                Codes::Int8(codes) => Kernel::fetch_ahead(&codes[first..][part.clone()]),
                Codes::Int4(codes) => Kernel::fetch_ahead(&codes[first..][part.clone()]),
            }
        }
    }

    /// Offers the rows that are in no stream.
    pub(super) fn over_rest<F: Fn(usize, u32) -> bool>(
        &self,
        scans: &mut [Scan<'_>],
        eligible: &F,
    ) {
        for row in STREAMS * self.stream_rows()..self.matrix.len() {
            for scan in scans.iter_mut() {
                let number = scan.number;
                scan.look_at(self, row, None, &|index| eligible(number, index));
            }
        }
    }

    /// Gives the pages back on which the rows `rows` of every stream stand.
    fn give_back(&self, rows: Range<usize>) {
        let Some(file) = self.file else { return };
        for k in 0..STREAMS {
            let first = k * self.stream_rows();
            let rows = first + rows.start..first + rows.end;
            let width = self.matrix.codes.row_bytes(self.matrix.dimensions);
            let bytes = rows.start * width..rows.end * width;
            match self.matrix.codes {
                Codes::Int8(codes) => file.give_back(&codes[bytes]),
                Codes::Int4(codes) => file.give_back(&codes[bytes]),
            }
            file.give_back(&self.matrix.scales[rows]);
        }
    }
}

/// The block that is being read.
struct Block {
    panel: Panel,
    /// Of each of the queries that are multiplied at once.
    sums: [Sums; QUERIES],
    /// Unpacked codes, by stream.
    unpacked: [Vec<i8>; STREAMS],
}

impl Block {
    fn new(kernel: Kernel, dimensions: usize) -> Self {
        let sums = [[[0; BLOCK]; STREAMS]; QUERIES];
        Self { panel: kernel.panel(dimensions), sums, unpacked: Default::default() }
    }

    /// Lays out the `count` rows from `first` on of each stream for many queries.
    fn lay_out(&mut self, walk: &Walk<'_>, first: usize, count: usize) {
        let Self { panel, unpacked, .. } = self;
        let streams = codes_of(walk, first, count, unpacked);
        walk.kernel.lay_out(streams, walk.matrix.dimensions, count, panel);
    }

    /// The products of some queries with the rows that are laid out.
    fn scan_panel(&mut self, kernel: Kernel, scans: &[Scan<'_>]) {
        let mut queries = [&scans[0].query.scan; QUERIES];
        for (query, scan) in queries.iter_mut().zip(scans) {
            *query = &scan.query.scan;
        }
        kernel.scan_panel(&queries[..scans.len()], &self.panel, &mut self.sums);
    }

    /// The products of some queries with these rows as they lie.
    fn scan_rows(&mut self, walk: &Walk<'_>, scans: &[Scan<'_>], first: usize, count: usize) {
        let (kernel, matrix, rows) = (walk.kernel, walk.matrix, walk.stream_rows());
        let Self { unpacked, sums, .. } = self;
        for (scan, sums) in scans.iter().zip(sums) {
            let query = &scan.query.scan;
            let mut taken = 0;
            if let Codes::Int4(bytes) = matrix.codes {
                let width = matrix.codes.row_bytes(matrix.dimensions);
                let begin = |k: usize| (k * rows + first) * width;
                let packed = std::array::from_fn(|k| &bytes[begin(k)..begin(k) + count * width]);
                taken = kernel.scan_int4(query, packed, count, sums);
            }
            if taken < count {
                // What the kernel for packed rows took is computed again, to the same sums.
                let streams = codes_of(walk, first, count, unpacked);
                kernel.scan(query, streams, count, sums);
            }
        }
    }
}

/// The codes of the `count` rows from `first` on of each stream: as they lie, or unpacked.
fn codes_of<'r>(
    walk: &'r Walk<'_>,
    first: usize,
    count: usize,
    unpacked: &'r mut [Vec<i8>; STREAMS],
) -> [&'r [i8]; STREAMS] {
    let (matrix, rows) = (walk.matrix, walk.stream_rows());
    let mut streams: [&[i8]; STREAMS] = [&[]; STREAMS];
    for ((k, stream), room) in streams.iter_mut().enumerate().zip(unpacked) {
        let range = k * rows + first..k * rows + first + count;
        *stream = matrix.codes.rows(range, matrix.dimensions, room);
    }
    streams
}

impl<'a> Scan<'a> {
    pub(super) fn new(number: usize, query: &'a CoarseQuery, given: &'a [f32], k: usize) -> Self {
        let (survivors, ends, floor) = (Vec::new(), Vec::new(), f32::NEG_INFINITY);
        Self { number, query, given, k, survivors, ends, floor, clear_at: k }
    }

    /// One that has found nothing yet, for other rows and the same query.
    pub(super) fn beside(&self) -> Self {
        Self::new(self.number, self.query, self.given, self.k)
    }

    /// Takes the coarse dot products of `rows`.
    fn offer<F: Fn(u32) -> bool>(
        &mut self,
        walk: &Walk<'_>,
        rows: Range<usize>,
        sums: &[i32; BLOCK],
        is_eligible: &F,
    ) {
        let reach = self.query.coarse.reach(self.floor);
        let mut reaching = walk.kernel.reaching(reach, sums, &walk.matrix.scales[rows.clone()]);
        while reaching != 0 {
            let at = reaching.trailing_zeros() as usize;
            // Where the scan had all the levels that there are, its sum is the fine one.
            let dot = self.query.is_fine().then(|| sums[at]);
            self.look_at(walk, rows.start + at, dot, is_eligible);
            reaching &= reaching - 1;
        }
    }

    /// Keeps the row when it is eligible and its fine interval reaches the floor. The fine dot
    /// product is computed where it is not at hand.
    fn look_at<F: Fn(u32) -> bool>(
        &mut self,
        walk: &Walk<'_>,
        row: usize,
        dot: Option<i32>,
        is_eligible: &F,
    ) {
        let (matrix, query) = (walk.matrix, self.query);
        let dot = dot.unwrap_or_else(|| {
            let mut room = Vec::new();
            let codes = matrix.codes.rows(row..row + 1, matrix.dimensions, &mut room);
            walk.kernel.dot_product(&query.codes, codes)
        });
        let (scale, index) = (matrix.scales[row], row as u32);
        let upper = query.fine.upper(scale, dot);
        if upper >= self.floor && is_eligible(index) {
            self.survivors.push(Survivor { index, upper, lower: query.fine.lower(scale, dot) });
            if self.survivors.len() >= self.clear_at {
                self.clear(walk);
            }
        }
    }

    /// Raises the floor and drops what is below.
    fn clear(&mut self, walk: &Walk<'_>) {
        if self.survivors.len() < self.k {
            return;
        }
        self.raise_floor();
        if self.survivors.len() > SURVIVORS_TO_SHARPEN * self.k {
            self.sharpen(walk);
            self.raise_floor();
        }
        self.clear_at = self.survivors.len() * 3 / 2 + SURVIVORS_BETWEEN_CLEARINGS;
    }

    /// Raises the floor to what the k best lower ends allow and drops what is below. The survivors
    /// keep the order in which the scan met them: their vectors are read in that of the file.
    fn raise_floor(&mut self) {
        let least = self.kth_greatest(|survivor| survivor.lower);
        self.floor = self.query.floor(f64::from(least));
        self.survivors.retain(|survivor| survivor.upper >= self.floor);
    }

    /// The k-th greatest of the ends that `end` picks; there are as many survivors.
    fn kth_greatest(&mut self, end: impl Fn(&Survivor) -> f32) -> f32 {
        self.ends.clear();
        self.ends.extend(self.survivors.iter().map(end));
        let (_, end, _) = self.ends.select_nth_unstable_by(self.k - 1, |a, b| b.total_cmp(a));
        *end
    }

    /// Scores the k highest upper ends exactly, which are their lower ends then.
    fn sharpen(&mut self, walk: &Walk<'_>) {
        let least = self.kth_greatest(|survivor| survivor.upper);
        let high = self.survivors.iter_mut().filter(|survivor| survivor.upper >= least);
        let mut high: Vec<&mut Survivor> = high.take(self.k).collect();
        let rows: Vec<u32> = high.iter().map(|survivor| survivor.index).collect();
        exact(walk, self.given, &rows, |i, score| {
            // Not a number only where a row was never verified: then as it was.
            high[i].lower = high[i].lower.max(self.query.score_as_lower(score));
        });
    }

    /// Takes over what another scan of the same query found in other rows.
    pub(super) fn absorb(&mut self, other: Self) {
        self.survivors.extend(other.survivors);
    }

    /// The k best of the survivors by exact score, best first.
    pub(super) fn best(mut self, walk: &Walk<'_>) -> Vec<Scored> {
        self.clear(walk);
        let rows: Vec<u32> = self.survivors.iter().map(|survivor| survivor.index).collect();
        let mut best: BinaryHeap<Reverse<Scored>> = BinaryHeap::with_capacity(self.k + 1);
        exact(walk, self.given, &rows, |i, score| {
            let scored = Scored { index: rows[i], score };
            if best.len() < self.k {
                best.push(Reverse(scored));
            } else if let Some(mut worst) = best.peek_mut()
                && scored > worst.0
            {
                *worst = Reverse(scored);
            }
        });
        best.into_sorted_vec().into_iter().map(|Reverse(scored)| scored).collect()
    }
}

/// Tells `each` the exact score of each of `rows`, by its place there. Rows soon to come are
/// brought into the caches meanwhile.
fn exact(walk: &Walk<'_>, query: &[f32], rows: &[u32], mut each: impl FnMut(usize, f32)) {
    let mut room = Vec::new();
    for (at, four) in rows.chunks(4).enumerate() {
        let soon = rows.iter().skip((at + FOURS_AHEAD) * 4).take(4);
        soon.for_each(|row| walk.matrix.fetch_ahead(*row as usize));
        // A last group of fewer than four repeats its first row.
        let row = |i: usize| *four.get(i).unwrap_or(&four[0]) as usize;
        let scores =
            exact_scores(query, walk.matrix.four_rows(std::array::from_fn(row), &mut room));
        scores.iter().take(four.len()).enumerate().for_each(|(i, score)| each(at * 4 + i, *score));
        if (at + 1).is_multiple_of(ROWS_BETWEEN_RETURNS / 4) {
            give_vectors_back(walk);
        }
    }
    give_vectors_back(walk);
}

/// Gives the pages back on which vectors stand.
fn give_vectors_back(walk: &Walk<'_>) {
    let Some(file) = walk.file else { return };
    match walk.matrix.vectors {
        Vectors::F32(all) => file.give_back(all),
        Vectors::F16(all) | Vectors::Bf16(all) => file.give_back(all),
        Vectors::Coded => {}
    }
}
