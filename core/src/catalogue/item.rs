//! One row of the catalogue.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::{GeoPoint, ItemId, Span, WeekMinute};

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// A flag.
    Flag(bool),
    /// A number, finite.
    Number(f64),
    /// A word.
    Text(String),
    /// Several words, for instance the genres of a film.
    Words(Vec<String>),
}

impl AttributeValue {
    /// The words of the value: the text itself, each of several words, none of a number or flag.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let words = match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::Words(words) => words.as_slice(),
            Self::Flag(_) | Self::Number(_) => &[],
        };
        words.iter().map(String::as_str)
    }
}

/// An item: what a slot shows and what rules, reasons and the baseline look at.
///
/// In `catalogue.jsonl` it is one JSON object a line; its line, from 0, is its index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The app's name of the item, the same in every release.
    pub id: ItemId,
    /// What a person reads.
    pub title: String,
    /// Attributes by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Where it is, when it is somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<GeoPoint>,
    /// When it is open, local time; empty means always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<Span>,
}

impl Item {
    /// Whether the item is open at `moment`.
    #[must_use]
    pub fn is_open(&self, moment: WeekMinute) -> bool {
        self.hours.is_empty() || self.hours.iter().any(|span| span.holds(moment))
    }

    /// The words of attribute `name`; none when the item lacks it.
    pub fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.attributes.get(name).into_iter().flat_map(AttributeValue::words)
    }
}
