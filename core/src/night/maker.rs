//! One slate, from candidates to reasons. Pure: no store, no clock.

use std::sync::Arc;

use super::attribution::SequenceParts;
use super::{GoOn, LoadedRelease, NearestItems, Recorder, Treatment};
use crate::base::{Error, ItemId, Profile, Result};
use crate::candidates::{Found, Occasion, Sources};
use crate::catalogue::{Catalogue, Eligibility};
use crate::ranking::{BASELINE_NEARBY_WEIGHT, Feature, FeatureRows, spans};
use crate::reasons::{Reason, ReasonKind, explain};
use crate::release::{Context, Plan, Policy, Surface};
use crate::reranking::{Placed, Ranked, Reranked, rule_name};
use crate::slates::{Slate, SlateKey, Slot, Unmet};

const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Items of a loop over the catalogue between two questions whether to go on.
const ITEMS_BETWEEN_CHECKS: u32 = 4_096;

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
    /// The number of the local day or, at night, of [`super::night_of`], which the seed of
    /// exploration depends on.
    pub day: i64,
    /// Whether this is a night, or the baseline is put in until the first one.
    pub at_night: bool,
    /// Hears of every stage, for whoever asks why a slate is as it is.
    pub recorder: Option<&'a Recorder>,
    /// Empty at first: what the reasons of a sequence model keep from slate to slate.
    pub sequence: SequenceParts,
}

/// The slots of a slate, and the rules and exposures that they do not meet.
type Filled = (Vec<Slot>, Vec<Unmet>);

impl SlateMaker<'_> {
    /// Makes the slate of `surface` in `context`, the `index`-th context of the release.
    ///
    /// # Errors
    /// [`Error::Model`] when a score is not finite; [`Error::Damaged`] when a tensor does not lie
    /// in its file.
    pub fn make(&self, surface: &Surface, index: usize, context: &Context) -> Result<Slate> {
        self.make_while(surface, (index, context), &NearestItems::default(), &|| Ok(()))
    }

    /// As [`Self::make`], with what [`Self::nearest_items`] found before, and asking `go_on`
    /// between the stages and inside the long ones.
    ///
    /// # Errors
    /// As [`Self::make`], and those of `go_on`.
    pub fn make_while(
        &self,
        surface: &Surface,
        (index, context): (usize, &Context),
        nearest: &NearestItems<'_>,
        go_on: GoOn<'_>,
    ) -> Result<Slate> {
        go_on()?;
        let eligible = self.eligibility(context).of(self.catalogue());
        go_on()?;
        let key = SlateKey { surface: surface.id.clone(), context: context.id.clone() };
        let rows = FeatureRows {
            overall: self.loaded.items.popularity()?,
            within: self.loaded.items.context_popularity(index)?,
            place: self.profile.place,
        };
        let (slots, unmet) = match self.treatment.policy {
            Policy::Model => {
                let given = (&rows, &eligible[..], nearest);
                self.model_slots(surface, (context, index), given, go_on)?
            }
            Policy::Baseline => self.baseline_slots(surface, context, &rows, &eligible, go_on)?,
        };
        Ok(Slate {
            key,
            generation: 0,
            created_ms: self.now_ms,
            stale_after_ms: self.stale_after_ms(),
            release: self.loaded.release.manifest().release.to_string(),
            policy: self.treatment.policy,
            made_at_night: self.at_night,
            personalised: self.profile.knows_anything(),
            arm: self.treatment.arm.clone(),
            fatigue_impressions: self.plan.fatigue_impressions,
            forgotten_through: self.profile.forgotten_through,
            slots,
            unmet,
        })
    }

    /// From when a slate that is made or kept now counts as stale, Unix milliseconds.
    #[must_use]
    pub fn stale_after_ms(&self) -> i64 {
        self.now_ms.saturating_add(i64::from(self.plan.fresh_hours) * HOUR_MS)
    }

    pub(super) fn catalogue(&self) -> &Catalogue {
        self.loaded.release.catalogue()
    }

    pub(super) fn eligibility(&self, context: &Context) -> Eligibility {
        self.occasion().eligibility(Some(context))
    }

    pub(super) fn occasion(&self) -> Occasion<'_> {
        let Self { plan, profile, now_ms, .. } = *self;
        Occasion { plan, catalogue: self.catalogue(), profile, now_ms }
    }

    /// Popular in this context, near the user, open: the rule-based baseline.
    fn baseline_slots(
        &self,
        surface: &Surface,
        context: &Context,
        rows: &FeatureRows<'_>,
        eligible: &[bool],
        go_on: GoOn<'_>,
    ) -> Result<Filled> {
        let mut scored = Vec::new();
        for (index, is_eligible) in (0u32..).zip(eligible) {
            if index.is_multiple_of(ITEMS_BETWEEN_CHECKS) {
                go_on()?;
            }
            if *is_eligible {
                let place = self.catalogue().place(index);
                let popular = rows.value(Feature::ContextPopularity, index, place, 0.0);
                let near = rows.value(Feature::Nearby, index, place, 0.0);
                let near = BASELINE_NEARBY_WEIGHT * near;
                scored.push((Ranked { index, score: popular + near }, near));
            }
        }
        let scored = self.baseline_candidates(surface, context, rows.within, eligible, scored);
        let ranked: Vec<Ranked> = scored.iter().map(|(ranked, _)| *ranked).collect();
        if let Some(recorder) = self.recorder {
            recorder.baseline(self.catalogue(), &scored);
        }
        let slot = |placed: Placed| {
            let near = scored[placed.candidate].1;
            let popular = placed.score - near;
            let mut parts = vec![Reason::exact(ReasonKind::PopularInContext, popular)];
            if near > 0.0 {
                parts.push(Reason::exact(ReasonKind::Nearby, near));
            }
            let reasons = explain(placed.score, Vec::new(), parts, false);
            self.slot(placed, Sources::default(), reasons)
        };
        let Reranked { slots, unmet } = self.rerank_baseline(&ranked, surface, context);
        Ok((slots.into_iter().map(slot).collect::<Result<_>>()?, self.unmet(&unmet)))
    }

    fn model_slots(
        &self,
        surface: &Surface,
        (context, at): (&Context, usize),
        (rows, eligible, nearest): (&FeatureRows<'_>, &[bool], &NearestItems<'_>),
        go_on: GoOn<'_>,
    ) -> Result<Filled> {
        let (model, features) = self.loaded.model()?;
        let Some(matrix) = self.loaded.items.matrix()? else {
            return Err(Error::Model { reason: "the release has no item vectors".into() });
        };
        let before = nearest.of(at);
        let own;
        let user = match before {
            Some(before) => &before.user,
            None => {
                own = self.user(context, at, &matrix)?;
                &own
            }
        };
        let vector = &user.vector.vector[..];
        go_on()?;
        let wanted = (matrix, vector, before.map(|before| &before.best[..]));
        let found = self.candidates(surface, context, wanted, rows.within, eligible)?;
        let Found { indices: candidates, sources } = &found;
        go_on()?;
        let values = self.feature_values(candidates, features, rows, vector, (at, &matrix));
        let width = model.ranker.features();
        let scores = model.ranker.score(&values, width)?;
        go_on()?;
        let ranked = candidates.iter().zip(scores);
        let ranked: Vec<Ranked> =
            ranked.map(|(index, score)| Ranked { index: *index, score }).collect();
        if let Some(recorder) = self.recorder {
            let contexts = self.loaded.release.manifest().plan.contexts.len();
            let spans = spans(features, vector.len(), contexts);
            recorder.model(self.catalogue(), &found, (features, &spans), &values, &ranked);
        }
        let Reranked { slots: placed, unmet } =
            self.rerank_model(&ranked, surface, context, &matrix);
        go_on()?;
        let rows = (&candidates[..], &values[..]);
        let explainer = self.explainer(surface, (context, at), rows, &matrix, user)?;
        let vector = |index: u32| matrix.row(index).unwrap_or_default();
        let reasons = explainer.reasons(&placed, &values, &vector, go_on)?;
        let slot = |(placed, reasons): (Placed, Vec<Reason>)| {
            self.slot(placed, sources[placed.candidate], reasons)
        };
        let slots = placed.into_iter().zip(reasons).map(slot);
        Ok((slots.collect::<Result<_>>()?, self.unmet(&unmet)))
    }

    fn unmet(&self, unmet: &[(u8, usize)]) -> Vec<Unmet> {
        let named = unmet.iter().filter_map(|(rule, slots)| {
            Some(Unmet { rule: rule_name(self.plan, *rule)?.to_owned(), slots: *slots as u32 })
        });
        named.collect()
    }

    fn slot(&self, placed: Placed, sources: Sources, reasons: Vec<Reason>) -> Result<Slot> {
        let names = self.catalogue().id(placed.index).zip(self.catalogue().title(placed.index));
        let Some((id, title)) = names else {
            return Err(Error::damaged("the catalogue", "an item of a slate is not in it"));
        };
        Ok(Slot {
            item: ItemId::new(id)?,
            title: Arc::from(title),
            score: placed.score,
            propensity: placed.propensity,
            reasons: self.with_rules(placed.rules, reasons).into(),
            sources,
        })
    }
}
