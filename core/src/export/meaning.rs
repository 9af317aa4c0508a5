//! What stored bytes mean.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::base::{HistoryItem, Profile, Result};
use crate::candidates::Generator;
use crate::consent::rows as consent;
use crate::feedback::private::rows as private;
use crate::learning::rows as profiles;
use crate::night::schedule::rows as observed;
use crate::reasons::{Reason, ReasonKind};
use crate::release::Policy;
use crate::replay::Inputs;
use crate::slates::{Slate, Slot, stored};
use crate::store::identity;
use crate::upload::QueueState;

/// Values that are numbers, little-endian.
const NUMBERS: [&str; 6] = [
    identity::SEED,
    "withheld_through",
    "erasure_pending",
    "scrub_pending",
    "metered_day",
    "metered_bytes",
];
/// Values that are paths.
const PATHS: [&str; 2] = ["widget_path", "export_path"];

/// The value of `key` among those of which there is one.
pub(super) fn of_value(key: &str, bytes: &[u8]) -> Value {
    let number = <[u8; 8]>::try_from(bytes).map(u64::from_le_bytes);
    match key {
        _ if key == profiles::KEY => {
            or_damaged(bytes, profiles::decode(bytes).map(|p| profile(&p)))
        }
        _ if key == consent::KEY => {
            or_damaged(bytes, consent::decode(bytes).map(|consent| json!(consent.as_str())))
        }
        _ if key == observed::KEY => {
            or_damaged(bytes, observed::decode(bytes).map(|hours| json!(hours.0)))
        }
        _ if key == QueueState::KEY => {
            or_damaged(bytes, QueueState::decode(bytes).map(|q| json!(q)))
        }
        _ if key == private::SPENT => or_damaged(bytes, private::decode(bytes).map(|s| json!(s))),
        _ if key == identity::ASSIGNMENT => of_uuid(bytes),
        _ if NUMBERS.contains(&key) => number.map_or_else(|_| raw(bytes), Value::from),
        _ if PATHS.contains(&key) => json!(String::from_utf8_lossy(bytes)),
        _ => raw(bytes),
    }
}

/// The bytes in `column` of `table`.
pub(super) fn of_column(table: &str, column: &str, bytes: &[u8]) -> Value {
    match (table, column) {
        ("slates", "body") => {
            or_damaged(bytes, stored::decode("a slate", bytes).map(|made| slate(&made)))
        }
        ("slate_inputs", "body") => {
            or_damaged(bytes, Inputs::decode(bytes).map(|found| inputs(&found)))
        }
        (_, "id" | "installation" | "transfer") => of_uuid(bytes),
        _ => raw(bytes),
    }
}

fn or_damaged(bytes: &[u8], meaning: Result<Value>) -> Value {
    meaning.unwrap_or_else(|error| json!({ "damaged": error.to_string(), "bytes": raw(bytes) }))
}

fn of_uuid(bytes: &[u8]) -> Value {
    Uuid::from_slice(bytes).map_or_else(|_| raw(bytes), |uuid| json!(uuid))
}

/// Bytes that mean nothing to a person, in hexadecimal digits.
fn raw(bytes: &[u8]) -> Value {
    Value::String(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn profile(profile: &Profile) -> Value {
    let openings = &profile.openings;
    let by_slate = openings.by_slate.iter().map(|((surface, context), usage)| {
        let (weekday, weekend) = (usage.weekday, usage.weekend);
        json!({ "surface": surface, "context": context, "weekday": weekday, "weekend": weekend })
    });
    json!({
        "history": profile.history.iter().map(history_item).collect::<Vec<_>>(),
        "hidden": profile.hidden,
        "place": profile.place.map(|place| {
            json!({ "latitude": place.latitude, "longitude": place.longitude })
        }),
        "openings": {
            "by_slate": by_slate.collect::<Vec<_>>(),
            "days": { "weekday": openings.days.weekday, "weekend": openings.days.weekend },
            "newest": openings.newest,
        },
        "learned_through": profile.learned_through,
        "forgotten_through": profile.forgotten_through,
        "seed": profile.seed,
    })
}

fn history_item(entry: &HistoryItem) -> Value {
    let weights = entry.weight_by_context.iter();
    let weights = weights.map(|(context, weight)| json!({ "context": context, "weight": weight }));
    json!({
        "item": entry.item,
        "weights": weights.collect::<Vec<_>>(),
        "negative": entry.negative,
        "last_chosen_ms": entry.last_chosen_ms,
    })
}

fn inputs(inputs: &Inputs) -> Value {
    json!({
        "release": inputs.release,
        "manifest_sha256": inputs.manifest_sha256,
        "plan": inputs.plan,
        "profile": profile(&inputs.profile),
        "day": inputs.day,
    })
}

fn slate(slate: &Slate) -> Value {
    let unmet = slate.unmet.iter();
    let unmet = unmet.map(|unmet| json!({ "rule": unmet.rule, "slots": unmet.slots }));
    json!({
        "created_ms": slate.created_ms,
        "stale_after_ms": slate.stale_after_ms,
        "release": slate.release,
        "policy": match slate.policy { Policy::Model => "model", Policy::Baseline => "baseline" },
        "made_at_night": slate.made_at_night,
        "personalised": slate.personalised,
        "arm": slate.arm,
        "fatigue_impressions": slate.fatigue_impressions,
        "forgotten_through": slate.forgotten_through,
        "slots": slate.slots.iter().map(slot).collect::<Vec<_>>(),
        "unmet": unmet.collect::<Vec<_>>(),
    })
}

fn slot(slot: &Slot) -> Value {
    let sources = Generator::ALL.into_iter().filter(|by| slot.sources.has(*by));
    json!({
        "item": slot.item,
        "title": slot.title.as_ref(),
        "score": slot.score,
        "propensity": slot.propensity,
        "reasons": slot.reasons.iter().map(reason).collect::<Vec<_>>(),
        "sources": sources.map(Generator::name).collect::<Vec<_>>(),
    })
}

fn reason(reason: &Reason) -> Value {
    let (kind, about) = match &reason.kind {
        ReasonKind::BecauseOf { item, title } => {
            ("because_of", json!({ "item": item, "title": title }))
        }
        ReasonKind::OtherHistory => ("other_history", Value::Null),
        ReasonKind::Popular => ("popular", Value::Null),
        ReasonKind::PopularInContext => ("popular_in_context", Value::Null),
        ReasonKind::Nearby => ("nearby", Value::Null),
        ReasonKind::Feature(name) => ("feature", json!(name)),
        ReasonKind::Base => ("base", Value::Null),
        ReasonKind::Exploration => ("exploration", Value::Null),
        ReasonKind::Rule(id) => ("rule", json!(id)),
    };
    json!({
        "kind": kind,
        "about": about,
        "contribution": reason.contribution,
        "standard_error": reason.standard_error,
    })
}
