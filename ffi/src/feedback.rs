//! Feedback that the app records.

use noctule_core::base::{ContextId, ItemId, SurfaceId};
use noctule_core::feedback;

use crate::kinds::core_details;
use crate::{EventDetail, RecommenderError};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum EventKind {
    /// The item was really shown, at a position, from a slate.
    Impression,
    /// It was opened.
    Click,
    /// It was looked at for some time.
    Dwell,
    /// The user said that it is good.
    Like,
    /// The user said that it is not.
    Dislike,
    /// The user asked never to see it again.
    Hide,
    /// The user took back what `undoes` names.
    Undo,
    /// It was bought, visited, watched to the end: what the app exists for.
    Conversion,
    /// A kind of the app's own.
    Custom {
        /// Lower-case letters, digits and `_`, at most 32.
        name: String,
    },
}

impl TryFrom<EventKind> for feedback::EventKind {
    type Error = RecommenderError;

    fn try_from(kind: EventKind) -> Result<Self, RecommenderError> {
        Ok(match kind {
            EventKind::Impression => Self::Impression,
            EventKind::Click => Self::Click,
            EventKind::Dwell => Self::Dwell,
            EventKind::Like => Self::Like,
            EventKind::Dislike => Self::Dislike,
            EventKind::Hide => Self::Hide,
            EventKind::Undo => Self::Undo,
            EventKind::Conversion => Self::Conversion,
            EventKind::Custom { name } => {
                Self::try_from(name).map_err(|reason| RecommenderError::invalid("kind", reason))?
            }
        })
    }
}

/// Something the user did with an item.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct FeedbackEvent {
    /// What happened.
    pub kind: EventKind,
    /// To which item: the app's own name of it.
    pub item: String,
    /// On which surface.
    #[uniffi(default = None)]
    pub surface: Option<String>,
    /// In which context.
    #[uniffi(default = None)]
    pub context: Option<String>,
    /// Position in the slate, from 0; an impression needs it.
    #[uniffi(default = None)]
    pub position: Option<i64>,
    /// Generation of the slate it was shown from.
    #[uniffi(default = None)]
    pub generation: Option<u64>,
    /// Propensity of the slot, above 0 and at most 1.
    #[uniffi(default = None)]
    pub propensity: Option<f64>,
    /// How long it was looked at, milliseconds; a dwell needs it.
    #[uniffi(default = None)]
    pub dwell_ms: Option<i64>,
    /// How long at least half of it was on the screen, milliseconds; of an impression.
    #[uniffi(default = None)]
    pub visible_ms: Option<i64>,
    /// What is taken back, a hide, like, dislike or conversion; an undo needs it.
    #[uniffi(default = None)]
    pub undoes: Option<EventKind>,
    /// Fields of the app's own kind, as it declared them.
    #[uniffi(default = [])]
    pub details: Vec<EventDetail>,
    /// When, Unix milliseconds; the clock at `record` when absent.
    #[uniffi(default = None)]
    pub at_ms: Option<i64>,
}

impl TryFrom<FeedbackEvent> for feedback::FeedbackEvent {
    type Error = RecommenderError;

    fn try_from(event: FeedbackEvent) -> Result<Self, RecommenderError> {
        Ok(Self {
            kind: event.kind.try_into()?,
            item: ItemId::new(event.item)?,
            surface: event.surface.map(SurfaceId::new).transpose()?,
            context: event.context.map(ContextId::new).transpose()?,
            position: event.position,
            generation: event.generation,
            propensity: event.propensity,
            dwell_ms: event.dwell_ms,
            visible_ms: event.visible_ms,
            undoes: event.undoes.map(TryInto::try_into).transpose()?,
            details: core_details(event.details)?,
            at_ms: event.at_ms,
        })
    }
}

/// Converts `events`, or says which one cannot be.
pub(crate) fn core_events(
    events: Vec<FeedbackEvent>,
) -> Result<Vec<feedback::FeedbackEvent>, RecommenderError> {
    let numbered = events.into_iter().enumerate();
    let converted = numbered.map(|(index, event)| {
        feedback::FeedbackEvent::try_from(event)
            .map_err(|error| error.within(&format!("events[{index}]")))
    });
    converted.collect()
}

/// What `record` has made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Receipt {
    /// Sequence number of the first event; 0 when there was none.
    pub first_sequence: u64,
    /// Sequence number of the last event; 0 when there was none.
    pub last_sequence: u64,
    /// False when nothing was stored, since the user did not allow it.
    pub stored: bool,
}

impl From<noctule_core::Receipt> for Receipt {
    fn from(receipt: noctule_core::Receipt) -> Self {
        let noctule_core::Receipt { first_sequence, last_sequence, stored } = receipt;
        Self { first_sequence, last_sequence, stored }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, item: &str) -> FeedbackEvent {
        FeedbackEvent {
            kind,
            item: item.to_owned(),
            surface: None,
            context: None,
            position: None,
            generation: None,
            propensity: None,
            dwell_ms: None,
            visible_ms: None,
            undoes: None,
            details: Vec::new(),
            at_ms: None,
        }
    }

    fn field_refused(second: FeedbackEvent) -> String {
        match core_events(vec![event(EventKind::Click, "luna"), second]) {
            Err(RecommenderError::InvalidInput { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_event_that_cannot_be_converted_is_named_with_its_field() {
        assert_eq!(field_refused(event(EventKind::Click, "")), "events[1].item");
        let custom = EventKind::Custom { name: "Two Words".into() };
        assert_eq!(field_refused(event(custom, "luna")), "events[1].kind");
        let surface = Some("a\nb".into());
        let event = FeedbackEvent { surface, ..event(EventKind::Click, "luna") };
        assert_eq!(field_refused(event), "events[1].surface");
    }

    #[test]
    fn a_kind_of_the_apps_own_keeps_its_name() {
        let custom = EventKind::Custom { name: "shared".into() };
        let events = core_events(vec![event(custom, "luna")]).unwrap();
        assert_eq!(events[0].kind, feedback::EventKind::Custom("shared".into()));
    }
}
