//! Feature rows of the ranker.

use crate::base::{Error, GeoPoint, Result};

/// A feature of the ranker, by the name it has in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// `fold_in`: the score of the user's vector for the item, whatever made the vector.
    FoldIn,
    /// `context_popularity`: ln(n p), p the item's share of choices within the context among n
    /// items; 0 is as popular as the average.
    ContextPopularity,
    /// `popularity`: the same with the share over all contexts.
    Popularity,
    /// `nearby`: exp(-distance / 3 km); 0 where the place of user or item is unknown.
    Nearby,
    /// `user`: the user's vector, a value a dimension.
    User,
    /// `item`: the item's vector.
    Item,
    /// `cross`: the products of the two, dimension by dimension.
    Cross,
    /// `context`: 1 for the context of the slate, 0 for each other one of the release's plan.
    Context,
}

/// Kilometres at which nearness has fallen to 1/e.
const NEARBY_KM: f64 = 3.0;

/// Smallest share that is told from 0: beyond it a logarithm says more about the smoothing than
/// about the item.
const SHARE_MIN: f32 = 1e-9;

/// What nearness counts for in the rule-based baseline, in units of log popularity: an item at the
/// door is worth one that is e² = 7.4 times as popular far away.
pub const BASELINE_NEARBY_WEIGHT: f32 = 2.0;

impl Feature {
    /// The features of one value, in the order in which the trainer writes them.
    pub const ALL: [Self; 4] =
        [Self::FoldIn, Self::ContextPopularity, Self::Popularity, Self::Nearby];

    /// The features of several values.
    pub const GROUPS: [Self; 4] = [Self::User, Self::Item, Self::Cross, Self::Context];

    /// All features there are.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Self::GROUPS)
    }

    /// The feature's name in the manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FoldIn => "fold_in",
            Self::ContextPopularity => "context_popularity",
            Self::Popularity => "popularity",
            Self::Nearby => "nearby",
            Self::User => "user",
            Self::Item => "item",
            Self::Cross => "cross",
            Self::Context => "context",
        }
    }

    /// The feature called `name`.
    ///
    /// # Errors
    /// [`Error::Model`] when this library knows none of that name.
    pub fn named(name: &str) -> Result<Self> {
        Self::all().find(|feature| feature.name() == name).ok_or_else(|| Error::Model {
            reason: format!("the ranker needs the feature {name:?}, which this library lacks"),
        })
    }
}

/// Makes the values of one user in one context.
///
/// ```
/// use noctule_core::ranking::{Feature, FeatureRows};
/// let rows = FeatureRows { overall: &[0.5, 0.5], within: &[1.0, 0.0], place: None };
/// assert_eq!(rows.value(Feature::ContextPopularity, 0, None, 0.0), 2f32.ln());
/// assert_eq!(rows.value(Feature::FoldIn, 0, None, 0.25), 0.25);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FeatureRows<'a> {
    /// Share of all choices, by item.
    pub overall: &'a [f32],
    /// Share of the choices within the context, by item.
    pub within: &'a [f32],
    /// Where the user is.
    pub place: Option<GeoPoint>,
}

impl FeatureRows<'_> {
    /// The value of `feature` for `item`, which lies at `place` and has the fold-in score
    /// `fold_in`. An item outside the popularity counts as never chosen. A group has no single
    /// value, and 0 stands for it.
    #[must_use]
    pub fn value(&self, feature: Feature, item: u32, place: Option<GeoPoint>, fold_in: f32) -> f32 {
        match feature {
            Feature::FoldIn => fold_in,
            Feature::ContextPopularity => lift(self.within, item),
            Feature::Popularity => lift(self.overall, item),
            Feature::Nearby => match (place, self.place) {
                (Some(item), Some(user)) => libm::exp(-item.distance_km(user) / NEARBY_KM) as f32,
                _ => 0.0,
            },
            Feature::User | Feature::Item | Feature::Cross | Feature::Context => 0.0,
        }
    }
}

fn lift(shares: &[f32], item: u32) -> f32 {
    let share = shares.get(item as usize).copied().unwrap_or(0.0);
    libm::logf((share.max(SHARE_MIN) * shares.len() as f32).max(f32::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_features_agree() {
        for feature in Feature::all() {
            assert_eq!(Feature::named(feature.name()).unwrap(), feature);
        }
        assert!(matches!(Feature::named("moon_phase"), Err(Error::Model { .. })));
    }

    #[test]
    fn values_are_finite_for_what_was_never_chosen_and_places_unknown() {
        let here = GeoPoint::new(22.0, -100.0).unwrap();
        let rows = FeatureRows { overall: &[0.5, 0.5], within: &[1.0, 0.0], place: Some(here) };
        assert!(rows.value(Feature::ContextPopularity, 1, None, 0.0).is_finite());
        assert_eq!(rows.value(Feature::Popularity, 0, None, 0.0), 0.0);
        assert_eq!(rows.value(Feature::Nearby, 0, Some(here), 0.0), 1.0);
        assert_eq!(rows.value(Feature::Nearby, 0, None, 0.0), 0.0);
    }
}
