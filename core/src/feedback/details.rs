//! Fields of the app's own kinds of events, declared before they are used.
//!
//! There is no free text among them: a word is one of those declared, so that nothing a user typed
//! can leave the device by accident.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::EventKind;
use crate::base::limits::{
    DETAIL_WORD_BYTES_MAX, DETAIL_WORDS_MAX, DETAILS_MAX, KINDS_MAX, SAFE_INTEGER_MAX,
};
use crate::base::{Error, Result};

/// Fields by name.
pub type Details = BTreeMap<String, Detail>;

/// The value of one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Detail {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// One of the declared words.
    Word(String),
}

/// What a field may hold.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldType {
    /// Yes or no.
    Flag,
    /// A number within bounds, both included.
    Number {
        /// The smallest.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// One of these words.
    Word(Vec<String>),
}

/// A field of an own kind.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldSchema {
    /// 1 to 32 of `a-z`, `0-9` and `_`.
    pub name: String,
    /// What it may hold.
    pub holds: FieldType,
    /// Whether every event of the kind has it.
    pub required: bool,
}

/// An own kind of events with its fields.
///
/// ```
/// use noctule_core::feedback::{EventKind, FieldSchema, FieldType, KindSchema, KindSchemas};
///
/// let stars = FieldSchema {
///     name: "stars".into(),
///     holds: FieldType::Number { min: 1.0, max: 5.0 },
///     required: true,
/// };
/// let rated = KindSchema { name: "rated".into(), fields: vec![stars] };
/// assert!(KindSchemas::new(vec![rated]).is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct KindSchema {
    /// Name of the kind: 1 to 32 of `a-z`, `0-9` and `_`, none of the library's own.
    pub name: String,
    /// Its fields, at most 16.
    pub fields: Vec<FieldSchema>,
}

/// The declared kinds of an app.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KindSchemas(BTreeMap<String, BTreeMap<String, FieldSchema>>);

impl KindSchemas {
    /// Checks declarations.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a name that is none or is there twice, more than 64 kinds, 16
    /// fields or 64 words, words that are empty or have more than 64 bytes, and bounds of numbers
    /// that hold no number.
    pub fn new(kinds: Vec<KindSchema>) -> Result<Self> {
        if kinds.len() > KINDS_MAX {
            let reason = format!("{} kinds, at most {KINDS_MAX}", kinds.len());
            return Err(Error::invalid("event_kinds", reason));
        }
        let mut schemas = BTreeMap::new();
        for (index, kind) in kinds.into_iter().enumerate() {
            let place = format!("event_kinds[{index}]");
            match EventKind::try_from(kind.name.clone()) {
                Ok(EventKind::Custom(_)) => {}
                Ok(_) => return Err(Error::invalid(place, "is a kind of the library")),
                Err(reason) => return Err(Error::invalid(place, reason)),
            }
            let fields = check_fields(&place, kind.fields)?;
            if schemas.insert(kind.name, fields).is_some() {
                return Err(Error::invalid(place, "is there twice"));
            }
        }
        Ok(Self(schemas))
    }

    /// How `field` of the own kind `kind` is declared.
    #[must_use]
    pub fn field(&self, kind: &str, field: &str) -> Option<&FieldSchema> {
        self.0.get(kind)?.get(field)
    }

    /// Checks the fields of an event of `kind`.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub(super) fn check(
        &self,
        kind: &EventKind,
        details: &Details,
    ) -> Result<(), (String, String)> {
        let empty = BTreeMap::new();
        let fields = match kind {
            EventKind::Custom(name) => self.0.get(name).unwrap_or(&empty),
            _ => &empty,
        };
        for (name, value) in details {
            let wrong = |reason: String| (format!("details.{name:.40}"), reason);
            let Some(field) = fields.get(name) else {
                return Err(wrong(format!("is not declared for {kind}")));
            };
            field.holds.check(value).map_err(wrong)?;
        }
        let missing =
            fields.values().find(|field| field.required && !details.contains_key(&field.name));
        match missing {
            Some(field) => Err((format!("details.{}", field.name), format!("{kind} needs it"))),
            None => Ok(()),
        }
    }
}

impl FieldType {
    fn check(&self, value: &Detail) -> Result<(), String> {
        match (self, value) {
            (Self::Flag, Detail::Flag(_)) => Ok(()),
            (Self::Number { min, max }, Detail::Number(number)) => {
                // Not a number lies within no bounds.
                if number >= min && number <= max {
                    return Ok(());
                }
                Err(format!("must be between {min} and {max}"))
            }
            (Self::Word(words), Detail::Word(word)) if words.contains(word) => Ok(()),
            (Self::Word(_), Detail::Word(_)) => Err("is none of the declared words".into()),
            (Self::Flag, _) => Err("must be true or false".into()),
            (Self::Number { .. }, _) => Err("must be a number".into()),
            (Self::Word(_), _) => Err("must be a word".into()),
        }
    }
}

/// Checks fields of another side, of which the declaration is not known: numbers of them, names and
/// lengths.
///
/// # Errors
/// What is wrong.
pub fn check_foreign(details: &Details) -> Result<(), String> {
    if details.len() > DETAILS_MAX {
        return Err(format!("{} fields, at most {DETAILS_MAX}", details.len()));
    }
    for (name, value) in details {
        check_name(name)?;
        match value {
            Detail::Word(word) => check_word(word)?,
            Detail::Number(number) if !number.is_finite() => return Err("is no number".into()),
            Detail::Number(_) | Detail::Flag(_) => {}
        }
    }
    Ok(())
}

fn check_fields(place: &str, fields: Vec<FieldSchema>) -> Result<BTreeMap<String, FieldSchema>> {
    if fields.len() > DETAILS_MAX {
        let reason = format!("{} fields, at most {DETAILS_MAX}", fields.len());
        return Err(Error::invalid(format!("{place}.fields"), reason));
    }
    let mut checked = BTreeMap::new();
    for (index, field) in fields.into_iter().enumerate() {
        let place = format!("{place}.fields[{index}]");
        check_name(&field.name).map_err(|reason| Error::invalid(place.clone(), reason))?;
        match &field.holds {
            FieldType::Flag => {}
            FieldType::Number { min, max } => {
                let exact = -SAFE_INTEGER_MAX..=SAFE_INTEGER_MAX;
                if !(min <= max && exact.contains(min) && exact.contains(max)) {
                    let reason = "needs bounds in order, within 2^53 - 1 on both sides";
                    return Err(Error::invalid(place, reason));
                }
            }
            FieldType::Word(words) => {
                if words.is_empty() || words.len() > DETAIL_WORDS_MAX {
                    let reason = format!("needs 1 to {DETAIL_WORDS_MAX} words");
                    return Err(Error::invalid(place, reason));
                }
                let mut words = words.iter();
                words
                    .try_for_each(|word| check_word(word))
                    .map_err(|reason| Error::invalid(place.clone(), reason))?;
            }
        }
        if checked.insert(field.name.clone(), field).is_some() {
            return Err(Error::invalid(place, "is there twice"));
        }
    }
    Ok(checked)
}

fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
        return Err(format!("{name:.40?} is no name of a field: use a-z, 0-9 and _, at most 32"));
    }
    Ok(())
}

fn check_word(word: &str) -> Result<(), String> {
    if word.is_empty() || word.len() > DETAIL_WORD_BYTES_MAX || word.chars().any(char::is_control) {
        return Err(format!(
            "a word has 1 to {DETAIL_WORD_BYTES_MAX} bytes, no control characters"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, holds: FieldType) -> FieldSchema {
        FieldSchema { name: name.into(), holds, required: false }
    }

    fn kind(name: &str, fields: Vec<FieldSchema>) -> KindSchema {
        KindSchema { name: name.into(), fields }
    }

    fn words(words: &[&str]) -> FieldType {
        FieldType::Word(words.iter().map(ToString::to_string).collect())
    }

    fn schemas() -> KindSchemas {
        let stars = FieldType::Number { min: 1.0, max: 5.0 };
        let stars = FieldSchema { required: true, ..field("stars", stars) };
        let why = field("why", words(&["price", "taste"]));
        KindSchemas::new(vec![kind("rated", vec![stars, why, field("again", FieldType::Flag)])])
            .unwrap()
    }

    fn refused(details: &[(&str, Detail)], of: &str) -> String {
        let details = details.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let kind = EventKind::try_from(of.to_owned()).unwrap();
        schemas().check(&kind, &details.collect()).err().map_or(String::new(), |(field, _)| field)
    }

    #[test]
    fn fields_as_declared_are_taken_and_all_others_named() {
        let stars = ("stars", Detail::Number(4.5));
        let word = |word: &str| Detail::Word(word.into());
        assert_eq!(refused(std::slice::from_ref(&stars), "rated"), "");
        let whole = [stars.clone(), ("why", word("taste")), ("again", Detail::Flag(true))];
        assert_eq!(refused(&whole, "rated"), "");
        for (second, field) in [
            (("why", word("my neighbour told me")), "details.why"),
            (("why", Detail::Flag(true)), "details.why"),
            (("again", Detail::Number(1.0)), "details.again"),
            (("colour", word("red")), "details.colour"),
        ] {
            assert_eq!(refused(&[stars.clone(), second], "rated"), field);
        }
        for number in [0.99, 5.01, f64::NAN, f64::INFINITY] {
            assert_eq!(refused(&[("stars", Detail::Number(number))], "rated"), "details.stars");
        }
        assert_eq!(refused(&[], "rated"), "details.stars", "a required field");
        assert_eq!(refused(&[], "shared"), "", "an own kind without fields needs no declaration");
        assert_eq!(refused(std::slice::from_ref(&stars), "shared"), "details.stars");
        assert_eq!(refused(&[stars], "like"), "details.stars");
    }

    #[test]
    fn declarations_that_mean_nothing_are_refused_with_their_place() {
        let number = |min, max| FieldType::Number { min, max };
        let place = |kinds| match KindSchemas::new(kinds) {
            Err(Error::InvalidInput { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        let one = |holds| place(vec![kind("rated", vec![field("stars", holds)])]);
        for holds in [
            number(2.0, 1.0),
            number(f64::NAN, 1.0),
            number(0.0, f64::INFINITY),
            words(&[]),
            words(&["a\nb"]),
        ] {
            assert_eq!(one(holds), "event_kinds[0].fields[0]");
        }
        assert_eq!(place(vec![kind("like", vec![])]), "event_kinds[0]");
        assert_eq!(place(vec![kind("Two Words", vec![])]), "event_kinds[0]");
        assert_eq!(place(vec![kind("a", vec![]), kind("a", vec![])]), "event_kinds[1]");
        assert_eq!(place(vec![kind("a", vec![]); KINDS_MAX + 1]), "event_kinds");
        let twice = vec![field("x", FieldType::Flag), field("x", FieldType::Flag)];
        assert_eq!(place(vec![kind("a", twice)]), "event_kinds[0].fields[1]");
    }

    #[test]
    fn a_flag_a_number_and_a_word_are_told_apart_in_json() {
        let json = r#"{"again":true,"stars":4,"why":"taste"}"#;
        let details: Details = serde_json::from_str(json).unwrap();
        assert_eq!(details["stars"], Detail::Number(4.0));
        assert_eq!(details["why"], Detail::Word("taste".into()));
        assert_eq!(check_foreign(&details), Ok(()));
        let long = Details::from([("why".into(), Detail::Word("x".repeat(65)))]);
        assert!(check_foreign(&long).is_err());
    }
}
