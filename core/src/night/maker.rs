//! One slate, from candidates to reasons. Pure: no store, no clock.

use std::collections::HashSet;
use std::sync::Arc;

use super::parts::Explainer;
use super::{LoadedRelease, Treatment};
use crate::base::{Error, HistoryItem, ItemId, Profile, Result, Seed, SeededRandom, WeekMinute};
use crate::candidates::{self, Nearest};
use crate::catalogue::{Catalogue, Eligibility};
use crate::ranking::{BASELINE_NEARBY_WEIGHT, Feature, FeatureRows};
use crate::reasons::{Reason, ReasonKind, explain};
use crate::release::{Consumed, Context, Plan, Policy, Surface};
use crate::reranking::{Likeness, Placed, Ranked, WordSets, rerank};
use crate::slates::{Slate, SlateKey, Slot};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Makes the slates of one user from one release.
///
/// The same release, plan, profile, treatment and time give the same slates.
#[derive(Debug)]
pub struct SlateMaker<'a> {
    /// The release.
    pub loaded: &'a LoadedRelease,
    /// The plan, of the release or of the app.
    pub plan: &'a Plan,
    /// The user.
    pub profile: &'a Profile,
    /// How the installation is treated.
    pub treatment: Treatment,
    /// The device's time, Unix milliseconds.
    pub now_ms: i64,
    /// The number of the local day, which the seed of exploration depends on.
    pub day: i64,
    /// Whether this is a night, or the baseline is put in until the first one.
    pub at_night: bool,
}

impl SlateMaker<'_> {
    /// Makes the slate of `surface` in `context`, the `index`-th context of the release.
    ///
    /// # Errors
    /// [`Error::Model`] when a score is not finite; [`Error::Damaged`] when a tensor does not lie
    /// in its file.
    pub fn make(&self, surface: &Surface, index: usize, context: &Context) -> Result<Slate> {
        let eligible = self.eligibility(context).of(self.catalogue());
        let key = SlateKey { surface: surface.id.clone(), context: context.id.clone() };
        let rows = FeatureRows {
            overall: self.loaded.items.popularity()?,
            within: self.loaded.items.context_popularity(index)?,
            place: self.profile.place,
        };
        let slots = match self.treatment.policy {
            Policy::Model => self.model_slots(surface, (context, index), &rows, &eligible, &key)?,
            Policy::Baseline => self.baseline_slots(surface, &rows, &eligible)?,
        };
        Ok(Slate {
            key,
            generation: 0,
            created_ms: self.now_ms,
            stale_after_ms: self.now_ms + i64::from(self.plan.fresh_hours) * HOUR_MS,
            release: self.loaded.release.manifest().release.to_string(),
            policy: self.treatment.policy,
            made_at_night: self.at_night,
            arm: self.treatment.arm.clone(),
            fatigue_impressions: self.plan.fatigue_impressions,
            slots,
        })
    }

    pub(super) fn catalogue(&self) -> &Catalogue {
        self.loaded.release.catalogue()
    }

    fn eligibility(&self, context: &Context) -> Eligibility {
        let index = |id: &str| self.catalogue().index_of(id);
        let mut excluded: HashSet<u32> =
            self.profile.hidden.iter().filter_map(|id| index(id.as_str())).collect();
        let is_consumed = |item: &&HistoryItem| match (self.plan.consumed, item.last_chosen_ms) {
            (Consumed::Keep, _) | (_, None) => false,
            (Consumed::Exclude, Some(_)) => true,
            (Consumed::CooldownDays(days), Some(chosen)) => {
                self.now_ms.saturating_sub(chosen) < i64::from(days) * DAY_MS
            }
        };
        let consumed = self.profile.history.iter().filter(is_consumed);
        excluded.extend(consumed.filter_map(|item| index(item.item.as_str())));
        let open_at: Option<WeekMinute> = self.plan.only_open.then(|| context.when.middle());
        let within = self.profile.place.zip(self.plan.radius_km);
        Eligibility { excluded, open_at, within }
    }

    /// Popular in this context, near the user, open: the rule-based baseline.
    fn baseline_slots(
        &self,
        surface: &Surface,
        rows: &FeatureRows<'_>,
        eligible: &[bool],
    ) -> Result<Vec<Slot>> {
        let mut scored = Vec::new();
        for (index, is_eligible) in (0u32..).zip(eligible) {
            if *is_eligible {
                let place = self.catalogue().place(index);
                let popular = rows.value(Feature::ContextPopularity, index, place, 0.0);
                let near = rows.value(Feature::Nearby, index, place, 0.0);
                scored.push((index, popular, BASELINE_NEARBY_WEIGHT * near));
            }
        }
        let best_first = |a: &(u32, f32, f32), b: &(u32, f32, f32)| {
            (b.1 + b.2).total_cmp(&(a.1 + a.2)).then_with(|| a.0.cmp(&b.0))
        };
        // Only the slate's own length is put in order, not the catalogue.
        if surface.length < scored.len() {
            scored.select_nth_unstable_by(surface.length, best_first);
            scored.truncate(surface.length);
        }
        scored.sort_unstable_by(best_first);
        let slot = |(index, popular, near): (u32, f32, f32)| {
            let mut parts = vec![(ReasonKind::PopularInContext, popular)];
            if near > 0.0 {
                parts.push((ReasonKind::Nearby, near));
            }
            let score = popular + near;
            let reasons = explain(score, Vec::new(), parts, false);
            self.slot(Placed { index, score, propensity: 1.0, explored: false }, reasons)
        };
        scored.into_iter().map(slot).collect()
    }

    fn model_slots(
        &self,
        surface: &Surface,
        (context, at): (&Context, usize),
        rows: &FeatureRows<'_>,
        eligible: &[bool],
        key: &SlateKey,
    ) -> Result<Vec<Slot>> {
        let (model, features) = self.loaded.model()?;
        let Some(matrix) = self.loaded.items.matrix()? else {
            return Err(Error::Model { reason: "the release has no item vectors".into() });
        };
        let user = self.user(context, at, &matrix)?;
        let vector = &user.vector.vector;
        let nearest = Nearest { matrix, user: vector };
        let candidates =
            candidates::generate(self.plan.candidates, Some(nearest), rows.within, eligible)?;
        let values = self.feature_values(&candidates, features, rows, vector, (at, &matrix));
        let width = model.ranker.features();
        let scores = model.ranker.score(&values, width)?;
        let ranked = candidates.iter().zip(scores);
        let ranked = ranked.map(|(index, score)| Ranked { index: *index, score }).collect();
        let placed = self.rerank(ranked, &candidates, surface.length, key);
        let contexts = self.loaded.release.manifest().plan.contexts.len();
        let explainer = Explainer::new(&model.ranker, features, &user, contexts);
        placed
            .into_iter()
            .map(|placed| {
                let at = candidates.iter().position(|index| *index == placed.index).unwrap_or(0);
                let line = &values[at * width..(at + 1) * width];
                let vector = matrix.row(placed.index).unwrap_or_default();
                self.slot(placed, explainer.reasons(placed, line, &vector)?)
            })
            .collect()
    }

    fn rerank(
        &self,
        ranked: Vec<Ranked>,
        candidates: &[u32],
        length: usize,
        key: &SlateKey,
    ) -> Vec<Placed> {
        let diversity = self.plan.diversity.as_ref();
        let words = diversity
            .map(|settings| WordSets::new(self.catalogue(), &settings.attribute, candidates));
        let likeness = diversity.zip(words.as_ref());
        let likeness =
            likeness.map(|(settings, words)| Likeness { words, weight: settings.weight });
        let day = self.day.to_string();
        let purpose = ["exploration", key.surface.as_str(), key.context.as_str(), &day];
        let mut random = SeededRandom::new(Seed(self.profile.seed).derive(&purpose));
        rerank(ranked, likeness, self.plan.exploration, length, &mut random)
    }

    fn slot(&self, placed: Placed, reasons: Vec<Reason>) -> Result<Slot> {
        let names = self.catalogue().id(placed.index).zip(self.catalogue().title(placed.index));
        let Some((id, title)) = names else {
            return Err(Error::damaged("the catalogue", "an item of a slate is not in it"));
        };
        Ok(Slot {
            item: ItemId::new(id)?,
            title: Arc::from(title),
            score: placed.score,
            propensity: placed.propensity,
            reasons: reasons.into(),
        })
    }
}
