//! Answers that leave the device with noise: local differential privacy.
//!
//! The device keeps and learns the truth. What the collector is told instead is settled when the
//! event is recorded, from a secret of the device, the question and the true value: a batch that is
//! sent again says the same, and so does an answer that is given again about the same item, which
//! would else cost another epsilon (memoised, as in RAPPOR; Erlingsson et al., CCS 2014).

mod noise;
mod response;
pub mod rows;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use noise::Secret;
pub use response::RandomisedResponse;

use noise::Noise;

use super::{Detail, Details, EventKind, FeedbackEvent, FieldType, KindSchemas, RecordedEvent};
use crate::base::Result;
use crate::release::PrivateAnswer;

/// How a value was drawn; enough to undo the bias.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Randomised {
    /// How many values were possible.
    pub values: u32,
    /// The bound: see [`RandomisedResponse`].
    pub epsilon: f64,
}

/// Of an event: what was drawn, by name: `kind`, or `details.` and the field.
pub type RandomisedParts = BTreeMap<String, Randomised>;

/// What is told of an event where it is not the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    kind: EventKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undoes: Option<EventKind>,
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    details: Details,
    #[serde(default, skip_serializing_if = "RandomisedParts::is_empty")]
    randomised: RandomisedParts,
}

impl Told {
    /// Puts it in the place of the truth.
    pub(crate) fn replace(self, event: &mut RecordedEvent) {
        event.kind = self.kind;
        event.undoes = self.undoes;
        event.details = self.details;
        event.randomised = self.randomised;
    }
}

/// Which answers are private, and what they may be.
#[derive(Debug, Clone, Copy)]
pub struct PrivateAnswers<'a> {
    /// Those of the plan in force.
    pub answers: &'a [PrivateAnswer],
    /// The declared kinds of the app.
    pub kinds: &'a KindSchemas,
}

impl PrivateAnswers<'_> {
    /// Whether something of such an event is private.
    #[must_use]
    pub fn concern(&self, event: &FeedbackEvent) -> bool {
        self.answers.iter().any(|answer| match &answer.field {
            None => is_opinion(&event.kind) || event.undoes.as_ref().is_some_and(is_opinion),
            Some(field) => event.kind.as_str() == answer.kind && event.details.contains_key(field),
        })
    }

    /// What is told of `event`. A private field that is neither a flag nor a word as declared is
    /// not told at all.
    ///
    /// # Errors
    /// [`crate::base::Error::InvalidInput`] for an epsilon that the plan should not have had.
    pub fn told(&self, event: &FeedbackEvent, secret: &Secret) -> Result<Told> {
        let mut told = Told {
            kind: event.kind.clone(),
            undoes: event.undoes.clone(),
            details: event.details.clone(),
            randomised: RandomisedParts::new(),
        };
        for answer in self.answers {
            match &answer.field {
                None => tell_opinion(&mut told, answer, event, secret)?,
                Some(field) if event.kind.as_str() == answer.kind => {
                    self.tell_field(&mut told, answer, field, event, secret)?;
                }
                Some(_) => {}
            }
        }
        Ok(told)
    }

    fn tell_field(
        &self,
        told: &mut Told,
        answer: &PrivateAnswer,
        field: &str,
        event: &FeedbackEvent,
        secret: &Secret,
    ) -> Result<()> {
        let Some(truth) = told.details.remove(field) else { return Ok(()) };
        let declared = self.kinds.field(&answer.kind, field).map(|field| &field.holds);
        let values: Vec<Detail> = match declared {
            Some(FieldType::Flag) => vec![Detail::Flag(false), Detail::Flag(true)],
            Some(FieldType::Word(words)) => words.iter().cloned().map(Detail::Word).collect(),
            Some(FieldType::Number { .. }) | None => return Ok(()),
        };
        let Some(value) = values.iter().position(|value| *value == truth) else { return Ok(()) };
        if values.len() < 2 {
            // Nothing to hide: the one possible value says only that there was an answer.
            told.details.insert(field.to_owned(), truth);
            return Ok(());
        }
        let of = match &truth {
            Detail::Flag(flag) => flag.to_string(),
            Detail::Number(number) => number.to_string(),
            Detail::Word(word) => word.clone(),
        };
        let about = [answer.kind.as_str(), field, event.item.as_str(), &of];
        let (drawn, how) = draw(answer, values.len(), value, secret, &about)?;
        told.details.insert(field.to_owned(), values[drawn].clone());
        told.randomised.insert(format!("details.{field}"), how);
        Ok(())
    }
}

fn is_opinion(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Like | EventKind::Dislike)
}

/// Tells a like or dislike, or one that is undone, with noise.
fn tell_opinion(
    told: &mut Told,
    answer: &PrivateAnswer,
    event: &FeedbackEvent,
    secret: &Secret,
) -> Result<()> {
    let undone = told.undoes.as_mut().filter(|kind| is_opinion(kind));
    let Some(kind) = undone.or_else(|| is_opinion(&told.kind).then_some(&mut told.kind)) else {
        return Ok(());
    };
    let value = usize::from(*kind == EventKind::Like);
    let about = [answer.kind.as_str(), "", event.item.as_str(), kind.as_str()];
    let (drawn, how) = draw(answer, 2, value, secret, &about)?;
    *kind = if drawn == 1 { EventKind::Like } else { EventKind::Dislike };
    told.randomised.insert("kind".to_owned(), how);
    Ok(())
}

fn draw(
    answer: &PrivateAnswer,
    values: usize,
    value: usize,
    secret: &Secret,
    about: &[&str],
) -> Result<(usize, Randomised)> {
    // Declarations hold a few dozen words at most.
    let (values, value) = (values as u32, value as u32);
    let response = RandomisedResponse::new(values, answer.epsilon)?;
    let mut noise = Noise::new(secret, about);
    let drawn = response.respond(value, &mut |bound| noise.below(bound))?;
    Ok((drawn as usize, Randomised { values, epsilon: answer.epsilon }))
}

#[cfg(test)]
mod tests;
