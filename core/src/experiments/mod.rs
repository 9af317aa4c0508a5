//! Experiments: deterministic assignment of an installation to an arm.
//!
//! The hash is that of [`crate::base::bucket`], which roll-outs use too.

pub use crate::base::bucket::bucket;

use crate::release::{Arm, Experiment};

/// The begin and end of each arm's share of [0, 1), for `shares` of which `coverage` takes part.
///
/// Shares that do not sum to 1 (within 1 %) count as equal ones.
#[must_use]
pub fn bucket_ranges(coverage: f64, shares: &[f64]) -> Vec<(f64, f64)> {
    let coverage = coverage.clamp(0.0, 1.0);
    let equal = 1.0 / shares.len().max(1) as f64;
    let total: f64 = shares.iter().sum();
    let usable = (0.99..=1.01).contains(&total);
    let mut begin = 0.0;
    let range = |share: &f64| {
        let share = if usable { *share } else { equal };
        let from = begin;
        begin += share;
        (from, from + coverage * share)
    };
    shares.iter().map(range).collect()
}

/// The index of the range that holds `bucket`.
#[must_use]
pub fn choose(bucket: f64, ranges: &[(f64, f64)]) -> Option<usize> {
    ranges.iter().position(|(begin, end)| (*begin..*end).contains(&bucket))
}

/// The arm of `installation` in `experiment`; sticky, since it depends on nothing else.
#[must_use]
pub fn assign<'a>(experiment: &'a Experiment, installation: &str) -> Option<&'a Arm> {
    let shares: Vec<f64> = experiment.arms.iter().map(|arm| arm.share).collect();
    let arm = choose(bucket(&experiment.salt, installation), &bucket_ranges(1.0, &shares));
    // Shares sum to 1 only up to rounding: the last arm takes what is left above.
    arm.map_or_else(|| experiment.arms.last(), |arm| experiment.arms.get(arm))
}

#[cfg(test)]
mod tests;
