//! Rows of length 1.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::super::arithmetic::{add_scaled, dot, fast};
use super::{BLOCK_ROWS, numbers, plain, result, slice, tensor};

struct Unit;

/// `rows` \[r, d\], each divided by its length; a row of zeros has no direction, and stays.
///
/// # Errors
/// When `rows` are no rows.
pub fn unit(rows: &Tensor) -> Result<Tensor> {
    rows.dims2()?;
    if !rows.device().is_cpu() {
        return plain::unit(rows);
    }
    rows.apply_op1(Unit)
}

impl CustomOp1 for Unit {
    fn name(&self) -> &'static str {
        "unit"
    }

    fn cpu_fwd(&self, rows: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let d = layout.dims()[1].max(1);
        let mut out = slice(rows, layout)?.to_vec();
        out.par_chunks_mut(BLOCK_ROWS * d).for_each(|out| {
            fast(
                #[inline(always)]
                || {
                    for row in out.chunks_exact_mut(d) {
                        let length = dot(row, row).sqrt();
                        if length > 0.0 {
                            row.iter_mut().for_each(|value| *value /= length);
                        }
                    }
                },
            );
        });
        result(out, layout.shape().clone())
    }

    /// (g - u (u . g)) / length, u being the row of length 1; nothing for a row of zeros.
    fn bwd(&self, rows: &Tensor, units: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (shape, d) = (rows.shape().clone(), rows.dims2()?.1.max(1));
        let grad = grad.contiguous()?;
        let mut out = numbers(&grad)?.to_vec();
        let (rows, units) = (numbers(rows)?, numbers(units)?);
        let (rows, units): (&[f32], &[f32]) = (&rows, &units);
        let size = BLOCK_ROWS * d;
        let blocks =
            out.par_chunks_mut(size).zip(rows.par_chunks(size).zip(units.par_chunks(size)));
        blocks.for_each(|(out, (rows, units))| {
            fast(
                #[inline(always)]
                || {
                    let both = rows.chunks_exact(d).zip(units.chunks_exact(d));
                    for (grad, (row, unit)) in out.chunks_exact_mut(d).zip(both) {
                        let length = dot(row, row).sqrt();
                        let along = dot(unit, grad);
                        add_scaled(grad, -along, unit);
                        let by = if length > 0.0 { 1.0 / length } else { 0.0 };
                        grad.iter_mut().for_each(|value| *value *= by);
                    }
                },
            );
        });
        Ok(Some(tensor(out, shape)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, some};
    use super::*;

    #[test]
    fn gradients_agree_with_differences_and_rows_have_length_one() {
        let rows = some((5, 19), 3);
        check_gradients(std::slice::from_ref(&rows), &|inputs| unit(&inputs[0]));
        for row in numbers(&unit(&rows).unwrap()).unwrap().chunks_exact(19) {
            assert!((dot(row, row) - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn zeros_stay_and_have_no_gradient() {
        let rows = candle_core::Var::from_tensor(&tensor(vec![0.0; 4], (2, 2)).unwrap()).unwrap();
        let units = unit(&rows).unwrap();
        assert_eq!(*numbers(&units).unwrap(), [0.0; 4]);
        let grads = units.sum_all().unwrap().backward().unwrap();
        assert_eq!(*numbers(grads.get(&rows).unwrap()).unwrap(), [0.0; 4]);
    }
}
