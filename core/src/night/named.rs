//! Which items of the history a slot names, and what each of them adds to the user's vector.

use std::collections::HashMap;

use noctule_kernels::product::dot_products;

use super::attribution::Sampled;
use super::user::User;
use crate::base::Result;
use crate::reasons::NAMED_HISTORY;

/// Those who may be named, by number.
pub(super) struct Named<'a> {
    user: &'a User<'a>,
    sampled: Option<&'a Sampled>,
    /// What each adds to the user's vector, one row each, by sampling the sum over all pairs of
    /// orders; empty where a history is so long that it is cheaper to split scores one by one.
    rows: Vec<f32>,
    /// Rows of such a long history that were asked for.
    known: HashMap<usize, Vec<f32>>,
}

impl<'a> Named<'a> {
    /// Those whom as many `slots` may name.
    pub(super) fn new(user: &'a User<'a>, sampled: Option<&'a Sampled>, slots: usize) -> Self {
        let rows = match sampled {
            None if user.items.len() > slots => Vec::new(),
            None => user.vector.components(user.items.len()),
            Some(Sampled { singles, by_pair, .. }) => {
                let mut sums = vec![0.0; singles.len() * user.vector.vector.len()];
                for pair in by_pair {
                    sums.iter_mut().zip(pair).for_each(|(sum, value)| *sum += value);
                }
                sums
            }
        };
        Self { user, sampled, rows, known: HashMap::new() }
    }

    /// Ways in which what they add is known: one where it is exact, by pair of orders otherwise.
    pub(super) fn ways(&self) -> usize {
        self.sampled.map_or(1, |sampled| sampled.by_pair.len())
    }

    /// The item of a number, by its place among the chosen ones.
    pub(super) fn item(&self, name: usize) -> usize {
        self.sampled.and_then(|sampled| sampled.singles.get(name).copied()).unwrap_or(name)
    }

    /// Those who do most for the product with each of `vectors`, which lie one behind the other:
    /// those worth a name.
    pub(super) fn strongest(&self, vectors: &[f32]) -> Result<Vec<Vec<usize>>> {
        let d = self.user.vector.vector.len();
        let each = vectors.chunks_exact(d.max(1));
        if self.rows.is_empty() {
            let shares = each.map(|vector| {
                let shares = self.user.vector.contributions(vector);
                strongest(&shares[..shares.len().min(self.user.items.len())])
            });
            return Ok(shares.collect());
        }
        let worths = dot_products(vectors, &self.rows, d)?;
        let names = self.rows.len() / d.max(1);
        Ok(worths.chunks_exact(names).map(strongest).collect())
    }

    /// What `name` adds to the user's vector, in this way.
    pub(super) fn adds(&mut self, name: usize, way: usize) -> &[f32] {
        let d = self.user.vector.vector.len();
        let rows = match self.sampled {
            Some(sampled) => sampled.by_pair.get(way).map_or(&[][..], Vec::as_slice),
            None => &self.rows[..],
        };
        if let Some(row) = rows.get(name * d..(name + 1) * d) {
            return row;
        }
        let known = self.known.entry(name);
        known.or_insert_with(|| self.user.vector.component(name))
    }
}

/// The places of the greatest of `worths` that are positive, the first first; of equal ones the
/// first place.
fn strongest(worths: &[f32]) -> Vec<usize> {
    let mut best: Vec<usize> = Vec::with_capacity(NAMED_HISTORY + 1);
    for (at, worth) in worths.iter().enumerate() {
        if *worth > 0.0 && (best.len() < NAMED_HISTORY || *worth > worths[best[best.len() - 1]]) {
            let place = best.partition_point(|other| worths[*other] >= *worth);
            best.insert(place, at);
            best.truncate(NAMED_HISTORY);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_strongest_are_the_first_of_all_that_are_positive_put_in_order(
            worths in prop::collection::vec(-3i8..4, 0..12),
        ) {
            let worths: Vec<f32> = worths.into_iter().map(f32::from).collect();
            let mut all: Vec<usize> = (0..worths.len()).filter(|at| worths[*at] > 0.0).collect();
            all.sort_by(|a, b| worths[*b].total_cmp(&worths[*a]));
            all.truncate(NAMED_HISTORY);
            prop_assert_eq!(strongest(&worths), all);
        }
    }
}
