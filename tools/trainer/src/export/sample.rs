//! `sample.jsonl`: users whose slates the packer makes, so that the release says how its scores
//! look on a healthy phone.

use std::path::Path;

use noctule_core::base::{ContextId, GeoPoint, ItemId, Seed, SeededRandom};
use noctule_core::release::Plan;
use serde::Serialize;

use crate::datasets::{Interaction, Interactions};
use crate::{Error, Result};

/// The file in the model's directory.
pub(super) const SAMPLE_FILE: &str = "sample.jsonl";
/// Users of the sample, the one without any history included: enough to see how far one phone's
/// scores may be from all, few enough that packing takes seconds.
const USERS: usize = 100;
/// The last choices of a user that count: what a phone keeps.
const CHOICES_MAX: usize = 500;

#[derive(Debug, Serialize)]
struct User<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<GeoPoint>,
    history: Vec<Choice<'a>>,
}

#[derive(Debug, Serialize)]
struct Choice<'a> {
    item: &'a ItemId,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a ContextId>,
    weight: f32,
}

/// Writes a sample of the users of `data`, without their names, and one of nobody. Each has the
/// choices up to some moment, the first or the last included, since phones begin with nothing and
/// learn by and by. The same data and `seed` give the same bytes.
///
/// # Errors
/// [`Error::File`].
pub(super) fn write(data: &Interactions, plan: &Plan, seed: u64, path: &Path) -> Result<()> {
    let mut by_user: Vec<Vec<&Interaction>> = vec![Vec::new(); data.users.len()];
    for event in &data.events {
        by_user[event.user as usize].push(event);
    }
    let mut users: Vec<usize> = (0..by_user.len()).filter(|at| !by_user[*at].is_empty()).collect();
    let mut random = SeededRandom::new(Seed(seed).derive(&["sample"]));
    random.shuffle(&mut users);
    let mut lines = Vec::new();
    let mut line = |user: &User<'_>| -> Result<()> {
        let encoded = serde_json::to_writer(&mut lines, user).map_err(std::io::Error::from);
        encoded.map_err(Error::file(path, "encoding"))?;
        lines.push(b'\n');
        Ok(())
    };
    line(&User { place: None, history: Vec::new() })?;
    for user in users.into_iter().take(USERS - 1) {
        let events = &by_user[user];
        let until = random.below(events.len() + 1);
        let from = until.saturating_sub(CHOICES_MAX);
        let history = events[from..until].iter().map(|event| Choice {
            item: &data.items[event.item as usize].id,
            context: event.context.and_then(|at| Some(&plan.contexts.get(usize::from(at))?.id)),
            weight: event.weight,
        });
        line(&User {
            place: data.places.get(user).copied().flatten(),
            history: history.collect(),
        })?;
    }
    std::fs::write(path, lines).map_err(Error::file(path, "writing"))
}
