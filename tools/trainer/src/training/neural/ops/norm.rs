//! Layer normalisation (Ba, Kiros and Hinton, 2016).

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::super::arithmetic::{dot, fast, sum};
use super::{BLOCK_ROWS, numbers, plain, result, slice, tensor, total};

struct Norm {
    epsilon: f32,
}

/// (row - mean) / sqrt(variance + epsilon) * weight + bias for each row of `rows` \[r, d\].
///
/// # Errors
/// When weight or bias are not \[d\].
pub fn norm(rows: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f32) -> Result<Tensor> {
    let (_, d) = rows.dims2()?;
    if weight.dims1()? != d || bias.dims1()? != d {
        bail!("a norm of rows of {d} has other widths");
    }
    if !rows.device().is_cpu() {
        return plain::norm(rows, weight, bias, epsilon);
    }
    rows.apply_op3(weight, bias, Norm { epsilon })
}

/// Centres `row` into `centred` and gives what it is to be multiplied by.
#[inline(always)]
fn standardise(row: &[f32], centred: &mut [f32], epsilon: f32) -> f32 {
    let mean = sum(row) / row.len() as f32;
    for (centred, value) in centred.iter_mut().zip(row) {
        *centred = value - mean;
    }
    1.0 / (dot(centred, centred) / row.len() as f32 + epsilon).sqrt()
}

impl CustomOp3 for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn cpu_fwd(
        &self,
        rows: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let rows = slice(rows, layout)?;
        let (weight, bias) = (slice(weight, weight_layout)?, slice(bias, bias_layout)?);
        let d = weight.len();
        let mut out = vec![0.0; rows.len()];
        let size = BLOCK_ROWS * d;
        out.par_chunks_mut(size).zip(rows.par_chunks(size)).for_each(|(out, rows)| {
            fast(
                #[inline(always)]
                || {
                    for (out, row) in out.chunks_exact_mut(d).zip(rows.chunks_exact(d)) {
                        let scale = standardise(row, out, self.epsilon);
                        for ((out, weight), bias) in out.iter_mut().zip(weight).zip(bias) {
                            *out = *out * scale * weight + bias;
                        }
                    }
                },
            );
        });
        result(out, layout.shape().clone())
    }

    fn bwd(
        &self,
        rows: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let shape = rows.shape().clone();
        let (rows, weight, grad) = (numbers(rows)?, numbers(weight)?, numbers(grad)?);
        let d = weight.len();
        let mut of_rows = vec![0.0; rows.len()];
        let size = BLOCK_ROWS * d;
        let blocks =
            of_rows.par_chunks_mut(size).zip(rows.par_chunks(size).zip(grad.par_chunks(size)));
        let parts: Vec<Vec<f32>> = blocks
            .map(|(to, (rows, grad))| {
                fast(
                    #[inline(always)]
                    || block(to, rows, grad, &weight, self.epsilon),
                )
            })
            .collect();
        let mut sums = total(parts.into_iter(), 2 * d);
        let of_bias = sums.split_off(d);
        Ok((Some(tensor(of_rows, shape)?), Some(tensor(sums, d)?), Some(tensor(of_bias, d)?)))
    }
}

/// Gradients of a block of rows; gives those of weight and bias, one behind the other.
#[inline(always)]
fn block(to: &mut [f32], rows: &[f32], grad: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let d = weight.len();
    let mut sums = vec![0.0; 2 * d];
    let (of_weight, of_bias) = sums.split_at_mut(d);
    let (mut normal, mut weighted) = (vec![0.0; d], vec![0.0; d]);
    let all = to.chunks_exact_mut(d).zip(rows.chunks_exact(d)).zip(grad.chunks_exact(d));
    for ((to, row), grad) in all {
        let scale = standardise(row, &mut normal, epsilon);
        for at in 0..d {
            normal[at] *= scale;
            weighted[at] = grad[at] * weight[at];
            of_weight[at] += grad[at] * normal[at];
            of_bias[at] += grad[at];
        }
        let mean = sum(&weighted) / d as f32;
        let along = dot(&weighted, &normal) / d as f32;
        for at in 0..d {
            to[at] = scale * (weighted[at] - mean - normal[at] * along);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, some};
    use super::*;

    #[test]
    fn gradients_agree_with_differences() {
        let inputs = [some((5, 19), 1), some(19, 2), some(19, 3)];
        check_gradients(&inputs, &|inputs| norm(&inputs[0], &inputs[1], &inputs[2], 1e-5));
    }

    #[test]
    fn a_row_gets_mean_bias_and_the_scale_of_the_weight() {
        let row = tensor(vec![1.0, 3.0], (1, 2)).unwrap();
        let (weight, bias) = (tensor(vec![2.0; 2], 2).unwrap(), tensor(vec![0.5; 2], 2).unwrap());
        let out = norm(&row, &weight, &bias, 0.0).unwrap();
        assert_eq!(*numbers(&out).unwrap(), [-1.5, 2.5]);
    }
}
