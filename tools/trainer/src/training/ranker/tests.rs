//! The linear ranker, and networks against core.

use noctule_core::base::{Seed, SeededRandom};

use noctule_core::release::{Nonlinearity, RankerKind, Structure};

use super::network::{Network, Scale};
use super::*;
use crate::evaluation::{Discount, ndcg_graded};
use crate::training::fairness::{RowGroups, Treatment};
use crate::training::neural::ops::{numbers, tensor};
use crate::training::{Session, TrainStep};

/// Rows of two informative features, one far from 0, and one that never varies.
fn sample(m: usize) -> (Vec<f32>, Vec<f32>) {
    let mut random = SeededRandom::new(Seed(3));
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..m {
        let (a, b) = (random.normal(), 500.0 + 20.0 * random.normal());
        let log_odds = 2.0 * a - 0.05 * (b - 500.0) - 1.0;
        labels.push(f32::from(u8::from(random.chance(1.0 / (1.0 + (-log_odds).exp())))));
        rows.extend([a as f32, b as f32, 7.0]);
    }
    (rows, labels)
}

#[test]
fn the_weights_that_made_the_labels_are_found_in_the_features_own_scale() {
    let (rows, labels) = sample(20_000);
    let ones = vec![1.0; labels.len()];
    let settings = RankerSettings::default();
    let trained = train_ranker(&rows, 3, &labels, &ones, &settings).unwrap();
    assert!((trained.weight[0] - 2.0).abs() < 0.1, "{trained:?}");
    assert!((trained.weight[1] + 0.05).abs() < 0.005, "{trained:?}");
    assert_eq!(trained.weight[2], 0.0);
    let at_origin = trained.ranker().unwrap().score(&[0.0, 500.0, 7.0], 3).unwrap()[0];
    assert!((at_origin + 1.0).abs() < 0.1, "{at_origin}");
    assert!(trained.losses[299] < trained.losses[0]);
}

#[test]
fn the_same_data_give_the_same_weights() {
    let (rows, labels) = sample(500);
    let ones = vec![1.0; labels.len()];
    let train = || train_ranker(&rows, 3, &labels, &ones, &RankerSettings::default()).unwrap();
    assert_eq!(train(), train());
}

#[test]
fn the_gradient_vanishes_at_the_solution() {
    let (rows, labels) = sample(400);
    let ones = vec![1.0; labels.len()];
    let settings = RankerSettings { steps: 3_000, l2: 0.0, ..RankerSettings::default() };
    let trained = train_ranker(&rows, 3, &labels, &ones, &settings).unwrap();
    let scores = trained.ranker().unwrap().score(&rows, 3).unwrap();
    let errors = scores.iter().zip(&labels).map(|(z, y)| 1.0 / (1.0 + (-z).exp()) - y);
    let errors: Vec<f32> = errors.collect();
    let mean = errors.iter().sum::<f32>() / 400.0;
    let first = errors.iter().zip(rows.chunks_exact(3)).map(|(e, row)| e * row[0]).sum::<f32>();
    assert!(mean.abs() < 1e-4 && (first / 400.0).abs() < 1e-4, "{mean} {first}");
}

#[test]
fn a_row_of_weight_two_counts_as_two_rows() {
    let (rows, labels) = sample(300);
    let mut weights = vec![1.0; 300];
    weights[7] = 2.0;
    let (mut twice, mut twice_labels) = (rows.clone(), labels.clone());
    twice.extend(&rows[21..24]);
    twice_labels.push(labels[7]);
    let settings = RankerSettings { steps: 2_000, ..RankerSettings::default() };
    let once = train_ranker(&rows, 3, &labels, &weights, &settings).unwrap();
    let doubled = train_ranker(&twice, 3, &twice_labels, &[1.0; 301], &settings).unwrap();
    assert!((once.weight[0] - doubled.weight[0]).abs() < 1e-3);
    assert!((once.bias - doubled.bias).abs() < 2e-2);
}

#[test]
fn what_does_not_fit_is_a_typed_error() {
    let train = |rows: &[f32], labels: &[f32], weights: &[f32]| {
        train_ranker(rows, 1, labels, weights, &RankerSettings::default())
    };
    let cases: [(&[f32], &[f32], &[f32]); 6] = [
        (&[], &[], &[]),
        (&[1.0], &[1.0, 0.0], &[1.0, 1.0]),
        (&[f32::NAN], &[1.0], &[1.0]),
        (&[1.0], &[0.5], &[1.0]),
        (&[1.0], &[1.0], &[0.0]),
        (&[1.0], &[1.0], &[f32::NAN]),
    ];
    for (rows, labels, weights) in cases {
        assert!(matches!(train(rows, labels, weights), Err(Error::Data { .. })));
    }
    let settings = RankerSettings { steps: 0, ..RankerSettings::default() };
    let error = train_ranker(&[1.0], 1, &[1.0], &[1.0], &settings).unwrap_err();
    assert!(matches!(error, Error::Setting { field: "steps", .. }));
}

const KINDS: [RankerKind; 2] = [RankerKind::Mlp, RankerKind::DcnV2];

fn network(kind: RankerKind) -> RankerSettings {
    let network = NetworkSettings {
        hidden: vec![16],
        batch: 64,
        epochs: 30,
        learning_rate: 0.01,
        ..NetworkSettings::default()
    };
    RankerSettings { kind, network, ..RankerSettings::default() }
}

/// Log-odds with a product that no weighted sum has.
fn crossed(m: usize) -> (Vec<f32>, Vec<RowLabel>) {
    let mut random = SeededRandom::new(Seed(8));
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for row in 0..m {
        let (a, b) = (random.normal(), random.normal());
        let odds = 3.0 * a * b - 0.5;
        let positive = random.chance(1.0 / (1.0 + (-odds).exp()));
        let user = (row / 10) as u32;
        labels.push(RowLabel { positive, weight: 1.0, examination: None, user, item: 0 });
        rows.extend([a as f32, 10.0 * b as f32, 7.0]);
    }
    (rows, labels)
}

fn run<'a>(session: &'a Session<'a>) -> RankerRun<'a> {
    let (groups, treatment) = (None, Treatment::None);
    RankerRun { session, name: "ranker", seed: 1, threads: 2, groups, treatment }
}

/// Settings that are done with many rows in a moment.
fn brief(kind: RankerKind) -> RankerSettings {
    let settings = network(kind);
    let network = NetworkSettings { batch: 256, epochs: 15, ..settings.network };
    RankerSettings { network, ..settings }
}

fn train(settings: &RankerSettings, m: usize) -> RankerNetwork {
    let (rows, labels) = crossed(m);
    let rows = LabelledRows { rows: &rows, features: 3, labels: &labels };
    let silent = |_: TrainStep, _, _| ();
    train_network(rows, settings, &run(&Session::of(&silent))).unwrap()
}

fn right(scores: &[f32], labels: &[RowLabel]) -> f64 {
    let right = scores.iter().zip(labels).filter(|(z, label)| (**z > 0.0) == label.positive);
    right.count() as f64 / labels.len() as f64
}

#[test]
fn core_gives_the_sums_that_training_saw_for_every_kind_and_structure() {
    let (rows, _) = crossed(300);
    let designs = KINDS.into_iter().flat_map(|kind| {
        [(0, Structure::Parallel), (2, Structure::Stacked)].map(|(rank, structure)| {
            let mut settings = network(kind);
            (settings.network.rank, settings.network.structure) = (rank, structure);
            settings.network.activation = Nonlinearity::Gelu;
            settings.network.hidden = vec![8, 5];
            settings.design()
        })
    });
    let alone = RankerSettings { kind: RankerKind::DcnV2, ..RankerSettings::default() };
    let alone = NetworkSettings { hidden: Vec::new(), ..alone.network };
    let alone = RankerSettings { kind: RankerKind::DcnV2, network: alone, ..network(KINDS[1]) };
    for design in designs.chain([alone.design()]) {
        let scale = Scale::of(design.kind, &rows, 3);
        let network = Network::new(&design, 3, 0.0, 5).unwrap();
        // Cross layers begin at 0: all weights are moved, so that all of them count.
        let moved: Vec<Vec<f32>> = network.parameters.values().unwrap();
        let moved: Vec<Vec<f32>> = moved
            .into_iter()
            .map(|values| {
                values.iter().enumerate().map(|(at, v)| v + 0.1 * (at as f32).sin()).collect()
            })
            .collect();
        network.parameters.set(&moved).unwrap();
        let scaled = tensor(scale.apply(&rows), (300, 3)).unwrap();
        let ours = network.sums(&network.last(&scaled, None).unwrap()).unwrap().detach();
        let ours = numbers(&ours).unwrap().to_vec();
        let tensors = network.unscaled(&scale).unwrap();
        let fitted = crate::training::neural::Fitted { epoch: 1, history: Vec::new() };
        let shipped = RankerNetwork { design: design.clone(), features: 3, tensors, fitted };
        let found = shipped.ranker().unwrap().score(&rows, 3).unwrap();
        for (found, ours) in found.iter().zip(&ours) {
            assert!(
                (found - ours).abs() <= 1e-5 * ours.abs().max(1.0),
                "{design:?} {found} {ours}"
            );
        }
    }
}

#[test]
fn networks_learn_a_product_that_a_weighted_sum_cannot() {
    let (rows, labels) = crossed(4_000);
    let outcomes: Vec<f32> =
        labels.iter().map(|label| f32::from(u8::from(label.positive))).collect();
    let linear =
        train_ranker(&rows, 3, &outcomes, &vec![1.0; 4_000], &RankerSettings::default()).unwrap();
    let linear = right(&linear.ranker().unwrap().score(&rows, 3).unwrap(), &labels);
    for kind in KINDS {
        let trained = train(&network(kind), 4_000);
        let scores = trained.ranker().unwrap().score(&rows, 3).unwrap();
        let share = right(&scores, &labels);
        assert!(share > 0.75 && linear < 0.65, "{kind:?}: {share}, linear {linear}");
        assert!(trained.fitted.history.iter().all(|epoch| epoch.validation.is_some()));
    }
}

#[test]
fn probabilities_are_right_on_average_where_calibrated_and_near_the_truth_everywhere() {
    const M: usize = 10_000;
    let (rows, labels) = crossed(M);
    for kind in KINDS {
        let trained = train(&brief(kind), M);
        let scores = trained.ranker().unwrap().score(&rows, 3).unwrap();
        let p = |z: f32| f64::from(1.0 / (1.0 + (-z).exp()));
        // The line of the greatest likelihood gives what it is fitted to the share that it has.
        let (_, held_out) = training::held_out(&labels, 0.1, 1);
        let mean = |of: &dyn Fn(usize) -> f64| {
            held_out.iter().map(|row| of(*row as usize)).sum::<f64>() / held_out.len() as f64
        };
        let wanted = mean(&|row| f64::from(u8::from(labels[row].positive)));
        let found = mean(&|row| p(scores[row]));
        assert!((found - wanted).abs() < 1e-3, "{kind:?}: {found} {wanted}");
        // Elsewhere a share of 1,000 rows is off by 3 of its deviations at most.
        let far = 3.0 * (wanted * (1.0 - wanted) / held_out.len() as f64).sqrt();
        let truth = |row: &[f32]| p(0.3 * row[0] * row[1] - 0.5);
        let expected = rows.chunks_exact(3).map(truth).sum::<f64>() / M as f64;
        let found = scores.iter().map(|z| p(*z)).sum::<f64>() / M as f64;
        assert!((found - expected).abs() < far, "{kind:?}: {found} {expected}");
    }
}

#[test]
fn a_stopped_run_goes_on_to_the_very_weights_of_one_that_was_not_also_with_other_threads() {
    let (rows, labels) = crossed(600);
    let rows = LabelledRows { rows: &rows, features: 3, labels: &labels };
    let silent = |_: TrainStep, _, _| ();
    for kind in KINDS {
        let mut settings = network(kind);
        (settings.network.epochs, settings.network.dropout) = (6, 0.2);
        let whole = train_network(rows, &settings, &run(&Session::of(&silent))).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let asked = std::cell::Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) == 25;
        let checkpoints = Some(directory.path());
        let session = Session { stop: &stop, checkpoints, resume: true, ..Session::of(&silent) };
        let stopped = train_network(rows, &settings, &run(&session)).unwrap_err();
        assert!(matches!(stopped, Error::Interrupted { epoch: 3.., .. }), "{stopped}");
        let other = RankerRun { threads: 1, ..run(&session) };
        let resumed = train_network(rows, &settings, &other).unwrap();
        assert_eq!(resumed, whole);
        // Other labels are another run.
        let mut changed = labels.clone();
        changed[3].weight = 2.0;
        let changed = LabelledRows { labels: &changed, ..rows };
        let refused = train_network(changed, &settings, &run(&session)).unwrap_err();
        assert!(matches!(refused, Error::Checkpoint { .. }), "{refused}");
    }
}

#[test]
fn one_user_no_positive_and_one_row_are_trained_and_stay_finite() {
    let silent = |_: TrainStep, _, _| ();
    let session = Session::of(&silent);
    let (rows, mut labels) = crossed(40);
    labels.iter_mut().for_each(|label| (label.user, label.positive) = (0, false));
    for kind in KINDS {
        for count in [1, 40] {
            let (rows, labels) = (&rows[..3 * count], &labels[..count]);
            let some = LabelledRows { rows, features: 3, labels };
            let trained = train_network(some, &network(kind), &run(&session)).unwrap();
            assert!(trained.ranker().unwrap().score(rows, 3).unwrap()[0].is_finite());
            assert_eq!(trained.design.calibration, noctule_core::release::Calibration::default());
        }
    }
}

#[test]
fn rows_that_do_not_fit_and_steps_that_are_too_large_are_typed_errors() {
    let (rows, labels) = crossed(100);
    let silent = |_: TrainStep, _, _| ();
    let session = Session::of(&silent);
    let mut settings = network(RankerKind::Mlp);
    let train = |rows: &[f32], labels: &[RowLabel], settings: &RankerSettings| {
        let rows = LabelledRows { rows, features: 3, labels };
        train_network(rows, settings, &run(&session)).unwrap_err()
    };
    assert!(matches!(train(&[], &[], &settings), Error::Data { .. }));
    assert!(matches!(train(&rows[3..], &labels, &settings), Error::Data { .. }));
    let mut broken = rows.clone();
    broken[7] = f32::NAN;
    let error = train(&broken, &labels, &settings);
    assert!(error.to_string().contains("feature 1 of row 2"), "{error}");
    let mut weightless = labels.clone();
    weightless.iter_mut().for_each(|label| label.weight = 0.0);
    assert!(matches!(train(&rows, &weightless, &settings), Error::Data { .. }));
    settings.network.learning_rate = 1e9;
    let error = train(&rows, &labels, &settings);
    assert!(matches!(error, Error::Unstable { .. }), "{error}");
}

/// Rows of lists of ten, whose log-odds are twice a merit, less 1.5 in group 1, which is served
/// unjustly; the second feature tells the group. The truth is the chance by merit alone.
fn unjust(m: usize) -> (Vec<f32>, Vec<RowLabel>, RowGroups, Vec<f64>) {
    let mut random = SeededRandom::new(Seed(12));
    let (mut rows, mut labels, mut of, mut truth) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..m {
        let (merit, group) = (random.normal(), u16::from(random.chance(0.5)));
        let chance = |odds: f64| 1.0 / (1.0 + (-odds).exp());
        let positive = random.chance(chance(2.0 * merit - 1.5 * f64::from(group)));
        let user = (row / 10) as u32;
        labels.push(RowLabel { positive, weight: 1.0, examination: None, user, item: 0 });
        let tells = 2.0 * f64::from(group) - 1.0 + 0.2 * random.normal();
        rows.extend([merit as f32, tells as f32]);
        of.push(Some(group));
        truth.push(chance(2.0 * merit));
    }
    (rows, labels, RowGroups { count: 2, of }, truth)
}

/// The difference of the mean scores of the groups, in deviations of the scores, and the NDCG@5 of
/// the lists by the truth.
fn gap_and_ndcg(kind: RankerKind, treatment: Treatment) -> (f64, f64) {
    const M: usize = 4_000;
    let (rows, mut labels, groups, truth) = unjust(M);
    let silent = |_: TrainStep, _, _| ();
    let session = Session::of(&silent);
    if treatment == Treatment::Reweighing {
        crate::training::fairness::reweigh(&mut labels, &groups).unwrap();
    }
    let rows_of = LabelledRows { rows: &rows, features: 2, labels: &labels };
    let asked = RankerRun { groups: Some(&groups), treatment, ..run(&session) };
    let trained = train_network(rows_of, &network(kind), &asked).unwrap();
    let scores = trained.ranker().unwrap().score(&rows, 2).unwrap();
    let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
    let mean = |group: Option<u16>| {
        let own = scores.iter().zip(&groups.of).filter(|(_, of)| group.is_none() || **of == group);
        let own: Vec<f64> = own.map(|(score, _)| *score).collect();
        own.iter().sum::<f64>() / own.len() as f64
    };
    let all = mean(None);
    let spread = scores.iter().map(|score| (score - all).powi(2)).sum::<f64>() / M as f64;
    let lists = scores.chunks_exact(10).zip(truth.chunks_exact(10));
    let ndcg = lists.map(|(scores, truth)| {
        let mut order: Vec<usize> = (0..10).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let gains: Vec<f64> = order[..5].iter().map(|row| truth[*row]).collect();
        let mut best = truth.to_vec();
        best.sort_by(|a, b| b.total_cmp(a));
        ndcg_graded(&gains, &best[..5], Discount::LogRankPlusOne)
    });
    let ndcg = ndcg.sum::<f64>() / (M / 10) as f64;
    ((mean(Some(0)) - mean(Some(1))).abs() / spread.sqrt(), ndcg)
}

#[test]
fn treatments_close_a_planted_gap_and_keep_the_order_by_merit() {
    for kind in KINDS {
        let (gap, ndcg) = gap_and_ndcg(kind, Treatment::None);
        assert!(gap > 0.4, "{kind:?}: no gap to close: {gap}");
        for treatment in
            [Treatment::Reweighing, Treatment::GradientReversal { strength: 1.0, hidden: 8 }]
        {
            let (after, kept) = gap_and_ndcg(kind, treatment);
            println!("{kind:?} {treatment:?}: gap {gap:.3} {after:.3}, NDCG {ndcg:.3} {kept:.3}");
            assert!(after < gap / 2.0, "{kind:?} {treatment:?}: {gap} -> {after}");
            assert!(kept > ndcg - 0.01, "{kind:?} {treatment:?}: {ndcg} -> {kept}");
        }
    }
}
