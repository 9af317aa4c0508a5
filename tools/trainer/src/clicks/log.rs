//! Feedback in memory: the events of one app, names as indices.

use noctule_core::base::limits::SLATE_LENGTH_MAX;
use noctule_core::base::{ContextId, SurfaceId};
use noctule_core::feedback::{EventKind, FeedbackEvent};

use crate::datasets::{EVENTS_MAX, Names};
use crate::{Error, Result};

/// One event of a [`FeedbackLog`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) installation: u32,
    pub(super) sequence: u64,
    pub(super) at_ms: i64,
    pub(super) kind: EventKind,
    pub(super) undoes: Option<EventKind>,
    pub(super) item: u32,
    pub(super) surface: Option<u32>,
    pub(super) context: Option<u32>,
    pub(super) position: Option<u32>,
    pub(super) generation: Option<u64>,
    pub(super) propensity: Option<f64>,
    pub(super) dwell_ms: Option<u64>,
    pub(super) visible_ms: Option<u64>,
}

/// Feedback events of one app, in any order, repeated ones included.
///
/// ```
/// use noctule_core::base::ItemId;
/// use noctule_core::feedback::{EventKind, FeedbackEvent};
/// use noctule_trainer::clicks::{FeedbackLog, Showings};
///
/// let item = ItemId::new("tea")?;
/// let shown = FeedbackEvent {
///     position: Some(0),
///     at_ms: Some(1_000),
///     ..FeedbackEvent::new(EventKind::Impression, item.clone())
/// };
/// let click = FeedbackEvent { at_ms: Some(2_000), ..FeedbackEvent::new(EventKind::Click, item) };
/// let mut log = FeedbackLog::default();
/// log.push("phone", 1, &shown)?;
/// log.push("phone", 2, &click)?;
/// assert!(Showings::of(log).showings[0].slots[0].clicked);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct FeedbackLog {
    pub(super) installations: Names,
    pub(super) items: Names,
    pub(super) surfaces: Names,
    pub(super) contexts: Names,
    pub(super) rows: Vec<Row>,
}

impl FeedbackLog {
    /// Number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds event number `sequence` of `installation`. The app's own kinds are left out: what they
    /// mean is not known here.
    ///
    /// # Errors
    /// [`Error::Data`] for an event without a time, an impression without a position, a position
    /// or propensity outside what the schema allows, a negative duration, an undo that names
    /// nothing, and more than 2^32 - 1 events.
    pub fn push(&mut self, installation: &str, sequence: u64, event: &FeedbackEvent) -> Result<()> {
        if matches!(event.kind, EventKind::Custom(_)) {
            return Ok(());
        }
        if self.rows.len() >= EVENTS_MAX {
            return Err(Error::data(format!("more than {EVENTS_MAX} events")));
        }
        check(event).map_err(|reason| {
            Error::data(format!("event {sequence} of {installation:.40}: {reason}"))
        })?;
        let index = |names: &mut Names, name: Option<&str>| name.map(|name| names.index(name));
        let row = Row {
            installation: self.installations.index(installation),
            sequence,
            at_ms: event.at_ms.unwrap_or_default(),
            kind: event.kind.clone(),
            undoes: event.undoes.clone(),
            item: self.items.index(event.item.as_str()),
            surface: index(&mut self.surfaces, event.surface.as_ref().map(SurfaceId::as_str)),
            context: index(&mut self.contexts, event.context.as_ref().map(ContextId::as_str)),
            position: event.position.and_then(|position| u32::try_from(position).ok()),
            generation: event.generation,
            propensity: event.propensity,
            dwell_ms: event.dwell_ms.and_then(|dwell| u64::try_from(dwell).ok()),
            visible_ms: event.visible_ms.and_then(|visible| u64::try_from(visible).ok()),
        };
        self.rows.push(row);
        Ok(())
    }
}

fn check(event: &FeedbackEvent) -> Result<(), String> {
    if event.at_ms.is_none() {
        return Err("has no time".into());
    }
    let last = SLATE_LENGTH_MAX as i64 - 1;
    match event.position {
        None if event.kind == EventKind::Impression => {
            return Err("an impression needs its position".into());
        }
        Some(position) if !(0..=last).contains(&position) => {
            return Err(format!("position {position} is not between 0 and {last}"));
        }
        _ => {}
    }
    if let Some(propensity) = event.propensity
        && !(propensity > 0.0 && propensity <= 1.0)
    {
        return Err(format!("propensity {propensity} is not above 0 and at most 1"));
    }
    if event.dwell_ms.is_some_and(|dwell| dwell < 0)
        || event.visible_ms.is_some_and(|visible| visible < 0)
    {
        return Err("a duration is negative".into());
    }
    if event.kind == EventKind::Undo && event.undoes.is_none() {
        return Err("an undo names nothing".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use noctule_core::base::ItemId;

    use super::*;

    #[test]
    fn what_the_schema_forbids_is_refused_with_its_number() {
        let good = FeedbackEvent {
            position: Some(3),
            propensity: Some(0.5),
            at_ms: Some(1),
            ..FeedbackEvent::new(EventKind::Impression, ItemId::new("a").unwrap())
        };
        let mut log = FeedbackLog::default();
        log.push("phone", 1, &good).unwrap();
        let bad = [
            FeedbackEvent { at_ms: None, ..good.clone() },
            FeedbackEvent { position: None, ..good.clone() },
            FeedbackEvent { position: Some(1_000), ..good.clone() },
            FeedbackEvent { position: Some(-1), ..good.clone() },
            FeedbackEvent { propensity: Some(0.0), ..good.clone() },
            FeedbackEvent { propensity: Some(f64::NAN), ..good.clone() },
            FeedbackEvent { propensity: Some(1.5), ..good.clone() },
            FeedbackEvent { dwell_ms: Some(-5), ..good.clone() },
            FeedbackEvent { kind: EventKind::Undo, ..good.clone() },
        ];
        for event in bad {
            let error = log.push("phone", 7, &event).unwrap_err();
            assert!(error.to_string().contains("event 7 of phone"), "{error}");
        }
        let own = FeedbackEvent { kind: EventKind::Custom("zoom".into()), ..good };
        log.push("phone", 2, &own).unwrap();
        assert_eq!(log.len(), 1);
    }
}
