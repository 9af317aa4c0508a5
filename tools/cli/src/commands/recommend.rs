//! `noctule recommend`.

use clap::Args;
use noctule_core::base::{ContextId, SurfaceId};
use noctule_core::serving::{RecommendRequest, Recommendations, RecommendedItem};
use noctule_core::slates::Reason;
use serde_json::{Value, json};

use super::profile::Profile;
use super::replay::names;
use crate::error::{Error, Result};
use crate::output::{Output, kebab};
use crate::reasons;

/// Ask a profile for recommendations, as the app does when it opens.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule recommend profile --app town --surface home
  noctule recommend profile --app town --surface home --context dinner-weekend --limit 3 --json")]
pub(crate) struct Recommend {
    #[command(flatten)]
    profile: Profile,

    /// The surface.
    #[arg(long, value_parser = surface)]
    surface: SurfaceId,

    /// The context; by default the one that holds now.
    #[arg(long, value_parser = context)]
    context: Option<ContextId>,

    /// Items, at most.
    #[arg(long)]
    limit: Option<usize>,
}

pub(super) fn surface(text: &str) -> Result<SurfaceId, String> {
    SurfaceId::new(text).map_err(|error| error.to_string())
}

pub(super) fn context(text: &str) -> Result<ContextId, String> {
    ContextId::new(text).map_err(|error| error.to_string())
}

/// Recommends.
pub(crate) fn run(asked: &Recommend, output: Output) -> Result<()> {
    let failed = "recommend";
    let library = asked.profile.open(failed, &[])?;
    let request = RecommendRequest {
        surface: asked.surface.clone(),
        context: asked.context.clone(),
        limit: asked.limit,
    };
    let answer = library.recommend(&request).map_err(Error::failed(failed))?;
    output.print(&as_json(&answer), &as_text(&answer))
}

fn as_text(answer: &Recommendations) -> String {
    let context = answer.context.as_ref().map_or(String::new(), |id| format!("/{id}"));
    let mut text = format!("{}{context}: {}", answer.surface, kebab(&answer.tier));
    if let Some(age_ms) = answer.age_ms {
        text.push_str(&format!(", {}", reasons::age(age_ms)));
    }
    if let Some(release) = &answer.release {
        text.push_str(&format!(", {release}"));
    }
    if let Some(reason) = &answer.empty_reason {
        text.push_str(&format!(", empty: {}", kebab(reason)));
    }
    text.push('\n');
    for item in &answer.items {
        text.push_str(&format!("{:>3}  {}", item.position + 1, item.title));
        if let Some(strongest) = reasons::in_words(&item.item, &item.reasons).first() {
            text.push_str(&format!("  ({})", strongest.text));
        }
        text.push('\n');
    }
    for unmet in answer.unmet.iter() {
        text.push_str(&format!("not met: {} ({})\n", unmet.rule, unmet.slots));
    }
    text
}

fn as_json(answer: &Recommendations) -> Value {
    json!({
        "surface": answer.surface,
        "context": answer.context,
        "tier": kebab(&answer.tier),
        "age_ms": answer.age_ms,
        "generation": answer.generation,
        "release": answer.release.as_deref(),
        "arm": answer.arm.as_deref(),
        "items": answer.items.iter().map(item_json).collect::<Vec<_>>(),
        "unmet": answer
            .unmet
            .iter()
            .map(|unmet| json!({ "rule": unmet.rule, "slots": unmet.slots }))
            .collect::<Vec<_>>(),
        "empty_reason": answer.empty_reason.as_ref().map(kebab),
    })
}

fn item_json(item: &RecommendedItem) -> Value {
    let reason = |reason: &Reason| {
        let text = reasons::words(&reason.kind);
        let Reason { contribution, standard_error, .. } = reason;
        json!({ "text": text, "contribution": contribution, "standard_error": standard_error })
    };
    json!({
        "item": item.item,
        "title": &*item.title,
        "position": item.position,
        "score": item.score,
        "propensity": item.propensity,
        "reasons": item.reasons.iter().map(reason).collect::<Vec<_>>(),
        "sources": names(item.sources),
    })
}
