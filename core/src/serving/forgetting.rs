//! A slate without what the user asked to be forgotten since it was made.

use super::Today;
use crate::reasons::{Reason, ReasonKind};
use crate::slates::{Slate, Slot};

/// The slots of `slate` with their published places, as they stand without what was forgotten
/// since; none when nothing of it was forgotten.
///
/// A slot loses the reasons that name forgotten items, and their parts of its score. Then it moves
/// back behind the slots right after it that have a greater score, or, when its score falls below
/// the last of the slate, is left out: it would hardly have come in. One that is there for another
/// reason, drawn or touched by a rule, keeps its place. Where no slot would be left, all stay.
pub(super) fn without_forgotten(slate: &Slate, today: &Today) -> Option<Vec<(u32, Slot)>> {
    if !today.forgot_after(slate.forgotten_through) {
        return None;
    }
    let is_forgotten = |reason: &Reason| match &reason.kind {
        ReasonKind::BecauseOf { item, .. } => {
            today.was_forgotten_after(item, slate.forgotten_through)
        }
        _ => false,
    };
    let owes = |slot: &Slot| slot.reasons.iter().any(is_forgotten);
    if !slate.slots.iter().any(owes) {
        return None;
    }
    let by_score = slate.slots.iter().filter(|slot| !has_another_reason(slot));
    let last = by_score.map(|slot| slot.score).min_by(f32::total_cmp);
    let mut slots: Vec<(u32, Slot)> = (0u32..).zip(slate.slots.iter().cloned()).collect();
    let mut moves = Vec::with_capacity(slots.len());
    for (_, slot) in &mut slots {
        moves.push(owes(slot) && !has_another_reason(slot));
        let lost: f32 =
            slot.reasons.iter().filter(|r| is_forgotten(r)).map(|r| r.contribution).sum();
        if owes(slot) {
            slot.score -= lost;
            slot.reasons = slot.reasons.iter().filter(|r| !is_forgotten(r)).cloned().collect();
        }
    }
    for from in (0..slots.len()).rev().filter(|from| moves[*from]) {
        let mut at = from;
        while at + 1 < slots.len() && slots[at].1.score < slots[at + 1].1.score {
            slots.swap(at, at + 1);
            at += 1;
        }
    }
    let falls = |(place, slot): &(u32, Slot)| {
        moves[*place as usize] && last.is_some_and(|last| slot.score < last)
    };
    if !slots.iter().all(falls) {
        slots.retain(|slot| !falls(slot));
    }
    Some(slots)
}

/// Whether it is not its score alone that a slot is there for.
fn has_another_reason(slot: &Slot) -> bool {
    let other = |kind: &ReasonKind| matches!(kind, ReasonKind::Exploration | ReasonKind::Rule(_));
    slot.reasons.iter().any(|reason| other(&reason.kind))
}
