//! The app's own kinds of events: what their fields may hold, and what they hold.

use noctule_core::feedback;

use crate::RecommenderError;

/// The value of one field.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum Detail {
    /// Yes or no.
    Flag {
        /// Which.
        value: bool,
    },
    /// A number.
    Number {
        /// Which.
        value: f64,
    },
    /// One of the declared words.
    Word {
        /// Which.
        value: String,
    },
}

/// A field of an event with its value.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct EventDetail {
    /// The field, as it was declared.
    pub name: String,
    /// What it holds.
    pub value: Detail,
}

/// What a field may hold.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
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
    /// One of these words, at most 64.
    Word {
        /// The words.
        words: Vec<String>,
    },
}

/// A field of an own kind.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct FieldSchema {
    /// 1 to 32 of `a-z`, `0-9` and `_`.
    pub name: String,
    /// What it may hold.
    pub holds: FieldType,
    /// Whether every event of the kind has it.
    #[uniffi(default = false)]
    pub required: bool,
}

/// An own kind of events with its fields, at most 16. There is no free text among them: nothing
/// that a user typed can leave the device by accident.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct KindSchema {
    /// Name of the kind: 1 to 32 of `a-z`, `0-9` and `_`, none of the library's own.
    pub name: String,
    /// Its fields.
    pub fields: Vec<FieldSchema>,
}

/// What recorded events survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Durability {
    /// The end of the process, however it comes; a loss of power may cost the last of them.
    ProcessEnd,
    /// Also a loss of power.
    PowerLoss,
}

impl From<Durability> for feedback::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::ProcessEnd => Self::ProcessEnd,
            Durability::PowerLoss => Self::PowerLoss,
        }
    }
}

/// Converts and checks declarations.
pub(crate) fn core_kinds(
    kinds: Vec<KindSchema>,
) -> Result<feedback::KindSchemas, RecommenderError> {
    let field = |field: FieldSchema| feedback::FieldSchema {
        name: field.name,
        holds: match field.holds {
            FieldType::Flag => feedback::FieldType::Flag,
            FieldType::Number { min, max } => feedback::FieldType::Number { min, max },
            FieldType::Word { words } => feedback::FieldType::Word(words),
        },
        required: field.required,
    };
    let kind = |kind: KindSchema| feedback::KindSchema {
        name: kind.name,
        fields: kind.fields.into_iter().map(field).collect(),
    };
    Ok(feedback::KindSchemas::new(kinds.into_iter().map(kind).collect())?)
}

/// Converts fields; one that is there twice is refused.
pub(crate) fn core_details(
    details: Vec<EventDetail>,
) -> Result<feedback::Details, RecommenderError> {
    let mut converted = feedback::Details::new();
    for EventDetail { name, value } in details {
        let value = match value {
            Detail::Flag { value } => feedback::Detail::Flag(value),
            Detail::Number { value } => feedback::Detail::Number(value),
            Detail::Word { value } => feedback::Detail::Word(value),
        };
        if converted.insert(name.clone(), value).is_some() {
            let field = format!("details.{name:.40}");
            return Err(RecommenderError::invalid(field, "is there twice"));
        }
    }
    Ok(converted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(name: &str, value: Detail) -> EventDetail {
        EventDetail { name: name.into(), value }
    }

    #[test]
    fn a_field_that_is_there_twice_is_refused() {
        let stars = detail("stars", Detail::Number { value: 4.0 });
        assert_eq!(core_details(vec![stars.clone()]).unwrap().len(), 1);
        let twice = core_details(vec![stars.clone(), stars]);
        let named = matches!(&twice, Err(RecommenderError::InvalidInput { field, .. })
            if field == "details.stars");
        assert!(named, "{twice:?}");
    }

    #[test]
    fn a_declaration_that_means_nothing_is_refused_with_its_place() {
        let holds = FieldType::Number { min: 5.0, max: 1.0 };
        let fields = vec![FieldSchema { name: "stars".into(), holds, required: false }];
        let refused = core_kinds(vec![KindSchema { name: "rated".into(), fields }]);
        let named = matches!(&refused, Err(RecommenderError::InvalidInput { field, .. })
            if field == "event_kinds[0].fields[0]");
        assert!(named, "{refused:?}");
    }
}
