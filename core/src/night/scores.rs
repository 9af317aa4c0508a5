//! Scores of single items, whether candidate generation would find them or not.

use super::SlateMaker;
use crate::base::{Error, Result};
use crate::ranking::{BASELINE_NEARBY_WEIGHT, Feature, FeatureRows};
use crate::release::{Context, Policy};

impl SlateMaker<'_> {
    /// The scores by which [`SlateMaker::make`] would rank `items`, in their order; `index` is the
    /// place of `context` in the plan. Rules that keep an item out of a slate are not asked.
    ///
    /// # Errors
    /// As [`SlateMaker::make`].
    pub fn scores(&self, index: usize, context: &Context, items: &[u32]) -> Result<Vec<f32>> {
        let rows = FeatureRows {
            overall: self.loaded.items.popularity()?,
            within: self.loaded.items.context_popularity(index)?,
            place: self.profile.place,
        };
        if self.treatment.policy == Policy::Baseline {
            let score = |index: &u32| {
                let place = self.catalogue().item(*index).and_then(|item| item.place);
                let near = rows.value(Feature::Nearby, *index, place, 0.0);
                let popular = rows.value(Feature::ContextPopularity, *index, place, 0.0);
                popular + BASELINE_NEARBY_WEIGHT * near
            };
            return Ok(items.iter().map(score).collect());
        }
        let (model, features) = self.loaded.model()?;
        let Some(matrix) = self.loaded.items.matrix()? else {
            return Err(Error::Model { reason: "the release has no item vectors".into() });
        };
        let user = self.user(context, index, &matrix)?;
        let vector = &user.vector.vector;
        let values = self.feature_values(items, features, &rows, vector, (index, &matrix));
        model.ranker.score(&values, model.ranker.features())
    }
}
