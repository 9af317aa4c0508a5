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
//! # Rounding
//! What is compared are not real numbers. Written in units of s |x|_1:
//! - The exact score is summed in f64 over up to 1,024 products: off by at most
//!   1024 * 2^-52 * 129 < 2^-34.
//! - `upper` and `lower` are computed in f32 as s * (t * q.c +- B). The integer is below 2^24 and
//!   exact. As |r_j| <= |x_j|, t |q|_1 <= 2 |x|_1, so |t q.c| <= 256 |x|_1, B <= 129 |x|_1, and
//!   three roundings of at most 2^-24 of less than 400 make less than 2^-13.7.
//! - B itself is rounded to f32: 129 * 2^-24 < 2^-16.9. |x|_1 and |r|_1 are summed in f64: < 2^-30.
//!
//! Together with the 2^-14 of above this is less than 2^-12, and B is taken as
//! C |r|_1 + (E + 2^-12) |x|_1. What is said with 128 and 1/2 holds for less, too. Products that
//! underflow are off by 2^-149 more, and `floor` allows for it.
//!
//! # Units
//! The query is multiplied by the power of two that brings its greatest value to between 1 and 2,
//! so that neither a tiny nor a huge query leaves the range of f32; "scan units" are these.

use noctule_kernels::integer::{Reach, ScanQuery};

use super::item_matrix::ItemMatrix;
use super::quantise::{CODE_MAX, quantise_row};
use super::vectors::Vectors;

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
    slack: f32,
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
        (codes, Self { step, slack: slack as f32 })
    }

    /// Not less than the exact score of a row with `scale` and integer dot product `dot`, in scan
    /// units.
    #[inline]
    pub(super) fn upper(&self, scale: f32, dot: i32) -> f32 {
        self.reach(0.0).upper(scale, dot)
    }

    /// What a kernel compares with `floor`.
    pub(super) fn reach(&self, floor: f32) -> Reach {
        Reach { step: self.step, slack: self.slack, floor }
    }

    /// Not more than that score. Where f32 overflows, its greatest value.
    #[inline]
    pub(super) fn lower(&self, scale: f32, dot: i32) -> f32 {
        (scale * (self.step * dot as f32 - self.slack)).min(f32::MAX)
    }
}

/// A query made ready for the scan.
#[derive(Debug)]
pub(super) struct CoarseQuery {
    /// For every row: as many levels as the kernel can multiply.
    pub(super) scan: ScanQuery,
    /// What their products say.
    pub(super) coarse: Interval,
    /// -127 to 127, for the rows that reach the floor.
    pub(super) codes: Vec<i8>,
    /// What their products say.
    pub(super) fine: Interval,
    /// Whether the scan has the fine codes, too.
    is_fine: bool,
    /// Scan units per unit: a power of two.
    unit: f64,
}

impl CoarseQuery {
    /// Quantises `query`, whose values are finite, for `matrix`, for the scan to codes of at most
    /// `scan_max`; `None` when all are zero.
    pub(super) fn new(query: &[f32], matrix: &ItemMatrix<'_>, scan_max: i8) -> Option<Self> {
        let largest = query.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        if largest == 0.0 {
            return None;
        }
        // Every f32 is a normal f64: its exponent stands in the bits, and 2^-exponent is exact.
        let exponent = (f64::from(largest).to_bits() >> 52) as i32 - 1023;
        let unit = 2f64.powi(-exponent);
        let (scan, coarse) = Interval::new(query, unit, f64::from(scan_max), matrix);
        let (codes, fine) = Interval::new(query, unit, CODE_MAX, matrix);
        let is_fine = scan == codes;
        Some(Self { scan: ScanQuery::new(scan), coarse, codes, fine, is_fine, unit })
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

    impl CoarseQuery {
        /// The two intervals with the codes that they are for.
        fn both(&self) -> [(Interval, &[i8]); 2] {
            [(self.coarse, self.scan.codes()), (self.fine, &self.codes)]
        }
    }

    /// `query` for a matrix of one row, in single precision and int8.
    fn coarse(query: &[f32]) -> Option<CoarseQuery> {
        let d = query.len();
        let (codes, row) = (vec![0; d], vec![0.0; d]);
        CoarseQuery::new(query, &ItemMatrix::new(&codes, &[0.0], &row, d).unwrap(), 64)
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
        ) {
            let query: Vec<f32> = query[..d].iter().map(|x| x * 2f32.powi(exponent)).collect();
            for form in Form::all() {
                let stored = Stored::new(&rows[..d * 8], d, form);
                let matrix = stored.matrix();
                let Some(query_codes) = CoarseQuery::new(&query, &matrix, most) else {
                    return Ok(());
                };
                let mut room = Vec::new();
                let codes = matrix.codes.rows(0..8, d, &mut room);
                for ((index, codes), scale) in (0..8).zip(codes.chunks(d)).zip(matrix.scales) {
                    let row = matrix.row(index).unwrap();
                    let pairs = query.iter().zip(&*row);
                    let exact = pairs.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
                    let exact = exact * query_codes.unit;
                    for (interval, of_query) in query_codes.both() {
                        let dot = Kernel::fastest().dot_product(of_query, codes);
                        let (lower, upper) =
                            (interval.lower(*scale, dot), interval.upper(*scale, dot));
                        prop_assert!(f64::from(lower) - F32_UNDERFLOW <= exact, "{form:?} {exact}");
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
