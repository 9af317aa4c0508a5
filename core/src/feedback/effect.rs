//! What feedback changes at once, before any night.

use super::EventKind;
use crate::base::ItemId;
use crate::serving::Today;

/// Lets serving know of one event about `item` at `at_ms`; an undo names what it takes back.
pub fn apply(
    today: &mut Today,
    kind: &EventKind,
    undoes: Option<&EventKind>,
    item: &ItemId,
    at_ms: i64,
) {
    match kind {
        EventKind::Impression => today.note_shown(item),
        EventKind::Hide => today.note_hidden(item),
        EventKind::Conversion | EventKind::Like => today.note_chosen(item, at_ms),
        EventKind::Click => today.note_opened(item),
        EventKind::Undo => match undoes {
            Some(EventKind::Hide) => today.note_not_hidden(item),
            Some(EventKind::Conversion | EventKind::Like) => today.note_not_chosen(item),
            _ => {}
        },
        EventKind::Dwell | EventKind::Dislike | EventKind::Custom(_) => {}
    }
}
