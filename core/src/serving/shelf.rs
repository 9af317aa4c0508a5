//! The shelf: what is served, swapped as a whole.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::forgetting::without_forgotten;
use super::{EmptyReason, RecommendRequest, Recommendations, RecommendedItem, Tier, Today};
use crate::base::sync::{RwLock, RwLockReadGuard};
use crate::base::{ContextId, WeekMinute};
use crate::release::{Consumed, Plan};
use crate::slates::{Slate, SlateKey, Slot, Unmet};

/// The published slates with the plan they belong to; never changed, only replaced.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The plan; none before a release is installed.
    pub plan: Option<Arc<Plan>>,
    /// The slates.
    pub slates: HashMap<SlateKey, Arc<Published>>,
}

/// A slate with what an answer shares with it.
#[derive(Debug)]
pub struct Published {
    slate: Slate,
    release: Arc<str>,
    arm: Option<Arc<str>>,
    unmet: Arc<[Unmet]>,
}

impl Published {
    /// The slate.
    #[must_use]
    pub fn slate(&self) -> &Slate {
        &self.slate
    }
}

impl Snapshot {
    /// A snapshot of `slates` under `plan`.
    #[must_use]
    pub fn new(plan: Option<Arc<Plan>>, slates: impl IntoIterator<Item = Slate>) -> Self {
        let mut snapshot = Self { plan, slates: HashMap::new() };
        slates.into_iter().for_each(|slate| snapshot.put(slate));
        snapshot
    }

    /// Puts in `slate` in place of the one of the same key.
    pub fn put(&mut self, slate: Slate) {
        let release = Arc::from(slate.release.as_str());
        let arm = slate.arm.as_deref().map(Arc::from);
        let unmet = Arc::from(slate.unmet.as_slice());
        let key = slate.key.clone();
        self.slates.insert(key, Arc::new(Published { slate, release, arm, unmet }));
    }
}

/// Answers requests from memory.
#[derive(Debug, Default)]
pub struct Shelf {
    snapshot: RwLock<Arc<Snapshot>>,
    today: RwLock<Today>,
}

impl Shelf {
    /// Replaces what is served.
    pub fn swap(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    /// Puts in slates that were just published together.
    pub fn put(&self, slates: impl IntoIterator<Item = Slate>) {
        let mut guard = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Snapshot::clone(&guard);
        slates.into_iter().for_each(|slate| next.put(slate));
        *guard = Arc::new(next);
    }

    /// Replaces what is known of the user.
    pub fn set_today(&self, today: Today) {
        *self.today.write().unwrap_or_else(PoisonError::into_inner) = today;
    }

    /// Changes what is known of the user.
    pub fn note(&self, change: impl FnOnce(&mut Today)) {
        change(&mut self.today.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// What is served now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers `request` at `now_ms`, which is `moment` of the local week.
    ///
    /// Hidden items are left out, and so are items chosen since the slate was made unless the plan
    /// keeps them; items shown too often since the last night stand behind the others. What was
    /// forgotten since is no reason any more, and moves back or leaves what owed it the place.
    #[must_use]
    pub fn recommend(
        &self,
        request: &RecommendRequest,
        now_ms: i64,
        moment: WeekMinute,
    ) -> Recommendations {
        let snapshot = self.snapshot();
        let (plan, context) = match choose(&snapshot, request, moment) {
            Ok(chosen) => chosen,
            Err(reason) => return empty(request, request.context.clone(), reason),
        };
        let key = SlateKey { surface: request.surface.clone(), context: context.clone() };
        let Some(published) = snapshot.slates.get(&key) else {
            return empty(request, Some(context), EmptyReason::NoSlate);
        };
        let slate = &published.slate;
        let items = self.items(plan, slate, request.limit);
        let empty_reason = match (slate.slots.is_empty(), items.is_empty()) {
            (true, _) => Some(EmptyReason::NoEligibleItem),
            (false, true) if request.limit != Some(0) => Some(EmptyReason::AllFiltered),
            _ => None,
        };
        let tier = match () {
            () if items.is_empty() => Tier::Empty,
            () if !slate.made_at_night => Tier::Baseline,
            () if now_ms < slate.stale_after_ms => Tier::Fresh,
            () => Tier::Stale,
        };
        Recommendations {
            surface: request.surface.clone(),
            context: Some(context),
            tier,
            age_ms: Some(now_ms.saturating_sub(slate.created_ms)),
            generation: Some(slate.generation),
            release: Some(published.release.clone()),
            arm: published.arm.clone(),
            personalised: slate.personalised,
            items,
            unmet: published.unmet.clone(),
            empty_reason,
        }
    }

    /// The slots of `slate` that may be shown, each with its published position: what the user hid
    /// is left out, what was chosen since the slate was made unless the plan keeps it, and what
    /// stands there only for what was forgotten since.
    #[must_use]
    pub fn kept<'s>(&self, plan: &Plan, slate: &'s Slate) -> Vec<(u32, Cow<'s, Slot>)> {
        kept(&self.today(), plan, slate)
    }

    fn items(&self, plan: &Plan, slate: &Slate, limit: Option<usize>) -> Vec<RecommendedItem> {
        let today = self.today();
        match without_forgotten(slate, &today) {
            // Without a copy of the slate: as almost every answer is made.
            None => arranged(&today, plan, slate, (0u32..).zip(&slate.slots), limit),
            Some(slots) => {
                let slots = slots.iter().map(|(place, slot)| (*place, slot));
                arranged(&today, plan, slate, slots, limit)
            }
        }
    }

    fn today(&self) -> RwLockReadGuard<'_, Today> {
        self.today.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The items of `slots`, each with its published place, that may be shown, the tiring ones behind.
fn arranged<'a>(
    today: &Today,
    plan: &Plan,
    slate: &Slate,
    slots: impl Iterator<Item = (u32, &'a Slot)>,
    limit: Option<usize>,
) -> Vec<RecommendedItem> {
    let tired = |slot: &Slot| {
        slate.fatigue_impressions > 0 && today.shown(&slot.item) >= slate.fatigue_impressions
    };
    let shown = slots.filter(|(_, slot)| may_be_shown(today, plan, slate, slot));
    let (behind, mut order): (Vec<_>, Vec<_>) = shown.partition(|(_, slot)| tired(slot));
    order.extend(behind);
    let places = (0u32..).zip(order).take(limit.unwrap_or(usize::MAX));
    places.map(|(position, (published, slot))| item(slot, position, published)).collect()
}

/// The slots of `slate`, each with its published place, that may be shown, without what was
/// forgotten since.
fn kept<'s>(today: &Today, plan: &Plan, slate: &'s Slate) -> Vec<(u32, Cow<'s, Slot>)> {
    let slots: Vec<(u32, Cow<'s, Slot>)> = match without_forgotten(slate, today) {
        Some(slots) => slots.into_iter().map(|(place, slot)| (place, Cow::Owned(slot))).collect(),
        None => (0u32..).zip(slate.slots.iter().map(Cow::Borrowed)).collect(),
    };
    slots.into_iter().filter(|(_, slot)| may_be_shown(today, plan, slate, slot)).collect()
}

/// Whether the user did not hide the item and, unless the plan keeps those, did not choose it since
/// the slate was made.
fn may_be_shown(today: &Today, plan: &Plan, slate: &Slate, slot: &Slot) -> bool {
    let consumed =
        plan.consumed != Consumed::Keep && today.was_chosen_since(&slot.item, slate.created_ms);
    !today.is_hidden(&slot.item) && !consumed
}

fn item(slot: &Slot, position: u32, published_at: u32) -> RecommendedItem {
    RecommendedItem {
        item: slot.item.clone(),
        title: slot.title.clone(),
        position,
        score: slot.score,
        propensity: (position == published_at).then_some(slot.propensity),
        reasons: slot.reasons.clone(),
        sources: slot.sources,
    }
}

/// The plan, and the context of the request or of the moment.
fn choose<'a>(
    snapshot: &'a Snapshot,
    request: &RecommendRequest,
    moment: WeekMinute,
) -> Result<(&'a Plan, ContextId), EmptyReason> {
    let plan = snapshot.plan.as_deref().ok_or(EmptyReason::NoRelease)?;
    let surface = plan.surface(request.surface.as_str()).ok_or(EmptyReason::UnknownSurface)?;
    let context = match &request.context {
        Some(context) if surface.contexts.contains(context) => context.clone(),
        Some(_) => return Err(EmptyReason::UnknownContext),
        None => {
            let context = plan.context_at(surface, moment);
            context.ok_or(EmptyReason::UnknownContext)?.id.clone()
        }
    };
    Ok((plan, context))
}

fn empty(
    request: &RecommendRequest,
    context: Option<ContextId>,
    reason: EmptyReason,
) -> Recommendations {
    Recommendations {
        surface: request.surface.clone(),
        context,
        tier: Tier::Empty,
        age_ms: None,
        generation: None,
        release: None,
        arm: None,
        personalised: false,
        items: Vec::new(),
        unmet: Arc::default(),
        empty_reason: Some(reason),
    }
}
