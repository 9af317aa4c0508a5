//! A slate that was computed again, as JSON for programs: values, no sentences.

use noctule_core::candidates::Generator;
use noctule_core::replay::{CandidateStory, Replayed};
use noctule_core::slates::{Reason, ReasonKind, Slate};
use serde_json::{Value, json};

pub(crate) fn json(replayed: &Replayed, stories: &[CandidateStory]) -> Value {
    let slate = &replayed.published;
    let differences = replayed.differences.iter().map(|difference| {
        json!({
            "place": difference.place,
            "published": difference.published,
            "computed": difference.computed,
        })
    });
    let candidates = stories.iter().map(|story| candidate(story, &replayed.computed));
    json!({
        "surface": slate.key.surface,
        "context": slate.key.context,
        "generation": slate.generation,
        "created_ms": slate.created_ms,
        "release": slate.release,
        "arm": slate.arm,
        "personalised": slate.personalised,
        "equal": replayed.differences.is_empty(),
        "differences": differences.collect::<Vec<_>>(),
        "unmet": slate.unmet.iter().map(|unmet| json!({ "rule": unmet.rule, "slots": unmet.slots }))
            .collect::<Vec<_>>(),
        "candidates": candidates.collect::<Vec<_>>(),
    })
}

fn candidate(story: &CandidateStory, slate: &Slate) -> Value {
    let slot = story.position.and_then(|position| slate.slots.get(position - 1));
    let features: serde_json::Map<String, Value> =
        story.features.iter().map(|(name, values)| (name.clone(), json!(values))).collect();
    json!({
        "item": story.item,
        "title": story.title,
        "sources": story.sources.iter().map(Generator::name).collect::<Vec<_>>(),
        "features": features,
        "score": story.score,
        "ranked": story.ranked,
        "relevance": story.relevance,
        "by_relevance": story.by_relevance,
        "position": story.position,
        "propensity": slot.map(|slot| slot.propensity),
        "moves": story.moves.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "reasons": slot.map(|slot| slot.reasons.iter().map(reason).collect::<Vec<_>>()),
    })
}

fn reason(reason: &Reason) -> Value {
    let (kind, about) = match &reason.kind {
        ReasonKind::BecauseOf { item, .. } => ("because_of", Some(item.to_string())),
        ReasonKind::OtherHistory => ("other_history", None),
        ReasonKind::Popular => ("popular", None),
        ReasonKind::PopularInContext => ("popular_in_context", None),
        ReasonKind::Nearby => ("nearby", None),
        ReasonKind::Feature(name) => ("feature", Some(name.clone())),
        ReasonKind::Base => ("base", None),
        ReasonKind::Exploration => ("exploration", None),
        ReasonKind::Rule(id) => ("rule", Some(id.clone())),
    };
    json!({ "kind": kind, "about": about, "contribution": reason.contribution })
}
