//! From a ranker's sum to calibrated log-odds.

use crate::base::{Error, Refusal, Result};
use crate::model::tensors::ModelTensors;
use crate::release::{Calibration, MODEL_FILE};

/// The tensor of the table.
const TABLE: &str = "ranker.calibration";

/// A rising line, then a rising table (an isotonic regression, made strictly rising) that goes on
/// in a straight line beyond its ends. Strictly rising, so that calibration never ties two items.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    slope: f32,
    intercept: f32,
    /// Points (x, y), none or two at least.
    table: Vec<(f32, f32)>,
}

impl Curve {
    pub(super) fn identity() -> Self {
        Self { slope: 1.0, intercept: 0.0, table: Vec::new() }
    }

    pub(super) fn read(tensors: &mut ModelTensors, calibration: Calibration) -> Result<Self> {
        let Calibration { slope, intercept, points } = calibration;
        let mut table = Vec::new();
        if points > 0 {
            let values = tensors.values(TABLE)?;
            let (x, y) = values.split_at(points);
            table = x.iter().copied().zip(y.iter().copied()).collect();
        }
        Self { slope, intercept, table }.checked()
    }

    fn checked(self) -> Result<Self> {
        let rises = |pair: &[(f32, f32)]| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1;
        if let Some(at) = self.table.windows(2).position(|pair| !rises(pair)) {
            let reason = format!("does not rise from point {at} to the next, in both rows");
            let refusal = Refusal::Field { field: format!("tensor {TABLE}"), reason };
            return Err(Error::refused(MODEL_FILE, refusal));
        }
        Ok(self)
    }

    /// Whether it is a line.
    pub(super) fn is_straight(&self) -> bool {
        self.table.is_empty()
    }

    /// The log-odds for a sum.
    pub(super) fn of(&self, sum: f32) -> f32 {
        let x = self.slope * sum + self.intercept;
        if self.table.len() < 2 {
            return x;
        }
        let above = self.table.partition_point(|point| point.0 <= x);
        let above = above.clamp(1, self.table.len() - 1);
        let ((x0, y0), (x1, y1)) = (self.table[above - 1], self.table[above]);
        y0 + (y1 - y0) * ((x - x0) / (x1 - x0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(table: &[(f32, f32)]) -> Result<Curve> {
        Curve { slope: 2.0, intercept: 1.0, table: table.to_vec() }.checked()
    }

    #[test]
    fn a_line_is_a_slope_and_an_intercept() {
        assert_eq!(curve(&[]).unwrap().of(3.0), 7.0);
    }

    #[test]
    fn a_table_is_met_at_its_points_and_goes_on_beyond_them() {
        let curve = curve(&[(-1.0, -2.0), (1.0, 0.0), (3.0, 8.0)]).unwrap();
        for (sum, expected) in [(-1.0, -2.0), (0.0, 0.0), (0.5, 4.0), (1.0, 8.0), (2.0, 16.0)] {
            assert_eq!(curve.of(sum), expected, "{sum}");
        }
        assert_eq!(curve.of(-2.0), -4.0);
    }

    #[test]
    fn a_table_that_falls_or_stays_is_refused() {
        for table in [[(0.0, 0.0), (0.0, 1.0)], [(0.0, 0.0), (1.0, 0.0)], [(0.0, 1.0), (1.0, 0.0)]]
        {
            let error = curve(&table).unwrap_err();
            assert!(error.to_string().contains("does not rise from point 0"), "{error}");
        }
    }
}
