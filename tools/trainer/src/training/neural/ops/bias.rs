//! What follows a product of matrices: a bias, an activation, dropout, and the sum with what went
//! around it, in one pass.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use noctule_core::release::Nonlinearity;
use rayon::prelude::*;

use super::super::arithmetic::{exp, fast};
use super::super::random::Dropout;
use super::{BLOCK_ROWS, numbers, plain, result, slice, tensor, total};

/// What a layer's sums are put through; none leaves them.
pub type Activation = Option<Nonlinearity>;

/// What is done to each row behind the bias.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bias {
    /// The activation.
    pub activation: Activation,
    /// Dropout behind it.
    pub dropout: Option<Dropout>,
}

struct BiasOnto(Bias);

/// dropout(activation(rows + bias)) for rows \[r, d\] and a bias \[d\].
///
/// # Errors
/// When the widths differ.
pub fn bias(rows: &Tensor, bias: &Tensor, then: Bias) -> Result<Tensor> {
    check(rows, bias)?;
    if !rows.device().is_cpu() {
        return plain::bias(None, rows, bias, then);
    }
    rows.apply_op2(bias, then)
}

/// The same, added to `around` \[r, d\].
///
/// # Errors
/// When the shapes differ.
pub fn bias_onto(around: &Tensor, rows: &Tensor, bias: &Tensor, then: Bias) -> Result<Tensor> {
    check(rows, bias)?;
    if around.shape() != rows.shape() {
        bail!("{:?} is not added to {:?}", rows.shape(), around.shape());
    }
    if !rows.device().is_cpu() {
        return plain::bias(Some(around), rows, bias, then);
    }
    rows.apply_op3(bias, around, BiasOnto(then))
}

fn check(rows: &Tensor, bias: &Tensor) -> Result<()> {
    let ((_, d), width) = (rows.dims2()?, bias.dims1()?);
    if d != width {
        bail!("a bias of {width} for rows of {d}");
    }
    Ok(())
}

/// Abramowitz and Stegun 7.1.26 for the normal distribution, as the device has it.
#[inline(always)]
fn normal_distribution(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = ((((1.061_405_4 * t - 1.453_152_1) * t + 1.421_413_8) * t - 0.284_496_72) * t
        + 0.254_829_6)
        * t;
    let tail = 0.5 * series * exp(-z * z);
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// 1 / sqrt(2 pi).
const DENSITY: f32 = 0.398_942_3;

impl Bias {
    #[inline(always)]
    fn forward(self, row: u64, values: &mut [f32], bias: &[f32]) {
        for (value, bias) in values.iter_mut().zip(bias) {
            *value += bias;
        }
        match self.activation {
            None => {}
            Some(Nonlinearity::Relu) => {
                values
                    .iter_mut()
                    .for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
            }
            Some(Nonlinearity::Gelu) => {
                values.iter_mut().for_each(|value| *value *= normal_distribution(*value));
            }
        }
        if let Some(dropout) = self.dropout {
            dropout.apply(row, values);
        }
    }

    /// Makes of the gradient of the result, in `to`, that of the row.
    #[inline(always)]
    fn backward(self, row: u64, to: &mut [f32], values: &[f32], bias: &[f32]) {
        if let Some(dropout) = self.dropout {
            dropout.apply(row, to);
        }
        let sums = values.iter().zip(bias).map(|(value, bias)| value + bias);
        match self.activation {
            None => {}
            Some(Nonlinearity::Relu) => {
                to.iter_mut().zip(sums).for_each(|(to, z)| *to = if z > 0.0 { *to } else { 0.0 });
            }
            Some(Nonlinearity::Gelu) => to.iter_mut().zip(sums).for_each(|(to, z)| {
                *to *= normal_distribution(z) + z * DENSITY * exp(-0.5 * z * z);
            }),
        }
    }

    fn all(self, rows: &[f32], bias: &[f32], around: Option<&[f32]>) -> Vec<f32> {
        let d = bias.len();
        let mut out = rows.to_vec();
        out.par_chunks_mut(BLOCK_ROWS * d).enumerate().for_each(|(block, out)| {
            fast(
                #[inline(always)]
                || {
                    for (at, out) in out.chunks_exact_mut(d).enumerate() {
                        let row = block * BLOCK_ROWS + at;
                        self.forward(row as u64, out, bias);
                        if let Some(around) = around {
                            for (out, around) in out.iter_mut().zip(&around[row * d..][..d]) {
                                *out += around;
                            }
                        }
                    }
                },
            );
        });
        out
    }

    /// The gradients of rows and bias.
    fn gradients(self, rows: &Tensor, bias: &Tensor, grad: &Tensor) -> Result<(Tensor, Tensor)> {
        let shape = rows.shape().clone();
        let (rows, bias) = (numbers(rows)?, numbers(bias)?);
        let d = bias.len();
        let size = BLOCK_ROWS * d;
        let mut of_rows = numbers(grad)?.to_vec();
        let blocks = of_rows.par_chunks_mut(size).zip(rows.par_chunks(size)).enumerate();
        let sums = blocks.map(|(block, (to, rows))| {
            let mut sums = vec![0.0; d];
            fast(
                #[inline(always)]
                || {
                    for (at, to) in to.chunks_exact_mut(d).enumerate() {
                        let row = (block * BLOCK_ROWS + at) as u64;
                        self.backward(row, to, &rows[at * d..][..d], &bias);
                        for (sum, value) in sums.iter_mut().zip(&*to) {
                            *sum += value;
                        }
                    }
                },
            );
            sums
        });
        let sums: Vec<Vec<f32>> = sums.collect();
        let of_bias = total(sums.into_iter(), d);
        Ok((tensor(of_rows, shape)?, tensor(of_bias, d)?))
    }
}

impl CustomOp2 for Bias {
    fn name(&self) -> &'static str {
        "bias"
    }

    fn cpu_fwd(
        &self,
        rows: &CpuStorage,
        layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out = self.all(slice(rows, layout)?, slice(bias, bias_layout)?, None);
        result(out, layout.shape().clone())
    }

    fn bwd(
        &self,
        rows: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (rows, bias) = self.gradients(rows, bias, grad)?;
        Ok((Some(rows), Some(bias)))
    }
}

impl CustomOp3 for BiasOnto {
    fn name(&self) -> &'static str {
        "bias onto"
    }

    fn cpu_fwd(
        &self,
        rows: &CpuStorage,
        layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
        around: &CpuStorage,
        around_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, bias) = (slice(rows, layout)?, slice(bias, bias_layout)?);
        let out = self.0.all(rows, bias, Some(slice(around, around_layout)?));
        result(out, layout.shape().clone())
    }

    fn bwd(
        &self,
        rows: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (rows, bias) = self.0.gradients(rows, bias, grad)?;
        Ok((Some(rows), Some(bias), Some(grad.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::random::Key;
    use super::super::testing::{check_gradients, some};
    use super::*;

    #[test]
    fn gradients_agree_with_differences_for_every_activation() {
        let dropout = Dropout::new(Key::new(1, "bias"), 0.4);
        for activation in [None, Some(Nonlinearity::Gelu)] {
            let then = Bias { activation, dropout };
            check_gradients(&[some((4, 19), 1), some(19, 2)], &|inputs| {
                bias(&inputs[0], &inputs[1], then)
            });
            check_gradients(&[some((4, 7), 1), some((4, 7), 3), some(7, 2)], &|inputs| {
                bias_onto(&inputs[0], &inputs[1], &inputs[2], then)
            });
        }
    }

    #[test]
    fn what_relu_cuts_has_no_gradient() {
        // No sum is near the bend, where differences mean nothing.
        let rows = tensor(vec![1.0, -2.0, 0.5, -1.0], (2, 2)).unwrap();
        let then = Bias { activation: Some(Nonlinearity::Relu), dropout: None };
        let zero = tensor(vec![0.1, -0.1], 2).unwrap();
        check_gradients(&[rows.clone(), zero.clone()], &|inputs| {
            bias(&inputs[0], &inputs[1], then)
        });
        assert_eq!(*numbers(&bias(&rows, &zero, then).unwrap()).unwrap(), [1.1, 0.0, 0.6, 0.0]);
    }
}
