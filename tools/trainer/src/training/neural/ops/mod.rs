//! Operations of a transformer with derivatives of their own, over rows that lie packed: sequences
//! one behind the other, without padding. They run on the processor; on any other device each is
//! composed of candle's operations instead.

mod attention;
mod bias;
mod gather;
mod known;
mod norm;
mod plain;
mod pool;
mod unit;

pub use attention::{Attention, attention};
pub use bias::{Activation, Bias, bias, bias_onto};
pub use gather::gather;
pub use known::with_gradients;
pub use norm::norm;
pub use pool::{Pool, pool};
pub use unit::unit;

use std::ops::{Deref, Range};

use candle_core::{
    CpuStorage, Device, Error, Layout, Result, Shape, Storage, StorageRef, Tensor, bail,
};

/// Rows that one thread works on at once; sums over rows are taken by these blocks, in order, so
/// that they are the same for any number of threads.
pub(crate) const BLOCK_ROWS: usize = 128;

/// The numbers of a tensor, as they lie in memory.
pub(crate) enum Numbers<'a> {
    /// In that of the processor.
    Here(StorageRef<'a>, Range<usize>),
    /// Fetched from another device.
    Fetched(Vec<f32>),
}

impl Deref for Numbers<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Here(storage, range) => match &**storage {
                Storage::Cpu(CpuStorage::F32(values)) => &values[range.clone()],
                // `numbers` lets nothing else through.
                _ => &[],
            },
            Self::Fetched(values) => values,
        }
    }
}

/// The numbers of a tensor, one row behind the other: borrowed from the processor, copied from
/// another device.
pub(crate) fn numbers(tensor: &Tensor) -> Result<Numbers<'_>> {
    if !tensor.device().is_cpu() {
        return Ok(Numbers::Fetched(tensor.flatten_all()?.to_vec1()?));
    }
    let (storage, layout) = tensor.storage_and_layout();
    if !matches!(&*storage, Storage::Cpu(CpuStorage::F32(_))) {
        bail!("a tensor of 32-bit numbers is needed");
    }
    let (from, until) = contiguous(layout)?;
    Ok(Numbers::Here(storage, from..until))
}

/// The same of what a forward pass is given.
pub(crate) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (from, until) = contiguous(layout)?;
    Ok(&storage.as_slice::<f32>()?[from..until])
}

/// The same to write to.
pub(crate) fn slice_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let (from, until) = contiguous(layout)?;
    match storage {
        CpuStorage::F32(values) => Ok(&mut values[from..until]),
        _ => bail!("a tensor of 32-bit numbers is needed"),
    }
}

fn contiguous(layout: &Layout) -> Result<(usize, usize)> {
    layout.contiguous_offsets().ok_or_else(|| Error::Msg("a tensor has gaps".into()))
}

/// A result of a forward pass.
fn result(values: Vec<f32>, shape: impl Into<Shape>) -> Result<(CpuStorage, Shape)> {
    Ok((CpuStorage::F32(values), shape.into()))
}

/// A tensor of the processor.
pub(crate) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    tensor_on(values, shape, &Device::Cpu)
}

/// A tensor of `device`.
pub(crate) fn tensor_on(
    values: Vec<f32>,
    shape: impl Into<Shape>,
    device: &Device,
) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), device)
}

/// Adds up parts of a sum over rows, in order.
fn total(mut parts: impl Iterator<Item = Vec<f32>>, width: usize) -> Vec<f32> {
    let mut sum = parts.next().unwrap_or_else(|| vec![0.0; width]);
    for part in parts {
        for (sum, value) in sum.iter_mut().zip(part) {
            *sum += value;
        }
    }
    sum
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Compares the derivative of sum(f(inputs) * weights) with differences of f in double the
    /// accuracy that single precision allows.
    pub(crate) fn check_gradients(inputs: &[Tensor], f: &dyn Fn(&[Tensor]) -> Result<Tensor>) {
        let vars: Vec<candle_core::Var> =
            inputs.iter().map(|input| candle_core::Var::from_tensor(input).unwrap()).collect();
        let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let out = f(&tensors).unwrap();
        let count = out.elem_count();
        let weights: Vec<f32> =
            (0..count).map(|at| ((at * 37 + 11) % 17) as f32 / 8.0 - 1.0).collect();
        let weights = tensor(weights, out.shape().clone()).unwrap();
        let grads = (out * &weights).unwrap().sum_all().unwrap().backward().unwrap();
        let value = |inputs: &[Tensor]| -> f64 {
            let out = numbers(&f(inputs).unwrap()).unwrap().to_vec();
            let weights = numbers(&weights).unwrap();
            out.iter().zip(weights.iter()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        for (which, var) in vars.iter().enumerate() {
            let found = numbers(grads.get(var).unwrap()).unwrap().to_vec();
            let values = numbers(&inputs[which]).unwrap().to_vec();
            for at in 0..values.len() {
                let moved = |by: f32| {
                    let mut moved = values.clone();
                    moved[at] += by;
                    let mut inputs = inputs.to_vec();
                    inputs[which] = tensor(moved, inputs[which].shape().clone()).unwrap();
                    value(&inputs)
                };
                let step = 4e-3;
                let expected = (moved(step) - moved(-step)) / f64::from(2.0 * step);
                let found = f64::from(found[at]);
                let off = (found - expected).abs();
                assert!(off < 5e-3 * expected.abs().max(1.0), "{which} {at}: {found} {expected}");
            }
        }
    }

    /// Numbers between -1 and 1.
    pub(crate) fn some(shape: impl Into<Shape>, seed: u64) -> Tensor {
        use noctule_core::base::{Seed, SeededRandom};
        let shape = shape.into();
        let mut random = SeededRandom::new(Seed(seed));
        let values =
            (0..shape.elem_count()).map(|_| (2.0 * random.uniform() - 1.0) as f32).collect();
        tensor(values, shape).unwrap()
    }
}
