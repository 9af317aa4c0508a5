//! Items that are chosen by the same people (Deshpande and Karypis, TOIS 2004).

use serde::{Deserialize, Serialize};

use crate::evaluation::{Case, Scorer};
use crate::training::{Sparse, parallel};
use crate::{Error, Result};

/// Items whose neighbours one thread finds before it takes the next.
const BLOCK_ITEMS: usize = 256;

/// Settings of the item neighbourhood.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ItemKnnSettings {
    /// Neighbours of an item, 1 to 10,000.
    pub neighbours: usize,
    /// Added to the product of the norms: few common users say little (Bell and Koren, KDD 2007).
    pub shrinkage: f32,
    /// Whether the similarities of an item's neighbours are divided by their sum.
    pub normalise: bool,
}

impl Default for ItemKnnSettings {
    fn default() -> Self {
        Self { neighbours: 100, shrinkage: 10.0, normalise: false }
    }
}

/// The neighbours of each item.
///
/// ```
/// use noctule_trainer::training::Sparse;
/// use noctule_trainer::training::classical::{ItemKnn, ItemKnnSettings};
/// // Two people chose items 0 and 1 together.
/// let entries = vec![(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0)];
/// let matrix = Sparse::from_entries(entries, 2, 3);
/// let settings = ItemKnnSettings { shrinkage: 0.0, ..ItemKnnSettings::default() };
/// let model = ItemKnn::fit(&matrix, &settings, 1)?;
/// assert_eq!(model.neighbours(0), [(1, 1.0)]);
/// # Ok::<(), noctule_trainer::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ItemKnn {
    /// Neighbours of item i: `offsets[i]..offsets[i + 1]`.
    offsets: Vec<usize>,
    neighbours: Vec<(u32, f32)>,
}

impl ItemKnn {
    /// Finds the neighbours in `matrix` (users by items), of which only whether an entry is there
    /// counts: the similarity of i and j is c_ij / (sqrt(c_i c_j) + shrinkage), with c the numbers
    /// of users. Of equal ones the first in the catalogue is kept. Takes the sum over users of the
    /// square of their items in time, and one row of the catalogue a thread in memory.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings out of range.
    pub fn fit(matrix: &Sparse, settings: &ItemKnnSettings, threads: usize) -> Result<Self> {
        if !(1..=10_000).contains(&settings.neighbours) {
            let reason = format!("{} is not between 1 and 10,000", settings.neighbours);
            return Err(Error::setting("neighbours", reason));
        }
        if !(settings.shrinkage >= 0.0 && settings.shrinkage.is_finite()) {
            let reason = format!("{} is not at least 0", settings.shrinkage);
            return Err(Error::setting("shrinkage", reason));
        }
        let by_item = matrix.transposed();
        // A catalogue may be huge and hardly any of it chosen.
        let chosen: Vec<u32> = (0..by_item.rows() as u32)
            .filter(|item| by_item.row(*item as usize).len() > 0)
            .collect();
        let lists = parallel::map_blocks(&chosen, BLOCK_ITEMS, threads, |items| {
            let mut common = vec![0u32; by_item.rows()];
            let list =
                |item: &u32| Ok(neighbours_of(*item, matrix, &by_item, settings, &mut common));
            items.iter().map(list).collect()
        })?;
        let mut offsets = vec![0; by_item.rows() + 1];
        for (item, list) in chosen.iter().zip(&lists) {
            offsets[*item as usize + 1] = list.len();
        }
        for item in 0..by_item.rows() {
            offsets[item + 1] += offsets[item];
        }
        Ok(Self { offsets, neighbours: lists.into_iter().flatten().collect() })
    }

    /// The neighbours of `item` with their similarities, the most similar first.
    #[must_use]
    pub fn neighbours(&self, item: u32) -> &[(u32, f32)] {
        &self.neighbours[self.offsets[item as usize]..self.offsets[item as usize + 1]]
    }
}

/// `common` is all 0, and left so.
fn neighbours_of(
    item: u32,
    matrix: &Sparse,
    by_item: &Sparse,
    settings: &ItemKnnSettings,
    common: &mut [u32],
) -> Vec<(u32, f32)> {
    let mut met = Vec::new();
    for (user, _) in by_item.row(item as usize) {
        for (other, _) in matrix.row(user as usize) {
            if common[other as usize] == 0 {
                met.push(other);
            }
            common[other as usize] += 1;
        }
    }
    let own = by_item.row(item as usize).len() as f32;
    let mut list = Vec::with_capacity(met.len());
    for other in met {
        let count = std::mem::take(&mut common[other as usize]) as f32;
        if other != item {
            let norms = (own * by_item.row(other as usize).len() as f32).sqrt();
            list.push((other, count / (norms + settings.shrinkage)));
        }
    }
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if list.len() > settings.neighbours {
        list.select_nth_unstable_by(settings.neighbours, order);
        list.truncate(settings.neighbours);
    }
    list.sort_unstable_by(order);
    if settings.normalise {
        let sum: f32 = list.iter().map(|(_, similarity)| similarity).sum();
        list.iter_mut().for_each(|(_, similarity)| *similarity /= sum);
    }
    list
}

impl Scorer for ItemKnn {
    /// The sum of the similarities to the items of the history, each counted once.
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        scores.fill(0.0);
        for item in super::distinct(case) {
            for (other, similarity) in self.neighbours(item) {
                scores[*other as usize] += similarity;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn similarities_are_those_of_the_definition(
            pairs in prop::collection::btree_set((0u32..12, 0u32..9), 1..60),
            shrinkage in 0.0f32..5.0,
            neighbours in 1usize..9,
        ) {
            let entries: Vec<_> = pairs.iter().map(|(user, item)| (*user, *item, 2.0)).collect();
            let matrix = Sparse::from_entries(entries, 12, 9);
            let settings = ItemKnnSettings { neighbours, shrinkage, normalise: false };
            let model = ItemKnn::fit(&matrix, &settings, 2).unwrap();
            let users = |item: u32| -> Vec<u32> {
                (0..12).filter(|user| pairs.contains(&(*user, item))).collect()
            };
            for item in 0..9 {
                let own = users(item);
                let similar = |other: u32| {
                    let others = users(other);
                    let common = own.iter().filter(|user| others.contains(user)).count() as f32;
                    let norms = (own.len() as f32 * others.len() as f32).sqrt();
                    (other, common / (norms + shrinkage))
                };
                let all = (0..9).filter(|other| *other != item).map(similar);
                let mut all: Vec<_> = all.filter(|(_, similarity)| *similarity > 0.0).collect();
                all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                all.truncate(neighbours);
                prop_assert_eq!(model.neighbours(item), all);
            }
        }
    }

    #[test]
    fn normalised_similarities_sum_to_one_and_bad_settings_are_refused() {
        let entries = (0..4).flat_map(|user| (0..3).map(move |item| (user, item, 1.0))).collect();
        let matrix = Sparse::from_entries(entries, 4, 5);
        let settings = ItemKnnSettings { normalise: true, ..ItemKnnSettings::default() };
        let model = ItemKnn::fit(&matrix, &settings, 1).unwrap();
        let sum: f32 = model.neighbours(0).iter().map(|(_, similarity)| similarity).sum();
        assert!((sum - 1.0).abs() < 1e-6 && model.neighbours(4).is_empty());
        for (neighbours, shrinkage) in [(0, 1.0), (5, f32::NAN), (5, -1.0)] {
            let settings = ItemKnnSettings { neighbours, shrinkage, normalise: false };
            assert!(matches!(ItemKnn::fit(&matrix, &settings, 1), Err(Error::Setting { .. })));
        }
    }

    #[test]
    fn a_huge_catalogue_with_few_events_is_quick() {
        let entries = vec![(0, 3_999_999, 1.0), (0, 7, 1.0), (1, 7, 1.0)];
        let matrix = Sparse::from_entries(entries, 2, 4_000_000);
        let model = ItemKnn::fit(&matrix, &ItemKnnSettings::default(), 2).unwrap();
        assert_eq!((model.neighbours(7).len(), model.neighbours.len()), (1, 2));
    }
}
