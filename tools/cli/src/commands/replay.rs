//! `noctule export-replay` and `noctule replay`.

use std::path::{Path, PathBuf};

use clap::Args;
use noctule_core::base::{ContextId, SurfaceId};
use noctule_core::candidates::{Generator, Sources};
use noctule_core::replay::{self, Bundle, CandidateStory, Consent, Replayed, stories};
use noctule_core::slates::{Slate, SlateKey};
use noctule_releases::registry::{Reference, Registry};
use serde_json::{Value, json};

use super::profile::Profile;
use super::recommend::{context, surface};
use crate::error::{Error, Result};
use crate::output::Output;
use crate::reasons;

const ACTION: &str = "replay";
const EXPORT: &str = "export a slate for replay";

/// Export a published slate with everything it was made from, for `noctule replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
The bundle holds the user's history, hidden items and place: personal data. Export it only when the
user was asked and agreed, say so with --with-consent, and delete it when the question is answered.

Examples:
  noctule export-replay profile --app town --surface home --context lunch --with-consent \\
      --output home-lunch.replay")]
pub(crate) struct ExportReplay {
    #[command(flatten)]
    profile: Profile,

    /// The surface.
    #[arg(long, value_parser = surface)]
    surface: SurfaceId,

    /// The context.
    #[arg(long, value_parser = context)]
    context: ContextId,

    /// The user was asked and agreed.
    #[arg(long)]
    with_consent: bool,

    /// Where the bundle goes.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// Compute a slate again, byte for byte, and show why each item stands where it does.
#[derive(Debug, Args)]
#[command(after_help = "\
Fails and tells what is different when the slate is not what was published.

Examples:
  noctule replay home-lunch.replay --release release
  noctule replay home-lunch.replay --registry shelf --all
  noctule replay home-lunch.replay --release release --json")]
pub(crate) struct Replay {
    /// What `noctule export-replay` or the app wrote.
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,

    /// Directory of the release that the slate was made from.
    #[arg(long, value_name = "RELEASE_DIR", required_unless_present = "registry")]
    release: Option<PathBuf>,

    /// A registry that has it.
    #[arg(long, value_name = "PLACE", conflicts_with = "release")]
    registry: Option<String>,

    /// Show all candidates, also those that are not in the slate.
    #[arg(long)]
    all: bool,
}

/// Exports.
pub(crate) fn export(asked: &ExportReplay, output: Output) -> Result<()> {
    let library = asked.profile.open_existing(EXPORT, &[])?;
    let key = SlateKey { surface: asked.surface.clone(), context: asked.context.clone() };
    let consent = if asked.with_consent { Consent::Given } else { Consent::NotGiven };
    let bytes = library.export_replay(&key, consent).map_err(Error::failed(EXPORT))?;
    noctule_core::base::replace::replace_file(&asked.output, &bytes)
        .map_err(Error::failed(EXPORT))?;
    let text = format!("{key}: {} bytes, personal data", bytes.len());
    output.print(&json!({ "slate": key.to_string(), "bytes": bytes.len() }), &text)
}

/// Replays.
pub(crate) fn run(asked: &Replay, output: Output) -> Result<()> {
    let bytes = replay::read_file(&asked.bundle).map_err(Error::failed(ACTION))?;
    let bundle = Bundle::parse(&bytes).map_err(Error::failed(ACTION))?;
    let replayed = match (&asked.release, &asked.registry) {
        (Some(directory), _) => replay_on(directory, &bundle)?,
        (None, Some(place)) => {
            let name: Reference = bundle.inputs.release.parse().map_err(Error::failed(ACTION))?;
            let registry = Registry::open(place).map_err(Error::failed(ACTION))?;
            registry
                .lend(&name, |directory| replay_on(directory, &bundle))
                .map_err(Error::failed(ACTION))??
        }
        // The command line asks for one of them.
        (None, None) => return Err(Error::failed(ACTION)("no release was named")),
    };
    let stories = stories(&replayed);
    output.print(&as_json(&replayed, &stories), &as_text(&replayed, &stories, asked.all))?;
    match replayed.differences.len() {
        0 => Ok(()),
        1 => Err(Error::failed(ACTION)("the slate is not what was published: 1 field differs")),
        many => Err(Error::failed(ACTION)(format!(
            "the slate is not what was published: {many} fields differ"
        ))),
    }
}

fn replay_on(directory: &Path, bundle: &Bundle) -> Result<Replayed> {
    let loaded = replay::open_release(directory, bundle).map_err(Error::failed(ACTION))?;
    replay::replay(bundle, &loaded).map_err(Error::failed(ACTION))
}

fn as_text(replayed: &Replayed, stories: &[CandidateStory], all: bool) -> String {
    let slate = &replayed.published;
    let result = match replayed.differences.len() {
        0 => "equal, byte for byte".to_owned(),
        many => format!("{many} fields differ"),
    };
    let mut text =
        format!("{} generation {} of {}: {result}\n", slate.key, slate.generation, slate.release);
    for difference in &replayed.differences {
        text.push_str(&format!("{}\n", difference.place));
        text.push_str(&format!("- {}\n+ {}\n", difference.published, difference.computed));
    }
    text.push_str(&format!("{} candidates, {} slots\n", stories.len(), slate.slots.len()));
    text.push_str("slot  ranked  by relevance\n");
    for story in stories.iter().filter(|story| all || story.position.is_some()) {
        text.push_str(&story_text(story, &replayed.computed));
    }
    for unmet in &replayed.computed.unmet {
        text.push_str(&format!("not met: {} ({})\n", unmet.rule, unmet.slots));
    }
    text
}

fn story_text(story: &CandidateStory, slate: &Slate) -> String {
    let position = story.position.map_or("-".to_owned(), |position| position.to_string());
    let CandidateStory { ranked, by_relevance, relevance, score, item, title, .. } = story;
    let mut text = format!("{position:>4}  {ranked:>6}  {by_relevance:>12}  {title} ({item})\n");
    let found = names(story.sources);
    let found = if found.is_empty() { "baseline".to_owned() } else { found.join(", ") };
    text.push_str(&format!("{:28}score {score:.4}, relevance {relevance:.4}, {found}\n", ""));
    let features: Vec<String> = story.features.iter().map(feature).collect();
    text.push_str(&format!("{:28}{}\n", "", features.join(", ")));
    for moved in &story.moves {
        text.push_str(&format!("{:28}{moved}\n", ""));
    }
    let slot = story.position.and_then(|position| slate.slots.get(position - 1));
    if let Some(slot) = slot {
        let reason = |reason: &noctule_core::slates::Reason| {
            format!("{} {:+.4}", reasons::words(&reason.kind), reason.contribution)
        };
        let told: Vec<String> = slot.reasons.iter().map(reason).collect();
        text.push_str(&format!("{:28}{}\n", "", told.join("; ")));
    }
    text
}

/// A feature of one value, or how many values a group has.
fn feature((name, values): &(String, Vec<f32>)) -> String {
    match values.as_slice() {
        [value] => format!("{name} {value:.4}"),
        values => format!("{name} {} values", values.len()),
    }
}

/// The names of generators.
pub(crate) fn names(sources: Sources) -> Vec<&'static str> {
    sources.iter().map(Generator::name).collect()
}

fn as_json(replayed: &Replayed, stories: &[CandidateStory]) -> Value {
    let slate = &replayed.published;
    let differences = replayed.differences.iter().map(|difference| {
        json!({
            "place": difference.place,
            "published": difference.published,
            "computed": difference.computed,
        })
    });
    let unmet = replayed.computed.unmet.iter();
    json!({
        "slate": slate.key.to_string(),
        "generation": slate.generation,
        "release": slate.release,
        "equal": replayed.differences.is_empty(),
        "differences": differences.collect::<Vec<_>>(),
        "unmet": unmet.map(|unmet| json!({ "rule": unmet.rule, "slots": unmet.slots }))
            .collect::<Vec<_>>(),
        "candidates": stories
            .iter()
            .map(|story| story_json(story, &replayed.computed))
            .collect::<Vec<_>>(),
    })
}

fn story_json(story: &CandidateStory, slate: &Slate) -> Value {
    let slot = story.position.and_then(|position| slate.slots.get(position - 1));
    let told = slot.map(|slot| {
        let reason = |reason: &noctule_core::slates::Reason| {
            json!({
                "text": reasons::words(&reason.kind),
                "contribution": reason.contribution,
            })
        };
        slot.reasons.iter().map(reason).collect::<Vec<_>>()
    });
    let features = story.features.iter();
    json!({
        "item": story.item,
        "title": story.title,
        "sources": names(story.sources),
        "features": features.map(|(name, values)| json!({ "name": name, "values": values }))
            .collect::<Vec<_>>(),
        "score": story.score,
        "ranked": story.ranked,
        "relevance": story.relevance,
        "by_relevance": story.by_relevance,
        "position": story.position,
        "propensity": slot.map(|slot| slot.propensity),
        "moves": story.moves.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "reasons": told,
    })
}
