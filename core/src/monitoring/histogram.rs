//! Counting scores, and what a sample of users says of all.

use crate::release::{Health, Histogram};

/// Bins of equal mass within the range of the sample: enough to see a shape, few enough that the
/// dozens of scores of one user fill them.
const BINS: usize = 24;

/// How much of the way from the farthest user of the sample to the greatest distance there is the
/// limit allows.
const MARGIN: f64 = 0.25;

/// Counts `values` into the bins of `edges`, which ascend; one that is no number counts as the
/// greatest.
#[must_use]
pub fn count(edges: &[f64], values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    let mut counts = vec![0_u64; edges.len() + 1];
    for value in values {
        let bin = edges.partition_point(|edge| *edge <= value);
        let bin = if value.is_nan() { edges.len() } else { bin };
        counts[bin] = counts[bin].saturating_add(1);
    }
    counts
}

/// What a sample of users says.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The scores of all of them.
    pub reference: Histogram,
    /// The limits that follow from how far each is from that.
    pub health: Health,
    /// How far the farthest is.
    pub farthest: f64,
}

/// Makes the reference from the scores of a sample, one list a user; none without any score.
///
/// Within the range of the sample the bins have equal mass; what lies outside falls into the two
/// open bins, which the sample leaves empty. The limit is the distance of the farthest user of the
/// sample, and a quarter of the way from there to 1. A user with fewer scores than half of what the
/// least of the sample has is not compared.
#[must_use]
pub fn calibrate(users: &[Vec<f64>]) -> Option<Calibration> {
    let mut all: Vec<f64> = users.iter().flatten().copied().filter(|v| v.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (all.first(), all.last()) else { return None };
    let at = |bin: usize| all[bin * (all.len() - 1) / BINS];
    let mut edges = vec![*least];
    edges.extend((1..BINS).map(at));
    // The last edge is excluded from the bin before it, and the greatest score belongs there.
    edges.push(most.next_up());
    edges.dedup();
    let counts = count(&edges, all.iter().copied());
    let scored = || users.iter().filter(|scores| !scores.is_empty());
    let distance =
        |scores: &Vec<f64>| super::jensen_shannon(&count(&edges, scores.iter().copied()), &counts);
    let farthest = scored().map(distance).fold(0.0, f64::max);
    let fewest = scored().map(Vec::len).min().unwrap_or_default();
    let health = Health {
        distance_max: farthest + MARGIN * (1.0 - farthest),
        scores_min: u32::try_from(fewest / 2).unwrap_or(u32::MAX).clamp(1, 1_000_000),
        failed_nights_max: Health::default_failed_nights_max(),
    };
    Some(Calibration { reference: Histogram { edges, counts }, health, farthest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Seed, SeededRandom};

    #[test]
    fn values_fall_into_half_open_bins_and_outside_into_the_open_ones() {
        let counts = count(&[0.0, 1.0], [-9.0, 0.0, 0.5, 1.0, f64::INFINITY, f64::NAN]);
        assert_eq!(counts, [1, 2, 3]);
    }

    #[test]
    fn a_sample_fills_the_inner_bins_evenly_and_leaves_the_open_ones_empty() {
        let mut random = SeededRandom::new(Seed(5));
        let users: Vec<Vec<f64>> =
            (0..100).map(|_| (0..50).map(|_| random.normal()).collect()).collect();
        let Calibration { reference, health, farthest } = calibrate(&users).unwrap();
        let counts = &reference.counts;
        assert_eq!((counts[0], counts[counts.len() - 1]), (0, 0));
        let inner = &counts[1..counts.len() - 1];
        assert_eq!(inner.len(), BINS);
        assert!(inner.iter().all(|count| (150..260).contains(count)), "{inner:?}");
        assert_eq!(health.scores_min, 25);
        assert!(farthest < health.distance_max && health.distance_max < 1.0);
    }

    #[test]
    fn equal_scores_make_one_bin_and_no_scores_no_reference() {
        let Calibration { reference, .. } = calibrate(&[vec![2.0; 30]]).unwrap();
        assert_eq!(reference.counts, [0, 30, 0]);
        assert_eq!(calibrate(&[Vec::new(), vec![f64::NAN]]), None);
        assert_eq!(calibrate(&[]), None);
    }
}
