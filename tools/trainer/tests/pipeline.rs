//! From interactions to a directory that can be packed, on a small world whose truth is known.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::cell::RefCell;
use std::collections::BTreeMap;

use noctule_core::base::{ItemId, Seed, SeededRandom};
use noctule_core::catalogue::Item;
use noctule_core::model::Recommender;
use noctule_core::release::{Architecture, Plan};
use noctule_trainer::datasets::{Interaction, Interactions};
use noctule_trainer::evaluation::FoldInScorer;
use noctule_trainer::export::{TrainingRecord, train_to_directory};
use noctule_trainer::split::leave_last_few_out;
use noctule_trainer::training::{
    IalsSettings, Model, Sparse, TrainSettings, TrainStep, count_popularity, examples, train,
    train_ials,
};
use noctule_trainer::{Error, Result};
use safetensors::SafeTensors;

fn plan(consumed: &str) -> Plan {
    serde_json::from_value(serde_json::json!({
        "surfaces": [{"id": "home", "length": 5, "contexts": ["lunch", "dinner"]}],
        "contexts": [
            {"id": "lunch", "when": {"days": "every", "from": 660, "until": 840}},
            {"id": "dinner", "when": {"days": "every", "from": 1080, "until": 1320}}
        ],
        "candidates": {"nearest": 30, "popular": 10},
        "consumed": consumed
    }))
    .unwrap()
}

/// 120 users in two groups, 40 items, half of them for each group; items of even index are
/// chosen at lunch, odd ones at dinner. Nobody chooses an item twice.
fn world() -> Interactions {
    let mut random = SeededRandom::new(Seed(11));
    let item = |index: usize| Item {
        id: ItemId::new(format!("item-{index}")).unwrap(),
        title: format!("Item {index}"),
        attributes: BTreeMap::new(),
        place: None,
        hours: Vec::new(),
        available: true,
    };
    let mut data = Interactions { items: (0..40).map(item).collect(), ..Interactions::default() };
    for user in 0..120u32 {
        data.users.push(format!("user-{user}"));
        let mut own: Vec<u32> = (0..20).map(|item| (user % 2) * 20 + item).collect();
        random.shuffle(&mut own);
        let mut chosen = own[..11].to_vec();
        chosen.push((1 - user % 2) * 20 + random.below(20) as u32);
        random.shuffle(&mut chosen);
        for (at, item) in chosen.into_iter().enumerate() {
            let context = Some(if item % 2 == 0 { 0 } else { 1 });
            let at_ms = Some(at as i64 * 86_400_000);
            data.events.push(Interaction { user, item, at_ms, context, weight: 1.0 });
        }
    }
    data
}

fn settings() -> TrainSettings {
    TrainSettings {
        ials: IalsSettings { dimensions: 8, epochs: 8, ..IalsSettings::default() },
        k: 5,
        threads: 2,
        ..TrainSettings::default()
    }
}

fn quiet(_: TrainStep, _: usize, _: usize) {}

#[test]
fn the_ranker_joins_taste_and_context_and_beats_either_alone() {
    let model = train(&world(), &plan("exclude"), &settings(), &quiet).unwrap();
    let metrics = model.metrics.unwrap();
    let (taste, joined) = (metrics.fold_in.unwrap(), metrics.ranker.unwrap());
    assert!(taste.ndcg > metrics.popularity.ndcg + 3.0 * taste.ndcg_error, "{taste:?}");
    for other in [&taste, &metrics.context_popularity, &metrics.popularity] {
        assert!(joined.ndcg > other.ndcg + 2.0 * joined.ndcg_error, "{joined:?} {other:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_model_for_any_number_of_threads() {
    let (data, plan) = (world(), plan("keep"));
    let trained = |threads, seed| {
        train(&data, &plan, &TrainSettings { threads, seed, ..settings() }, &quiet).unwrap()
    };
    let one = trained(1, 1);
    assert_eq!(one, trained(3, 1));
    assert_ne!(one.embedding, trained(1, 2).embedding);
}

/// The examples, and the score that the user's training history alone gives each choice.
fn examples_of(data: &Interactions) -> Result<(examples::Examples, Vec<f32>)> {
    let (plan, settings) = (plan("exclude"), settings());
    let split = leave_last_few_out(data, settings.positives);
    let popularity = count_popularity(data, &split.train, 2, settings.smoothing);
    let matrix = Sparse::users_by_items(data, &split.train);
    let factors = train_ials(&matrix, &settings.ials(), &|_, _, _| {})?;
    let solver = factors.fold_in(&settings.ials())?;
    let fold_in = FoldInScorer { fold_in: &solver, items: &factors.items, context_weight: 2.0 };
    let popularity = &popularity;
    let fitted = examples::Fitted { data, plan: &plan, popularity, fold_in };
    let examples = examples::make(&fitted, &split, &settings)?;
    let mut alone = Vec::new();
    for index in &split.validation {
        let held_out = data.events[*index as usize];
        let history: Vec<Interaction> = split
            .train
            .iter()
            .map(|index| data.events[*index as usize])
            .filter(|event| event.user == held_out.user)
            .collect();
        assert!(history.iter().all(|event| event.item != held_out.item));
        let vector = fold_in.user_vector(&history, held_out.context)?;
        let item = &factors.items[held_out.item as usize * 8..held_out.item as usize * 8 + 8];
        alone.push(vector.iter().zip(item).map(|(a, b)| a * b).sum());
    }
    Ok((examples, alone))
}

#[test]
fn what_is_to_be_predicted_is_not_in_the_history_it_is_predicted_from() {
    let (examples, alone) = examples_of(&world()).unwrap();
    let features = examples.rows.len() / examples.labels.len();
    let rows = examples.rows.chunks_exact(features).zip(&examples.labels);
    let chosen: Vec<f32> = rows.filter(|(_, y)| **y == 1.0).map(|(row, _)| row[0]).collect();
    assert!(chosen.len() > 200);
    for score in &chosen {
        assert!(alone.iter().any(|other| (score - other).abs() < 1e-5), "{score}");
    }
}

#[test]
fn each_choice_weighs_as_much_as_what_it_is_set_against() {
    let (examples, _) = examples_of(&world()).unwrap();
    let of = |label: f32| -> f32 {
        let all = examples.labels.iter().zip(&examples.weights);
        all.filter(|(y, _)| **y == label).map(|(_, weight)| weight).sum()
    };
    assert!((of(1.0) - of(0.0)).abs() < 0.01 * of(1.0));
    assert_eq!(of(1.0), examples.positives() as f32);
}

#[test]
fn the_directory_holds_what_the_device_loads() {
    let (data, directory) = (world(), tempfile::tempdir().unwrap());
    let heard = RefCell::new(Vec::new());
    let progress = |step, done, total| heard.borrow_mut().push((step, done, total));
    let record =
        train_to_directory(&data, &plan("keep"), &settings(), directory.path(), &progress).unwrap();
    for step in [TrainStep::Fitting, TrainStep::Ranker, TrainStep::Measuring, TrainStep::Refitting]
    {
        let mut of_step = heard.borrow().clone();
        of_step.retain(|(heard, ..)| *heard == step);
        let (_, done, total) = *of_step.last().unwrap();
        assert_eq!(done, total, "{step:?}");
    }
    let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
    let again: TrainingRecord = serde_json::from_slice(&read("training.json")).unwrap();
    assert_eq!(again.architecture, record.architecture);
    assert_eq!((&again.settings, again.data), (&record.settings, record.data));
    let ndcg = |record: &TrainingRecord| {
        record.metrics.as_ref().and_then(|metrics| metrics.ranker.clone()).map(|found| found.ndcg)
    };
    assert!((ndcg(&again).unwrap() - ndcg(&record).unwrap()).abs() < 1e-12);
    assert_eq!(read("catalogue.jsonl").iter().filter(|byte| **byte == b'\n').count(), 40);
    let bytes = read("items.safetensors");
    let items = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(items.tensor("embedding").unwrap().shape(), [40, 8]);
    assert_eq!(items.tensor("popularity").unwrap().shape(), [40]);
    assert_eq!(items.tensor("context_popularity").unwrap().shape(), [2, 40]);
    let path = directory.path().join("model.safetensors");
    let model = Recommender::read(&path, &record.architecture, 40, 0).unwrap();
    assert_eq!(model.ranker.features(), model.ranker_features.len());
    assert_eq!(model.context_weight, 2.0);
}

#[test]
fn the_sample_holds_what_some_users_had_chosen_at_some_moment_and_no_names() {
    let (data, directory) = (world(), tempfile::tempdir().unwrap());
    let write = || {
        let settings = settings();
        train_to_directory(&data, &plan("keep"), &settings, directory.path(), &quiet).unwrap();
        std::fs::read_to_string(directory.path().join("sample.jsonl")).unwrap()
    };
    let sample = write();
    assert_eq!(sample, write());
    let lines: Vec<serde_json::Value> =
        sample.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1 + data.users.len().min(99));
    assert_eq!(lines[0], serde_json::json!({"history": []}));
    let lengths: Vec<usize> =
        lines.iter().map(|line| line["history"].as_array().unwrap().len()).collect();
    let longest = (0..data.users.len() as u32)
        .map(|user| data.events.iter().filter(|event| event.user == user).count())
        .max();
    assert!(lengths.iter().max().copied() <= longest);
    assert!(lengths[1..].iter().any(|length| *length > 1));
    for line in &lines[1..] {
        assert!(line.get("user").is_none());
        let history = line["history"].as_array().unwrap();
        let somebody_chose_this = (0..data.users.len() as u32).any(|user| {
            let chosen = data.events.iter().filter(|event| event.user == user);
            let chosen: Vec<_> =
                chosen.map(|event| data.items[event.item as usize].id.as_str()).collect();
            history.len() <= chosen.len()
                && history.iter().zip(chosen).all(|(entry, item)| entry["item"] == *item)
        });
        assert!(somebody_chose_this, "{line}");
    }
}

#[test]
fn popularity_alone_leaves_no_model_file_not_even_an_old_one() {
    let (data, directory) = (world(), tempfile::tempdir().unwrap());
    let write = |model| {
        let settings = TrainSettings { model, ..settings() };
        train_to_directory(&data, &plan("keep"), &settings, directory.path(), &quiet).unwrap()
    };
    write(Model::MatrixFactorization);
    let record = write(Model::Popularity);
    assert_eq!(record.architecture, Architecture::Popularity {});
    assert!(!directory.path().join("model.safetensors").exists());
    assert!(record.metrics.unwrap().ranker.is_none());
}

#[test]
fn too_little_data_still_gives_a_model_and_none_a_typed_error() {
    let mut data = world();
    data.events.truncate(2);
    let model = train(&data, &plan("keep"), &settings(), &quiet).unwrap();
    assert_eq!((model.ranker_positives, model.metrics), (0, None));
    assert_eq!(model.ranker.unwrap().tensors()[0].values[0], 1.0);
    data.events.clear();
    let error = train(&data, &plan("keep"), &settings(), &quiet).unwrap_err();
    assert!(matches!(error, Error::Data { .. }), "{error}");
    let mut data = world();
    data.events[3].context = Some(2);
    let error = train(&data, &plan("keep"), &settings(), &quiet).unwrap_err();
    assert!(error.to_string().contains("interaction 3"), "{error}");
    let none = TrainSettings { negatives: 0, ..settings() };
    let error = train(&world(), &plan("keep"), &none, &quiet).unwrap_err();
    assert!(matches!(error, Error::Setting { field: "negatives", .. }));
}
