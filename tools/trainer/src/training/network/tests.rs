//! Retraining, on the networks that can be trained again.

use std::path::Path;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::Plan;

use super::*;
use crate::datasets::{Interaction, Interactions, bare_item};
use crate::export::train_to_directory;
use crate::training::sasrec::{SasrecSettings, fit_sasrec};
use crate::training::two_tower::{TwoTowerSettings, fit_two_tower};
use crate::training::{
    Model, RetrainSettings, Session, TrainLayers, TrainSettings, TrainStep, TrainedNetwork,
};
use crate::{Error, Result};

/// Users who go around a ring of items, one step a day from day `from`; each begins elsewhere.
fn ring(users: u32, items: usize, (from, days): (i64, i64)) -> Interactions {
    let mut random = SeededRandom::new(Seed(from as u64 + 4));
    let mut data = Interactions {
        items: (0..items).map(|at| bare_item(&format!("i{at}")).unwrap()).collect(),
        ..Interactions::default()
    };
    for user in 0..users {
        data.users.push(format!("u{user}"));
        let mut item = random.below(items);
        for day in from..from + days {
            item = (item + 1) % items;
            let event = Interaction {
                user,
                item: item as u32,
                at_ms: Some(day),
                context: None,
                weight: 1.0,
            };
            data.events.push(event);
        }
    }
    data
}

fn quiet(_: TrainStep, _: usize, _: usize) {}

fn sasrec() -> SasrecSettings {
    SasrecSettings {
        dimensions: 8,
        positions: 6,
        batch: 16,
        epochs: 2,
        patience: 0,
        threads: 1,
        ..SasrecSettings::default()
    }
}

fn towers() -> TwoTowerSettings {
    TwoTowerSettings {
        dimensions: 8,
        hidden: vec![6],
        item_hidden: vec![5],
        batch: 32,
        epochs: 2,
        patience: 0,
        threads: 1,
        ..TwoTowerSettings::default()
    }
}

fn all(data: &Interactions) -> Vec<u32> {
    (0..data.events.len() as u32).collect()
}

/// Fits each network on `data` for `epochs`.
fn fitted(
    model: Model,
    data: &Interactions,
    epochs: usize,
    retraining: &Retraining,
) -> Result<TrainedNetwork> {
    let train = all(data);
    let job = Job { retraining, contexts: 2, ..Job::first(data, &train, &[]) };
    let session = Session::of(&quiet);
    if model == Model::Sasrec {
        fit_sasrec(&Job { contexts: 0, ..job }, &SasrecSettings { epochs, ..sasrec() }, &session)
    } else {
        fit_two_tower(&job, &TwoTowerSettings { epochs, ..towers() }, &session)
    }
}

const NETWORKS: [Model; 2] = [Model::Sasrec, Model::TwoTower];

fn first() -> Retraining {
    Retraining::read(&RetrainSettings::default()).unwrap()
}

/// Keeps the weights of `trained` where a warm start finds them.
fn keep(trained: &TrainedNetwork, data: &Interactions, directory: &Path) {
    trained.weights.write(&directory.join(WEIGHTS_FILE)).unwrap();
    let catalogue = directory.join("catalogue.jsonl");
    crate::datasets::directory::write_catalogue(&data.items, &catalogue).unwrap();
}

fn warm(directory: &Path, settings: RetrainSettings) -> Retraining {
    let warm_start = Some(directory.to_path_buf());
    Retraining::read(&RetrainSettings { warm_start, ..settings }).unwrap()
}

fn bits(trained: &TrainedNetwork) -> Vec<(String, Vec<u32>)> {
    let bits = |values: &NamedValues| values.values.iter().map(|value| value.to_bits()).collect();
    trained.weights.tensors.iter().map(|tensor| (tensor.name.clone(), bits(tensor))).collect()
}

#[test]
fn begun_with_the_old_weights_and_not_trained_it_is_the_old_model() {
    let data = ring(20, 12, (0, 6));
    for model in NETWORKS {
        let old = fitted(model, &data, 2, &first()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        keep(&old, &data, directory.path());
        let again = warm(directory.path(), RetrainSettings::default());
        assert_eq!(again.seen_until_ms(), Some(5));
        let same = fitted(model, &data, 0, &again).unwrap();
        assert_eq!(bits(&same), bits(&old));
        assert_eq!((&same.embedding, &same.tensors), (&old.embedding, &old.tensors));
        assert_eq!((same.fitted.epoch, same.retrained.items_known), (0, 12));
        assert_ne!(bits(&fitted(model, &data, 1, &again).unwrap()), bits(&old));
        assert_ne!(bits(&fitted(model, &data, 0, &first()).unwrap()), bits(&old));
    }
}

#[test]
fn what_is_not_trained_keeps_its_very_bits() {
    let data = ring(20, 12, (0, 6));
    let named =
        |names: &[&str]| TrainLayers::Named(names.iter().map(|name| (*name).to_owned()).collect());
    for (model, layers, trained) in [
        (Model::Sasrec, TrainLayers::Last, &["blocks.1.", "norm."][..]),
        (Model::Sasrec, named(&["embedding"]), &["embedding"]),
        (Model::TwoTower, TrainLayers::Last, &["tower.1.", "item_tower.1."]),
        (Model::TwoTower, named(&["item_tower", "embedding"]), &["item_tower.", "embedding"]),
    ] {
        let old = fitted(model, &data, 1, &first()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        keep(&old, &data, directory.path());
        let settings = RetrainSettings { train_layers: layers, ..RetrainSettings::default() };
        let new = fitted(model, &data, 2, &warm(directory.path(), settings)).unwrap();
        for ((name, before), (_, after)) in bits(&old).into_iter().zip(bits(&new)) {
            let is_trained = trained.iter().any(|trained| name.starts_with(trained));
            assert_eq!(before != after, is_trained, "{model:?} {name}");
            let told = if is_trained { &new.retrained.trained } else { &new.retrained.kept };
            assert!(told.contains(&name), "{name}");
        }
    }
}

#[test]
fn items_are_found_by_their_names_and_new_ones_begin_at_random() {
    let old_data = ring(20, 12, (0, 6));
    let mut data = ring(20, 14, (0, 6));
    // The same items in another order, and two new ones in front.
    data.items.rotate_right(2);
    for model in NETWORKS {
        let old = fitted(model, &old_data, 1, &first()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        keep(&old, &old_data, directory.path());
        let again = warm(directory.path(), RetrainSettings::default());
        let new = fitted(model, &data, 0, &again).unwrap();
        let table = |trained: &TrainedNetwork| {
            let tensors = &trained.weights.tensors;
            tensors.iter().find(|tensor| tensor.name == EMBEDDING).unwrap().values.clone()
        };
        assert_eq!(table(&new)[16..], table(&old)[..]);
        let random = table(&fitted(model, &data, 0, &first()).unwrap());
        assert_eq!(table(&new)[..16], random[..16]);
        assert_eq!(new.retrained.items_known, 12);
    }
}

#[test]
fn weights_that_do_not_fit_or_are_not_there_are_refused_by_name() {
    let data = ring(20, 12, (0, 6));
    let directory = tempfile::tempdir().unwrap();
    let empty = RetrainSettings {
        warm_start: Some(directory.path().to_path_buf()),
        ..RetrainSettings::default()
    };
    let error = Retraining::read(&empty).unwrap_err();
    assert!(matches!(error, Error::Setting { field: "warm_start", .. }), "{error}");
    let old = fitted(Model::TwoTower, &data, 1, &first()).unwrap();
    keep(&old, &data, directory.path());
    let again = warm(directory.path(), RetrainSettings::default());
    let error = fitted(Model::Sasrec, &data, 1, &again).unwrap_err();
    assert!(error.to_string().contains("position"), "{error}");
    let train = all(&data);
    let job = Job { retraining: &again, contexts: 3, ..Job::first(&data, &train, &[]) };
    let error = fit_two_tower(&job, &towers(), &Session::of(&quiet)).unwrap_err();
    assert!(error.to_string().contains("tower.0.weight has shape [6, 20]"), "{error}");
    let path = directory.path().join(WEIGHTS_FILE);
    let bytes = std::fs::read(&path).unwrap();
    for cut in [0, 7, 100, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let error = Retraining::read(&empty).unwrap_err();
        assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
    }
}

#[test]
fn an_epoch_has_the_asked_share_of_what_is_new() {
    let data = ring(30, 12, (0, 10));
    let train = all(&data);
    let share = |share, since| {
        let settings = RetrainSettings {
            new_data_share: Some(share),
            new_since_ms: since,
            ..RetrainSettings::default()
        };
        Retraining::read(&settings).unwrap()
    };
    let retraining = share(0.75, Some(7));
    // Two of ten days are new: 60 choices, beside 20 old ones.
    let mix = retraining.mix(train.clone(), |at| data.events[*at as usize].at_ms).unwrap();
    assert_eq!(mix.per_epoch(), 80);
    let job = Job { retraining: &retraining, ..Job::first(&data, &train, &[]) };
    let session = Session::of(&quiet);
    let once = TwoTowerSettings { batch: 10, ..towers() };
    let batches = std::cell::Cell::new(0);
    let progress = |_: TrainStep, _: usize, total: usize| batches.set(total);
    fit_two_tower(&job, &once, &Session::of(&progress)).unwrap();
    assert_eq!(batches.get(), 2 * 8);
    let unknown = share(0.75, None);
    let job = Job { retraining: &unknown, ..job };
    let error = fit_two_tower(&job, &once, &session).unwrap_err();
    assert!(matches!(error, Error::Setting { field: "new_data_share", .. }), "{error}");
    let mut timeless = data.clone();
    timeless.events[3].at_ms = None;
    let job = Job { data: &timeless, retraining: &retraining, ..job };
    assert!(matches!(fit_two_tower(&job, &once, &session), Err(Error::Data { .. })));
    assert!(matches!(fit_sasrec(&job, &sasrec(), &session), Err(Error::Data { .. })));
}

#[test]
fn what_the_old_model_has_seen_is_not_measured() {
    let plan: Plan = serde_json::from_value(serde_json::json!({
        "surfaces": [{"id": "home", "length": 10, "contexts": ["day"]}],
        "contexts": [{"id": "day", "when": {"days": "every", "from": 300, "until": 1020}}]
    }))
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("old");
    let settings = TrainSettings {
        model: Model::TwoTower,
        two_tower: towers(),
        threads: 1,
        ..TrainSettings::default()
    };
    let mut data = ring(20, 12, (0, 6));
    train_to_directory(&data, &plan, &settings, &old, &|_, _, _| {}).unwrap();
    // Seven users come back.
    let later = ring(7, 12, (6, 3));
    data.events.extend(&later.events);
    let warm_start = Some(old.clone());
    let retraining =
        RetrainSettings { warm_start, new_data_share: Some(0.5), ..settings.retraining.clone() };
    let again = TrainSettings { retraining, ..settings };
    let new = directory.path().join("new");
    let record = train_to_directory(&data, &plan, &again, &new, &|_, _, _| {}).unwrap();
    assert_eq!(record.metrics.unwrap().two_tower.unwrap().users, 7);
    let retrained = record.retrained.unwrap();
    assert_eq!((retrained.seen_until_ms, retrained.new_since_ms), (Some(5), Some(5)));
    // The new one knows its time, too.
    let next =
        Retraining::read(&RetrainSettings { warm_start: Some(new), ..RetrainSettings::default() });
    assert_eq!(next.unwrap().seen_until_ms(), Some(8));
}
