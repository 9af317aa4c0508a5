//! One row of the catalogue.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::limits::{
    ATTRIBUTES_MAX, HOURS_MAX, ID_BYTES_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX, WORD_BYTES_MAX,
    WORDS_MAX,
};
use crate::base::{GeoPoint, ItemId, Refusal, Span, WeekMinute};

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
/// In `catalogue.jsonl` it is one JSON object a line; its line, from 0, is its index. In
/// `catalogue.safetensors` it is a row of columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The app's name of the item, the same in every release.
    pub id: ItemId,
    /// What a person reads.
    pub title: String,
    /// Attributes by name.
    #[serde(
        default,
        deserialize_with = "crate::base::json::unique_map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Where it is, when it is somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<GeoPoint>,
    /// When it is open, local time; empty means always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<Span>,
    /// Whether it may be recommended. An item that is withdrawn keeps its row, so that the rows
    /// behind it keep theirs.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub available: bool,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_yes(flag: &bool) -> bool {
    *flag
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

    /// What the types do not hold: lengths, ranges, and text that a screen can show.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        check_text("title", &self.title, TITLE_BYTES_MAX)?;
        if self.attributes.len() > ATTRIBUTES_MAX {
            let (found, limit) = (self.attributes.len() as u64, ATTRIBUTES_MAX as u64);
            return Err(Refusal::TooLarge { what: "number of attributes", found, limit });
        }
        for (name, value) in &self.attributes {
            let path = format!("attributes.{name}");
            if name.is_empty() {
                return Err(field("attributes", "a name is empty"));
            }
            check_text("attributes", name, ID_BYTES_MAX)?;
            let bytes_max = match value {
                AttributeValue::Words(words) if words.len() > WORDS_MAX => {
                    let (found, limit) = (words.len() as u64, WORDS_MAX as u64);
                    return Err(Refusal::TooLarge { what: "number of words", found, limit });
                }
                AttributeValue::Words(_) => WORD_BYTES_MAX,
                _ => TEXT_BYTES_MAX,
            };
            value.words().try_for_each(|word| check_text(&path, word, bytes_max))?;
            if matches!(value, AttributeValue::Number(number) if !number.is_finite()) {
                return Err(field(path, "is not a finite number"));
            }
        }
        if let Some(GeoPoint { latitude, longitude }) = self.place
            && let Err(error) = GeoPoint::new(latitude, longitude)
        {
            return Err(field("place", error.to_string()));
        }
        if self.hours.len() > HOURS_MAX {
            let (found, limit) = (self.hours.len() as u64, HOURS_MAX as u64);
            return Err(Refusal::TooLarge { what: "number of opening spans", found, limit });
        }
        if let Some(index) = self.hours.iter().position(|span| !span.is_in_range()) {
            let reason = "from must be 0 to 1439 and until 0 to 1440 minutes";
            return Err(field(format!("hours[{index}]"), reason));
        }
        Ok(())
    }
}

fn field(field: impl Into<String>, reason: impl Into<String>) -> Refusal {
    Refusal::Field { field: field.into(), reason: reason.into() }
}

/// Refuses text that is too long or holds control characters.
pub(crate) fn check_text(name: &str, text: &str, bytes_max: usize) -> Result<(), Refusal> {
    if text.len() > bytes_max {
        let reason = format!("is {} bytes long, at most {bytes_max} are allowed", text.len());
        return Err(field(name, reason));
    }
    if text.chars().any(char::is_control) {
        let (field, reason) = (name.to_owned(), text.escape_debug().to_string());
        return Err(Refusal::ControlCharacter { field, reason });
    }
    Ok(())
}
