//! The network against core, and its training as a whole.

use std::cell::Cell;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::Nonlinearity;

use super::*;
use crate::datasets::{Interaction, Interactions, bare_item};
use crate::split::leave_last_out;
use crate::training::network::{Job, TrainedNetwork};
use crate::training::neural::ops::numbers;
use crate::training::neural::{Key, Place, Task as _};
use crate::training::{Session, TrainStep};
use crate::{Error, Result};

/// `users` users who go around a ring of `items` items from a random place, and now and then jump.
pub(super) fn ring(users: u32, items: usize, length: usize) -> Interactions {
    let mut random = SeededRandom::new(Seed(4));
    let mut data = Interactions {
        items: (0..items).map(|at| bare_item(&format!("i{at}")).unwrap()).collect(),
        ..Interactions::default()
    };
    for user in 0..users {
        data.users.push(format!("u{user}"));
        let mut item = random.below(items);
        for at in 0..length + user as usize % 3 {
            item = if random.chance(0.1) { random.below(items) } else { (item + 1) % items };
            let (item, at_ms) = (item as u32, Some(at as i64));
            data.events.push(Interaction { user, item, at_ms, context: None, weight: 1.0 });
        }
    }
    data
}

fn small() -> SasrecSettings {
    SasrecSettings {
        dimensions: 16,
        heads: 2,
        positions: 8,
        batch: 16,
        epochs: 6,
        learning_rate: 5e-3,
        dropout: 0.1,
        patience: 0,
        threads: 1,
        ..SasrecSettings::default()
    }
}

fn quiet(_: TrainStep, _: usize, _: usize) {}

fn fitted(settings: &SasrecSettings, session: &Session<'_>) -> Result<TrainedNetwork> {
    let data = ring(60, 30, 9);
    let split = leave_last_out(&data);
    fit_sasrec(&Job::first(&data, &split.train, &split.validation), settings, session)
}

fn bits(trained: &TrainedNetwork) -> Vec<u32> {
    let tensors = trained.tensors.iter().flat_map(|tensor| &tensor.values);
    trained.embedding.iter().chain(tensors).map(|value| value.to_bits()).collect()
}

#[test]
fn core_gives_the_hidden_state_of_training_for_every_form_of_the_network() {
    // Histories one shorter than the positions, as long, and one longer.
    let data = ring(12, 40, 19);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    let sequences = Sequences::new(&data, &all);
    for (activation, norm_first, scale_embedding, heads, feed_forward) in [
        (Nonlinearity::Relu, true, true, 1, 0),
        (Nonlinearity::Gelu, true, false, 4, 48),
        (Nonlinearity::Relu, false, true, 2, 17),
    ] {
        let settings = SasrecSettings {
            dimensions: 32,
            positions: 20,
            initial_scale: 0.5,
            activation,
            norm_first,
            scale_embedding,
            heads,
            feed_forward,
            ..small()
        };
        let trained = {
            let once = SasrecSettings { epochs: 1, ..settings.clone() };
            let session = Session::of(&quiet);
            fit_sasrec(&Job::first(&data, &all, &[]), &once, &session).unwrap()
        };
        let network = Network::new(&settings, data.items.len()).unwrap();
        let mut values: Vec<Vec<f32>> = vec![trained.embedding.clone()];
        let of_network = trained.tensors.iter().filter(|t| !t.name.starts_with("ranker."));
        values.extend(of_network.map(|tensor| tensor.values.clone()));
        network.parameters().set(&values).unwrap();
        let users: Vec<u32> = (0..12).collect();
        let packed = sequences.to_read(&users, 20);
        let states = numbers(&network.encode(&packed, None).unwrap()).unwrap().to_vec();
        let scorer = trained.scorer().unwrap();
        for user in users {
            let of_user = data.events.iter().filter(|event| event.user == user);
            let history: Vec<Interaction> = of_user.copied().collect();
            let found = scorer.user_vector(&history, None).unwrap();
            let end = packed.begins[user as usize + 1];
            let expected = &states[(end - 1) * 32..end * 32];
            let length = expected.iter().map(|value| value * value).sum::<f32>().sqrt();
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-5 * length, "{settings:?}: {a} {b}");
            }
        }
    }
}

#[test]
fn the_order_of_choices_is_learned() {
    let data = ring(60, 30, 9);
    let split = leave_last_out(&data);
    for loss in [
        Loss::CrossEntropy,
        Loss::SampledSoftmax { negatives: 20, sampling: Sampling::Uniform },
        Loss::Gbce { negatives: 10, t: 0.75 },
        Loss::Bce,
    ] {
        let settings = SasrecSettings { loss, epochs: 60, ..small() };
        let mut task =
            SasrecTask::new(&Job::first(&data, &split.train, &split.validation), &settings)
                .unwrap();
        let before = task.validate().unwrap().unwrap();
        let trained = fitted(&settings, &Session::of(&quiet)).unwrap();
        let curve = &trained.fitted.history;
        let best = curve[trained.fitted.epoch - 1].validation.unwrap();
        // Nine in ten choices are the neighbour on the ring.
        assert!(best > 0.6 && before < 0.3, "{loss:?}: {before} {best}");
        assert!(curve[59].loss < 0.7 * curve[0].loss, "{loss:?}: {curve:?}");
    }
}

#[test]
fn threads_change_no_bit_and_the_seed_does() {
    let of = |threads, seed| {
        let settings = SasrecSettings { threads, seed, epochs: 2, ..small() };
        bits(&fitted(&settings, &Session::of(&quiet)).unwrap())
    };
    let one = of(1, 1);
    assert!(one == of(2, 1) && one == of(3, 1));
    assert!(one != of(1, 2));
}

#[test]
fn a_run_that_was_stopped_anywhere_goes_on_to_the_very_same_bits() {
    let settings = small();
    let whole = fitted(&settings, &Session::of(&quiet)).unwrap();
    let batches = 4 * settings.epochs;
    for stop_after in [0, 1, 4, 7, batches - 1] {
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
        // With other threads, too.
        let settings = SasrecSettings { threads: 2, ..settings.clone() };
        let again = fitted(&settings, &Session { stop: &|| false, ..session }).unwrap();
        assert!(bits(&again) == bits(&whole), "stopped after {stop_after}");
        assert_eq!(again.fitted, whole.fitted);
    }
}

#[test]
fn a_checkpoint_of_another_run_or_a_damaged_one_is_refused() {
    let (settings, directory) = (small(), tempfile::tempdir().unwrap());
    let done = Cell::new(0);
    let progress = |_: TrainStep, at: usize, _: usize| done.set(at);
    let stop = || done.get() >= 3;
    let path = Some(directory.path());
    let session =
        Session { stop: &stop, checkpoints: path, resume: true, ..Session::of(&progress) };
    fitted(&settings, &session).unwrap_err();
    let on = Session { stop: &|| false, ..session };
    let other = SasrecSettings { dropout: 0.2, ..settings.clone() };
    let error = fitted(&other, &on).unwrap_err();
    assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
    let file = directory.path().join("checkpoint-fitting.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    let mut random = SeededRandom::new(Seed(1));
    for _ in 0..60 {
        let mut damaged = bytes.clone();
        damaged.truncate(random.below(bytes.len()));
        std::fs::write(&file, &damaged).unwrap();
        let error = fitted(&settings, &on).unwrap_err();
        assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
    }
    let mut damaged = bytes.clone();
    // A number that is none, at the very end.
    damaged[bytes.len() - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&file, &damaged).unwrap();
    assert!(fitted(&settings, &on).unwrap_err().to_string().contains("not finite"));
    std::fs::write(&file, &bytes).unwrap();
    fitted(&settings, &on).unwrap();
}

#[test]
fn dropout_leaves_out_in_training_alone() {
    let data = ring(8, 30, 9);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    let settings = SasrecSettings { dropout: 0.5, ..small() };
    let mut task = SasrecTask::new(&Job::first(&data, &all, &[]), &settings).unwrap();
    let packed = task.batch(Place { epoch: 0, batch: 0 });
    let states =
        |key: Option<Key>| numbers(&task.network().encode(&packed, key).unwrap()).unwrap().to_vec();
    let key = Key::new(1, "test");
    assert_eq!(states(None), states(None));
    assert_eq!(states(Some(key)), states(Some(key)));
    assert_ne!(states(Some(key)), states(Some(key.part(1))));
    assert_ne!(states(Some(key)), states(None));
}

#[test]
fn a_loss_or_gradient_that_is_no_number_stops_the_run_and_names_it() {
    let data = ring(20, 30, 9);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    let settings = small();
    let session = Session::of(&quiet);
    let steep = SasrecSettings { learning_rate: 1e30, ..settings };
    let error = fit_sasrec(&Job::first(&data, &all, &[]), &steep, &session).unwrap_err();
    let Error::Unstable { epoch, step, cause } = &error else { panic!("{error}") };
    assert!(*epoch >= 1 && *step >= 2 && cause.contains("learning rate"), "{error}");
}

#[test]
fn data_without_an_order_to_learn_are_a_typed_error() {
    let mut data = ring(3, 30, 9);
    let first: Vec<u32> = (0..data.events.len() as u32)
        .filter(|index| data.events[*index as usize].at_ms == Some(0))
        .collect();
    let session = Session::of(&quiet);
    let error = fit_sasrec(&Job::first(&data, &first, &[]), &small(), &session).unwrap_err();
    assert!(matches!(error, Error::Data { .. }), "{error}");
    // One user and one item is enough to train on.
    data.events.retain(|event| event.user == 0);
    data.items.truncate(1);
    data.events.iter_mut().for_each(|event| event.item = 0);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    for loss in [Loss::CrossEntropy, Loss::Bce, Loss::Gbce { negatives: 5, t: 1.0 }] {
        let settings = SasrecSettings { loss, epochs: 2, ..small() };
        fit_sasrec(&Job::first(&data, &all, &[]), &settings, &session).unwrap();
    }
}

#[test]
fn an_empty_history_scores_nothing() {
    let trained = fitted(&SasrecSettings { epochs: 1, ..small() }, &Session::of(&quiet)).unwrap();
    assert!(trained.scorer().unwrap().user_vector(&[], None).unwrap().iter().all(|v| *v == 0.0));
}
