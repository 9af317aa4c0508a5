//! A loss whose gradients were computed together with it.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::{plain, result};

struct Known {
    loss: f32,
    gradients: (Tensor, Tensor),
}

/// `loss` as a function of `a` and `b` with these gradients. A softmax over a catalogue has them
/// at hand when its loss is known; kept for later, it would take as many numbers as rows times
/// items.
///
/// # Errors
/// As candle.
pub fn with_gradients(
    loss: f32,
    (a, of_a): (&Tensor, Tensor),
    (b, of_b): (&Tensor, Tensor),
) -> Result<Tensor> {
    if !a.device().is_cpu() {
        return plain::with_gradients(loss, (a, of_a), (b, of_b));
    }
    a.apply_op2(b, Known { loss, gradients: (of_a, of_b) })
}

impl CustomOp2 for Known {
    fn name(&self) -> &'static str {
        "known"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        result(vec![self.loss], ())
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let by = f64::from(grad.to_scalar::<f32>()?);
        let scaled = |tensor: &Tensor| {
            if by == 1.0 { Ok(tensor.clone()) } else { tensor.affine(by, 0.0) }
        };
        Ok((Some(scaled(&self.gradients.0)?), Some(scaled(&self.gradients.1)?)))
    }
}
