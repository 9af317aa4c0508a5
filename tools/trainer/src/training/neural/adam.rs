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
use super::ops::{numbers, slice, slice_mut, tensor_on};

/// Numbers that one thread works on at once.
const BLOCK: usize = 1 << 14;

/// Adam (Kingma and Ba, ICLR 2015), its weight decay as Loshchilov and Hutter (ICLR 2019) have it.
#[derive(Debug)]
pub struct Adam {
    vars: Vec<Var>,
    /// First and second moments of each weight.
    moments: Vec<[Vec<f32>; 2]>,
    /// Those of weights on another device than the processor, once they were stepped.
    held: Vec<Option<[Tensor; 2]>>,
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
        let held = vec![None; vars.len()];
        let (trained, decays) = (Vec::new(), Vec::new());
        Ok(Self { vars, moments, held, steps: 0, settings, trained, decays })
    }

    fn step(&mut self, grads: &GradStore) -> candle_core::Result<()> {
        self.steps += 1;
        let ParamsAdamW { lr, beta1, beta2, eps, weight_decay } = self.settings;
        let time = self.steps.min(i32::MAX as u64) as i32;
        let (first, second) = (1.0 - beta1.powi(time), 1.0 - beta2.powi(time));
        let all = self.vars.iter().zip(&mut self.moments).zip(&mut self.held);
        for (at, ((var, moments), held)) in all.enumerate() {
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
            if var.device().is_cpu() {
                var.inplace_op2(&contiguous(grad)?, &step)?;
            } else {
                step.composed(var, grad, held)?;
            }
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

impl Adam {
    /// First and second moments of each weight.
    ///
    /// # Errors
    /// When they cannot be fetched from their device.
    pub(super) fn moments(&self) -> candle_core::Result<Vec<[Vec<f32>; 2]>> {
        let fetched = |(here, held): (&[Vec<f32>; 2], &Option<[Tensor; 2]>)| match held {
            None => Ok(here.clone()),
            Some([first, second]) => Ok([numbers(first)?.to_vec(), numbers(second)?.to_vec()]),
        };
        self.moments.iter().zip(&self.held).map(fetched).collect()
    }

    /// Goes on from these.
    pub(super) fn set_moments(&mut self, moments: Vec<[Vec<f32>; 2]>) {
        self.held = vec![None; moments.len()];
        self.moments = moments;
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
    /// The same of candle's operations, the moments kept on the weight's device.
    fn composed(
        &self,
        var: &Var,
        grad: &Tensor,
        held: &mut Option<[Tensor; 2]>,
    ) -> candle_core::Result<()> {
        let [first, second] = match held.take() {
            Some(held) => held,
            None => {
                let moments = self.moments.borrow();
                let on = |values: &Vec<f32>| {
                    tensor_on(values.clone(), var.shape().clone(), var.device())
                };
                [on(&moments[0])?, on(&moments[1])?]
            }
        };
        let mixed = |old: &Tensor, new: &Tensor, beta: f32| {
            old.affine(f64::from(beta), 0.0)? + new.affine(f64::from(1.0 - beta), 0.0)?
        };
        let first = mixed(&first, grad, self.betas[0])?;
        let second = mixed(&second, &grad.sqr()?, self.betas[1])?;
        let below = second.sqrt()?.affine(f64::from(self.root), f64::from(self.epsilon))?;
        let step = first.affine(f64::from(self.rate), 0.0)?.div(&below)?;
        var.set(&(var.affine(f64::from(self.decay), 0.0)? - step)?)?;
        *held = Some([first, second]);
        Ok(())
    }

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

    use super::super::ops::testing::some;
    use super::*;

    #[test]
    fn composed_steps_are_those_of_one_pass() {
        let begin = some((7, 5), 1);
        let var = || Var::from_tensor(&begin.copy().unwrap()).unwrap();
        let (one, other, mut held) = (var(), var(), None);
        let mut moments = [vec![0.1; 35], vec![0.2; 35]];
        let mut begun = moments.clone();
        for seed in 2..9 {
            let grad = some((7, 5), seed);
            let step = |moments| Step {
                moments: RefCell::new(moments),
                betas: [0.9, 0.999],
                rate: 0.05,
                root: 1.5,
                epsilon: 1e-8,
                decay: 0.99,
            };
            one.inplace_op2(&grad, &step(&mut moments)).unwrap();
            step(&mut begun).composed(&other, &grad, &mut held).unwrap();
        }
        let alike = |a: &[f32], b: &Tensor| {
            let b = numbers(b).unwrap();
            a.iter().zip(b.iter()).for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{a} {b}"));
        };
        alike(&numbers(&one).unwrap(), &other);
        let [first, second] = held.unwrap();
        alike(&moments[0], &first);
        alike(&moments[1], &second);
    }

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
