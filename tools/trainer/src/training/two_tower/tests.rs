//! The towers against core, and their training as a whole.

use std::cell::Cell;
use std::collections::BTreeMap;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::catalogue::AttributeValue;
use noctule_core::release::Nonlinearity;

use super::*;
use crate::datasets::{Interaction, Interactions, bare_item};
use crate::evaluation::{Case, Scorer as _};
use crate::split::leave_last_out;
use crate::training::network::{Job, TrainedNetwork};
use crate::training::neural::ops::numbers;
use crate::training::neural::{Place, Task as _};
use crate::training::sasrec::Sampling;
use crate::training::{Session, TrainStep};
use crate::{Error, Result};

const CONTEXTS: usize = 3;

/// Users who each keep to one of four kinds of items, kind by index; a word tells the kind.
fn kinds(users: u32, items: usize, length: usize) -> Interactions {
    let mut random = SeededRandom::new(Seed(4));
    let item = |at: usize| {
        let mut item = bare_item(&format!("i{at}")).unwrap();
        let kind = AttributeValue::Words(vec![format!("kind{}", at % 4), "item".into()]);
        item.attributes = BTreeMap::from([("genre".to_owned(), kind)]);
        item
    };
    let mut data =
        Interactions { items: (0..items).map(item).collect(), ..Interactions::default() };
    for user in 0..users {
        data.users.push(format!("u{user}"));
        for at in 0..length + user as usize % 3 {
            // Of a kind, some items are chosen much more often than others.
            let among = items / 4;
            let of_kind = random.below(among).min(random.below(among));
            let item = (4 * of_kind + user as usize % 4) as u32;
            let context = Some((at % CONTEXTS) as u16);
            let weight = 1.0 + (at % 2) as f32;
            data.events.push(Interaction { user, item, at_ms: Some(at as i64), context, weight });
        }
    }
    data
}

fn small() -> TwoTowerSettings {
    TwoTowerSettings {
        dimensions: 16,
        batch: 32,
        epochs: 4,
        learning_rate: 1e-2,
        patience: 0,
        context_weight: 2.0,
        threads: 1,
        ..TwoTowerSettings::default()
    }
}

fn quiet(_: TrainStep, _: usize, _: usize) {}

fn fitted(settings: &TwoTowerSettings, session: &Session<'_>) -> Result<TrainedNetwork> {
    let data = kinds(40, 48, 6);
    let split = leave_last_out(&data);
    fit_two_tower(&job(&data, &split.train, &split.validation), settings, session)
}

fn job<'a>(data: &'a Interactions, train: &'a [u32], validation: &'a [u32]) -> Job<'a> {
    Job { contexts: CONTEXTS, ..Job::first(data, train, validation) }
}

fn bits(trained: &TrainedNetwork) -> Vec<u32> {
    let tensors = trained.tensors.iter().flat_map(|tensor| &tensor.values);
    trained.embedding.iter().chain(tensors).map(|value| value.to_bits()).collect()
}

/// Every form of the towers that differs in what is computed.
fn forms() -> Vec<TwoTowerSettings> {
    let deep = TwoTowerSettings {
        hidden: vec![24, 12],
        item_hidden: vec![20],
        activation: Nonlinearity::Gelu,
        ..small()
    };
    let factors = TwoTowerSettings { normalize: false, words: false, temperature: 1.0, ..small() };
    vec![small(), deep, TwoTowerSettings { loss: TowerLoss::CrossEntropy, ..factors }]
}

#[test]
fn core_gives_the_scores_of_training_for_every_form_of_the_towers() {
    let data = kinds(40, 48, 6);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    for settings in forms() {
        let mut task = TwoTowerTask::new(&job(&data, &all, &[]), &settings).unwrap();
        let session = Session::of(&quiet);
        let trained = fit_two_tower(&job(&data, &all, &[]), &settings, &session).unwrap();
        // The weights of the run, by a run of the same bits.
        let fit = crate::training::neural::Run {
            fingerprint: "",
            checkpoint: None,
            resume: false,
            threads: &rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap(),
            stop: &|| false,
            progress: &|_, _| {},
            epoch: &|_, _| {},
        };
        crate::training::neural::fit(&mut task, &settings.fit(), &fit).unwrap();
        let items = task.towers().items(None).unwrap();
        assert_eq!(numbers(&items).unwrap().to_vec(), trained.embedding);
        let scorer = trained.scorer().unwrap();
        for user in 0..12u32 {
            let history = task.examples().of(user).to_vec();
            for context in [Some(0), Some(2)] {
                let whole = std::iter::once((user, usize::MAX, context));
                let histories = task.examples().inputs(whole);
                let vector = task.towers().users(&items, histories, None).unwrap();
                let expected = vector.matmul(&items.t().unwrap()).unwrap();
                let expected = numbers(&expected).unwrap().to_vec();
                let mut found = vec![0.0; 48];
                scorer.score(&Case { user, history: &history, context }, &mut found).unwrap();
                let size = expected.iter().fold(1.0f32, |size, value| size.max(value.abs()));
                for (a, b) in found.iter().zip(&expected) {
                    assert!((a - b).abs() <= 1e-5 * size, "{settings:?}: {a} {b}");
                }
            }
        }
    }
}

#[test]
fn what_users_like_is_learned_by_every_loss() {
    let data = kinds(40, 48, 6);
    let split = leave_last_out(&data);
    for loss in [
        TowerLoss::CrossEntropy,
        TowerLoss::SampledSoftmax { negatives: 20, sampling: Sampling::Uniform },
        TowerLoss::InBatch { correction: Correction::All },
        TowerLoss::InBatch { correction: Correction::Drawn },
    ] {
        let settings = TwoTowerSettings { loss, epochs: 12, ..small() };
        let job = job(&data, &split.train, &split.validation);
        let before = TwoTowerTask::new(&job, &settings).unwrap().validate().unwrap().unwrap();
        let trained = fitted(&settings, &Session::of(&quiet)).unwrap();
        let curve = &trained.fitted.history;
        let best = curve[trained.fitted.epoch - 1].validation.unwrap();
        assert!(best > 0.2 && best > 2.0 * before, "{loss:?}: {before} {best}");
        assert!(curve[11].loss < 0.9 * curve[0].loss, "{loss:?}: {curve:?}");
    }
}

#[test]
fn an_item_that_nobody_chose_is_found_by_its_words() {
    let mut data = kinds(40, 48, 6);
    // The last item of each kind is new.
    data.events.retain(|event| event.item < 44);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    let share = |words: bool| {
        let settings = TwoTowerSettings { words, epochs: 20, ..small() };
        let session = Session::of(&quiet);
        let trained = fit_two_tower(&job(&data, &all, &[]), &settings, &session).unwrap();
        let scorer = trained.scorer().unwrap();
        let mut right = 0;
        for user in 0..40u32 {
            let of_user = data.events.iter().filter(|event| event.user == user);
            let history: Vec<Interaction> = of_user.copied().collect();
            let mut scores = vec![0.0; 48];
            let case = Case { user, history: &history, context: Some(0) };
            scorer.score(&case, &mut scores).unwrap();
            let best = (44..48).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
            right += usize::from(best % 4 == user as usize % 4);
        }
        right
    };
    let (with, without) = (share(true), share(false));
    assert!(with > 35 && without < 25, "{with} {without}");
}

#[test]
fn threads_change_no_bit_and_the_seed_does() {
    let of = |threads, seed| {
        let settings = TwoTowerSettings { threads, seed, epochs: 2, ..forms()[1].clone() };
        bits(&fitted(&settings, &Session::of(&quiet)).unwrap())
    };
    let one = of(1, 1);
    assert!(one == of(3, 1) && one != of(1, 2));
}

#[test]
fn a_run_that_was_stopped_anywhere_goes_on_to_the_very_same_bits() {
    let settings = forms()[1].clone();
    let whole = fitted(&settings, &Session::of(&quiet)).unwrap();
    for stop_after in [0, 3, 7, 11] {
        let directory = tempfile::tempdir().unwrap();
        let done = Cell::new(0);
        let progress = |_: TrainStep, at: usize, _: usize| done.set(at);
        let stop = || done.get() >= stop_after;
        let session = Session {
            stop: &stop,
            checkpoints: Some(directory.path()),
            resume: true,
            ..Session::of(&progress)
        };
        let error = fitted(&settings, &session).unwrap_err();
        assert!(matches!(error, Error::Interrupted { .. }), "{error}");
        let on = Session { stop: &|| false, ..session };
        let other = TwoTowerSettings { temperature: 0.2, ..settings.clone() };
        let error = fitted(&other, &on).unwrap_err();
        assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
        let settings = TwoTowerSettings { threads: 2, ..settings.clone() };
        let again = fitted(&settings, &on).unwrap();
        assert!(bits(&again) == bits(&whole), "stopped after {stop_after}");
        assert_eq!(again.fitted, whole.fitted);
    }
}

#[test]
fn what_training_never_shows_has_no_weight() {
    let data = kinds(40, 48, 6);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    let mut none = data.clone();
    none.events.iter_mut().for_each(|event| event.context = None);
    let session = Session::of(&quiet);
    let trained = fit_two_tower(&job(&none, &all, &[]), &small(), &session).unwrap();
    let weight = trained.tensors.iter().find(|tensor| tensor.name == "tower.0.weight").unwrap();
    // What was passed over, how much of it, and the contexts.
    for row in weight.values.chunks_exact(2 * 16 + 2 + CONTEXTS) {
        assert!(row[..16].iter().all(|value| *value != 0.0) && row[32] != 0.0);
        assert!(row[16..32].iter().chain(&row[33..]).all(|value| *value == 0.0), "{row:?}");
    }
    let trained = fit_two_tower(&job(&data, &all, &[]), &small(), &session).unwrap();
    let weight = trained.tensors.iter().find(|tensor| tensor.name == "tower.0.weight").unwrap();
    let row = &weight.values[..2 * 16 + 2 + CONTEXTS];
    assert!(row[34..].iter().all(|value| *value != 0.0), "{row:?}");
}

#[test]
fn steps_that_are_too_long_stop_the_run_and_no_choice_is_a_typed_error() {
    let steep = TwoTowerSettings {
        learning_rate: 1e30,
        normalize: false,
        loss: TowerLoss::CrossEntropy,
        ..small()
    };
    let error = fitted(&steep, &Session::of(&quiet)).unwrap_err();
    let Error::Unstable { epoch, step, cause } = &error else { panic!("{error}") };
    assert!(*epoch >= 1 && *step >= 2 && cause.contains("learning rate"), "{error}");
    let data = kinds(4, 48, 6);
    let error = fit_two_tower(&job(&data, &[], &[]), &small(), &Session::of(&quiet)).unwrap_err();
    assert!(matches!(error, Error::Data { .. }), "{error}");
    // One choice is enough to train on.
    for loss in [TowerLoss::CrossEntropy, small().loss] {
        let settings = TwoTowerSettings { loss, epochs: 1, ..small() };
        fit_two_tower(&job(&data, &[0], &[]), &settings, &Session::of(&quiet)).unwrap();
    }
}

#[test]
fn dropout_leaves_out_in_training_alone() {
    let data = kinds(8, 48, 6);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    let loss = |dropout, batch| {
        let settings = TwoTowerSettings { dropout, hidden: vec![8], ..small() };
        let mut task = TwoTowerTask::new(&job(&data, &all, &[]), &settings).unwrap();
        task.loss(Place { epoch: 0, batch }).unwrap().to_scalar::<f32>().unwrap()
    };
    assert_eq!(loss(0.5, 0), loss(0.5, 0));
    assert_ne!(loss(0.5, 0), loss(0.0, 0));
}
