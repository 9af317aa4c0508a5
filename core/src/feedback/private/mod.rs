//! Answers that leave the device with noise: local differential privacy.
//!
//! The device keeps and learns the truth. What the collector is told instead is settled when the
//! event is recorded, from a secret of the device, the question and the true value: a batch that is
//! sent again says the same, and so does an answer that is given again about the same item, which
//! would else cost another epsilon (memoised, as in RAPPOR; Erlingsson et al., CCS 2014).

pub mod budget;
mod noise;
mod response;
pub mod rows;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use noise::Secret;
pub use response::RandomisedResponse;

use budget::Meter;
use noise::Noise;

use super::{Detail, Details, EventKind, FeedbackEvent, FieldType, KindSchemas, RecordedEvent};
use crate::base::Result;
use crate::release::{PrivateAnswer, PrivateBudget};

/// How a value was drawn; enough to undo the bias.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Randomised {
    /// How many values were possible.
    pub values: u32,
    /// The bound: see [`RandomisedResponse`]. 0 when the budget was spent: the value is pure noise.
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
    /// What they may cost together.
    pub budget: Option<PrivateBudget>,
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

    /// What is told of `event`. A private field that is neither a flag nor a word as declared, nor
    /// a number whose ranges lie within what is declared, is not told at all. `meter` says which
    /// answers may be told with their epsilon; without one all.
    ///
    /// # Errors
    /// [`crate::base::Error::InvalidInput`] for an epsilon that the plan should not have had.
    pub fn told(
        &self,
        event: &FeedbackEvent,
        secret: &Secret,
        mut meter: Option<&mut Meter>,
    ) -> Result<Told> {
        let mut told = Told {
            kind: event.kind.clone(),
            undoes: event.undoes.clone(),
            details: event.details.clone(),
            randomised: RandomisedParts::new(),
        };
        for answer in self.answers {
            match &answer.field {
                None => tell_opinion(&mut told, answer, event, (secret, meter.as_deref_mut()))?,
                Some(field) if event.kind.as_str() == answer.kind => {
                    let by = (secret, meter.as_deref_mut());
                    self.tell_field(&mut told, answer, field, event, by)?;
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
        by: (&Secret, Option<&mut Meter>),
    ) -> Result<()> {
        let Some(truth) = told.details.remove(field) else { return Ok(()) };
        let declared = self.kinds.field(&answer.kind, field).map(|field| &field.holds);
        let values: Vec<Detail> = match declared {
            Some(FieldType::Flag) => vec![Detail::Flag(false), Detail::Flag(true)],
            Some(FieldType::Word(words)) => words.iter().cloned().map(Detail::Word).collect(),
            Some(FieldType::Number { min, max }) => ranges(&answer.edges, *min, *max),
            None => return Ok(()),
        };
        let value = match truth {
            Detail::Number(number) if !values.is_empty() => {
                Some(answer.edges.partition_point(|edge| *edge <= number))
            }
            _ => values.iter().position(|value| *value == truth),
        };
        let Some(value) = value else { return Ok(()) };
        if values.len() < 2 {
            // Nothing to hide: the one possible value says only that there was an answer.
            told.details.insert(field.to_owned(), truth);
            return Ok(());
        }
        // Of a number its range: what differs within it is the same answer.
        let of = match &values[value] {
            Detail::Flag(flag) => flag.to_string(),
            Detail::Number(number) => number.to_string(),
            Detail::Word(word) => word.clone(),
        };
        let about = [answer.kind.as_str(), field, event.item.as_str(), &of];
        let (drawn, how) = draw(answer, values.len(), value, by, &about)?;
        told.details.insert(field.to_owned(), values[drawn].clone());
        told.randomised.insert(format!("details.{field}"), how);
        Ok(())
    }
}

/// The lower ends of the ranges of a number from `min` to `max`; none when an edge is not within.
fn ranges(edges: &[f64], min: f64, max: f64) -> Vec<Detail> {
    if edges.is_empty() || edges.iter().any(|edge| *edge <= min || *edge > max) {
        return Vec::new();
    }
    std::iter::once(min).chain(edges.iter().copied()).map(Detail::Number).collect()
}

fn is_opinion(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Like | EventKind::Dislike)
}

/// Tells a like or dislike, or one that is undone, with noise.
fn tell_opinion(
    told: &mut Told,
    answer: &PrivateAnswer,
    event: &FeedbackEvent,
    by: (&Secret, Option<&mut Meter>),
) -> Result<()> {
    let undone = told.undoes.as_mut().filter(|kind| is_opinion(kind));
    let Some(kind) = undone.or_else(|| is_opinion(&told.kind).then_some(&mut told.kind)) else {
        return Ok(());
    };
    let value = usize::from(*kind == EventKind::Like);
    let about = [answer.kind.as_str(), "", event.item.as_str(), kind.as_str()];
    let (drawn, how) = draw(answer, 2, value, by, &about)?;
    *kind = if drawn == 1 { EventKind::Like } else { EventKind::Dislike };
    told.randomised.insert("kind".to_owned(), how);
    Ok(())
}

fn draw(
    answer: &PrivateAnswer,
    values: usize,
    value: usize,
    (secret, meter): (&Secret, Option<&mut Meter>),
    about: &[&str; 4],
) -> Result<(usize, Randomised)> {
    // Declarations hold a few dozen words at most.
    let (values, value) = (values as u32, value as u32);
    if meter.is_some_and(|meter| !meter.may_tell(answer.epsilon)) {
        // Whatever the truth is: the same noise, so that not even a changed mind shows.
        let [kind, field, item, _] = *about;
        let mut noise = Noise::new(secret, &[kind, field, item, "", "nothing"]);
        let drawn = noise.below(u64::from(values)) as usize;
        return Ok((drawn, Randomised { values, epsilon: 0.0 }));
    }
    let response = RandomisedResponse::new(values, answer.epsilon)?;
    let mut noise = Noise::new(secret, about);
    let drawn = response.respond(value, &mut |bound| noise.below(bound))?;
    Ok((drawn as usize, Randomised { values, epsilon: answer.epsilon }))
}

#[cfg(test)]
mod tests;
