//! The bytes of a slate on disk.

use std::borrow::Cow;
use std::sync::Arc;

use bincode::{Decode, Encode};

use super::{Reason, ReasonKind, Slate, SlateKey, Slot, Unmet};
use crate::base::{ContextId, Error, ItemId, Result, SurfaceId};
use crate::candidates::Sources;
use crate::release::Policy;
use crate::store::blob;

/// Version of [`StoredSlate`].
const FORMAT: u8 = 1;

/// Text is borrowed when it is written, and owned when it was read.
#[derive(Encode, Decode)]
struct StoredSlate<'a> {
    surface: Cow<'a, str>,
    context: Cow<'a, str>,
    generation: u64,
    created_ms: i64,
    stale_after_ms: i64,
    release: Cow<'a, str>,
    model: bool,
    made_at_night: bool,
    personalised: bool,
    arm: Option<Cow<'a, str>>,
    fatigue_impressions: u32,
    forgotten_through: u64,
    slots: Vec<StoredSlot<'a>>,
    /// Rules by their ids, and in how many slots.
    unmet: Vec<(Cow<'a, str>, u32)>,
}

#[derive(Encode, Decode)]
struct StoredSlot<'a> {
    item: Cow<'a, str>,
    title: Cow<'a, str>,
    score: f32,
    propensity: f64,
    /// What, how much, and the standard error of that.
    reasons: Vec<(StoredKind<'a>, f32, f32)>,
    /// A bit for each generator.
    sources: u8,
}

#[derive(Encode, Decode)]
enum StoredKind<'a> {
    BecauseOf(Cow<'a, str>, Cow<'a, str>),
    OtherHistory,
    Popular,
    PopularInContext,
    Nearby,
    Feature(Cow<'a, str>),
    Base,
    Exploration,
    Rule(Cow<'a, str>),
}

/// The bytes of `slate` as they stand in its row: equal for equal slates.
///
/// # Errors
/// [`Error::InvalidInput`] for a slate that is too big.
pub fn encode(slate: &Slate) -> Result<Vec<u8>> {
    blob::encode("slate", FORMAT, &store(slate))
}

/// The slate of such bytes; `what` names it in errors.
///
/// # Errors
/// [`Error::Damaged`].
pub fn decode(what: &str, bytes: &[u8]) -> Result<Slate> {
    blob::decode(what, FORMAT, bytes).and_then(restore)
}

fn store(slate: &Slate) -> StoredSlate<'_> {
    StoredSlate {
        surface: slate.key.surface.as_str().into(),
        context: slate.key.context.as_str().into(),
        generation: slate.generation,
        created_ms: slate.created_ms,
        stale_after_ms: slate.stale_after_ms,
        release: slate.release.as_str().into(),
        model: slate.policy == Policy::Model,
        made_at_night: slate.made_at_night,
        personalised: slate.personalised,
        arm: slate.arm.as_deref().map(Cow::from),
        fatigue_impressions: slate.fatigue_impressions,
        forgotten_through: slate.forgotten_through,
        slots: slate.slots.iter().map(store_slot).collect(),
        unmet: slate.unmet.iter().map(|unmet| (unmet.rule.as_str().into(), unmet.slots)).collect(),
    }
}

fn store_slot(slot: &Slot) -> StoredSlot<'_> {
    let reasons = slot.reasons.iter().map(store_reason).collect();
    StoredSlot {
        item: slot.item.as_str().into(),
        title: (&*slot.title).into(),
        score: slot.score,
        propensity: slot.propensity,
        reasons,
        sources: slot.sources.bits(),
    }
}

fn store_reason(reason: &Reason) -> (StoredKind<'_>, f32, f32) {
    let kind = match &reason.kind {
        ReasonKind::BecauseOf { item, title } => {
            StoredKind::BecauseOf(item.as_str().into(), title.into())
        }
        ReasonKind::OtherHistory => StoredKind::OtherHistory,
        ReasonKind::Popular => StoredKind::Popular,
        ReasonKind::PopularInContext => StoredKind::PopularInContext,
        ReasonKind::Nearby => StoredKind::Nearby,
        ReasonKind::Feature(name) => StoredKind::Feature(name.into()),
        ReasonKind::Base => StoredKind::Base,
        ReasonKind::Exploration => StoredKind::Exploration,
        ReasonKind::Rule(id) => StoredKind::Rule(id.into()),
    };
    (kind, reason.contribution, reason.standard_error)
}

fn restore(stored: StoredSlate<'_>) -> Result<Slate> {
    let key = SlateKey {
        surface: SurfaceId::new(stored.surface)?,
        context: ContextId::new(stored.context)?,
    };
    let unmet = |(rule, slots): (Cow<'_, str>, u32)| Unmet { rule: rule.into_owned(), slots };
    Ok(Slate {
        key,
        generation: stored.generation,
        created_ms: stored.created_ms,
        stale_after_ms: stored.stale_after_ms,
        release: stored.release.into_owned(),
        policy: if stored.model { Policy::Model } else { Policy::Baseline },
        made_at_night: stored.made_at_night,
        personalised: stored.personalised,
        arm: stored.arm.map(Cow::into_owned),
        fatigue_impressions: stored.fatigue_impressions,
        forgotten_through: stored.forgotten_through,
        slots: stored.slots.into_iter().map(restore_slot).collect::<Result<_>>()?,
        unmet: stored.unmet.into_iter().map(unmet).collect(),
    })
}

fn restore_slot(stored: StoredSlot<'_>) -> Result<Slot> {
    let reason = |(kind, contribution, standard_error)| {
        let kind = match kind {
            StoredKind::BecauseOf(item, title) => {
                let (item, title) = (ItemId::new(item)?, title.into_owned());
                ReasonKind::BecauseOf { item, title }
            }
            StoredKind::OtherHistory => ReasonKind::OtherHistory,
            StoredKind::Popular => ReasonKind::Popular,
            StoredKind::PopularInContext => ReasonKind::PopularInContext,
            StoredKind::Nearby => ReasonKind::Nearby,
            StoredKind::Feature(name) => ReasonKind::Feature(name.into_owned()),
            StoredKind::Base => ReasonKind::Base,
            StoredKind::Exploration => ReasonKind::Exploration,
            StoredKind::Rule(id) => ReasonKind::Rule(id.into_owned()),
        };
        Ok(Reason { kind, contribution, standard_error })
    };
    Ok(Slot {
        item: ItemId::new(stored.item)?,
        title: Arc::from(stored.title),
        score: stored.score,
        propensity: stored.propensity,
        reasons: stored.reasons.into_iter().map(reason).collect::<Result<Vec<_>>>()?.into(),
        sources: Sources::of_bits(stored.sources)
            .ok_or_else(|| Error::damaged("a slot", "names a generator that is not known"))?,
    })
}
