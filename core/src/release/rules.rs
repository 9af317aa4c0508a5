//! Rules about places in a slate, and the exposure of groups: what a plan says beyond relevance.

use serde::{Deserialize, Serialize};

use crate::base::limits::{CONTEXTS_MAX, SURFACES_MAX};
use crate::base::{ContextId, ItemId, SurfaceId, json};

/// A declarative rule. Every slot that it touches names it in its reasons.
///
/// ```
/// let rule: noctule_core::release::Rule = serde_json::from_str(
///     r#"{"id": "few-chains", "select": {"group": {"attribute": "owner", "word": "chain"}},
///         "do": {"cap": {"slots": 2, "window": 10}}, "surfaces": ["home"]}"#,
/// )?;
/// assert_eq!(rule.id, "few-chains");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, for reasons and reports.
    pub id: String,
    /// The items that it is about.
    pub select: Selector,
    /// What becomes of them.
    #[serde(rename = "do")]
    pub action: Action,
    /// The surfaces where it holds; empty means all.
    #[serde(
        default,
        deserialize_with = "json::up_to::<SURFACES_MAX, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub surfaces: Vec<SurfaceId>,
    /// The contexts in which it holds; empty means all.
    #[serde(
        default,
        deserialize_with = "json::up_to::<CONTEXTS_MAX, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub contexts: Vec<ContextId>,
}

impl Rule {
    /// Whether the rule holds for the slate of `surface` in `context`.
    #[must_use]
    pub fn holds(&self, surface: &SurfaceId, context: &ContextId) -> bool {
        named(&self.surfaces, surface) && named(&self.contexts, context)
    }
}

fn named<T: PartialEq>(names: &[T], name: &T) -> bool {
    names.is_empty() || names.contains(name)
}

/// Which items a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// One item.
    Item(ItemId),
    /// The items of a group.
    Group(Group),
    /// Each word of an attribute makes a group of its own. Only for caps.
    Each(Attribute),
}

/// The items that have a word in an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The attribute, a text or several words.
    pub attribute: String,
    /// The word, as the catalogue writes it.
    pub word: String,
}

/// An attribute by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// The attribute, a text or several words.
    pub attribute: String,
}

/// What a rule does with its items.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Puts one of them where they are told to be.
    Pin(Pin),
    /// Raises their scaled score.
    Boost(Scaling),
    /// Lowers their scaled score.
    Bury(Scaling),
    /// Bounds how many of them there are.
    Cap(Cap),
}

/// Where one of the selected items goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pin {
    /// To this position, from 0.
    Position(usize),
    /// Anywhere among so many first positions.
    Top(usize),
}

/// How a score is changed after all scores of the slate were scaled to 0..1. All factors that hold
/// for an item are applied before all offsets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scaling {
    /// The score is multiplied by this: 1 to 100 for a boost, 0 to 1 where items are buried.
    pub factor: f32,
    /// This is added by a boost and taken away where items are buried, 0 to 100.
    pub offset: f32,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { factor: 1.0, offset: 0.0 }
    }
}

/// How many of the selected items there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// At most so many; 0 keeps them out.
    pub slots: usize,
    /// In every so many consecutive positions; in the whole slate without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
}

/// Exposure of a group in every prefix of a slate (Geyik, Ambler and Kenthapadi, KDD 2019).
///
/// Among the first k slots at least ⌊floor · k⌋ and at most ⌈cap · k⌉ are of the group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exposure {
    /// Its name, for reasons and reports.
    pub id: String,
    /// The group.
    pub group: Group,
    /// Least share, 0 to 1; cannot be met when there are too few items, and then as far as it can.
    #[serde(default)]
    pub floor: f64,
    /// Greatest share, 0 to 1 and at least the floor.
    #[serde(default = "whole")]
    pub cap: f64,
    /// The surfaces where it holds; empty means all.
    #[serde(
        default,
        deserialize_with = "json::up_to::<SURFACES_MAX, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub surfaces: Vec<SurfaceId>,
    /// The contexts in which it holds; empty means all.
    #[serde(
        default,
        deserialize_with = "json::up_to::<CONTEXTS_MAX, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub contexts: Vec<ContextId>,
}

fn whole() -> f64 {
    1.0
}

/// What a product of a share and a count may lie away from a whole number and still be it:
/// 0.29 · 100 is 28.999999999999996.
const WHOLE: f64 = 1e-9;

impl Exposure {
    /// Whether it holds for the slate of `surface` in `context`.
    #[must_use]
    pub fn holds(&self, surface: &SurfaceId, context: &ContextId) -> bool {
        named(&self.surfaces, surface) && named(&self.contexts, context)
    }

    /// ⌊share · slots⌋, the least number that a floor asks of so many first slots.
    #[must_use]
    pub fn least(share: f64, slots: usize) -> usize {
        (share * slots as f64 + WHOLE).floor() as usize
    }

    /// ⌈share · slots⌉, the greatest number that a cap leaves to so many first slots.
    #[must_use]
    pub fn most(share: f64, slots: usize) -> usize {
        (share * slots as f64 - WHOLE).ceil().max(0.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_slots_do_not_suffer_from_binary_fractions() {
        assert_eq!((Exposure::least(0.29, 100), Exposure::most(0.29, 100)), (29, 29));
        assert_eq!((Exposure::least(0.1, 30), Exposure::most(0.1, 30)), (3, 3));
        assert_eq!((Exposure::least(0.3, 5), Exposure::most(0.3, 5)), (1, 2));
        assert_eq!((Exposure::least(0.0, 9), Exposure::most(0.0, 9)), (0, 0));
    }

    #[test]
    fn a_rule_without_surfaces_and_contexts_holds_everywhere() {
        let text = r#"{"id": "a", "select": {"item": "x"}, "do": {"pin": {"top": 3}}}"#;
        let mut rule: Rule = serde_json::from_str(text).unwrap();
        let (home, lunch) = (SurfaceId::new("home").unwrap(), ContextId::new("lunch").unwrap());
        assert!(rule.holds(&home, &lunch));
        rule.contexts = vec![ContextId::new("dinner").unwrap()];
        assert!(!rule.holds(&home, &lunch));
        assert_eq!(serde_json::to_string(&rule).unwrap().matches("surfaces").count(), 0);
    }
}
