//! The pass over the codes: intervals for every row, and what survives of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use noctule_kernels::exact::exact_scores;
use noctule_kernels::integer::{BLOCK, ScanQuery};
use noctule_kernels::select::kth_greatest;

use super::bound::CoarseQuery;
use super::item_matrix::FOURS_AHEAD;
use super::top_k::Scored;
use super::vectors::Vectors;
use super::walk::Walk;

/// Survivors that are added, beside half as many as there are, before those that fell below the
/// floor are cleared away again.
const SURVIVORS_BETWEEN_CLEARINGS: usize = 128;
/// The same, at least and not beside, where a row that reaches the floor is read once more: a floor
/// that is up to date spares readings. 1,000,000 x 64 in planes took 3 % less than with 128, and
/// with 32 not less.
const SURVIVORS_BETWEEN_READINGS: usize = 64;
/// Survivors, for each row wanted, from which on exact scores raise the floor: where codes are as
/// coarse as int4, twice the width of an interval separates no row from many others.
const SURVIVORS_TO_SHARPEN: usize = 3;
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
    /// Rows that reach the floor by what the scan read, and were asked for.
    waiting: Vec<u32>,
    survivors: Vec<Survivor>,
    /// Ends of the survivors, while one of them is looked for.
    ends: Vec<f32>,
    /// Rows whose upper end is below this are not among the best.
    floor: f32,
    /// Survivors at which those below the floor are cleared away.
    clear_at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(number: usize, query: &'a CoarseQuery, given: &'a [f32], k: usize) -> Self {
        let (waiting, survivors, ends) = (Vec::new(), Vec::new(), Vec::new());
        let floor = f32::NEG_INFINITY;
        Self { number, query, given, k, waiting, survivors, ends, floor, clear_at: k }
    }

    /// Number of the query.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// What is multiplied with every row.
    pub(super) fn query(&self) -> &'a ScanQuery {
        &self.query.scan
    }

    /// One that has found nothing yet, for other rows and the same query.
    pub(super) fn beside(&self) -> Self {
        Self::new(self.number, self.query, self.given, self.k)
    }

    /// Takes the coarse dot products of `rows`.
    pub(super) fn offer<F: Fn(u32) -> bool>(
        &mut self,
        walk: &Walk<'_>,
        rows: Range<usize>,
        sums: &[i32; BLOCK],
        is_eligible: &F,
    ) {
        let reach = self.query.reach(self.floor);
        let mut reaching = walk.kernel.reaching(reach, sums, &walk.matrix.scales[rows.clone()]);
        while reaching != 0 {
            let at = reaching.trailing_zeros() as usize;
            let row = rows.start + at;
            reaching &= reaching - 1;
            if self.query.is_fine() {
                // Where the scan had all the levels that there are, its sum is the fine one.
                self.keep(walk, row as u32, sums[at], is_eligible);
                continue;
            }
            walk.matrix.codes.fetch_rest_ahead(row, walk.matrix.dimensions);
            self.waiting.push(row as u32);
            if self.waiting.len() >= BLOCK {
                self.settle(walk, is_eligible);
            }
        }
    }

    /// Looks at the rows that wait.
    pub(super) fn settle<F: Fn(u32) -> bool>(&mut self, walk: &Walk<'_>, is_eligible: &F) {
        let mut waiting = std::mem::take(&mut self.waiting);
        self.look_at(walk, &waiting, is_eligible);
        // Its room is used again.
        waiting.clear();
        self.waiting = waiting;
    }

    /// Keeps those of `rows` that are eligible and whose fine intervals reach the floor.
    pub(super) fn look_at<F: Fn(u32) -> bool>(
        &mut self,
        walk: &Walk<'_>,
        rows: &[u32],
        is_eligible: &F,
    ) {
        let (mut dots, mut scales) = ([0; BLOCK], [0.0; BLOCK]);
        for rows in rows.chunks(BLOCK) {
            walk.matrix.codes.dot_products(walk.kernel, &self.query.codes, rows, &mut dots);
            for (scale, row) in scales.iter_mut().zip(rows) {
                *scale = walk.matrix.scales[*row as usize];
            }
            let reach = self.query.fine.reach(self.floor);
            let mut reaching = walk.kernel.reaching(reach, &dots, &scales[..rows.len()]);
            while reaching != 0 {
                let at = reaching.trailing_zeros() as usize;
                reaching &= reaching - 1;
                self.keep(walk, rows[at], dots[at], is_eligible);
            }
        }
    }

    /// Keeps the row with this fine dot product when it is eligible and its fine interval reaches
    /// the floor.
    fn keep<F: Fn(u32) -> bool>(&mut self, walk: &Walk<'_>, index: u32, dot: i32, is_eligible: &F) {
        let (scale, fine) = (walk.matrix.scales[index as usize], &self.query.fine);
        let upper = fine.upper(scale, dot);
        if upper >= self.floor && is_eligible(index) {
            self.survivors.push(Survivor { index, upper, lower: fine.lower(scale, dot) });
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
        let half = self.survivors.len() / 2;
        let more = match self.query.is_fine() {
            true => half + SURVIVORS_BETWEEN_CLEARINGS,
            false => half.max(SURVIVORS_BETWEEN_READINGS),
        };
        self.clear_at = self.survivors.len() + more;
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
        kth_greatest(&mut self.ends, self.k)
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
