//! The coarse score of a row and how far from the exact one it can be.
//!
//! # The bound
//! A row y is stored as codes c and a scale s, the query x is quantised in the same way to codes q
//! and a step t. With the residuals e = y - s c and r = x - t q the exact dot product is
//!
//! ```text
//! x.y = s x.c + x.e = s (t q.c + r.c) + x.e
//! ```
//!
//! of which s t q.c is known from the integer dot product q.c. This holds for codes of any number
//! of levels: a query has coarse ones, which every row is multiplied with, and fine ones for the
//! rows that reach the floor. For the rest (Hölder)
//!
//! ```text
//! |r.c| <= |r|_1 max|c|  <= C |r|_1
//! |x.e| <= |x|_1 max|e|  <= s (E + 2^-14) |x|_1
//! ```
//!
//! so x.y lies within s B of s t q.c, where B = C |r|_1 + (E + 2^-14) |x|_1 depends on the query
//! and the form of the matrix alone. One addition for each row makes the bound, and no norm is
//! stored beside the codes.
//!
//! - C is the greatest absolute code: 128 for int8, 8 for int4.
//! - E is 1/2 where vectors are stored, in whatever precision: y are the stored values, and
//!   rounding to the nearest code leaves half a step (`ItemMatrix::verify`). Where the codes are
//!   the vectors, y = s c but for one rounding to f32, at most 2^-24 * 128 steps = 2^-17 steps (a
//!   subnormal product is exact: it is a multiple of the least f32, as s is): E is 0.
//!
//! # Planes
//! Of codes in two planes, c = 16 h + l with l from 0 to 15, a scan for one query reads h:
//!
//! ```text
//! t q.c = 16 t q.h + 7.5 t sum(q) + t q.(l - 7.5),   |t q.(l - 7.5)| <= 7.5 t |q|_1
//! ```
//!
//! so the upper end of its interval is s (16 t q.h + B') with B' = B + 7.5 t (sum(q) + |q|_1). Rows
//! that reach the floor get the interval of above, out of both planes.
//!
//! # Rounding
//! What is compared are not real numbers. Written in units of s |x|_1:
//! - The exact score is summed in f64 over up to 1,024 products: off by at most
//!   1024 * 2^-52 * 129 < 2^-34.
//! - `upper` and `lower` are computed in f32 as s * (t * q.c +- B). The integer is below 2^24 and
//!   exact. As |r_j| <= |x_j|, t |q|_1 <= 2 |x|_1, so |t q.c| <= 256 |x|_1 (|16 t q.h|, too),
//!   B' <= 159 |x|_1, and three roundings, of at most 256, 415 and 415 by 2^-24, make less than
//!   2^-13.9.
//! - B and B' are rounded to f32: 159 * 2^-24 < 2^-16.6. Their sums in f64: < 2^-30.
//!
//! Together with the 2^-14 of above this is less than 2^-12, and B is taken as
//! C |r|_1 + (E + 2^-12) |x|_1. What is said with 128 and 1/2 holds for less, too. Products that
//! underflow are off by 2^-149 more, and `floor` allows for it.
//!
//! # Units
//! The query is multiplied by the power of two that brings its greatest value to between 1 and 2,
//! so that neither a tiny nor a huge query leaves the range of f32; "scan units" are these.

use noctule_kernels::integer::{Reach, ScanQuery};

use super::codes::{Codes, HIGH_STEP, LOW_HALF};
use super::item_matrix::ItemMatrix;
use super::quantise::{CODE_MAX, quantise_row};
use super::vectors::Vectors;
use super::walk::Walk;

/// E: share of a step that a vector can lie from its codes.
const HALF_A_STEP: f64 = 0.5;
/// Share of |x|_1 by which all rounding can move a score.
const ROUNDING: f64 = 1.0 / 4096.0;
/// Share by which two values must differ so that their roundings to f32 differ, with room.
const F32_ROUNDING: f64 = 1.0 / (1 << 22) as f64;
/// Four times the least positive f32: what underflow can hide, with room.
const F32_UNDERFLOW: f64 = 4.0 * f32::from_bits(1) as f64;

/// Turns the integer dot product of a row into the ends of an interval with its exact score.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    /// t, in scan units.
    step: f32,
    /// B, in scan units.
    slack: f64,
}

impl Interval {
    /// Quantises `query` * `unit` to codes of at most `most`.
    fn new(query: &[f32], unit: f64, most: f64, matrix: &ItemMatrix<'_>) -> (Vec<i8>, Self) {
        let mut codes = vec![0; query.len()];
        let step = quantise_row(query, unit, most, &mut codes);
        let (mut size, mut residual) = (0.0, 0.0);
        for (value, code) in query.iter().zip(&codes) {
            let value = f64::from(*value) * unit;
            size += value.abs();
            residual += (value - f64::from(step) * f64::from(*code)).abs();
        }
        let row_steps = match matrix.vectors {
            Vectors::F32(_) | Vectors::F16(_) | Vectors::Bf16(_) => HALF_A_STEP,
            Vectors::Coded => 0.0,
        };
        let slack = matrix.codes.bound() * residual + (row_steps + ROUNDING) * size;
        (codes, Self { step, slack })
    }

    /// Not less than the exact score of a row with `scale` and integer dot product `dot`, in scan
    /// units.
    #[inline]
    pub(super) fn upper(&self, scale: f32, dot: i32) -> f32 {
        self.reach(0.0).upper(scale, dot)
    }

    /// What a kernel compares with `floor`.
    pub(super) fn reach(&self, floor: f32) -> Reach {
        Reach { step: self.step, slack: self.slack as f32, floor }
    }

    /// The same where only the high plane was multiplied, with a query of these `codes`.
    fn reach_of_high_plane(&self, codes: &[i8]) -> Reach {
        let sums = codes.iter().map(|code| f64::from(*code)).map(|code| code + code.abs());
        let low = LOW_HALF * f64::from(self.step) * sums.sum::<f64>();
        let step = self.step * HIGH_STEP as f32;
        Reach { step, slack: (self.slack + low) as f32, floor: 0.0 }
    }

    /// Not more than that score. Where f32 overflows, its greatest value.
    #[inline]
    pub(super) fn lower(&self, scale: f32, dot: i32) -> f32 {
        (scale * (self.step * dot as f32 - self.slack as f32)).min(f32::MAX)
    }
}

/// A query made ready for the scan.
#[derive(Debug)]
pub(super) struct CoarseQuery {
    /// For every row: as many levels as the kernel can multiply.
    pub(super) scan: ScanQuery,
    /// What their products with what a scan reads of a row say.
    coarse: Reach,
    /// -127 to 127, for the rows that reach the floor.
    pub(super) codes: ScanQuery,
    /// What their products say.
    pub(super) fine: Interval,
    /// Whether the scan has the fine codes, too.
    is_fine: bool,
    /// Scan units per unit: a power of two.
    unit: f64,
}

impl CoarseQuery {
    /// Quantises `query`, whose values are finite, for `walk`; `None` when all values are zero.
    pub(super) fn new(query: &[f32], walk: &Walk<'_>) -> Option<Self> {
        let most = walk.kernel.query_max(walk.in_panel);
        Self::of_at_most(query, walk.matrix, most, walk.in_panel)
    }

    /// The same for a scan with codes of at most `scan_max`, of whole codes when `in_panel`.
    fn of_at_most(
        query: &[f32],
        matrix: &ItemMatrix<'_>,
        scan_max: i8,
        in_panel: bool,
    ) -> Option<Self> {
        let largest = query.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        if largest == 0.0 {
            return None;
        }
        // Every f32 is a normal f64: its exponent stands in the bits, and 2^-exponent is exact.
        let exponent = (f64::from(largest).to_bits() >> 52) as i32 - 1023;
        let unit = 2f64.powi(-exponent);
        let (scan, coarse) = Interval::new(query, unit, f64::from(scan_max), matrix);
        let (codes, fine) = Interval::new(query, unit, CODE_MAX, matrix);
        let by_planes = !in_panel && matches!(matrix.codes, Codes::Planes { .. });
        let coarse = if by_planes { coarse.reach_of_high_plane(&scan) } else { coarse.reach(0.0) };
        let is_fine = scan == codes && !by_planes;
        let (scan, codes) = (ScanQuery::new(scan), ScanQuery::new(codes));
        Some(Self { scan, coarse, codes, fine, is_fine, unit })
    }

    /// What a kernel compares with `floor` after a scan.
    pub(super) fn reach(&self, floor: f32) -> Reach {
        Reach { floor, ..self.coarse }
    }

    /// Whether a dot product of the scan is also the fine one.
    pub(super) fn is_fine(&self) -> bool {
        self.is_fine
    }

    /// An exact score in scan units.
    pub(super) fn in_scan_units(&self, score: f32) -> f64 {
        f64::from(score) * self.unit
    }

    /// An exact score as the lower end of an interval: rounded down.
    pub(super) fn score_as_lower(&self, score: f32) -> f32 {
        rounded_down(self.in_scan_units(score)).min(f32::MAX)
    }

    /// The floor for `upper` when `least`, in scan units, is reached by enough rows: the score of a
    /// row whose `upper` is below the floor, rounded to f32, is less than `least` rounded to f32.
    ///
    /// So such a row does not even tie. Let a < least - 2^-22 |least| - 2^-147 be its score, as
    /// below. Rounding moves `least` by at most 2^-24 |least| + 2^-150 and a likewise. For
    /// |a| <= 2 |least| that is less than the gap; for a < -2 |least| the gap is at least |a| / 2.
    /// The underflow counts in units of the score and once more in those of the scan.
    pub(super) fn floor(&self, least: f64) -> f32 {
        rounded_down(least - F32_ROUNDING * least.abs() - F32_UNDERFLOW * (self.unit + 1.0))
    }
}

/// The greatest f32 that is not above `value`.
fn rounded_down(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) > value { nearest.next_down() } else { nearest }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scoring::Kernel;
    use crate::scoring::testing::{Form, Stored};

    /// `query` for a matrix of one row, in single precision and int8.
    fn coarse(query: &[f32]) -> Option<CoarseQuery> {
        let d = query.len();
        let (codes, row) = (vec![0; d], vec![0.0; d]);
        let matrix = ItemMatrix::new(&codes, &[0.0], &row, d).unwrap();
        CoarseQuery::of_at_most(query, &matrix, 64, true)
    }

    /// Values over many orders of magnitude, with zeros.
    fn value() -> impl Strategy<Value = f32> {
        prop_oneof![
            1 => Just(0.0f32),
            6 => -1.0f32..1.0,
            2 => (-1.0f32..1.0, -30i32..30).prop_map(|(value, e)| value * 2f32.powi(e)),
        ]
    }

    proptest! {
        #[test]
        fn the_exact_score_lies_between_the_bounds(
            d in 1usize..65,
            query in prop::collection::vec(value(), 64),
            rows in prop::collection::vec(value(), 64 * 8),
            exponent in -120i32..60,
            most in prop::sample::select(vec![1i8, 32, 64, 127]),
            in_panel in any::<bool>(),
        ) {
            let query: Vec<f32> = query[..d].iter().map(|x| x * 2f32.powi(exponent)).collect();
            for form in Form::all() {
                let stored = Stored::new(&rows[..d * 8], d, form);
                let matrix = stored.matrix();
                let Some(quantised) = CoarseQuery::of_at_most(&query, &matrix, most, in_panel)
                else {
                    return Ok(());
                };
                let kernel = Kernel::fastest();
                let (mut room, mut scanned) = (Vec::new(), Vec::new());
                let codes = matrix.codes.rows(kernel, 0..8, d, &mut room);
                let scanned = match in_panel {
                    true => codes,
                    false => matrix.codes.coarse().rows(kernel, 0..8, d, &mut scanned),
                };
                let rows = codes.chunks(d).zip(scanned.chunks(d)).zip(matrix.scales);
                for (index, ((codes, scanned), scale)) in (0..8).zip(rows) {
                    let row = matrix.row(index).unwrap();
                    let pairs = query.iter().zip(&*row);
                    let exact = pairs.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
                    let exact = exact * quantised.unit;
                    let dot = kernel.dot_product(quantised.codes.codes(), codes);
                    let coarse = kernel.dot_product(quantised.scan.codes(), scanned);
                    let lower = quantised.fine.lower(*scale, dot);
                    prop_assert!(f64::from(lower) - F32_UNDERFLOW <= exact, "{form:?} {exact}");
                    let reach = quantised.reach(0.0);
                    for upper in [quantised.fine.upper(*scale, dot), reach.upper(*scale, coarse)] {
                        prop_assert!(f64::from(upper) + F32_UNDERFLOW >= exact, "{form:?} {exact}");
                    }
                }
            }
        }

        #[test]
        fn what_is_below_the_floor_is_less_after_rounding(
            score in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
            other in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL,
            largest in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL,
            share in -3.0f64..3.0,
        ) {
            let Some(query) = coarse(&[largest]) else { return Ok(()) };
            let floor = f64::from(query.floor(query.in_scan_units(score)));
            let near = f64::from(score) * (1.0 + share * 2f64.powi(-21));
            for below in [near, f64::from(other)] {
                if below * query.unit < floor {
                    prop_assert!((below as f32) < score, "{below} {score}");
                }
            }
        }
    }

    #[test]
    fn the_greatest_value_of_a_query_lies_between_1_and_2_in_scan_units() {
        for largest in [f32::MAX, 1.0, 1.999, 0.3, f32::MIN_POSITIVE, f32::from_bits(1)] {
            let query = coarse(&[0.0, -largest]).unwrap();
            let scaled = query.in_scan_units(largest);
            assert!((1.0..2.0).contains(&scaled), "{largest}: {scaled}");
        }
        assert!(coarse(&[0.0, -0.0]).is_none());
    }
}
