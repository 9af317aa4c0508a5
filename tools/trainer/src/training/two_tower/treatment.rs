//! What is done in training about groups that two towers serve unequally.

use candle_core::Tensor;

use super::Examples;
use crate::evaluation::Groups;
use crate::evaluation::fairness::Side;
use crate::training::adversary::Adversary;
use crate::training::fairness::Treatment;
use crate::training::network::Treated;
use crate::training::neural::ops::{Pool, pool, with_gradients};
use crate::training::neural::{Key, Parameters};
use crate::{Error, Result};

/// A treatment with what it needs at hand.
pub(super) struct TowerTreatment {
    side: Side,
    /// What a choice counts for, by item or by user.
    weights: Option<Vec<f32>>,
    adversary: Option<Adversary<'static>>,
}

impl TowerTreatment {
    /// Of the choices of `examples`.
    ///
    /// # Errors
    /// [`Error::Data`] when the choices are of fewer than two groups.
    pub(super) fn new(treated: Treated<'_>, examples: &Examples) -> Result<Self> {
        let Treated { groups, treatment } = treated;
        let chosen = chosen(groups, examples);
        let met = chosen.iter().filter(|count| **count > 0.0).count();
        if met < 2 {
            let by = &groups.by;
            let reason = format!("choices of {met} groups by {by:?}: a treatment needs 2 or more");
            return Err(Error::data(reason));
        }
        let is_weighted = treatment == Treatment::Reweighing;
        let adversary = match treatment {
            Treatment::GradientReversal { strength, hidden } => Some(Adversary {
                of: groups.of.clone().into(),
                groups: groups.names.len(),
                strength,
                hidden,
            }),
            Treatment::None | Treatment::Reweighing => None,
        };
        let weights = is_weighted.then(|| weights(groups, &chosen));
        Ok(Self { side: groups.side, weights, adversary })
    }

    /// Whether an adversary reads along.
    pub(super) fn has_adversary(&self) -> bool {
        self.adversary.is_some()
    }

    /// Adds the adversary's weights to those of towers of `dimensions`.
    pub(super) fn add_to(&self, to: &mut Parameters, dimensions: usize, seed: u64) -> Result<()> {
        self.adversary.as_ref().map_or(Ok(()), |adversary| adversary.add_to(to, dimensions, seed))
    }

    /// What each choice of a batch counts for: users and their choices.
    pub(super) fn weights(&self, users: &[u32], items: &[u32]) -> Option<Vec<f32>> {
        let of = if self.side == Side::Items { items } else { users };
        let weights = self.weights.as_ref()?;
        Some(of.iter().map(|index| weights.get(*index as usize).copied().unwrap_or(1.0)).collect())
    }

    /// The adversary's loss, whose reversed gradient reaches the vectors that it reads: those of
    /// the users of a batch, or those of items, drawn uniformly by `key`, as many as the batch
    /// has choices: over choices, the popular ones would be all that it sees.
    pub(super) fn loss(
        &self,
        parameters: &Parameters,
        (rows, users): (&Tensor, &[u32]),
        items: &Tensor,
        key: Key,
    ) -> Result<Option<Tensor>> {
        let Some(adversary) = &self.adversary else { return Ok(None) };
        let (slopes, odds, loss) = if self.side == Side::Users {
            adversary.step(parameters, rows, users)?
        } else {
            let all = items.dim(0)?;
            let drawn: Vec<u32> =
                (0..users.len() as u64).map(|at| key.part(at).below(all) as u32).collect();
            let mut alone = Pool::new();
            drawn.iter().for_each(|item| alone.push([(*item, 1.0)].into_iter(), &[]));
            adversary.step(parameters, &pool(items, alone)?, &drawn)?
        };
        let nothing = rows.zeros_like()?;
        Ok(Some(with_gradients(loss as f32, (&odds, slopes), (rows, nothing))?))
    }
}

/// Choices of each group.
fn chosen(groups: &Groups, examples: &Examples) -> Vec<f64> {
    let mut counts = vec![0.0; groups.names.len()];
    for choice in examples.all() {
        let index = if groups.side == Side::Items { examples.target(*choice) } else { choice.0 };
        if let Some(group) = groups.group(index) {
            counts[group] += 1.0;
        }
    }
    counts
}

/// P(group) P(label) / P(group, label) for what was chosen, the rows being all pairs of a user and
/// an item (Kamiran and Calders, KAIS 2012): a group's share of the items or users over its share
/// of the choices. What was not chosen is nearly all of the pairs, and keeps its weight. Items and
/// users of no group count as before.
fn weights(groups: &Groups, chosen: &[f64]) -> Vec<f32> {
    let mut members = vec![0.0; groups.names.len()];
    groups.of.iter().flatten().for_each(|group| members[usize::from(*group)] += 1.0);
    // Groups without a choice have nothing that could count for more.
    let met = |of: &[f64]| -> f64 {
        of.iter().zip(chosen).filter(|(_, chosen)| **chosen > 0.0).map(|(of, _)| of).sum()
    };
    let (all, all_chosen) = (met(&members), met(chosen));
    let weight = |group: usize| (members[group] / all) / (chosen[group] / all_chosen);
    let of = groups.of.iter().map(|group| group.map_or(1.0, |group| weight(group.into()) as f32));
    of.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::read_pairs;
    use crate::training::two_tower::TwoTowerSettings;

    /// u chose 0, 1 and 2, v chose 0: of items, two choices of group 0 (item 0), one each of 1, 2.
    fn examples() -> Examples {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.txt");
        std::fs::write(&path, "u 0\nu 1\nu 2\nv 0\n").unwrap();
        let data = read_pairs(&path).unwrap();
        Examples::new(&data, &[0, 1, 2, 3], 0, &TwoTowerSettings::default())
    }

    fn groups(side: Side, of: &[Option<u16>]) -> Groups {
        Groups { by: "kind".into(), side, names: vec!["a".into(), "b".into()], of: of.to_vec() }
    }

    #[test]
    fn every_group_counts_for_its_share_of_items_or_of_users() {
        let items = groups(Side::Items, &[Some(0), Some(1), Some(1)]);
        let treated = Treated { groups: &items, treatment: Treatment::Reweighing };
        let treatment = TowerTreatment::new(treated, &examples()).unwrap();
        // Of the items a third is of group a, of the choices a half.
        let found = treatment.weights(&[0, 0, 0, 1], &[0, 1, 2, 0]).unwrap();
        for (found, expected) in found.iter().zip([2.0 / 3.0, 4.0 / 3.0, 4.0 / 3.0, 2.0 / 3.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let users = groups(Side::Users, &[Some(0), Some(1)]);
        let treated = Treated { groups: &users, treatment: Treatment::Reweighing };
        let treatment = TowerTreatment::new(treated, &examples()).unwrap();
        let found = treatment.weights(&[0, 0, 0, 1], &[0, 1, 2, 0]).unwrap();
        for (found, expected) in found.iter().zip([2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn what_has_no_group_counts_as_before_and_one_group_is_refused() {
        let some = groups(Side::Items, &[Some(0), None, Some(1)]);
        let treated = Treated { groups: &some, treatment: Treatment::Reweighing };
        let treatment = TowerTreatment::new(treated, &examples()).unwrap();
        assert_eq!(treatment.weights(&[0, 0, 0, 1], &[0, 1, 2, 0]).unwrap()[1], 1.0);
        let one = groups(Side::Items, &[Some(0), None, None]);
        let treated = Treated { groups: &one, treatment: Treatment::Reweighing };
        let error = TowerTreatment::new(treated, &examples()).err().unwrap();
        assert!(error.to_string().contains("choices of 1 groups"), "{error}");
    }
}
