//! What is composed gives the values and the derivatives of our own operations.

use candle_core::Var;

use super::super::super::random::Key;
use super::super::testing::some;
use super::super::{numbers, tensor};
use super::*;

type Operation<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

/// The values of an operation, and the derivatives of a weighted sum of them.
fn found(inputs: &[Tensor], operation: Operation<'_>) -> Vec<Vec<f32>> {
    let vars: Vec<Var> = inputs.iter().map(|input| Var::from_tensor(input).unwrap()).collect();
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let out = operation(&tensors).unwrap();
    let weight = |at: usize| ((at * 37 + 11) % 17) as f32 / 8.0 - 1.0;
    let weights = (0..out.elem_count()).map(weight).collect();
    let weights = tensor(weights, out.shape().clone()).unwrap();
    let grads = (&out * weights).unwrap().sum_all().unwrap().backward().unwrap();
    let mut all = vec![out.flatten_all().unwrap().to_vec1().unwrap()];
    for var in &vars {
        let grad = grads.get(var).unwrap().contiguous().unwrap();
        all.push(numbers(&grad).unwrap().to_vec());
    }
    all
}

#[track_caller]
fn assert_alike(inputs: &[Tensor], ours: Operation<'_>, composed: Operation<'_>) {
    for (which, (a, b)) in found(inputs, ours).iter().zip(&found(inputs, composed)).enumerate() {
        assert_eq!(a.len(), b.len(), "{which}");
        for (at, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{which} {at}: {a} {b}");
        }
    }
}

fn dropouts(purpose: &str) -> [Option<Dropout>; 2] {
    [None, Dropout::new(Key::new(1, purpose), 0.3)]
}

#[test]
fn gathered_rows_are_alike() {
    for dropout in dropouts("gather") {
        let (items, positions) = (vec![3, 0, 3, 1], vec![0, 2, 2, 2]);
        let inputs = [some((4, 5), 1), some((3, 5), 2)];
        assert_alike(
            &inputs,
            &|of| {
                let (items, positions) = ((&of[0], items.clone()), (&of[1], positions.clone()));
                super::super::gather(items, positions, 1.5, dropout)
            },
            &|of| {
                let (items, positions) = ((&of[0], items.clone()), (&of[1], positions.clone()));
                gather(items, positions, 1.5, dropout)
            },
        );
    }
}

#[test]
fn biases_activations_and_what_is_around_are_alike() {
    let inputs = [some((7, 19), 1), some(19, 2), some((7, 19), 3)];
    for activation in [None, Some(Nonlinearity::Relu), Some(Nonlinearity::Gelu)] {
        for dropout in dropouts("bias") {
            let then = Bias { activation, dropout };
            assert_alike(&inputs[..2], &|of| super::super::bias(&of[0], &of[1], then), &|of| {
                bias(None, &of[0], &of[1], then)
            });
            assert_alike(
                &inputs,
                &|of| super::super::bias_onto(&of[2], &of[0], &of[1], then),
                &|of| bias(Some(&of[2]), &of[0], &of[1], then),
            );
        }
    }
}

#[test]
fn norms_are_alike() {
    let inputs = [some((5, 19), 1), some(19, 2), some(19, 3)];
    assert_alike(&inputs, &|of| super::super::norm(&of[0], &of[1], &of[2], 1e-5), &|of| {
        norm(&of[0], &of[1], &of[2], 1e-5)
    });
}

#[test]
fn rows_of_length_one_are_alike_and_zeros_among_them() {
    let mut values = numbers(&some((5, 19), 3)).unwrap().to_vec();
    values[19..38].fill(0.0);
    let rows = tensor(values, (5, 19)).unwrap();
    assert_alike(&[rows], &|of| super::super::unit(&of[0]), &|of| unit(&of[0]));
}

#[test]
fn pooled_rows_are_alike() {
    for (dropout, others) in dropouts("pool").into_iter().zip([&[7.0, 8.0][..], &[]]) {
        let mut means = Pool { dropout, ..Pool::new() };
        means.push([(3, 1.0), (0, 3.0), (3, 0.5)].into_iter(), others);
        means.push([].into_iter(), others);
        means.push([(1, 2.0), (0, 2.0)].into_iter(), others);
        let inputs = [some((4, 5), 1)];
        assert_alike(&inputs, &|of| super::super::pool(&of[0], means.clone()), &|of| {
            pool(&of[0], &means)
        });
    }
    let nobody = Pool { begins: vec![0, 0], ..Pool::new() };
    let zeros = pool(&some((4, 5), 1), &nobody).unwrap();
    assert_eq!(zeros.to_vec2::<f32>().unwrap(), [[0.0; 5]]);
}

#[test]
fn packed_sequences_attend_alike() {
    for (begins, heads) in [(vec![0, 1, 6], 2), (vec![0, 3, 3, 6], 1), (vec![0, 6], 3)] {
        for dropout in dropouts("attention") {
            let asked = Attention { begins: begins.clone(), heads, dropout };
            assert_alike(
                &[some((6, 18), 5)],
                &|of| super::super::attention(&of[0], asked.clone()),
                &|of| attention(&of[0], &asked),
            );
        }
    }
}

#[test]
fn a_known_loss_has_its_value_and_gradients() {
    let (a, b) = (some((3, 4), 1), some(5, 2));
    let (of_a, of_b) = (some((3, 4), 3), some(5, 4));
    assert_alike(
        &[a, b],
        &|of| super::super::with_gradients(0.75, (&of[0], of_a.clone()), (&of[1], of_b.clone())),
        &|of| with_gradients(0.75, (&of[0], of_a.clone()), (&of[1], of_b.clone())),
    );
}
