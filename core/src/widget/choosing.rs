//! Which slates and slots go into the file.

use std::borrow::Cow;

use super::WidgetPolicy;
use crate::base::Span;
use crate::release::Surface;
use crate::serving::Shelf;
use crate::slates::{Slate, SlateKey, Slot};

/// A slate with what of it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen<'a> {
    /// The slate.
    pub slate: &'a Slate,
    /// When its context holds.
    pub when: Span,
    /// The slots, best first, each with its published position.
    pub slots: Vec<(u32, Cow<'a, Slot>)>,
}

/// Hands `body` the slates of `shelf` that `policy` asks for: surface by surface, the contexts of
/// each in the order of the plan. What the user hid or has chosen is left out as in an answer;
/// what was shown too often stays where it is, since each showing would change the file.
pub fn choose<T>(shelf: &Shelf, policy: &WidgetPolicy, body: impl FnOnce(&[Chosen<'_>]) -> T) -> T {
    let snapshot = shelf.snapshot();
    let mut chosen = Vec::new();
    let Some(plan) = snapshot.plan.as_deref() else { return body(&chosen) };
    let surfaces: Vec<&Surface> = match policy.surfaces.as_slice() {
        [] => plan.surfaces.iter().collect(),
        named => named.iter().filter_map(|id| plan.surface(id.as_str())).collect(),
    };
    for surface in surfaces {
        for context in surface.contexts.iter().filter_map(|id| plan.context(id.as_str())) {
            let (_, context) = context;
            let key = SlateKey { surface: surface.id.clone(), context: context.id.clone() };
            let Some(published) = snapshot.slates.get(&key) else { continue };
            let mut slots = shelf.kept(plan, published.slate());
            slots.truncate(policy.slots_max);
            if chosen.len() < policy.slates_max {
                chosen.push(Chosen { slate: published.slate(), when: context.when, slots });
            }
        }
    }
    body(&chosen)
}
