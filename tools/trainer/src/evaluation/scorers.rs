//! What is evaluated: anything that scores the whole catalogue for one user.

use noctule_core::model::{FoldIn, Workspace};

use super::quantised::VectorScorer;
use crate::Result;
use crate::datasets::{Interaction, Interactions};
use crate::training::{Popularity, Sparse};

/// One user to recommend to.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Index of the user.
    pub user: u32,
    /// What is known of the user, in time order.
    pub history: &'a [Interaction],
    /// The circumstances, where known.
    pub context: Option<u16>,
}

/// Scores items; larger is better.
pub trait Scorer: Sync {
    /// Writes the score of every item into `scores`, which has one place an item.
    ///
    /// # Errors
    /// Whatever keeps the scorer from giving scores.
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()>;
}

/// Popularity: the number of events of an item, the same for everyone.
#[derive(Debug, Clone)]
pub struct PopularityScorer {
    counts: Vec<f32>,
}

impl PopularityScorer {
    /// Counts the events `indices` of `data`.
    #[must_use]
    pub fn new(data: &Interactions, indices: &[u32]) -> Self {
        let mut counts = vec![0.0; data.items.len()];
        for index in indices {
            counts[data.events[*index as usize].item as usize] += 1.0;
        }
        Self { counts }
    }
}

impl Scorer for PopularityScorer {
    fn score(&self, _: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        scores.copy_from_slice(&self.counts);
        Ok(())
    }
}

/// Popularity within the context; overall where the context is unknown.
#[derive(Debug, Clone, Copy)]
pub struct ContextPopularityScorer<'a> {
    /// The shares.
    pub popularity: &'a Popularity,
}

impl Scorer for ContextPopularityScorer<'_> {
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        scores.copy_from_slice(self.popularity.in_context(case.context));
        Ok(())
    }
}

/// The fold-in score, computed as the device computes it: the user's vector comes from the history
/// alone.
#[derive(Debug, Clone, Copy)]
pub struct FoldInScorer<'a> {
    /// The solver over the item side.
    pub fold_in: &'a FoldIn,
    /// Item vectors, row-major.
    pub items: &'a [f32],
    /// Factor on the weight of events of the very context that is asked for; 1 for no effect.
    pub context_weight: f32,
}

impl FoldInScorer<'_> {
    /// The vector of a user with `history` in `context`. An item chosen several times counts once,
    /// with the sum of its weights, as in training.
    ///
    /// # Errors
    /// [`crate::Error::Core`] when the system has no finite solution.
    pub fn user_vector(&self, history: &[Interaction], context: Option<u16>) -> Result<Vec<f32>> {
        let d = self.fold_in.dimensions();
        let weight = |event: &Interaction| {
            let same = context.is_some() && event.context == context;
            event.weight * if same { self.context_weight } else { 1.0 }
        };
        let chosen = history.iter().map(|event| (0, event.item, weight(event))).collect();
        let chosen = Sparse::from_entries(chosen, 1, self.items.len() / d);
        let row = |item: u32| &self.items[item as usize * d..(item as usize + 1) * d];
        let observations = chosen.row(0).map(|(item, weight)| (row(item), weight, 1.0));
        let mut vector = vec![0.0; d];
        self.fold_in.solve_into(observations, &mut Workspace::new(d), &mut vector)?;
        Ok(vector)
    }
}

impl Scorer for FoldInScorer<'_> {
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        let vector = self.user_vector(case.history, case.context)?;
        for (score, item) in scores.iter_mut().zip(self.items.chunks_exact(vector.len())) {
            *score = dot(&vector, item);
        }
        Ok(())
    }
}

impl VectorScorer for FoldInScorer<'_> {
    fn user(&self, case: &Case<'_>) -> Result<Vec<f32>> {
        self.user_vector(case.history, case.context)
    }

    fn items(&self) -> (&[f32], usize) {
        (self.items, self.fold_in.dimensions())
    }
}

/// The inner product, in eight partial sums so that it runs at the speed of vector units.
#[must_use]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (mut lanes, split) = ([0.0f32; 8], a.len().min(b.len()) / 8 * 8);
    for (a, b) in a[..split].chunks_exact(8).zip(b[..split].chunks_exact(8)) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a[split..].iter().zip(&b[split..]).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}
