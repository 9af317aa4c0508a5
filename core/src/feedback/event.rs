//! Feedback events, as the app hands them in and as they are kept.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Details;
use super::private::RandomisedParts;
use crate::base::{ContextId, EventId, ItemId, SurfaceId};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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
    /// The user took back what [`FeedbackEvent::undoes`] names.
    Undo,
    /// It was bought, visited, watched to the end: what the app exists for.
    Conversion,
    /// The app's own kind: lower-case letters, digits and `_`, at most 32.
    Custom(String),
}

impl EventKind {
    /// The kind's name on disk and on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Impression => "impression",
            Self::Click => "click",
            Self::Dwell => "dwell",
            Self::Like => "like",
            Self::Dislike => "dislike",
            Self::Hide => "hide",
            Self::Undo => "undo",
            Self::Conversion => "conversion",
            Self::Custom(name) => name,
        }
    }
}

impl TryFrom<String> for EventKind {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Ok(match name.as_str() {
            "impression" => Self::Impression,
            "click" => Self::Click,
            "dwell" => Self::Dwell,
            "like" => Self::Like,
            "dislike" => Self::Dislike,
            "hide" => Self::Hide,
            "undo" => Self::Undo,
            "conversion" => Self::Conversion,
            custom => {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                if custom.is_empty() || custom.len() > 32 || !custom.chars().all(plain) {
                    return Err(format!(
                        "{custom:.40?} is no event kind: use a-z, 0-9 and _, at most 32"
                    ));
                }
                Self::Custom(name)
            }
        })
    }
}

impl From<EventKind> for String {
    fn from(kind: EventKind) -> Self {
        kind.as_str().to_owned()
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event as the app hands it to `record`. Numbers are wide on purpose: what is out of range is
/// answered with an error that names the field, not cut off at the border of the language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackEvent {
    /// What happened.
    pub kind: EventKind,
    /// To which item.
    pub item: ItemId,
    /// On which surface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface: Option<SurfaceId>,
    /// In which context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextId>,
    /// Position in the slate, from 0; an impression needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// Generation of the slate it was shown from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Propensity of the slot, above 0 and at most 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f64>,
    /// How long it was looked at, milliseconds; a dwell needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dwell_ms: Option<i64>,
    /// How long at least half of it was on the screen, milliseconds; of an impression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible_ms: Option<i64>,
    /// What is taken back, a hide, like, dislike or conversion; an undo needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<EventKind>,
    /// Fields of the app's own kind, as it declared them: see [`super::KindSchema`].
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
    /// When, Unix milliseconds; the clock at `record` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
}

impl FeedbackEvent {
    /// An event of `kind` about `item` with everything else unknown.
    #[must_use]
    pub fn new(kind: EventKind, item: ItemId) -> Self {
        Self {
            kind,
            item,
            surface: None,
            context: None,
            position: None,
            generation: None,
            propensity: None,
            dwell_ms: None,
            visible_ms: None,
            undoes: None,
            details: Details::new(),
            at_ms: None,
        }
    }
}

/// An event as it is kept on the device and sent: with its identity and what served it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedEvent {
    /// Fixed at `record`, the same in every retry.
    pub id: EventId,
    /// Grows by one with each event of this installation, from 1.
    pub sequence: u64,
    /// When it happened by the wall clock, Unix milliseconds.
    pub at_ms: i64,
    /// Offset of the device from UTC in minutes, east positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_minutes: Option<i32>,
    /// Run of the library in which it was recorded: counts the openings of this profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u32>,
    /// When it was recorded by a clock that nobody can set, milliseconds: compare it within one
    /// run only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_ms: Option<u64>,
    /// Visit in which it was recorded: counts from 1; half an hour without an event begins another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
    /// What happened.
    pub kind: EventKind,
    /// To which item.
    pub item: ItemId,
    /// On which surface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface: Option<SurfaceId>,
    /// In which context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextId>,
    /// Position in the slate, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// Generation of the slate it was shown from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Propensity of the slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f64>,
    /// How long it was looked at, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dwell_ms: Option<u64>,
    /// How long at least half of it was on the screen, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible_ms: Option<u64>,
    /// What is taken back; of an undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<EventKind>,
    /// Fields of the app's own kind.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
    /// What of it the collector was told with noise: never on the device.
    #[serde(default, skip_serializing_if = "RandomisedParts::is_empty")]
    pub randomised: RandomisedParts,
    /// 16 hexadecimal digits of a digest of the pseudonym and what the slate was made from:
    /// release, plan, profile and day. Impressions with the same digest saw the same features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_from: Option<String>,
    /// Release that was active, as `name@version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Arm of the experiment that the installation was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
}

impl RecordedEvent {
    /// An event of `kind` about `item` with an identity and nothing else known.
    #[must_use]
    pub fn new(sequence: u64, at_ms: i64, kind: EventKind, item: ItemId) -> Self {
        Self {
            id: EventId::generate(),
            sequence,
            at_ms,
            zone_minutes: None,
            run: None,
            run_ms: None,
            session: None,
            kind,
            item,
            surface: None,
            context: None,
            position: None,
            generation: None,
            propensity: None,
            dwell_ms: None,
            visible_ms: None,
            undoes: None,
            details: Details::new(),
            randomised: RandomisedParts::new(),
            made_from: None,
            release: None,
            arm: None,
        }
    }
}
