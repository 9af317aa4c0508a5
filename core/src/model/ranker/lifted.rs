//! Rows behind what is linear at the begin of a ranker.
//!
//! The first layer of an `mlp` is linear up to its activation. Rows that are sums of a few
//! differences, as those that reasons ask for, need not go through it one by one: each difference
//! does once, and the rows are summed behind it.

use super::{ROWS_AT_ONCE, Ranker};
use crate::base::{Error, Result};
use crate::model::dense::Dense;

impl Ranker {
    /// Values of a lifted row: those of a row of features when the ranker begins with nothing that
    /// is linear.
    #[must_use]
    pub fn lifted_width(&self) -> usize {
        self.network.front().map_or(self.features, Dense::outputs)
    }

    /// Rows of features, lifted.
    ///
    /// # Errors
    /// [`Error::Model`] when the rows are not whole.
    pub fn lift(&self, rows: &[f32]) -> Result<Vec<f32>> {
        self.check_whole(rows, self.features)?;
        self.network.front().map_or_else(|| Ok(rows.to_vec()), |front| front.forward(rows))
    }

    /// What differences of rows of features add to lifted rows.
    ///
    /// # Errors
    /// [`Error::Model`] when the rows are not whole.
    pub fn lift_differences(&self, rows: &[f32]) -> Result<Vec<f32>> {
        self.check_whole(rows, self.features)?;
        self.network.front().map_or_else(|| Ok(rows.to_vec()), |front| front.products(rows))
    }

    /// [`Ranker::score`] of lifted `rows`, in whose place other values stand afterwards.
    ///
    /// ```
    /// # use noctule_core::model::Ranker;
    /// let ranker = Ranker::new(vec![2.0, -1.0], 0.5)?;
    /// let mut row = ranker.lift(&[1.0, 0.0])?;
    /// let added = ranker.lift_differences(&[0.0, 3.0])?;
    /// row.iter_mut().zip(&added).for_each(|(value, added)| *value += added);
    /// assert_eq!(ranker.score_lifted(&mut row)?, ranker.score(&[1.0, 3.0], 2)?);
    /// # Ok::<(), noctule_core::base::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Ranker::score`].
    pub fn score_lifted(&self, rows: &mut [f32]) -> Result<Vec<f32>> {
        let Some(front) = self.network.front() else { return self.score(rows, self.features) };
        let outputs = front.outputs();
        self.check_whole(rows, outputs)?;
        let mut scores = Vec::with_capacity(rows.len() / outputs.max(1));
        for some in rows.chunks_mut(ROWS_AT_ONCE * outputs.max(1)) {
            self.network.append_behind_front(some, outputs, &mut scores)?;
        }
        self.calibrated(scores)
    }

    fn check_whole(&self, rows: &[f32], width: usize) -> Result<()> {
        if rows.len().is_multiple_of(width.max(1)) {
            return Ok(());
        }
        let reason = format!("ranker: {} values in rows of {width}", rows.len());
        Err(Error::Model { reason })
    }
}
