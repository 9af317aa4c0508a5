use candle_core::{Tensor, Var};
use noctule_core::base::{Seed, SeededRandom};
use proptest::prelude::*;

use super::*;
use crate::training::neural::ops::testing::some;

const ITEMS: usize = 12;
const D: usize = 5;
const BATCH: usize = 64;

/// Shares of a few items that are chosen by nearly all, and of many that are chosen by few.
fn skewed() -> Vec<f64> {
    shares((0..ITEMS).map(|at| 1.0 / (1 + at) as f64).collect())
}

/// The same, and one item that is chosen once in a thousand times.
fn with_a_rare_one() -> Vec<f64> {
    let mut weights = skewed();
    weights[ITEMS - 1] = 0.001;
    shares(weights)
}

fn shares(weights: Vec<f64>) -> Vec<f64> {
    let whole: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / whole).collect()
}

/// Loss, and its gradients of rows and table.
fn computed(
    rows: &Tensor,
    table: &Tensor,
    (targets, shares): (&[u32], &[f64]),
    correction: Correction,
) -> (f32, Vec<f32>, Vec<f32>) {
    let (rows, table) = (Var::from_tensor(rows).unwrap(), Var::from_tensor(table).unwrap());
    let both = (rows.as_tensor(), table.as_tensor());
    let loss = in_batch(both, targets, (shares, None), correction).unwrap();
    let grads = loss.backward().unwrap();
    let of = |var: &Var| numbers(grads.get(var).unwrap()).unwrap().to_vec();
    (loss.to_scalar().unwrap(), of(&rows), of(&table))
}

#[test]
fn gradients_agree_with_differences() {
    let (rows, table, targets) = (some((5, D), 1), some((ITEMS, D), 2), [3, 0, 3, 7, 1]);
    for correction in [Correction::None, Correction::All, Correction::Drawn] {
        let (_, of_rows, of_table) = computed(&rows, &table, (&targets, &skewed()), correction);
        for (which, (values, found)) in
            [(&rows, of_rows), (&table, of_table)].into_iter().enumerate()
        {
            let begin = numbers(values).unwrap().to_vec();
            for at in 0..begin.len() {
                let moved = |by: f32| {
                    let mut moved = begin.clone();
                    moved[at] += by;
                    let moved = tensor(moved, values.shape()).unwrap();
                    let (rows, table) = if which == 0 { (&moved, &table) } else { (&rows, &moved) };
                    f64::from(computed(rows, table, (&targets, &skewed()), correction).0)
                };
                let expected = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                let off = (f64::from(found[at]) - expected).abs();
                assert!(off < 1e-3, "{correction:?} {which} {at}: {} {expected}", found[at]);
            }
        }
    }
}

#[test]
fn composed_of_candles_operations_the_loss_is_the_same_and_rows_count_for_their_weights() {
    let (rows, table, targets) = (some((5, D), 1), some((ITEMS, D), 2), [3, 0, 3, 7, 1]);
    let weights = [2.0, 0.5, 0.0, 1.0, 1.5];
    for correction in [Correction::None, Correction::All, Correction::Drawn] {
        for weights in [None, Some(&weights[..])] {
            let of = |is_composed: bool| {
                let (rows, table) =
                    (Var::from_tensor(&rows).unwrap(), Var::from_tensor(&table).unwrap());
                let both = (rows.as_tensor(), table.as_tensor());
                let loss = if is_composed {
                    let offsets = offsets(&targets, &skewed(), correction);
                    composed(both, (&targets, &offsets), weights, correction).unwrap()
                } else {
                    in_batch(both, &targets, (&skewed(), weights), correction).unwrap()
                };
                let grads = loss.backward().unwrap();
                let mut all = vec![loss.to_scalar::<f32>().unwrap()];
                for var in [&rows, &table] {
                    all.extend(numbers(grads.get(var).unwrap()).unwrap().iter());
                }
                all
            };
            for (at, (ours, composed)) in of(false).iter().zip(of(true)).enumerate() {
                assert!((ours - composed).abs() < 1e-5, "{correction:?} {at}: {ours} {composed}");
            }
        }
    }
}

/// e^score of every item for one user, divided by their sum.
fn shares_of(scores: &[f32]) -> Vec<f64> {
    let powers: Vec<f64> = scores.iter().map(|score| f64::from(*score).exp()).collect();
    let whole: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / whole).collect()
}

/// How far the mean gradient of the item vectors over many batches is from that of a softmax over
/// the catalogue, as a share of the latter, when all rows are of one user and choices are drawn by
/// popularity.
fn off(seed: u64, correction: Correction) -> f64 {
    let (user, table) = (some((1, D), seed), some((ITEMS, D), seed + 1));
    let rows = user.repeat((BATCH, 1)).unwrap().contiguous().unwrap();
    let scores = numbers(&user.matmul(&table.t().unwrap()).unwrap()).unwrap().to_vec();
    let user = numbers(&user).unwrap().to_vec();
    let expected = shares_of(&scores).into_iter().zip(skewed()).flat_map(|(model, chosen)| {
        user.iter().map(move |value| (model - chosen) * f64::from(*value)).collect::<Vec<_>>()
    });
    let expected: Vec<f64> = expected.collect();
    let (mut random, runs) = (SeededRandom::new(Seed(seed)), 200);
    let mut mean = vec![0.0; ITEMS * D];
    for _ in 0..runs {
        let drawn = (0..BATCH).map(|_| random.weighted(&skewed()).unwrap() as u32);
        let drawn: Vec<u32> = drawn.collect();
        let (.., of_table) = computed(&rows, &table, (&drawn, &skewed()), correction);
        for (mean, value) in mean.iter_mut().zip(of_table) {
            *mean += f64::from(value) / f64::from(runs);
        }
    }
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = length(&mut mean.iter().zip(&expected).map(|(a, b)| a - b));
    difference / length(&mut expected.iter().copied())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn corrected_for_popularity_a_batch_stands_for_the_catalogue(seed in 0u64..1_000) {
        let (plain, corrected) = (off(seed, Correction::None), off(seed, Correction::Drawn));
        prop_assert!(corrected < 0.15, "{corrected}");
        prop_assert!(plain > 3.0 * corrected, "{plain} {corrected}");
    }
}

#[test]
fn a_rare_choice_pulls_as_a_softmax_over_the_catalogue_does() {
    // The first row's user chose the rarest item; the others show what is drawn by popularity.
    let (user, table) = (some((1, D), 4), some((ITEMS, D), 5));
    let rows = user.repeat((BATCH, 1)).unwrap().contiguous().unwrap();
    let scores = numbers(&user.matmul(&table.t().unwrap()).unwrap()).unwrap().to_vec();
    let rare = with_a_rare_one();
    let mean = |correction| {
        let (mut random, runs) = (SeededRandom::new(Seed(6)), 400);
        let mut mean = [0.0; D];
        for _ in 0..runs {
            let mut targets = vec![ITEMS as u32 - 1];
            targets.extend((1..BATCH).map(|_| random.weighted(&rare).unwrap() as u32));
            let (_, of_rows, _) = computed(&rows, &table, (&targets, &rare), correction);
            for (mean, value) in mean.iter_mut().zip(of_rows) {
                *mean += f64::from(value) * BATCH as f64 / f64::from(runs);
            }
        }
        mean
    };
    let values = numbers(&table).unwrap();
    let mut full = [0.0; D];
    for (item, share) in shares_of(&scores).into_iter().enumerate() {
        let share = share - f64::from(u8::from(item == ITEMS - 1));
        for (sum, value) in full.iter_mut().zip(&values[item * D..][..D]) {
            *sum += share * f64::from(*value);
        }
    }
    let off = |correction| {
        let both = mean(correction).into_iter().zip(full);
        let squares: f64 = both.map(|(found, full)| (found - full).powi(2)).sum();
        (squares / full.iter().map(|value| value * value).sum::<f64>()).sqrt()
    };
    let (all, drawn) = (off(Correction::All), off(Correction::Drawn));
    assert!(drawn < 0.1 && all > 0.3, "{drawn} {all}");
}

#[test]
fn the_same_choice_of_another_row_does_not_count() {
    let (rows, table) = (some((3, D), 1), some((ITEMS, D), 2));
    let (loss, ..) = computed(&rows, &table, (&[4, 4, 4], &skewed()), Correction::None);
    assert!(loss.abs() < 1e-6, "{loss}");
    let (loss, ..) = computed(&rows, &table, (&[4, 4, 5], &skewed()), Correction::None);
    assert!(loss > 0.1, "{loss}");
    let one = rows.narrow(0, 0, 1).unwrap();
    assert!(computed(&one, &table, (&[4], &skewed()), Correction::Drawn).0.abs() < 1e-6);
}
