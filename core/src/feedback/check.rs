//! What an event must be before it is stored: one bad event refuses the whole call.

use crate::base::limits::{DWELL_MS_MAX, EVENTS_PER_CALL_MAX, FUTURE_MS_MAX, SLATE_LENGTH_MAX};
use crate::base::{Error, Result};

use super::{EventKind, FeedbackEvent, KindSchemas};

/// Checks every event against the ranges of its fields, at the device's time `now_ms`, and the
/// fields of own kinds against what the app declared.
///
/// # Errors
/// [`Error::InvalidInput`] with the index and the field of the first that does not fit.
pub fn check(events: &[FeedbackEvent], own: &KindSchemas, now_ms: i64) -> Result<()> {
    if events.len() > EVENTS_PER_CALL_MAX {
        let reason = format!("{} events, at most {EVENTS_PER_CALL_MAX} a call", events.len());
        return Err(Error::invalid("events", reason));
    }
    for (index, event) in events.iter().enumerate() {
        check_one(event, now_ms).map_err(|(field, reason)| {
            Error::invalid(format!("events[{index}].{field}"), reason)
        })?;
        own.check(&event.kind, &event.details).map_err(|(field, reason)| {
            Error::invalid(format!("events[{index}].{field}"), reason)
        })?;
    }
    Ok(())
}

fn check_one(event: &FeedbackEvent, now_ms: i64) -> Result<(), (&'static str, String)> {
    let positions = 0..SLATE_LENGTH_MAX as i64;
    if event.position.is_some_and(|position| !positions.contains(&position)) {
        return Err(("position", format!("must be between 0 and {}", positions.end - 1)));
    }
    if event.kind == EventKind::Impression && event.position.is_none() {
        return Err(("position", "an impression needs one".into()));
    }
    if event.propensity.is_some_and(|propensity| !(propensity > 0.0 && propensity <= 1.0)) {
        return Err(("propensity", "must be above 0 and at most 1".into()));
    }
    if event.dwell_ms.is_some_and(|dwell| !(0..=DWELL_MS_MAX).contains(&dwell)) {
        return Err(("dwell_ms", format!("must be between 0 and {DWELL_MS_MAX} ms")));
    }
    if event.kind == EventKind::Dwell && event.dwell_ms.is_none() {
        return Err(("dwell_ms", "a dwell needs it".into()));
    }
    if event.visible_ms.is_some_and(|visible| !(0..=DWELL_MS_MAX).contains(&visible)) {
        return Err(("visible_ms", format!("must be between 0 and {DWELL_MS_MAX} ms")));
    }
    if event.visible_ms.is_some() && event.kind != EventKind::Impression {
        return Err(("visible_ms", "belongs to an impression".into()));
    }
    check_undo(event)?;
    if event.generation.is_some_and(|generation| i64::try_from(generation).is_err()) {
        return Err(("generation", "is not one that this library published".into()));
    }
    match event.at_ms {
        Some(at_ms) if at_ms < 0 => Err(("at_ms", "is before 1970".into())),
        Some(at_ms) if at_ms > now_ms.saturating_add(FUTURE_MS_MAX) => {
            Err(("at_ms", "is more than a day in the future".into()))
        }
        _ => Ok(()),
    }
}

fn check_undo(event: &FeedbackEvent) -> Result<(), (&'static str, String)> {
    use EventKind::{Conversion, Dislike, Hide, Like, Undo};
    match (&event.kind, &event.undoes) {
        (Undo, Some(Hide | Like | Dislike | Conversion)) => Ok(()),
        (Undo, None) => Err(("undoes", "an undo needs it".into())),
        (Undo, Some(kind)) => Err(("undoes", format!("{kind} cannot be taken back"))),
        (_, Some(_)) => Err(("undoes", "belongs to an undo".into())),
        (_, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ItemId;

    const NOW: i64 = 1_700_000_000_000;

    fn impression() -> FeedbackEvent {
        let item = ItemId::new("luna").unwrap();
        FeedbackEvent { position: Some(0), ..FeedbackEvent::new(EventKind::Impression, item) }
    }

    fn refused_field(event: FeedbackEvent) -> String {
        match check(&[impression(), event], &KindSchemas::default(), NOW) {
            Err(Error::InvalidInput { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_event() {
        let cases = [
            (FeedbackEvent { position: Some(-1), ..impression() }, "events[1].position"),
            (FeedbackEvent { position: None, ..impression() }, "events[1].position"),
            (FeedbackEvent { position: Some(i64::MAX), ..impression() }, "events[1].position"),
            (FeedbackEvent { propensity: Some(0.0), ..impression() }, "events[1].propensity"),
            (FeedbackEvent { propensity: Some(f64::NAN), ..impression() }, "events[1].propensity"),
            (FeedbackEvent { dwell_ms: Some(-5), ..impression() }, "events[1].dwell_ms"),
            (FeedbackEvent { kind: EventKind::Dwell, ..impression() }, "events[1].dwell_ms"),
            (FeedbackEvent { visible_ms: Some(-1), ..impression() }, "events[1].visible_ms"),
            (
                FeedbackEvent { kind: EventKind::Click, visible_ms: Some(1), ..impression() },
                "events[1].visible_ms",
            ),
            (FeedbackEvent { kind: EventKind::Undo, ..impression() }, "events[1].undoes"),
            (FeedbackEvent { undoes: Some(EventKind::Hide), ..impression() }, "events[1].undoes"),
            (
                FeedbackEvent {
                    kind: EventKind::Undo,
                    undoes: Some(EventKind::Click),
                    ..impression()
                },
                "events[1].undoes",
            ),
            (FeedbackEvent { generation: Some(u64::MAX), ..impression() }, "events[1].generation"),
            (FeedbackEvent { at_ms: Some(-1), ..impression() }, "events[1].at_ms"),
            (
                FeedbackEvent { at_ms: Some(NOW + FUTURE_MS_MAX + 1), ..impression() },
                "events[1].at_ms",
            ),
        ];
        for (event, field) in cases {
            assert_eq!(refused_field(event), field);
        }
    }

    #[test]
    fn a_clock_that_is_a_little_ahead_is_no_reason_to_refuse() {
        let event = FeedbackEvent { at_ms: Some(NOW + 60_000), ..impression() };
        assert!(check(&[event], &KindSchemas::default(), NOW).is_ok());
    }

    #[test]
    fn too_many_events_at_once_are_refused() {
        let events = vec![impression(); EVENTS_PER_CALL_MAX + 1];
        let refused = check(&events, &KindSchemas::default(), NOW);
        assert!(matches!(refused, Err(Error::InvalidInput { field, .. }) if field == "events"));
    }
}
