//! Writing the bytes.

use std::collections::HashMap;

use super::format::{self, CHECKSUM_AT, HEAD, MAGIC, REASON, SLATE, SLOT, VERSION};
use super::{Chosen, WidgetPolicy};
use crate::base::Days;
use crate::release::Policy;
use crate::slates::{Reason, ReasonKind, Slot};

/// A file, and how much went into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Slates that are in it.
    pub slates: usize,
    /// Slates that did not fit.
    pub left_out: usize,
}

/// The file of `chosen` slates: as many of them, from the first, as fit into the policy's bytes.
/// The same slates give the same bytes.
#[must_use]
pub fn encode(chosen: &[Chosen<'_>], policy: &WidgetPolicy) -> Encoded {
    let mut parts = Parts::default();
    let mut slates = 0;
    for slate in chosen {
        let before = parts.mark();
        parts.slate(slate, policy.reasons_max);
        if parts.length() > policy.bytes_max {
            parts.cut(&before);
            break;
        }
        slates += 1;
    }
    Encoded { bytes: parts.finish(), slates, left_out: chosen.len() - slates }
}

/// The parts of a file behind its head.
#[derive(Debug, Default)]
struct Parts<'a> {
    slates: Vec<u8>,
    slots: Vec<u8>,
    reasons: Vec<u8>,
    text: String,
    /// Where a text stands that was written already.
    places: HashMap<&'a str, u32>,
}

/// Lengths of slates, slots, reasons and text.
type Mark = [usize; 4];

impl<'a> Parts<'a> {
    fn mark(&self) -> Mark {
        [self.slates.len(), self.slots.len(), self.reasons.len(), self.text.len()]
    }

    fn cut(&mut self, mark: &Mark) {
        self.slates.truncate(mark[0]);
        self.slots.truncate(mark[1]);
        self.reasons.truncate(mark[2]);
        self.text.truncate(mark[3]);
    }

    fn length(&self) -> usize {
        HEAD + self.mark().iter().sum::<usize>()
    }

    fn slate(&mut self, chosen: &'a Chosen<'a>, reasons_max: usize) {
        let slate = chosen.slate;
        let names = [slate.key.surface.as_str(), slate.key.context.as_str(), &slate.release];
        let arm = slate.arm.as_deref().unwrap_or_default();
        let texts = names.map(|name| self.text(name));
        let arm = self.text(arm);
        let first = (self.slots.len() / SLOT) as u32;
        let into = &mut self.slates;
        into.extend(slate.created_ms.to_le_bytes());
        into.extend(slate.stale_after_ms.to_le_bytes());
        into.extend(slate.generation.to_le_bytes());
        texts.iter().chain([&arm]).for_each(|text| into.extend(text));
        into.extend(first.to_le_bytes());
        into.extend((chosen.slots.len() as u32).to_le_bytes());
        into.push(u8::from(slate.made_at_night));
        into.push(u8::from(slate.policy == Policy::Model));
        into.push(match chosen.when.days {
            Days::Every => 0,
            Days::Weekday => 1,
            Days::Weekend => 2,
        });
        into.push(0);
        // Both are minutes of a day.
        into.extend((chosen.when.from as u16).to_le_bytes());
        into.extend((chosen.when.until as u16).to_le_bytes());
        for (position, (published_at, slot)) in (0u32..).zip(&chosen.slots) {
            self.slot(slot, (position, *published_at), reasons_max);
        }
    }

    fn slot(&mut self, slot: &'a Slot, (position, published_at): (u32, u32), most: usize) {
        let known = if position == published_at { slot.propensity } else { 0.0 };
        let texts = [slot.item.as_str(), &slot.title].map(|text| self.text(text));
        let told = told(&slot.reasons, most);
        let first = (self.reasons.len() / REASON) as u32;
        let into = &mut self.slots;
        into.extend(known.to_le_bytes());
        texts.iter().for_each(|text| into.extend(text));
        into.extend(slot.score.to_le_bytes());
        into.extend(first.to_le_bytes());
        into.extend((told.len() as u32).to_le_bytes());
        into.extend(published_at.to_le_bytes());
        for reason in told {
            let (kind, text) = kind(&reason.kind);
            let text = self.text(text);
            self.reasons.extend(kind.to_le_bytes());
            self.reasons.extend(reason.contribution.to_le_bytes());
            self.reasons.extend(text);
        }
    }

    /// Offset and length of `text`, written where it is new; both 0 for an empty one.
    fn text(&mut self, text: &'a str) -> [u8; 8] {
        let at = match self.places.get(text) {
            // Cut off with a slate that did not fit: nothing is written behind that.
            _ if text.is_empty() => 0,
            Some(at) => *at,
            None => {
                let at = self.text.len() as u32;
                self.text.push_str(text);
                self.places.insert(text, at);
                at
            }
        };
        let mut place = [0; 8];
        place[..4].copy_from_slice(&at.to_le_bytes());
        place[4..].copy_from_slice(&(text.len() as u32).to_le_bytes());
        place
    }

    fn finish(self) -> Vec<u8> {
        let counts = [
            self.slates.len() / SLATE,
            self.slots.len() / SLOT,
            self.reasons.len() / REASON,
            self.text.len(),
            0,
        ];
        let mut bytes = Vec::with_capacity(self.length());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((self.length() as u32).to_le_bytes());
        bytes.extend([0; 4]);
        counts.iter().for_each(|count| bytes.extend((*count as u32).to_le_bytes()));
        for part in [&self.slates, &self.slots, &self.reasons] {
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(self.text.as_bytes());
        let checksum = format::checksum(&bytes);
        bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// The reasons that are told of a slot: what every item gets tells nothing apart, and what speaks
/// against an item is no reason for it.
fn told(reasons: &[Reason], most: usize) -> Vec<&Reason> {
    let tells = |reason: &&Reason| {
        let marks = matches!(reason.kind, ReasonKind::Exploration | ReasonKind::Rule(_));
        reason.kind != ReasonKind::Base && (marks || reason.contribution > 0.0)
    };
    reasons.iter().filter(tells).take(most).collect()
}

fn kind(kind: &ReasonKind) -> (u32, &str) {
    match kind {
        ReasonKind::BecauseOf { title, .. } => (0, title),
        ReasonKind::OtherHistory => (1, ""),
        ReasonKind::Popular => (2, ""),
        ReasonKind::PopularInContext => (3, ""),
        ReasonKind::Nearby => (4, ""),
        ReasonKind::Feature(name) => (5, name),
        ReasonKind::Base => (6, ""),
        ReasonKind::Exploration => (7, ""),
        ReasonKind::Rule(id) => (8, id),
    }
}
