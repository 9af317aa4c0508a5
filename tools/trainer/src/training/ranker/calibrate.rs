//! From a network's sums to log-odds that hold: by rows that it did not learn from.

use noctule_core::base::limits::CALIBRATION_POINTS_MAX;
use noctule_core::release::Calibration;

use super::labels::RowLabel;
use super::settings::CalibrationKind;

/// Rounds of expectation maximisation over what was looked at, each with one step of Newton.
const ROUNDS: usize = 100;
/// Slopes and intercepts beyond this are no calibration but a sign that nothing was learned.
const SLOPE_MAX: f64 = 1e3;
/// How far a probability of the table stays from 0 and 1.
const MARGIN: f64 = 1e-4;

/// A calibration, and the points of its table: all x, then all y.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Fitted {
    pub(super) calibration: Calibration,
    pub(super) table: Vec<f32>,
}

/// Fits `kind` to the `sums` of rows with `labels`. What cannot be fitted is left out: the line
/// where all labels are alike or it would fall, the table where it would have one point.
pub(super) fn calibrate(kind: CalibrationKind, sums: &[f32], labels: &[RowLabel]) -> Fitted {
    let mut fitted = Fitted::default();
    if kind == CalibrationKind::None {
        return fitted;
    }
    let Some((slope, intercept)) = line(sums, labels) else { return fitted };
    fitted.calibration.slope = slope as f32;
    fitted.calibration.intercept = intercept as f32;
    if kind == CalibrationKind::Isotonic {
        // The table is met at the very numbers that the phone makes of a sum.
        let straight = |sum: &f32| fitted.calibration.slope * sum + fitted.calibration.intercept;
        let odds: Vec<f32> = sums.iter().map(straight).collect();
        let points = table(&odds, labels);
        if points.len() > 1 {
            fitted.calibration.points = points.len();
            fitted.table = points.iter().map(|point| point.0).collect();
            fitted.table.extend(points.iter().map(|point| point.1));
        }
    }
    fitted
}

fn probability(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

/// The line of the greatest likelihood (Platt, 1999).
fn line(sums: &[f32], labels: &[RowLabel]) -> Option<(f64, f64)> {
    let weighted =
        |positive| labels.iter().any(|label| label.positive == positive && label.weight > 0.0);
    if !weighted(true) || !weighted(false) {
        return None;
    }
    // Of unit spread, so that one ridge fits all; it keeps rows that are parted whole from
    // infinite slopes.
    let mean = sums.iter().map(|sum| f64::from(*sum)).sum::<f64>() / sums.len() as f64;
    let spread = sums.iter().map(|sum| (f64::from(*sum) - mean).powi(2)).sum::<f64>();
    let spread = (spread / sums.len() as f64).sqrt();
    if !(spread > 1e-9 && spread.is_finite()) {
        return None;
    }
    let total: f64 = labels.iter().map(|label| f64::from(label.weight)).sum();
    let ridge = 1e-6 * total;
    let (mut a, mut b) = (spread, mean);
    for _ in 0..ROUNDS {
        let (mut ga, mut gb) = (ridge * (a - spread), 0.0);
        let (mut haa, mut hab, mut hbb) = (ridge, 0.0, ridge);
        for (sum, label) in sums.iter().zip(labels) {
            let x = (f64::from(*sum) - mean) / spread;
            let p = probability(a * x + b);
            let weight = label.weight_given(p);
            let error = weight * (p - f64::from(u8::from(label.positive)));
            let curve = weight * (p * (1.0 - p)).max(1e-6);
            (ga, gb) = (ga + error * x, gb + error);
            (haa, hab, hbb) = (haa + curve * x * x, hab + curve * x, hbb + curve);
        }
        let determinant = haa * hbb - hab * hab;
        let limited = |step: f64| step.clamp(-2.0, 2.0);
        a -= limited((hbb * ga - hab * gb) / determinant);
        b -= limited((haa * gb - hab * ga) / determinant);
    }
    let (slope, intercept) = (a / spread, b - a * mean / spread);
    let is_line = slope > 1.0 / SLOPE_MAX && slope < SLOPE_MAX && intercept.abs() < SLOPE_MAX;
    is_line.then_some((slope, intercept))
}

/// A run of rows between which the table does not rise.
#[derive(Clone, Copy)]
struct Block {
    weight: f64,
    wanted: f64,
    /// Sum of log-odds times weight.
    odds: f64,
}

/// The rising table of the greatest likelihood, by pooling adjacent violators: points (log-odds,
/// log-odds), strictly rising in both.
fn table(odds: &[f32], labels: &[RowLabel]) -> Vec<(f32, f32)> {
    let mut rows: Vec<(f32, Block)> = odds
        .iter()
        .zip(labels)
        .map(|(odds, label)| {
            let weight = label.weight_given(probability(f64::from(*odds)));
            let wanted = if label.positive { weight } else { 0.0 };
            (*odds, Block { weight, wanted, odds: weight * f64::from(*odds) })
        })
        .filter(|(_, block)| block.weight > 0.0)
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Equal log-odds are one block, and so are neighbours where there are more than a table holds.
    let least = rows.len().div_ceil(CALIBRATION_POINTS_MAX);
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        let mut until = (at + least).min(rows.len());
        while until < rows.len() && rows[until].0 == rows[until - 1].0 {
            until += 1;
        }
        let joined = rows[at..until].iter().map(|row| row.1).reduce(join);
        blocks.extend(joined);
        while let [.., before, last] = blocks[..] {
            if before.wanted / before.weight < last.wanted / last.weight {
                break;
            }
            blocks.truncate(blocks.len() - 2);
            blocks.push(join(before, last));
        }
        at = until;
    }
    let mut points: Vec<(f32, f32)> = Vec::new();
    for block in blocks {
        let p = (block.wanted / block.weight).clamp(MARGIN, 1.0 - MARGIN);
        let point = ((block.odds / block.weight) as f32, (p / (1.0 - p)).ln() as f32);
        if points.last().is_none_or(|last| last.0 < point.0 && last.1 < point.1) {
            points.push(point);
        }
    }
    points
}

fn join(a: Block, b: Block) -> Block {
    Block { weight: a.weight + b.weight, wanted: a.wanted + b.wanted, odds: a.odds + b.odds }
}

#[cfg(test)]
mod tests {
    use noctule_core::base::{Seed, SeededRandom};

    use super::*;

    /// Sums of which `truth` gives the log-odds; looked at with probability `examination`.
    fn sample(
        n: usize,
        examination: Option<f64>,
        truth: impl Fn(f64) -> f64,
    ) -> (Vec<f32>, Vec<RowLabel>) {
        let mut random = SeededRandom::new(Seed(4));
        let one = |_| {
            let sum = 2.0 * random.normal();
            let chance = probability(truth(sum)) * examination.unwrap_or(1.0);
            let positive = random.chance(chance);
            let examination = examination.map(|e| e as f32).filter(|_| !positive);
            (sum as f32, RowLabel { positive, weight: 1.0, examination, user: 0, item: 0 })
        };
        (0..n).map(one).unzip()
    }

    #[test]
    fn the_line_that_made_the_labels_is_found_also_where_not_all_was_looked_at() {
        for examination in [None, Some(0.5)] {
            let (sums, labels) = sample(40_000, examination, |sum| 0.5 * sum - 1.0);
            let Calibration { slope, intercept, points } =
                calibrate(CalibrationKind::Platt, &sums, &labels).calibration;
            assert!(
                (slope - 0.5).abs() < 0.05 && (intercept + 1.0).abs() < 0.08,
                "{slope} {intercept}"
            );
            assert_eq!(points, 0);
        }
    }

    #[test]
    fn the_table_bends_where_the_truth_does_and_rises_strictly() {
        // Flat below 0, steep above.
        let truth = |sum: f64| if sum < 0.0 { -1.5 } else { 2.0 * sum - 1.5 };
        let (sums, labels) = sample(60_000, None, truth);
        let found = calibrate(CalibrationKind::Isotonic, &sums, &labels);
        let (x, y) = found.table.split_at(found.calibration.points);
        assert!(x.windows(2).chain(y.windows(2)).all(|pair| pair[0] < pair[1]));
        assert!((2..=CALIBRATION_POINTS_MAX).contains(&x.len()));
        let at = |sum: f32| {
            let odds = found.calibration.slope * sum + found.calibration.intercept;
            let above = x.partition_point(|x| *x <= odds).clamp(1, x.len() - 1);
            let share = (odds - x[above - 1]) / (x[above] - x[above - 1]);
            f64::from(y[above - 1] + share * (y[above] - y[above - 1]))
        };
        for sum in [-2.0f32, -1.0, 0.5, 1.0, 1.5] {
            let (p, expected) = (probability(at(sum)), probability(truth(sum.into())));
            assert!((p - expected).abs() < 0.06, "{sum}: {p} {expected}");
        }
    }

    #[test]
    fn what_cannot_be_calibrated_is_left_as_it_is() {
        let (sums, mut labels) = sample(50, None, |sum| sum);
        assert_eq!(calibrate(CalibrationKind::None, &sums, &labels), Fitted::default());
        let falling = sample(500, None, |sum| -sum);
        assert_eq!(calibrate(CalibrationKind::Platt, &falling.0, &falling.1), Fitted::default());
        assert_eq!(calibrate(CalibrationKind::Platt, &[1.0; 50], &labels), Fitted::default());
        labels.iter_mut().for_each(|label| label.positive = true);
        assert_eq!(calibrate(CalibrationKind::Isotonic, &sums, &labels), Fitted::default());
        assert_eq!(calibrate(CalibrationKind::Platt, &[], &[]), Fitted::default());
    }
}
