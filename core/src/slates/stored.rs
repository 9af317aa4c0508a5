//! The bytes of a slate on disk.

use std::sync::Arc;

use bincode::{Decode, Encode};

use super::{Reason, ReasonKind, Slate, SlateKey, Slot, Unmet};
use crate::base::{ContextId, Error, ItemId, Result, SurfaceId};
use crate::candidates::Sources;
use crate::release::Policy;
use crate::store::blob;

/// Version of [`StoredSlate`].
const FORMAT: u8 = 1;

#[derive(Encode, Decode)]
struct StoredSlate {
    surface: String,
    context: String,
    generation: u64,
    created_ms: i64,
    stale_after_ms: i64,
    release: String,
    model: bool,
    made_at_night: bool,
    personalised: bool,
    arm: Option<String>,
    fatigue_impressions: u32,
    forgotten_through: u64,
    slots: Vec<StoredSlot>,
    /// Rules by their ids, and in how many slots.
    unmet: Vec<(String, u32)>,
}

#[derive(Encode, Decode)]
struct StoredSlot {
    item: String,
    title: String,
    score: f32,
    propensity: f64,
    /// What, how much, and the standard error of that.
    reasons: Vec<(StoredKind, f32, f32)>,
    /// A bit for each generator.
    sources: u8,
}

#[derive(Encode, Decode)]
enum StoredKind {
    BecauseOf(String, String),
    OtherHistory,
    Popular,
    PopularInContext,
    Nearby,
    Feature(String),
    Base,
    Exploration,
    Rule(String),
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

fn store(slate: &Slate) -> StoredSlate {
    StoredSlate {
        surface: slate.key.surface.to_string(),
        context: slate.key.context.to_string(),
        generation: slate.generation,
        created_ms: slate.created_ms,
        stale_after_ms: slate.stale_after_ms,
        release: slate.release.clone(),
        model: slate.policy == Policy::Model,
        made_at_night: slate.made_at_night,
        personalised: slate.personalised,
        arm: slate.arm.clone(),
        fatigue_impressions: slate.fatigue_impressions,
        forgotten_through: slate.forgotten_through,
        slots: slate.slots.iter().map(store_slot).collect(),
        unmet: slate.unmet.iter().map(|unmet| (unmet.rule.clone(), unmet.slots)).collect(),
    }
}

fn store_slot(slot: &Slot) -> StoredSlot {
    let kind = |reason: &Reason| match reason.kind.clone() {
        ReasonKind::BecauseOf { item, title } => StoredKind::BecauseOf(item.into(), title),
        ReasonKind::OtherHistory => StoredKind::OtherHistory,
        ReasonKind::Popular => StoredKind::Popular,
        ReasonKind::PopularInContext => StoredKind::PopularInContext,
        ReasonKind::Nearby => StoredKind::Nearby,
        ReasonKind::Feature(name) => StoredKind::Feature(name),
        ReasonKind::Base => StoredKind::Base,
        ReasonKind::Exploration => StoredKind::Exploration,
        ReasonKind::Rule(id) => StoredKind::Rule(id),
    };
    StoredSlot {
        item: slot.item.to_string(),
        title: slot.title.to_string(),
        score: slot.score,
        propensity: slot.propensity,
        reasons: slot.reasons.iter().map(|r| (kind(r), r.contribution, r.standard_error)).collect(),
        sources: slot.sources.bits(),
    }
}

fn restore(stored: StoredSlate) -> Result<Slate> {
    let key = SlateKey {
        surface: SurfaceId::new(stored.surface)?,
        context: ContextId::new(stored.context)?,
    };
    Ok(Slate {
        key,
        generation: stored.generation,
        created_ms: stored.created_ms,
        stale_after_ms: stored.stale_after_ms,
        release: stored.release,
        policy: if stored.model { Policy::Model } else { Policy::Baseline },
        made_at_night: stored.made_at_night,
        personalised: stored.personalised,
        arm: stored.arm,
        fatigue_impressions: stored.fatigue_impressions,
        forgotten_through: stored.forgotten_through,
        slots: stored.slots.into_iter().map(restore_slot).collect::<Result<_>>()?,
        unmet: stored.unmet.into_iter().map(|(rule, slots)| Unmet { rule, slots }).collect(),
    })
}

fn restore_slot(stored: StoredSlot) -> Result<Slot> {
    let reason = |(kind, contribution, standard_error)| {
        let kind = match kind {
            StoredKind::BecauseOf(item, title) => {
                ReasonKind::BecauseOf { item: ItemId::new(item)?, title }
            }
            StoredKind::OtherHistory => ReasonKind::OtherHistory,
            StoredKind::Popular => ReasonKind::Popular,
            StoredKind::PopularInContext => ReasonKind::PopularInContext,
            StoredKind::Nearby => ReasonKind::Nearby,
            StoredKind::Feature(name) => ReasonKind::Feature(name),
            StoredKind::Base => ReasonKind::Base,
            StoredKind::Exploration => ReasonKind::Exploration,
            StoredKind::Rule(id) => ReasonKind::Rule(id),
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
