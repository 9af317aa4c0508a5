//! Treatments of a model that serves groups unequally: of a ranker here, of two towers beside them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::ranker::RowLabel;
use crate::evaluation::fairness::{Groups, Side};
use crate::{Error, Result};

/// Width of an adversary's hidden layer, at most.
const HIDDEN_MAX: usize = 4_096;
/// A reversed gradient so many times the adversary's own leaves nothing else to learn.
const STRENGTH_MAX: f64 = 1_000.0;

/// What is done about it in training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// Nothing.
    #[default]
    None,
    /// Rows are weighted so that group and label are independent (Kamiran and Calders, KAIS 2012):
    /// P(group) P(label) / P(group, label). Those of two towers are all pairs of user and item.
    Reweighing,
    /// An adversary guesses the group from what the network's final sum reads, or from the vectors
    /// of the grouped side of two towers, and the network learns to mislead it by its reversed
    /// gradient (Beutel et al., FAT/ML 2017; Zhang et al., AIES 2018). For networks only.
    GradientReversal {
        /// What the reversed gradient is multiplied with, above 0.
        strength: f64,
        /// Width of the adversary's hidden layer, 1 to 4,096.
        hidden: usize,
    },
}

impl Treatment {
    pub(super) fn check(self) -> Result<()> {
        let Self::GradientReversal { strength, hidden } = self else { return Ok(()) };
        if !(strength > 0.0 && strength <= STRENGTH_MAX) {
            let reason = format!("{strength} is not above 0 and at most {STRENGTH_MAX}");
            return Err(Error::setting("strength", reason));
        }
        if hidden == 0 || hidden > HIDDEN_MAX {
            let reason = format!("{hidden} is not between 1 and {HIDDEN_MAX}");
            return Err(Error::setting("hidden", reason));
        }
        Ok(())
    }
}

/// The group of each labelled row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowGroups {
    /// Number of groups.
    pub count: usize,
    /// The group of each row, below `count`; none where it is not known.
    pub of: Vec<Option<u16>>,
}

impl RowGroups {
    /// The groups of the items or of the users of rows with `labels`, whose users `user` names.
    #[must_use]
    pub fn new(groups: &Groups, labels: &[RowLabel], user: &dyn Fn(u32) -> Option<u32>) -> Self {
        let of = |label: &RowLabel| {
            let is_items = groups.side == Side::Items;
            let index = if is_items { Some(label.item) } else { user(label.user) };
            groups.group(index?).map(|group| group as u16)
        };
        Self { count: groups.names.len(), of: labels.iter().map(of).collect() }
    }

    /// How many groups have a row.
    #[must_use]
    pub fn met(&self) -> usize {
        self.of.iter().flatten().collect::<BTreeSet<_>>().len()
    }
}

/// Multiplies the weights of `labels` so that group and label are independent among the rows whose
/// group is known; their total weight stays. Of a group all of whose labels are alike, nothing can
/// be made independent, and its rows keep their weights. A skip that may not have been looked at
/// counts as far as it was, at the average relevance.
///
/// # Errors
/// [`Error::Data`] when groups and labels are not of one length.
pub fn reweigh(labels: &mut [RowLabel], groups: &RowGroups) -> Result<()> {
    if groups.of.len() != labels.len() {
        let sizes = (groups.of.len(), labels.len());
        return Err(Error::data(format!("{sizes:?} groups and labels")));
    }
    let weight = |label: &RowLabel| f64::from(label.weight);
    let total: f64 = labels.iter().map(weight).sum();
    let wanted: f64 = labels.iter().filter(|label| label.positive).map(weight).sum();
    let relevance = if total > 0.0 { wanted / total } else { 0.0 };
    let mut mass = vec![[0.0f64; 2]; groups.count];
    for (label, group) in labels.iter().zip(&groups.of) {
        if let Some(group) = group {
            let weight = label.weight_given(relevance);
            mass[usize::from(*group)][usize::from(label.positive)] += weight;
        }
    }
    let is_mixed = |mass: &[f64; 2]| mass[0] > 0.0 && mass[1] > 0.0;
    let mixed = mass.iter().filter(|mass| is_mixed(mass));
    let by_label = mixed.fold([0.0; 2], |sum, mass| [sum[0] + mass[0], sum[1] + mass[1]]);
    let total = by_label[0] + by_label[1];
    for (label, group) in labels.iter_mut().zip(&groups.of) {
        let Some(own) = group.map(|group| mass[usize::from(group)]).filter(is_mixed) else {
            continue;
        };
        let side = usize::from(label.positive);
        let factor = (own[0] + own[1]) * by_label[side] / (total * own[side]);
        label.weight = (f64::from(label.weight) * factor) as f32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label(positive: bool, weight: f32) -> RowLabel {
        RowLabel { positive, weight, examination: None, user: 0, item: 0 }
    }

    #[test]
    fn the_example_of_kamiran_and_calders_gets_their_weights() {
        // Table 1 of the paper: 5 women of whom 2 have +, 5 men of whom 4 have +.
        let rows = [(true, 2, 0), (false, 3, 0), (true, 4, 1), (false, 1, 1)];
        let (mut labels, mut of) = (Vec::new(), Vec::new());
        for (positive, count, group) in rows {
            labels.extend(vec![label(positive, 1.0); count]);
            of.extend(vec![Some(group); count]);
        }
        reweigh(&mut labels, &RowGroups { count: 2, of }).unwrap();
        let found = [0, 2, 5, 9].map(|row: usize| labels[row].weight);
        for (found, expected) in found.iter().zip([1.5, 0.67, 0.75, 2.0]) {
            assert!((found - expected).abs() < 0.005, "{found} {expected}");
        }
    }

    proptest! {
        #[test]
        fn every_mixed_group_has_the_same_share_of_positives_and_the_weight_it_had(
            rows in prop::collection::vec((any::<bool>(), 0.01f32..5.0, 0u16..4), 1..200),
        ) {
            let mut labels: Vec<RowLabel> =
                rows.iter().map(|(positive, weight, _)| label(*positive, *weight)).collect();
            // Group 3 stands for what is not known.
            let of = rows.iter().map(|row| Some(row.2).filter(|group| *group < 3)).collect();
            let groups = RowGroups { count: 3, of };
            let mass = |labels: &[RowLabel]| {
                let mut mass = [[0.0f64; 2]; 3];
                for (label, group) in labels.iter().zip(&groups.of) {
                    if let Some(group) = group {
                        mass[usize::from(*group)][usize::from(label.positive)] +=
                            f64::from(label.weight);
                    }
                }
                mass
            };
            let before = mass(&labels);
            reweigh(&mut labels, &groups).unwrap();
            let mixed: Vec<usize> =
                (0..3).filter(|group| before[*group].iter().all(|mass| *mass > 0.0)).collect();
            let all = mixed.iter().fold([0.0; 2], |sum, group| {
                [sum[0] + before[*group][0], sum[1] + before[*group][1]]
            });
            for group in mixed {
                let after = mass(&labels)[group];
                let (weight, share) = (after[0] + after[1], after[1] / (after[0] + after[1]));
                prop_assert!((weight / (before[group][0] + before[group][1]) - 1.0).abs() < 1e-4);
                prop_assert!((share - all[1] / (all[0] + all[1])).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn a_group_of_one_label_keeps_its_weights_and_lengths_must_agree() {
        let mut labels = vec![label(true, 2.0), label(true, 3.0)];
        let groups = RowGroups { count: 1, of: vec![Some(0); 2] };
        reweigh(&mut labels, &groups).unwrap();
        assert_eq!(labels.iter().map(|label| label.weight).collect::<Vec<_>>(), [2.0, 3.0]);
        assert!(reweigh(&mut labels[..1], &groups).is_err());
    }

    #[test]
    fn strengths_and_widths_out_of_range_are_named() {
        for (strength, hidden, field) in
            [(0.0, 4, "strength"), (f64::NAN, 4, "strength"), (1.0, 0, "hidden")]
        {
            let error = Treatment::GradientReversal { strength, hidden }.check().unwrap_err();
            assert!(matches!(error, Error::Setting { field: found, .. } if found == field));
        }
    }
}
