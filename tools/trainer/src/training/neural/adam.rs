//! Adam with decoupled weight decay, in one pass over each weight.
//!
//! The one of `candle_nn` keeps its moments to itself, so a run could not go on from a checkpoint,
//! and goes through memory about fifteen times a step. This one is the same formula and implements
//! the same trait.

use std::cell::RefCell;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor, Var};
use candle_nn::{Optimizer, ParamsAdamW};
use rayon::prelude::*;

use super::arithmetic::fast;
use super::ops::{slice, slice_mut};

/// Numbers that one thread works on at once.
const BLOCK: usize = 1 << 14;

/// Adam (Kingma and Ba, ICLR 2015), its weight decay as Loshchilov and Hutter (ICLR 2019) have it.
#[derive(Debug)]
pub struct Adam {
    vars: Vec<Var>,
    /// First and second moments of each weight.
    pub(super) moments: Vec<[Vec<f32>; 2]>,
    /// Steps that were taken.
    pub(super) steps: u64,
    settings: ParamsAdamW,
    /// Whether each weight is stepped; a weight beyond these is.
    pub(super) trained: Vec<bool>,
    /// The weight decay of each weight that has one of its own.
    pub(super) decays: Vec<Option<f64>>,
}

impl Optimizer for Adam {
    type Config = ParamsAdamW;

    fn new(vars: Vec<Var>, settings: ParamsAdamW) -> candle_core::Result<Self> {
        let zeros = |var: &Var| [0, 1].map(|_| vec![0.0; var.elem_count()]);
        let moments = vars.iter().map(zeros).collect();
        Ok(Self { vars, moments, steps: 0, settings, trained: Vec::new(), decays: Vec::new() })
    }

    fn step(&mut self, grads: &GradStore) -> candle_core::Result<()> {
        self.steps += 1;
        let ParamsAdamW { lr, beta1, beta2, eps, weight_decay } = self.settings;
        let time = self.steps.min(i32::MAX as u64) as i32;
        let (first, second) = (1.0 - beta1.powi(time), 1.0 - beta2.powi(time));
        for (at, (var, moments)) in self.vars.iter().zip(&mut self.moments).enumerate() {
            let is_kept = self.trained.get(at) == Some(&false);
            let Some(grad) = grads.get(var).filter(|_| !is_kept) else { continue };
            let weight_decay = self.decays.get(at).copied().flatten().unwrap_or(weight_decay);
            let step = Step {
                moments: RefCell::new(moments),
                betas: [beta1 as f32, beta2 as f32],
                rate: (lr / first) as f32,
                root: (1.0 / second.sqrt()) as f32,
                epsilon: eps as f32,
                decay: (1.0 - lr * weight_decay) as f32,
            };
            var.inplace_op2(&contiguous(grad)?, &step)?;
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.settings.lr
    }

    fn set_learning_rate(&mut self, rate: f64) {
        self.settings.lr = rate;
    }
}

fn contiguous(tensor: &Tensor) -> candle_core::Result<Tensor> {
    tensor.contiguous()
}

/// One step of one weight.
struct Step<'m> {
    moments: RefCell<&'m mut [Vec<f32>; 2]>,
    betas: [f32; 2],
    rate: f32,
    root: f32,
    epsilon: f32,
    decay: f32,
}

impl Step<'_> {
    #[inline(always)]
    fn block(
        [beta1, beta2]: [f32; 2],
        [rate, root, epsilon, decay]: [f32; 4],
        (weights, grads): (&mut [f32], &[f32]),
        (first, second): (&mut [f32], &mut [f32]),
    ) {
        let all = weights.iter_mut().zip(grads).zip(first.iter_mut().zip(second));
        for ((weight, grad), (first, second)) in all {
            *first = *first * beta1 + grad * (1.0 - beta1);
            *second = *second * beta2 + grad * grad * (1.0 - beta2);
            *weight = *weight * decay - rate * *first / (second.sqrt() * root + epsilon);
        }
    }
}

impl InplaceOp2 for Step<'_> {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn cpu_fwd(
        &self,
        weights: &mut CpuStorage,
        layout: &Layout,
        grads: &CpuStorage,
        grad_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (weights, grads) = (slice_mut(weights, layout)?, slice(grads, grad_layout)?);
        let mut moments = self.moments.borrow_mut();
        let [first, second] = &mut **moments;
        let numbers = [self.rate, self.root, self.epsilon, self.decay];
        let betas = self.betas;
        let values = weights.par_chunks_mut(BLOCK).zip(grads.par_chunks(BLOCK));
        let moments = first.par_chunks_mut(BLOCK).zip(second.par_chunks_mut(BLOCK));
        values.zip(moments).for_each(|(values, moments)| {
            fast(
                #[inline(always)]
                || Step::block(betas, numbers, values, moments),
            );
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_nn::AdamW;

    use super::super::ops::{numbers, testing::some};
    use super::*;

    #[test]
    fn steps_are_those_of_candle() {
        let begin = some((7, 5), 1);
        let settings = ParamsAdamW { lr: 0.05, weight_decay: 0.1, ..ParamsAdamW::default() };
        let (ours, theirs) =
            (Var::from_tensor(&begin).unwrap(), Var::from_tensor(&begin.copy().unwrap()).unwrap());
        let mut our_steps = Adam::new(vec![ours.clone()], settings.clone()).unwrap();
        let mut their_steps = AdamW::new(vec![theirs.clone()], settings).unwrap();
        let target = some((7, 5), 2);
        for _ in 0..30 {
            let loss = |var: &Var| ((var.as_tensor() - &target)?.sqr()?.sqr())?.sum_all();
            our_steps.backward_step(&loss(&ours).unwrap()).unwrap();
            their_steps.backward_step(&loss(&theirs).unwrap()).unwrap();
        }
        let (ours, theirs) = (numbers(&ours).unwrap(), numbers(&theirs).unwrap());
        for (a, b) in ours.iter().zip(theirs.iter()) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        let begin = numbers(&begin).unwrap();
        assert!(ours.iter().zip(begin.iter()).any(|(a, b)| (a - b).abs() > 0.1));
    }
}
