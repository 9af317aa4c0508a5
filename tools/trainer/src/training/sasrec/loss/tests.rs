use candle_core::{D, Device, Tensor, Var};

use super::*;
use crate::datasets::{Interaction, Interactions, bare_item};
use crate::training::neural::ops::{numbers, testing::some};

const ITEMS: usize = 7;

/// Two users: one reads 0, 1, 2, the other 5, 3; each predicts the next.
fn sequences() -> Sequences {
    let event = |(user, item)| Interaction { user, item, at_ms: None, context: None, weight: 1.0 };
    let chosen = [(0, 0), (0, 1), (0, 2), (0, 6), (1, 5), (1, 3), (1, 1)];
    let data = Interactions {
        users: ["a", "b"].map(String::from).to_vec(),
        items: (0..ITEMS).map(|at| bare_item(&at.to_string()).unwrap()).collect(),
        events: chosen.map(event).to_vec(),
        ..Interactions::default()
    };
    Sequences::new(&data, &[0, 1, 2, 3, 4, 5, 6])
}

/// A loss with its gradients of rows and table.
fn computed(loss: &Loss, rows: &Tensor, table: &Tensor, key: Key) -> (f32, Vec<f32>, Vec<f32>) {
    computed_by((rows, table), key, None, &|batch, drawing| loss.of(batch, drawing), loss)
}

type Compute<'a> = &'a dyn Fn(&Batch<'_>, &Drawing) -> Result<Tensor>;

/// The same by one of its ways of computing, rows counting for `weights`.
fn computed_by(
    (rows, table): (&Tensor, &Tensor),
    key: Key,
    weights: Option<&[f32]>,
    compute: Compute<'_>,
    loss: &Loss,
) -> (f32, Vec<f32>, Vec<f32>) {
    let (rows, table) = (Var::from_tensor(rows).unwrap(), Var::from_tensor(table).unwrap());
    let sequences = sequences();
    let packed = sequences.to_learn(&[0, 1], 10);
    let (packed, sequences) = (&packed, &sequences);
    let batch = Batch { rows: &rows, table: &table, packed, sequences, key, weights };
    let value = compute(&batch, &Drawing::new(loss, sequences)).unwrap();
    let grads = value.backward().unwrap();
    let of = |var: &Var| numbers(grads.get(var).unwrap()).unwrap().to_vec();
    (value.to_scalar::<f32>().unwrap(), of(&rows), of(&table))
}

fn inputs() -> (Tensor, Tensor) {
    (some((5, 6), 1), some((ITEMS, 6), 2))
}

/// Compares the gradients with differences.
fn check(loss: &Loss, key: Key) {
    let (rows, table) = inputs();
    let (_, of_rows, of_table) = computed(loss, &rows, &table, key);
    for (which, (values, found)) in [(&rows, of_rows), (&table, of_table)].into_iter().enumerate() {
        let begin = numbers(values).unwrap().to_vec();
        for at in 0..begin.len() {
            let moved = |by: f32| {
                let mut moved = begin.clone();
                moved[at] += by;
                let moved = Tensor::from_vec(moved, values.shape(), &Device::Cpu).unwrap();
                let (rows, table) = if which == 0 { (&moved, &table) } else { (&rows, &moved) };
                f64::from(computed(loss, rows, table, key).0)
            };
            let expected = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            let off = (f64::from(found[at]) - expected).abs();
            assert!(off < 1e-3, "{loss:?} {which} {at}: {} {expected}", found[at]);
        }
    }
}

#[test]
fn gradients_of_every_loss_agree_with_differences() {
    let popular = Sampling::Popularity { exponent: 0.75 };
    for loss in [
        Loss::CrossEntropy,
        Loss::Bce,
        Loss::Gbce { negatives: 3, t: 0.75 },
        Loss::SampledSoftmax { negatives: 4, sampling: Sampling::Uniform },
        Loss::SampledSoftmax { negatives: 9, sampling: popular },
    ] {
        check(&loss, Key::new(5, "negatives"));
    }
}

fn assert_alike(a: &(f32, Vec<f32>, Vec<f32>), b: &(f32, Vec<f32>, Vec<f32>), what: &Loss) {
    assert!((a.0 - b.0).abs() < 1e-5, "{what:?}: {} {}", a.0, b.0);
    for (a, b) in a.1.iter().zip(&b.1).chain(a.2.iter().zip(&b.2)) {
        assert!((a - b).abs() < 1e-5, "{what:?}: {a} {b}");
    }
}

#[test]
fn composed_of_candles_operations_every_loss_is_the_same() {
    let (rows, table) = inputs();
    let weights = [2.0, 0.5, 0.0, 1.0, 1.5];
    for loss in [
        Loss::CrossEntropy,
        Loss::Bce,
        Loss::Gbce { negatives: 3, t: 0.75 },
        Loss::SampledSoftmax { negatives: 4, sampling: Sampling::Uniform },
        Loss::SampledSoftmax { negatives: 1, sampling: Sampling::Popularity { exponent: 0.75 } },
    ] {
        let is_pairs = matches!(loss, Loss::Bce | Loss::Gbce { .. });
        for weights in [None, Some(&weights[..])].into_iter().take(2 - usize::from(is_pairs)) {
            for run in 0..5 {
                let (both, key) = ((&rows, &table), Key::new(5, "negatives").part(run));
                let ours: Compute<'_> = &|batch, drawing| loss.ours(batch, drawing);
                let ours = computed_by(both, key, weights, ours, &loss);
                let composed: Compute<'_> = &|batch, drawing| loss.composed(batch, drawing);
                assert_alike(&ours, &computed_by(both, key, weights, composed, &loss), &loss);
            }
        }
    }
}

#[test]
fn a_row_counts_for_its_weight() {
    let ((rows, table), key) = (inputs(), Key::new(5, "negatives"));
    for loss in
        [Loss::CrossEntropy, Loss::SampledSoftmax { negatives: 4, sampling: Sampling::Uniform }]
    {
        let of = |weights: [f32; 5]| {
            let compute: Compute<'_> = &|batch, drawing| loss.of(batch, drawing);
            computed_by((&rows, &table), key, Some(&weights), compute, &loss)
        };
        let (first, rest) = (of([1.0, 0.0, 0.0, 0.0, 0.0]), of([0.0, 1.0, 1.0, 1.0, 1.0]));
        let mixed = of([3.0, 0.5, 0.5, 0.5, 0.5]);
        let sum = |first: &[f32], rest: &[f32]| -> Vec<f32> {
            first.iter().zip(rest).map(|(first, rest)| 3.0 * first + 0.5 * rest).collect()
        };
        let expected =
            (3.0 * first.0 + 0.5 * rest.0, sum(&first.1, &rest.1), sum(&first.2, &rest.2));
        assert_alike(&mixed, &expected, &loss);
        assert!(first.0 > 0.1 && rest.0 > 0.1);
    }
}

#[test]
fn cross_entropy_is_that_of_candle() {
    let (rows, table) = inputs();
    let (value, ..) = computed(&Loss::CrossEntropy, &rows, &table, Key::new(1, "none"));
    let scores = rows.matmul(&table.t().unwrap()).unwrap();
    let targets = Tensor::new(&[1u32, 2, 6, 3, 1], &Device::Cpu).unwrap();
    let shares = candle_nn::ops::log_softmax(&scores, D::Minus1).unwrap();
    let expected = candle_nn::loss::nll(&shares, &targets).unwrap().to_scalar::<f32>().unwrap();
    assert!((value - expected).abs() < 1e-6, "{value} {expected}");
}

#[test]
fn what_is_drawn_stands_for_the_whole_catalogue_on_average() {
    let (rows, table) = inputs();
    // exp of one row's loss is the sum of exponentials over that of the choice: its mean is exact.
    let rows = rows.narrow(0, 0, 5).unwrap();
    let scores = numbers(&rows.matmul(&table.t().unwrap()).unwrap()).unwrap().to_vec();
    let targets = [1usize, 2, 6, 3, 1];
    let exact = |row: usize| {
        let row_scores = &scores[row * ITEMS..][..ITEMS];
        row_scores.iter().map(|score| (score - row_scores[targets[row]]).exp()).sum::<f32>()
    };
    let popular = Sampling::Popularity { exponent: 1.0 };
    for sampling in [Sampling::Uniform, popular] {
        let loss = Loss::SampledSoftmax { negatives: 3, sampling };
        let sequences = sequences();
        let drawing = Drawing::new(&loss, &sequences);
        let mut packed = sequences.to_learn(&[0, 1], 10);
        packed.targets.truncate(1);
        let one = rows.narrow(0, 0, 1).unwrap();
        let runs = 40_000;
        let sum: f64 = (0..runs)
            .map(|run| {
                let (rows, table, packed, sequences) = (&one, &table, &packed, &sequences);
                let key = Key::new(9, "runs").part(run);
                let batch = Batch { rows, table, packed, sequences, key, weights: None };
                let value = loss.of(&batch, &drawing).unwrap().to_scalar::<f32>().unwrap();
                f64::from(value).exp()
            })
            .sum();
        let (mean, exact) = (sum / runs as f64, f64::from(exact(0)));
        assert!((mean / exact - 1.0).abs() < 0.02, "{sampling:?}: {mean} {exact}");
    }
}

#[test]
fn without_calibration_gbce_is_bce_and_with_it_only_the_choice_counts_less() {
    let (rows, table) = inputs();
    let key = Key::new(5, "negatives");
    let plain = computed(&Loss::Gbce { negatives: 1, t: 0.0 }, &rows, &table, key);
    assert_eq!(plain, computed(&Loss::Bce, &rows, &table, key));
    // a = 2 / 6: beta is 1 at t 0 and a at t 1.
    assert!((beta(2, 6, 0.0) - 1.0).abs() < 1e-6);
    assert!((beta(2, 6, 1.0) - 2.0 / 6.0).abs() < 1e-6);
    assert!((beta(2, 6, 0.75) - (0.75 * (2.0 / 6.0) + 0.25)).abs() < 1e-6);
}

#[test]
fn nothing_that_a_user_chose_is_drawn_against_the_choice() {
    // Item 4 is the only one that neither chose. A large score of it alone makes the loss large
    // for rows that draw it; items chosen by both (1) may be as large as they like.
    let loss = Loss::Gbce { negatives: 6, t: 0.0 };
    let rows = Tensor::ones((5, 6), candle_core::DType::F32, &Device::Cpu).unwrap();
    let with = |item: usize| {
        let mut values = vec![0.0f32; ITEMS * 6];
        values[item * 6..item * 6 + 6].fill(10.0);
        let table = Tensor::from_vec(values, (ITEMS, 6), &Device::Cpu).unwrap();
        let largest = |run| computed(&loss, &rows, &table, Key::new(3, "runs").part(run)).0;
        (0..50).map(largest).fold(0.0, f32::max)
    };
    assert!(with(4) > 50.0, "{}", with(4));
    // ln 2 for each of the seven terms, less where the target is item 1 itself.
    assert!(with(1) < 7.0 * 2.0f32.ln() + 1e-3, "{}", with(1));
}
