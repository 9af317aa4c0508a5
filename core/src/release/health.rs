//! What a healthy release looks like on a phone, measured by the packer: the references that the
//! device compares itself with, and how far it may be from them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::{Refusal, json};

/// Name of the reference of the model's scores in the slates.
pub const SCORE_REFERENCE: &str = "score";

/// References of one release.
const REFERENCES_MAX: usize = 16;
/// Edges of one histogram: more bins than a user has slots say nothing.
const EDGES_MAX: usize = 256;
/// Bins of one histogram.
const BINS_MAX: usize = EDGES_MAX + 1;
/// Greatest count of one bin: exact as a number in every JSON reader (2^53 - 1).
const COUNT_MAX: u64 = (1 << 53) - 1;
/// Failed nights in a row after which nobody waits any longer.
const FAILED_NIGHTS_MAX: u32 = 100;
/// Scores that are waited for: the slots of the greatest plan are fewer.
const SCORES_MAX: u32 = 1_000_000;

/// References by name: `score`, and others that this library passes over.
pub type References = BTreeMap<String, Histogram>;

/// A histogram whose outermost bins are open: n edges make n + 1 bins. Bin 0 holds what lies below
/// the first edge, bin i what lies from edge i - 1 (included) to edge i, the last one the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Histogram {
    /// Ascending, 1 to 256.
    #[serde(deserialize_with = "json::up_to::<EDGES_MAX, _, _>")]
    pub edges: Vec<f64>,
    /// One count a bin.
    #[serde(deserialize_with = "json::up_to::<BINS_MAX, _, _>")]
    pub counts: Vec<u64>,
}

/// Limits that a release must keep on a phone until it counts as confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Greatest Jensen-Shannon distance (base 2, 0 to 1) between the scores of one user's slates
    /// and the reference `score`.
    pub distance_max: f64,
    /// With fewer scores than this a user is not compared.
    #[serde(default = "Health::default_scores_min")]
    pub scores_min: u32,
    /// Nights in a row that may fail with an error of the release, before it is given up.
    #[serde(default = "Health::default_failed_nights_max")]
    pub failed_nights_max: u32,
}

impl Health {
    /// Failed nights of a release that names no limit.
    #[must_use]
    pub fn default_failed_nights_max() -> u32 {
        2
    }

    fn default_scores_min() -> u32 {
        20
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        if !(0.0..=1.0).contains(&self.distance_max) {
            let reason = format!("is {}, 0 to 1 is allowed", self.distance_max);
            return refuse("health.distance_max", reason);
        }
        within("health.scores_min", self.scores_min, SCORES_MAX)?;
        within("health.failed_nights_max", self.failed_nights_max, FAILED_NIGHTS_MAX)
    }
}

/// Checks names, edges and counts of `references`.
pub(super) fn check_references(references: &References) -> Result<(), Refusal> {
    let (found, limit) = (references.len() as u64, REFERENCES_MAX as u64);
    if found > limit {
        return Err(Refusal::TooLarge { what: "number of references", found, limit });
    }
    for (name, histogram) in references {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return refuse("reference", "a name must be 1 to 64 of a-z, 0-9 and '_'");
        }
        histogram.check(&format!("reference.{name}"))?;
    }
    Ok(())
}

impl Histogram {
    fn check(&self, field: &str) -> Result<(), Refusal> {
        let Self { edges, counts } = self;
        if edges.is_empty() || edges.len() > EDGES_MAX {
            let reason = format!("has {} values, 1 to {EDGES_MAX} are allowed", edges.len());
            return refuse(format!("{field}.edges"), reason);
        }
        if let Some(at) = edges.iter().position(|edge| !edge.is_finite()) {
            return refuse(format!("{field}.edges[{at}]"), "is not finite");
        }
        if let Some(at) = edges.windows(2).position(|pair| pair[0] >= pair[1]) {
            let reason = "must be greater than the edge before it";
            return refuse(format!("{field}.edges[{}]", at + 1), reason);
        }
        if counts.len() != edges.len() + 1 {
            let (found, needed) = (counts.len(), edges.len() + 1);
            let reason = format!("has {found} values, {needed} are needed, one more than edges");
            return refuse(format!("{field}.counts"), reason);
        }
        if let Some(at) = counts.iter().position(|count| *count > COUNT_MAX) {
            let reason = format!("is {}, up to {COUNT_MAX} is allowed", counts[at]);
            return refuse(format!("{field}.counts[{at}]"), reason);
        }
        if counts.iter().all(|count| *count == 0) {
            return refuse(format!("{field}.counts"), "are all 0: nothing was counted");
        }
        Ok(())
    }
}

fn within(field: &str, value: u32, most: u32) -> Result<(), Refusal> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    refuse(field, format!("is {value}, 1 to {most} is allowed"))
}

fn refuse(field: impl Into<String>, reason: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal::Field { field: field.into(), reason: reason.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(edges: &[f64], counts: &[u64]) -> References {
        let histogram = Histogram { edges: edges.to_vec(), counts: counts.to_vec() };
        References::from([(SCORE_REFERENCE.to_owned(), histogram)])
    }

    fn refused(references: &References) -> String {
        check_references(references).unwrap_err().to_string()
    }

    #[test]
    fn a_histogram_with_one_more_count_than_edges_passes() {
        check_references(&references(&[-1.0, 0.5], &[0, 7, COUNT_MAX])).unwrap();
    }

    #[test]
    fn every_fault_of_a_histogram_is_named_with_its_place() {
        for (edges, counts, field) in [
            (vec![], vec![1], "reference.score.edges"),
            (vec![0.0; 257], vec![1; 258], "reference.score.edges"),
            (vec![0.0, f64::NAN], vec![1; 3], "reference.score.edges[1]"),
            (vec![f64::INFINITY], vec![1; 2], "reference.score.edges[0]"),
            (vec![0.0, 1.0, 1.0], vec![1; 4], "reference.score.edges[2]"),
            (vec![0.0, 1.0], vec![1; 2], "reference.score.counts"),
            (vec![0.0], vec![1, COUNT_MAX + 1], "reference.score.counts[1]"),
            (vec![0.0], vec![0, 0], "reference.score.counts"),
        ] {
            let text = refused(&references(&edges, &counts));
            assert!(text.starts_with(&format!("{field}: ")), "{field}: {text}");
        }
    }

    #[test]
    fn names_and_their_number_are_bounded() {
        let one = references(&[0.0], &[1, 1]).remove(SCORE_REFERENCE).unwrap();
        let named = |name: String| (name, one.clone());
        let many: References = (0..17).map(|n| named(format!("r{n}"))).collect();
        assert!(refused(&many).starts_with("number of references is 17"));
        let wrong = References::from([named("Score".into())]);
        assert!(refused(&wrong).starts_with("reference: "));
    }

    #[test]
    fn limits_outside_their_ranges_are_named() {
        let good = Health { distance_max: 0.9, scores_min: 20, failed_nights_max: 2 };
        good.check().unwrap();
        for (bad, field) in [
            (Health { distance_max: f64::NAN, ..good }, "health.distance_max"),
            (Health { distance_max: 1.01, ..good }, "health.distance_max"),
            (Health { scores_min: 0, ..good }, "health.scores_min"),
            (Health { failed_nights_max: 101, ..good }, "health.failed_nights_max"),
        ] {
            assert!(bad.check().unwrap_err().to_string().starts_with(field), "{field}");
        }
    }
}
