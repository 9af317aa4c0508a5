//! A sample of users for the packer, which measures on it what scores a healthy phone has.

use std::io::{BufWriter, Write};
use std::path::Path;

use noctule_core::base::{ContextId, GeoPoint, ItemId};
use noctule_core::release::Plan;
use serde::Serialize;

use crate::datasets::{Interaction, Interactions};
use crate::{Error, Result};

/// The file with the sample; its lines are described with the packer.
pub const SAMPLE_FILE: &str = "sample.jsonl";

/// Users of the sample: enough for the tails of their distances, few enough to pack in seconds.
const USERS_MAX: usize = 300;

#[derive(Serialize)]
struct User<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<GeoPoint>,
    history: Vec<Choice<'a>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    item: &'a ItemId,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a ContextId>,
    weight: f32,
}

/// Writes users of `data` at equal distances, each with a history of another length from none to
/// all, as phones are at every age.
///
/// # Errors
/// [`Error::File`].
pub fn write_sample(data: &Interactions, plan: &Plan, directory: &Path) -> Result<()> {
    let path = directory.join(SAMPLE_FILE);
    let mut histories: Vec<Vec<&Interaction>> = vec![Vec::new(); data.users.len()];
    for event in &data.events {
        histories[event.user as usize].push(event);
    }
    let stride = data.users.len().div_ceil(USERS_MAX).max(1);
    let file = std::fs::File::create(&path).map_err(Error::file(&path, "making"))?;
    let mut out = BufWriter::new(file);
    for (number, user) in (0..data.users.len()).step_by(stride).enumerate() {
        let events = &histories[user];
        // Every fourth has all of it, the others none, a third or two thirds.
        let kept = if number % 4 == 3 { events.len() } else { events.len() * (number % 4) / 3 };
        let choice = |event: &&Interaction| Choice {
            item: &data.items[event.item as usize].id,
            context: event.context.and_then(|at| plan.contexts.get(at as usize)).map(|c| &c.id),
            weight: event.weight,
        };
        let history = events[..kept].iter().map(choice).collect();
        let place = data.places.get(user).copied().flatten();
        let written = serde_json::to_writer(&mut out, &User { place, history })
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"));
        written.map_err(Error::file(&path, "writing"))?;
    }
    out.flush().map_err(Error::file(&path, "writing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::read_pairs;

    #[test]
    fn histories_of_every_length_are_written_from_none_to_all() {
        let scratch = tempfile::tempdir().unwrap();
        let pairs = scratch.path().join("pairs.txt");
        let line = |user: usize| format!("u{user} tea\nu{user} rye\nu{user} fig\n");
        std::fs::write(&pairs, (0..4).map(line).collect::<String>()).unwrap();
        let plan: Plan = serde_json::from_value(serde_json::json!({
            "contexts": [{"id": "noon", "when": {"days": "every", "from": 0, "until": 1440}}],
            "surfaces": [{"id": "home", "length": 2, "contexts": ["noon"]}],
        }))
        .unwrap();
        write_sample(&read_pairs(&pairs).unwrap(), &plan, scratch.path()).unwrap();
        let text = std::fs::read_to_string(scratch.path().join(SAMPLE_FILE)).unwrap();
        let lengths: Vec<usize> =
            text.lines().map(|line| line.matches("\"item\"").count()).collect();
        assert_eq!(lengths, [0, 1, 2, 3]);
    }
}
