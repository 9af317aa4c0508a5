//! Candidate generation: nearest by user vector, popular in context; union and budgets.
//!
//! Pure: the same matrix, vector and popularity give the same candidates.

use crate::base::Result;
use crate::base::limits::CANDIDATES_MAX;
use crate::release::Candidates;
use crate::scoring::{ItemMatrix, top_k};

/// The user's side of candidate generation.
#[derive(Debug, Clone, Copy)]
pub struct Nearest<'a> {
    /// The items' vectors.
    pub matrix: ItemMatrix<'a>,
    /// The user's vector; all zero when nothing is known, which makes no candidate nearest.
    pub user: &'a [f32],
}

/// Generates the candidates of one slate: the items nearest to the user over the whole catalogue,
/// then the most popular ones of the context, each eligible item once, at most
/// [`CANDIDATES_MAX`].
///
/// `popularity` and `eligible` have one value for each item.
///
/// # Errors
/// [`crate::base::Error::InvalidInput`] when the vector has another length than the matrix's rows.
pub fn generate(
    budgets: Candidates,
    nearest: Option<Nearest<'_>>,
    popularity: &[f32],
    eligible: &[bool],
) -> Result<Vec<u32>> {
    let mut union = Vec::new();
    let mut taken = vec![false; popularity.len()];
    let mut take = |index: u32| {
        if !std::mem::replace(&mut taken[index as usize], true) && union.len() < CANDIDATES_MAX {
            union.push(index);
        }
    };
    if let Some(Nearest { matrix, user }) = nearest
        && user.iter().any(|value| *value != 0.0)
    {
        let allowed = |index: u32| eligible.get(index as usize).copied().unwrap_or(false);
        let best = top_k(&matrix, user, budgets.nearest.min(CANDIDATES_MAX), Some(&allowed))?;
        best.iter().for_each(|scored| take(scored.index));
    }
    most_popular(popularity, eligible, budgets.popular).into_iter().for_each(take);
    Ok(union)
}

/// The `count` eligible items of the largest popularity, best first; ties by index.
#[must_use]
pub fn most_popular(popularity: &[f32], eligible: &[bool], count: usize) -> Vec<u32> {
    let pairs = (0u32..).zip(popularity.iter().zip(eligible));
    let mut items: Vec<(u32, f32)> =
        pairs.filter(|(_, (_, eligible))| **eligible).map(|(i, (share, _))| (i, *share)).collect();
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0));
    if count < items.len() {
        items.select_nth_unstable_by(count, order);
        items.truncate(count);
    }
    items.sort_unstable_by(order);
    items.into_iter().map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_popular_are_eligible_ordered_and_ties_go_by_index() {
        let popularity = [0.1, 0.4, 0.2, 0.4, 0.9];
        let eligible = [true, true, true, true, false];
        assert_eq!(most_popular(&popularity, &eligible, 3), [1, 3, 2]);
        assert_eq!(most_popular(&popularity, &eligible, 99), [1, 3, 2, 0]);
        assert!(most_popular(&[], &[], 3).is_empty());
    }

    #[test]
    fn without_a_user_the_popular_items_are_the_candidates() {
        let budgets = Candidates { nearest: 5, popular: 2 };
        let found = generate(budgets, None, &[0.1, 0.5, 0.4], &[true; 3]).unwrap();
        assert_eq!(found, [1, 2]);
    }
}
