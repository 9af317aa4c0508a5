//! The way over the rows of a matrix, block by block, for one query or for many.

use std::ops::Range;

use noctule_kernels::integer::{BLOCK, Kernel, Panel, QUERIES, STREAMS, Sums};

use super::codes::Codes;
use super::item_matrix::ItemMatrix;
use super::scan::Scan;
use crate::base::{Error, MappedFile, Result};

/// Queries from which on laying rows out for all of them pays.
pub(super) const PANEL_QUERIES: usize = 4;
/// Blocks between two looks at whether to go on.
const BLOCKS_BETWEEN_LOOKS: usize = 64;

/// One pass over a matrix for some queries.
pub(super) struct Walk<'a> {
    pub(super) kernel: Kernel,
    pub(super) matrix: &'a ItemMatrix<'a>,
    pub(super) stop: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Pages of this file that were read are given back at once.
    pub(super) file: Option<&'a MappedFile>,
    /// Whether rows are laid out for all queries.
    pub(super) in_panel: bool,
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
                self.settle(scans, eligible);
                self.give_back(returned..first);
                returned = first;
            }
            let count = part.end.min(first + BLOCK) - first;
            if self.in_panel {
                block.lay_out(self, first, count);
            }
            let turns = scans.len().div_ceil(QUERIES);
            for (turn, some) in scans.chunks_mut(QUERIES).enumerate() {
                if self.in_panel {
                    let next = first + count..part.end.min(first + count + BLOCK);
                    self.fetch_ahead(next, turn, turns);
                    block.scan_panel(self.kernel, some);
                } else {
                    block.scan_rows(self, some, first, count);
                }
                for (scan, sums) in some.iter_mut().zip(&block.sums) {
                    for (k, sums) in sums.iter().enumerate() {
                        let first = k * self.stream_rows() + first;
                        let number = scan.number();
                        let rows = first..first + count;
                        scan.offer(self, rows, sums, &|index| eligible(number, index));
                    }
                }
            }
        }
        self.settle(scans, eligible);
        self.give_back(returned..part.end);
        Ok(())
    }

    /// Lets all look at the rows that wait: before the pages of these are given back, which would
    /// come once more otherwise, and stay.
    fn settle<F: Fn(usize, u32) -> bool>(&self, scans: &mut [Scan<'_>], eligible: &F) {
        for scan in scans.iter_mut() {
            let number = scan.number();
            scan.settle(self, &|index| eligible(number, index));
        }
    }

    /// Asks for the rows `rows` of every stream, in this turn for its share of them: memory works
    /// while products are computed.
    fn fetch_ahead(&self, rows: Range<usize>, turn: usize, turns: usize) {
        let at = |turn: usize| rows.start + rows.len() * turn / turns;
        for k in 0..STREAMS {
            let first = k * self.stream_rows();
            let some = first + at(turn)..first + at(turn + 1);
            self.matrix.codes.fetch_ahead(some, self.matrix.dimensions);
        }
    }

    /// Offers the rows that are in no stream.
    pub(super) fn over_rest<F: Fn(usize, u32) -> bool>(
        &self,
        scans: &mut [Scan<'_>],
        eligible: &F,
    ) {
        let rest = STREAMS * self.stream_rows()..self.matrix.len();
        let rest: Vec<u32> = rest.map(|row| row as u32).collect();
        for scan in scans.iter_mut() {
            let number = scan.number();
            scan.look_at(self, &rest, &|index| eligible(number, index));
        }
    }

    /// Gives the pages back on which the rows `rows` of every stream stand.
    fn give_back(&self, rows: Range<usize>) {
        let Some(file) = self.file else { return };
        for k in 0..STREAMS {
            let first = k * self.stream_rows();
            let rows = first + rows.start..first + rows.end;
            self.matrix.codes.give_back(file, rows.clone(), self.matrix.dimensions);
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
        let streams = rows_of(walk, walk.matrix.codes, first, count, unpacked);
        walk.kernel.lay_out(streams, walk.matrix.dimensions, count, panel);
    }

    /// The products of some queries with the rows that are laid out.
    fn scan_panel(&mut self, kernel: Kernel, scans: &[Scan<'_>]) {
        let mut queries = [scans[0].query(); QUERIES];
        for (query, scan) in queries.iter_mut().zip(scans) {
            *query = scan.query();
        }
        kernel.scan_panel(&queries[..scans.len()], &self.panel, &mut self.sums);
    }

    /// The products of some queries with these rows as they lie.
    fn scan_rows(&mut self, walk: &Walk<'_>, scans: &[Scan<'_>], first: usize, count: usize) {
        let (kernel, rows, d) = (walk.kernel, walk.stream_rows(), walk.matrix.dimensions);
        let codes = walk.matrix.codes.coarse();
        let Self { unpacked, sums, .. } = self;
        for (scan, sums) in scans.iter().zip(sums) {
            let query = scan.query();
            let mut taken = 0;
            if let Codes::Int4(bytes) = codes {
                let width = codes.row_bytes(d);
                let begin = |k: usize| (k * rows + first) * width;
                let packed = std::array::from_fn(|k| &bytes[begin(k)..begin(k) + count * width]);
                taken = kernel.scan_int4(query, packed, count, sums);
            }
            if taken < count {
                // What the kernel for packed rows took is computed again, to the same sums.
                let streams = rows_of(walk, codes, first, count, unpacked);
                kernel.scan(query, streams, count, sums);
            }
        }
    }
}

/// The codes of the `count` rows from `first` on of each stream: as they lie, or unpacked.
fn rows_of<'r>(
    walk: &'r Walk<'_>,
    codes: Codes<'r>,
    first: usize,
    count: usize,
    unpacked: &'r mut [Vec<i8>; STREAMS],
) -> [&'r [i8]; STREAMS] {
    let rows = walk.stream_rows();
    let mut streams: [&[i8]; STREAMS] = [&[]; STREAMS];
    for ((k, stream), room) in streams.iter_mut().enumerate().zip(unpacked) {
        let range = k * rows + first..k * rows + first + count;
        *stream = codes.rows(walk.kernel, range, walk.matrix.dimensions, room);
    }
    streams
}
