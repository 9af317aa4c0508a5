//! Computing a slate again, and comparing.

use std::path::Path;

use super::Bundle;
use super::inputs::changed;
use crate::base::{Error, ReplayRefusal, Result};
use crate::night::{
    LoadedRelease, Recorder, SequenceParts, SlateMaker, Trace, Treatment, inputs_digest,
};
use crate::release::{Context, Plan, Surface, activation, check_installed};
use crate::slates::{Slate, stored};

/// A slate that was computed again.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The slate as it was published.
    pub published: Slate,
    /// The slate as it was computed now.
    pub computed: Slate,
    /// The plan it was made by.
    pub plan: Plan,
    /// The stages.
    pub trace: Trace,
    /// What is different; empty when both are equal byte for byte.
    pub differences: Vec<Difference>,
}

/// A field in which the slates differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where (`slot 3 score`); positions count from 1.
    pub place: String,
    /// As it was published.
    pub published: String,
    /// As it was computed now.
    pub computed: String,
}

/// Opens the release in `directory`, every byte of it checked, when `bundle` is of it.
///
/// # Errors
/// [`Error::ReplayRefused`] when it is another release; [`Error::ReleaseRefused`] when a file of it
/// was changed; as [`LoadedRelease::open`].
pub fn open_release(directory: &Path, bundle: &Bundle) -> Result<LoadedRelease> {
    let wanted = &bundle.inputs.manifest_sha256;
    // Where there is no manifest, what follows says so.
    if let Some(found) = activation::offered(directory) {
        check_release(bundle, &found)?;
    }
    check_installed(directory, wanted)?;
    LoadedRelease::open(directory, wanted)
}

fn check_release(bundle: &Bundle, manifest_sha256: &str) -> Result<()> {
    let inputs = &bundle.inputs;
    if manifest_sha256 == inputs.manifest_sha256 {
        return Ok(());
    }
    let refusal = ReplayRefusal::OtherRelease {
        name: inputs.release.clone(),
        wanted: inputs.manifest_sha256.clone(),
        found: manifest_sha256.to_owned(),
    };
    Err(Error::ReplayRefused { refusal })
}

/// Computes the slate of `bundle` again from `loaded`, and tells the stages.
///
/// Two fields are not computed but come with publication, and are taken over: the generation, and
/// how long the slate is fresh, where later nights found nothing new and kept it.
///
/// # Errors
/// [`Error::ReplayRefused`] when `loaded` is another release, or the inputs are not those that the
/// slate was published with; those of [`SlateMaker::make`].
pub fn replay(bundle: &Bundle, loaded: &LoadedRelease) -> Result<Replayed> {
    let Bundle { inputs, slate, .. } = bundle;
    check_release(bundle, &loaded.manifest_sha256)?;
    let of_release = &loaded.release.manifest().plan;
    let plan = inputs.plan.as_ref().unwrap_or(of_release);
    if plan.contexts != of_release.contexts {
        return Err(changed("the contexts of its plan are not those of the release"));
    }
    let treatment = Treatment { policy: slate.policy, arm: slate.arm.clone() };
    check_digest(bundle, loaded, plan, &treatment)?;
    let (surface, index, context) = place(plan, slate)?;
    let recorder = Recorder::default();
    let maker = SlateMaker {
        loaded,
        plan,
        profile: &inputs.profile,
        treatment,
        now_ms: slate.created_ms,
        day: inputs.day,
        at_night: slate.made_at_night,
        recorder: Some(&recorder),
        sequence: SequenceParts::default(),
    };
    let made = maker.make(surface, index, context)?;
    let stale_after_ms = made.stale_after_ms.max(slate.stale_after_ms);
    let computed = Slate { generation: slate.generation, stale_after_ms, ..made };
    let mut differences = Vec::new();
    if stored::encode(&computed)? != bundle.published {
        differences = compare(slate, &computed);
        if differences.is_empty() {
            differences.push(difference("bytes", &"other bytes of equal values", &""));
        }
    }
    Ok(Replayed {
        published: slate.clone(),
        computed,
        plan: plan.clone(),
        trace: recorder.into_trace(),
        differences,
    })
}

fn check_digest(
    bundle: &Bundle,
    loaded: &LoadedRelease,
    plan: &Plan,
    treatment: &Treatment,
) -> Result<()> {
    let Bundle { inputs, slate, digest, .. } = bundle;
    if digest.is_empty() {
        return Ok(());
    }
    let profile = &inputs.profile;
    let found = inputs_digest(loaded, plan, profile, treatment, &slate.key, inputs.day)?;
    match found.as_slice() == digest {
        true => Ok(()),
        false => Err(changed("its inputs are not those that the slate was published with")),
    }
}

/// Surface and context of `slate`, and the place of the context in the plan.
fn place<'a>(plan: &'a Plan, slate: &Slate) -> Result<(&'a Surface, usize, &'a Context)> {
    let found = plan.surface(slate.key.surface.as_str()).and_then(|surface| {
        let named = surface.contexts.contains(&slate.key.context);
        let (index, context) = plan.context(slate.key.context.as_str()).filter(|_| named)?;
        Some((surface, index, context))
    });
    let missing = || ReplayRefusal::NotInPlan { key: slate.key.to_string() };
    found.ok_or_else(|| Error::ReplayRefused { refusal: missing() })
}

fn difference(
    place: impl Into<String>,
    published: &dyn std::fmt::Display,
    computed: &dyn std::fmt::Display,
) -> Difference {
    let (published, computed) = (published.to_string(), computed.to_string());
    Difference { place: place.into(), published, computed }
}

/// The fields in which the slates differ, told from the head to the last slot.
fn compare(published: &Slate, computed: &Slate) -> Vec<Difference> {
    let head = |slate: &Slate| {
        [
            ("release", slate.release.clone()),
            ("policy", format!("{:?}", slate.policy)),
            ("arm", format!("{:?}", slate.arm)),
            ("stale after", slate.stale_after_ms.to_string()),
            ("fatigue", slate.fatigue_impressions.to_string()),
            ("rules not met", format!("{:?}", slate.unmet)),
            ("slots", slate.slots.len().to_string()),
        ]
    };
    let mut rows: Vec<(String, String, String)> = Vec::new();
    for ((name, one), (_, other)) in head(published).into_iter().zip(head(computed)) {
        rows.push((name.to_owned(), one, other));
    }
    let slot = |slate: &Slate, at: usize| {
        let slot = slate.slots.get(at);
        let told = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        [
            ("item", told(slot.map(|slot| slot.item.to_string()))),
            ("title", told(slot.map(|slot| slot.title.to_string()))),
            // Debug prints as many digits as tell the value from every other.
            ("score", told(slot.map(|slot| format!("{:?}", slot.score)))),
            ("propensity", told(slot.map(|slot| format!("{:?}", slot.propensity)))),
            ("reasons", told(slot.map(|slot| format!("{:?}", slot.reasons)))),
            ("sources", told(slot.map(|slot| format!("{:?}", slot.sources)))),
        ]
    };
    for at in 0..published.slots.len().max(computed.slots.len()) {
        for ((name, one), (_, other)) in slot(published, at).into_iter().zip(slot(computed, at)) {
            rows.push((format!("slot {} {name}", at + 1), one, other));
        }
    }
    let different = rows.into_iter().filter(|(_, one, other)| one != other);
    different.map(|(place, one, other)| difference(place, &one, &other)).collect()
}
