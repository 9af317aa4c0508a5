//! The world of a demonstration: a simulated town, or a person's own data.

use noctule_simulator::{
    Recorded, RecordedChoice, RecordedSettings, RecordedUser, Town, TownSettings, World,
};
use noctule_trainer::datasets::{Interaction, Interactions, ReadCounts};

use super::{Demo, FAILED, folder};
use crate::dataset::{self, PLAN_FILE};
use crate::error::{Error, Result};

/// Where the story plays.
pub(super) struct Setting {
    /// The world.
    pub(super) world: Box<dyn World>,
    /// Name of the app.
    pub(super) app: &'static str,
    /// Title of the page.
    pub(super) title: String,
    /// What a person calls an item.
    pub(super) noun: &'static str,
}

/// Makes the world that was asked for.
pub(super) fn make(asked: &Demo) -> Result<Setting> {
    let phones = asked.phones as usize;
    let Some(directory) = &asked.data else {
        let settings = TownSettings {
            seed: asked.seed,
            restaurants: asked.restaurants,
            residents: asked.residents,
            phones,
            ..TownSettings::default()
        };
        let town = Town::new(&settings).map_err(Error::failed(FAILED))?;
        let data = asked.output.join(folder::DATA);
        town.write_directory(&data).map_err(Error::failed(FAILED))?;
        dataset::write_json(FAILED, &data.join(PLAN_FILE), town.plan())?;
        let title = "a town".to_owned();
        return Ok(Setting { world: Box::new(town), app: "town", title, noun: "restaurant" });
    };
    let (data, plan) = dataset::read(directory, None)?;
    let settings = RecordedSettings {
        seed: asked.seed,
        phones,
        plan: Some(plan),
        ..RecordedSettings::default()
    };
    let users = users(&data);
    let films = data.items.iter().any(|item| item.words("genres").next().is_some());
    let restaurants = data.items.iter().any(|item| item.words("cuisine").next().is_some());
    let noun = match (films, restaurants) {
        (true, _) => "film",
        (_, true) => "restaurant",
        _ => "item",
    };
    let world = Recorded::new(data.items, &users, &settings)
        .map_err(|error| Error::at(FAILED, directory, error))?;
    let title = directory.file_name().unwrap_or(directory.as_os_str());
    let title = title.to_string_lossy().into_owned();
    Ok(Setting { world: Box::new(world), app: "own-data", title, noun })
}

/// The people of a data set with what each chose.
fn users(data: &Interactions) -> Vec<RecordedUser> {
    let place = |user: usize| data.places.get(user).copied().flatten();
    let mut users: Vec<RecordedUser> = (0..data.users.len())
        .map(|user| RecordedUser { place: place(user), choices: Vec::new() })
        .collect();
    for event in &data.events {
        let Interaction { user, item, at_ms, context, weight } = *event;
        if let Some(user) = users.get_mut(user as usize) {
            user.choices.push(RecordedChoice { item, at_ms, context, weight });
        }
    }
    users
}

/// What the backend may train on: the choices of people without phones.
pub(super) fn training_data(world: &dyn World) -> Interactions {
    let places = world.training_places();
    let past = world.training();
    let named = past.iter().map(|choice| choice.user as usize + 1).max().unwrap_or_default();
    let users = named.max(places.len());
    let event = |choice: &noctule_simulator::PastChoice| Interaction {
        user: choice.user,
        item: choice.item,
        at_ms: Some(choice.at_ms),
        context: choice.context,
        weight: choice.weight,
    };
    Interactions {
        users: (0..users).map(|user| format!("u{user:05}")).collect(),
        places,
        items: world.items().to_vec(),
        events: past.iter().map(event).collect(),
        counts: ReadCounts::default(),
    }
}
