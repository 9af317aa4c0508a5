//! The file of slates for widgets: as it is, and with its length and checksum mended.

use std::borrow::Cow;
use std::sync::Arc;

use noctule_core::base::{ContextId, Days, ItemId, Span, SurfaceId};
use noctule_core::candidates::Sources;
use noctule_core::release::Policy;
use noctule_core::slates::{Reason, ReasonKind, Slate, SlateKey, Slot};
use noctule_core::widget::{Chosen, FlatSlates, WidgetPolicy, encode};

use super::{Target, answer};
use crate::Shape;

pub(super) const TARGET: Target = Target {
    name: "widget",
    execute,
    seeds,
    shape: Shape::Plain,
    tokens: &["noctslat\u{1}\u{0}\u{0}\u{0}", "\u{0}\u{0}\u{0}\u{0}", "home"],
    bytes_max: 64 * 1024,
    // Mending copies the input; reading allocates nothing.
    declared_bytes: 64 * 1024,
};

fn execute(bytes: &[u8]) -> u64 {
    if FlatSlates::parse(bytes).is_ok() {
        walk(bytes);
    }
    let mut mended = bytes.to_vec();
    mend(&mut mended);
    walk(&mended);
    answer(&FlatSlates::parse(&mended))
}

/// Takes everything out of a file that is accepted.
fn walk(bytes: &[u8]) {
    let Ok(slates) = FlatSlates::parse(bytes) else { return };
    let mut told = 0;
    for slate in slates.slates() {
        assert!(!slate.surface.is_empty() && !slate.context.is_empty());
        for slot in slate.slots() {
            assert!(!slot.item.is_empty() && slot.score.is_finite());
            told += slot.reasons().count();
        }
    }
    assert!(told <= bytes.len(), "more reasons than bytes");
}

/// Puts the length and the CRC-32 where they belong.
fn mend(bytes: &mut [u8]) {
    let length = (bytes.len() as u32).to_le_bytes();
    if let Some(place) = bytes.get_mut(12..16) {
        place.copy_from_slice(&length);
    }
    let checksum = checksum(bytes).to_le_bytes();
    if let Some(place) = bytes.get_mut(16..20) {
        place.copy_from_slice(&checksum);
    }
}

/// CRC-32 (IEEE), written plainly.
fn checksum(bytes: &[u8]) -> u32 {
    let covered = bytes.iter().enumerate().filter(|(at, _)| !(16..20).contains(at));
    !covered.fold(u32::MAX, |crc, (_, byte)| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn slate(context: &str) -> Option<Slate> {
    let reasons: Arc<[Reason]> =
        Arc::from([Reason::exact(ReasonKind::Feature("price".into()), 0.5)]);
    let slot = |name: &str| {
        Some(Slot {
            item: ItemId::new(name).ok()?,
            title: Arc::from("La Luna"),
            score: 1.5,
            propensity: 0.5,
            reasons: reasons.clone(),
            sources: Sources::default(),
        })
    };
    let surface = SurfaceId::new("home").ok()?;
    Some(Slate {
        key: SlateKey { surface, context: ContextId::new(context).ok()? },
        generation: 3,
        created_ms: 1_790_000_000_000,
        stale_after_ms: 1_790_100_000_000,
        release: "town@1".into(),
        policy: Policy::Model,
        made_at_night: true,
        personalised: true,
        arm: Some("model".into()),
        fatigue_impressions: 0,
        forgotten_through: 0,
        slots: vec![slot("luna")?, slot("sol")?],
        unmet: Vec::new(),
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let slates: Vec<Slate> = ["lunch", "dinner"].into_iter().filter_map(slate).collect();
    let when = Span { days: Days::Every, from: 600, until: 900 };
    let chosen: Vec<Chosen<'_>> = slates
        .iter()
        .map(|slate| {
            let slots = (0..).zip(slate.slots.iter().map(Cow::Borrowed)).collect();
            Chosen { slate, when, slots }
        })
        .collect();
    (0..=chosen.len())
        .rev()
        .map(|count| encode(&chosen[..count], &WidgetPolicy::default()).bytes)
        .collect()
}
