//! What an event must hold beyond its JSON types.

use noctule_core::base::limits::{
    DWELL_MS_MAX, EXAM_NAMES_MAX, ID_BYTES_MAX, LINE_BYTES_MAX, SLATE_LENGTH_MAX,
};
use noctule_core::feedback::details::check_foreign;
use noctule_core::feedback::private::RandomisedResponse;
use noctule_core::feedback::{EventKind, RecordedEvent};
use noctule_core::upload::{BatchHeader, ExamSummary};

/// 2100-01-01T00:00:00Z: a clock beyond it is broken, and days stay four digits of year.
const AT_MS_END: i64 = 4_102_444_800_000;

/// No zone is further from UTC: 18 hours.
const ZONE_MINUTES_MAX: u32 = 18 * 60;

/// Characters of a reason that go back to the device.
const REASON_CHARS_MAX: usize = 80;

/// Reads one event line, or says why it does not fit.
pub(crate) fn parse_event(batch: &BatchHeader, line: &[u8]) -> Result<RecordedEvent, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("the line has {} bytes, at most {LINE_BYTES_MAX} fit", line.len()));
    }
    let event: RecordedEvent = serde_json::from_slice(line)
        .map_err(|error| error.to_string().chars().take(REASON_CHARS_MAX).collect::<String>())?;
    check_event(batch, &event)?;
    Ok(event)
}

fn check_event(batch: &BatchHeader, event: &RecordedEvent) -> Result<(), String> {
    let (first, last) = (batch.first_sequence, batch.last_sequence);
    if !(first..=last).contains(&event.sequence) {
        return Err(format!("sequence: {} is outside {first} to {last}", event.sequence));
    }
    if i64::try_from(event.sequence).is_err() {
        return Err("sequence: does not fit a signed 64-bit number".into());
    }
    if !(0..AT_MS_END).contains(&event.at_ms) {
        return Err(format!("at_ms: {} is outside 1970 to 2099", event.at_ms));
    }
    if event.position.is_some_and(|position| position as usize >= SLATE_LENGTH_MAX) {
        return Err(format!("position: must be below {SLATE_LENGTH_MAX}"));
    }
    if event.kind == EventKind::Impression && event.position.is_none() {
        return Err("position: an impression needs it".into());
    }
    if event.kind == EventKind::Dwell && event.dwell_ms.is_none() {
        return Err("dwell_ms: a dwell needs it".into());
    }
    if event.dwell_ms.is_some_and(|dwell| dwell > DWELL_MS_MAX.unsigned_abs()) {
        return Err(format!("dwell_ms: at most {DWELL_MS_MAX} (a week)"));
    }
    check_stamp(event)?;
    check_foreign(&event.details).map_err(|reason| format!("details: {reason}"))?;
    check_randomised(event)?;
    if event.generation.is_some_and(|generation| i64::try_from(generation).is_err()) {
        return Err("generation: does not fit a signed 64-bit number".into());
    }
    if event.propensity.is_some_and(|propensity| !(propensity > 0.0 && propensity <= 1.0)) {
        return Err("propensity: must be above 0 and at most 1".into());
    }
    for (field, name) in [("release", &event.release), ("arm", &event.arm)] {
        if let Some(name) = name {
            check_name(name).map_err(|reason| format!("{field}: {reason}"))?;
        }
    }
    Ok(())
}

/// Checks that what was drawn with noise is there, and that its bias can be undone.
fn check_randomised(event: &RecordedEvent) -> Result<(), String> {
    for (part, how) in &event.randomised {
        let kind = event.undoes.as_ref().unwrap_or(&event.kind);
        let there = match part.strip_prefix("details.") {
            Some(field) => event.details.contains_key(field),
            None => part == "kind" && matches!(kind, EventKind::Like | EventKind::Dislike),
        };
        if !there {
            return Err(format!("randomised.{part:.41}: is nothing that the event tells"));
        }
        RandomisedResponse::new(how.values, how.epsilon)
            .map_err(|error| format!("randomised.{part}: {error}"))?;
    }
    Ok(())
}

/// Checks what the library stamps on an event.
fn check_stamp(event: &RecordedEvent) -> Result<(), String> {
    if event.visible_ms.is_some_and(|visible| visible > DWELL_MS_MAX.unsigned_abs()) {
        return Err(format!("visible_ms: at most {DWELL_MS_MAX} (a week)"));
    }
    if event.zone_minutes.is_some_and(|zone| zone.unsigned_abs() > ZONE_MINUTES_MAX) {
        return Err(format!("zone_minutes: at most {ZONE_MINUTES_MAX} from UTC"));
    }
    for (field, number) in [("run", event.run), ("session", event.session)] {
        if number.is_some_and(|number| i32::try_from(number).is_err()) {
            return Err(format!("{field}: does not fit a signed 32-bit number"));
        }
    }
    if event.run_ms.is_some_and(|ms| i64::try_from(ms).is_err()) {
        return Err("run_ms: does not fit a signed 64-bit number".into());
    }
    if (event.kind == EventKind::Undo) != event.undoes.is_some() {
        return Err("undoes: an undo needs it, and nothing else has it".into());
    }
    let digest = |text: &str| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if event.made_from.as_deref().is_some_and(|text| !digest(text)) {
        return Err("made_from: must be 16 hexadecimal digits".into());
    }
    Ok(())
}

/// Checks a free name (release, arm, experiment) like an identifier.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    // `name@version` of a release may be longer than a bare identifier by its version.
    let limit = ID_BYTES_MAX + 21;
    if name.is_empty() || name.len() > limit {
        return Err(format!("must have 1 to {limit} bytes"));
    }
    if name.chars().any(char::is_control) {
        return Err("holds a control character".into());
    }
    Ok(())
}

/// Checks what a device tells of an exam.
pub(crate) fn check_exam(exam: &ExamSummary) -> Result<(), String> {
    check_name(&exam.release).map_err(|reason| format!("release: {reason}"))?;
    let (names, failed) = (exam.failed_ids.len(), exam.failed as usize);
    if names > EXAM_NAMES_MAX || names > failed {
        return Err(format!("failed_ids: {names} of {failed}, at most {EXAM_NAMES_MAX} fit"));
    }
    let mut named = exam.failed_ids.iter();
    named.try_for_each(|id| check_name(id).map_err(|reason| format!("failed_ids: {reason}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn batch() -> BatchHeader {
        BatchHeader {
            schema: 1,
            batch_id: Uuid::from_u128(1),
            app: "town".into(),
            installation: Uuid::from_u128(2),
            first_sequence: 5,
            last_sequence: 9,
            events: 5,
            experiment: None,
            exam: None,
            sent_at_ms: 0,
            library: "0.1.0".into(),
            dropped: 0,
            dropped_ranges: Vec::new(),
        }
    }

    fn good() -> Value {
        json!({
            "id": "0190a5c0-0000-7000-8000-000000000001", "sequence": 7,
            "at_ms": 1_700_000_000_000_i64,
            "kind": "impression", "item": "cafe", "surface": "home", "context": "breakfast",
            "position": 0, "generation": 3, "propensity": 0.95, "release": "town@1", "arm": "model",
        })
    }

    #[test]
    fn a_complete_impression_fits() {
        let line = good().to_string();
        assert!(parse_event(&batch(), line.as_bytes()).is_ok());
    }

    #[test]
    fn every_field_out_of_range_is_named() {
        let cases = [
            ("sequence", json!(4)),
            ("sequence", json!(10)),
            ("at_ms", json!(-1)),
            ("at_ms", json!(AT_MS_END)),
            ("position", json!(1000)),
            ("position", Value::Null),
            ("generation", json!(u64::MAX)),
            ("propensity", json!(0.0)),
            ("propensity", json!(1.0001)),
            ("propensity", json!(-0.5)),
            ("dwell_ms", json!(DWELL_MS_MAX + 1)),
            ("visible_ms", json!(DWELL_MS_MAX + 1)),
            ("zone_minutes", json!(-1081)),
            ("session", json!(1u64 << 31)),
            ("run", json!(1u64 << 31)),
            ("run_ms", json!(1u64 << 63)),
            ("undoes", json!("hide")),
            ("made_from", json!("0123456789abcdeg")),
            ("details", json!({"Two Words": 1})),
            ("details", json!({"why": "x".repeat(65)})),
            ("randomised", json!({"kind": {"values": 2, "epsilon": 1.0}})),
            ("release", json!("")),
            ("arm", json!("a\nb")),
        ];
        for (field, value) in cases {
            let mut event = good();
            event[field] = value.clone();
            let reason = parse_event(&batch(), event.to_string().as_bytes()).unwrap_err();
            let named = [": ", "."].iter().any(|end| reason.starts_with(&format!("{field}{end}")));
            assert!(named, "{field} = {value}: {reason}");
        }
    }

    #[test]
    fn other_json_and_other_fields_are_refused_in_few_words() {
        let mut unknown = good();
        unknown["colour"] = json!("red");
        let mut kind = good();
        kind["kind"] = json!("B".repeat(9_000));
        for line in [unknown.to_string(), kind.to_string(), "[]".into(), "{".into(), String::new()]
        {
            let reason = parse_event(&batch(), line.as_bytes()).unwrap_err();
            assert!(!reason.is_empty() && reason.chars().count() <= REASON_CHARS_MAX);
        }
        assert!(parse_event(&batch(), &[b'"'; LINE_BYTES_MAX + 1]).unwrap_err().contains("bytes"));
    }
}
