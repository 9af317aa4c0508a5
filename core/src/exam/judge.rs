//! One check after the other, put to a release.

use std::collections::{BTreeMap, BTreeSet};

use super::measure::{Measured, measure};
use super::profile_of;
use crate::base::{Day, Error, ItemId, Profile, Result};
use crate::night::{LoadedRelease, SequenceParts, SlateMaker, Treatment};
use crate::release::{
    Check, Context, Demand, Exploration, Plan, Policy, Situation, Surface, WithinTop,
};
use crate::slates::Slate;

/// How a check went.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Why it failed; none when it passed.
    pub(super) failure: Option<String>,
    /// What could not be measured here.
    pub(super) not_measured: Vec<&'static str>,
}

/// Puts checks to one release.
pub(super) struct Examiner<'a> {
    loaded: &'a LoadedRelease,
    plan: Plan,
    latency_factor: f64,
}

/// Where a slate is made, found in the plan.
struct Place<'a> {
    surface: &'a Surface,
    context: &'a Context,
    index: usize,
    now_ms: i64,
}

/// Either a failure's reason, or that there is none.
type Judged = Result<(), String>;

impl<'a> Examiner<'a> {
    pub(super) fn new(loaded: &'a LoadedRelease, plan: &Plan, latency_factor: f64) -> Self {
        let mut plan = plan.clone();
        // A draw says nothing about the model.
        plan.exploration = Exploration { epsilon: 0.0, temperature: 0.0, ..plan.exploration };
        Self { loaded, plan, latency_factor }
    }

    pub(super) fn judge(&self, check: &Check) -> Verdict {
        let mut verdict = Verdict::default();
        verdict.failure = self.put(check, &mut verdict.not_measured).err();
        verdict
    }

    fn put(&self, check: &Check, not_measured: &mut Vec<&'static str>) -> Judged {
        let situation = &check.situation;
        let place = self.place(situation)?;
        self.known("history", situation.history.iter().map(|event| &event.item))?;
        let profile = profile_of(situation, &situation.history, place.now_ms);
        match &check.demand {
            Demand::Sanity { prefer, within_top, must_show, must_not_show } => {
                if let Some([above, below]) = prefer {
                    self.prefers(&profile, &place, above, below)?;
                }
                let named = within_top.iter().map(|within| &within.item);
                let named = named.chain(must_show).chain(must_not_show);
                self.known("the check", named)?;
                if within_top.is_none() && must_show.is_empty() && must_not_show.is_empty() {
                    return Ok(());
                }
                let slate = self.slate(&profile, &place)?;
                sane(&slate, within_top.as_ref(), must_show, must_not_show)
            }
            Demand::Invariance { changed_history, tolerance, same_top } => {
                let changed = profile_of(situation, changed_history, place.now_ms);
                self.invariant(&profile, &changed, &place, *tolerance, *same_top)
            }
            Demand::Regression { scores, tolerance, relative } => {
                self.regressed(&profile, &place, scores, *tolerance, *relative)
            }
            Demand::Budget { slate_ms_max, memory_bytes_max } => {
                let measured =
                    measure(memory_bytes_max.is_some(), || self.slate(&profile, &place))?;
                self.within_budget(measured, *slate_ms_max, *memory_bytes_max, not_measured)
            }
        }
    }

    fn place(&self, situation: &Situation) -> Result<Place<'_>, String> {
        let surface = match &situation.surface {
            Some(id) => self.plan.surface(id.as_str()),
            None => self.plan.surfaces.first(),
        };
        let Some(surface) = surface else {
            return Err(match &situation.surface {
                Some(id) => format!("the plan has no surface {id:?}"),
                None => "the plan has no surface".to_owned(),
            });
        };
        let Some(id) = situation.context.as_ref().or(surface.contexts.first()) else {
            return Err(format!("the surface {:?} has no context", surface.id));
        };
        let Some((index, context)) = self.plan.context(id.as_str()) else {
            return Err(format!("the plan has no context {id:?}"));
        };
        let now_ms = situation.at_ms.unwrap_or(self.loaded.release.manifest().created_ms);
        Ok(Place { surface, context, index, now_ms })
    }

    fn known<'i>(&self, whose: &str, items: impl IntoIterator<Item = &'i ItemId>) -> Judged {
        items.into_iter().try_for_each(|item| self.index_of(whose, item).map(drop))
    }

    fn index_of(&self, whose: &str, item: &ItemId) -> Result<u32, String> {
        let index = self.loaded.release.catalogue().index_of(item.as_str());
        index.ok_or_else(|| format!("{whose} names {item:?}, which the catalogue lacks"))
    }

    fn maker<'m>(&'m self, profile: &'m Profile, place: &Place<'_>) -> SlateMaker<'m> {
        let policy = self.loaded.policy(Policy::Model);
        SlateMaker {
            loaded: self.loaded,
            plan: &self.plan,
            profile,
            treatment: Treatment { policy, arm: None },
            now_ms: place.now_ms,
            day: Day::at(place.now_ms, 0).0,
            at_night: true,
            recorder: None,
            sequence: SequenceParts::default(),
        }
    }

    fn slate(&self, profile: &Profile, place: &Place<'_>) -> Result<Slate, String> {
        let maker = self.maker(profile, place);
        told(maker.make(place.surface, place.index, place.context))
    }

    fn scores(
        &self,
        profile: &Profile,
        place: &Place<'_>,
        items: &[u32],
    ) -> Result<Vec<f32>, String> {
        told(self.maker(profile, place).scores(place.index, place.context, items))
    }

    fn prefers(
        &self,
        profile: &Profile,
        place: &Place<'_>,
        above: &ItemId,
        below: &ItemId,
    ) -> Judged {
        let pair = [self.index_of("prefer", above)?, self.index_of("prefer", below)?];
        let scores = self.scores(profile, place, &pair)?;
        if let [first, second] = scores[..]
            && first > second
        {
            return Ok(());
        }
        Err(format!("the scores of {above:?} and {below:?} are {scores:?}, the first not above"))
    }

    fn invariant(
        &self,
        profile: &Profile,
        changed: &Profile,
        place: &Place<'_>,
        tolerance: Option<f64>,
        same_top: Option<usize>,
    ) -> Judged {
        let slate = self.slate(profile, place)?;
        if let Some(k) = same_top {
            let other = self.slate(changed, place)?;
            let top = |slate: &Slate| -> BTreeSet<ItemId> {
                slate.slots.iter().take(k).map(|slot| slot.item.clone()).collect()
            };
            let (before, after) = (top(&slate), top(&other));
            if let Some(item) = before.symmetric_difference(&after).next() {
                return Err(format!("{item:?} is among the first {k} of one slate only"));
            }
        }
        let Some(tolerance) = tolerance else { return Ok(()) };
        let items = slate.slots.iter().map(|slot| self.index_of("the slate", &slot.item));
        let items = items.collect::<Result<Vec<u32>, String>>()?;
        let before = self.scores(profile, place, &items)?;
        let after = self.scores(changed, place, &items)?;
        for (slot, (before, after)) in slate.slots.iter().zip(before.iter().zip(after)) {
            let apart = (f64::from(*before) - f64::from(after)).abs();
            if apart > tolerance {
                let item = &slot.item;
                return Err(format!("{item:?} goes from {before} to {after}, past {tolerance}"));
            }
        }
        Ok(())
    }

    fn regressed(
        &self,
        profile: &Profile,
        place: &Place<'_>,
        expected: &BTreeMap<ItemId, f64>,
        tolerance: f64,
        relative: f64,
    ) -> Judged {
        let items = expected.keys().map(|item| self.index_of("scores", item));
        let items = items.collect::<Result<Vec<u32>, String>>()?;
        let found = self.scores(profile, place, &items)?;
        for ((item, expected), found) in expected.iter().zip(found) {
            let allowed = tolerance + relative * expected.abs();
            if (f64::from(found) - expected).abs() > allowed {
                return Err(format!("{item:?} scores {found}, {expected} within {allowed} asked"));
            }
        }
        Ok(())
    }

    fn within_budget(
        &self,
        measured: Measured,
        slate_ms_max: Option<f64>,
        memory_bytes_max: Option<u64>,
        not_measured: &mut Vec<&'static str>,
    ) -> Judged {
        if let Some(limit) = slate_ms_max {
            let (limit, found) = (limit * self.latency_factor, measured.slate_ms);
            if found > limit {
                return Err(format!("a slate takes {found:.1} ms, {limit:.1} ms are allowed"));
            }
        }
        match (memory_bytes_max, measured.memory_bytes) {
            (None, _) => Ok(()),
            (Some(_), None) => {
                not_measured.push("growth of anonymous memory");
                Ok(())
            }
            (Some(limit), Some(found)) if found > limit => {
                Err(format!("a slate takes {found} bytes of memory, {limit} are allowed"))
            }
            (Some(_), Some(_)) => Ok(()),
        }
    }
}

fn sane(
    slate: &Slate,
    within_top: Option<&WithinTop>,
    must_show: &[ItemId],
    must_not_show: &[ItemId],
) -> Judged {
    let slot_of = |item: &ItemId| slate.slots.iter().position(|slot| slot.item == *item);
    if let Some(WithinTop { item, k }) = within_top {
        match slot_of(item) {
            Some(at) if at < *k => {}
            Some(at) => return Err(format!("{item:?} stands at {}, {k} is asked", at + 1)),
            None => return Err(format!("{item:?} is not in the slate, its first {k} is asked")),
        }
    }
    if let Some(item) = must_show.iter().find(|item| slot_of(item).is_none()) {
        return Err(format!("{item:?} is not in the slate"));
    }
    match must_not_show.iter().find_map(|item| slot_of(item).map(|at| (item, at))) {
        Some((item, at)) => Err(format!("{item:?} is in the slate, at {}", at + 1)),
        None => Ok(()),
    }
}

fn told<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}
