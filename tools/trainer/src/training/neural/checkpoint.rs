//! All that a training run needs to go on as if it had never stopped, in one file.
//!
//! A safetensors file: the weights, `first/<weight>` and `second/<weight>` (Adam's moments) and,
//! where an epoch has been validated, `best/<weight>`; in its metadata, under `state`, a JSON
//! document of the rest ([`State`]). Written under a temporary name, flushed and renamed, so that
//! a kill or a full disk leaves the one before it whole.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use noctule_core::base::replace::replace_file;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::{Adam, EpochRecord, Parameters};
use crate::{Error, Result};

/// Version of the format.
const FORMAT: u32 = 1;
/// What the header of a checkpoint may be long, at most: a thousand epochs take 100 kB.
const HEADER_BYTES_MAX: u64 = 16 << 20;
/// The only key of the metadata.
const STATE: &str = "state";

/// Where a run is. Numbers that it goes on from are kept as bits: text might round them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) format: u32,
    /// Says for which data and settings the run is.
    pub(super) fingerprint: String,
    /// Epochs that are done.
    pub(super) epoch: usize,
    /// Batches of the next one that are done, and the sum of their losses.
    pub(super) batch: usize,
    pub(super) loss_sum_bits: u64,
    /// The loss of the very first batch.
    pub(super) first_loss_bits: Option<u64>,
    /// Steps of the optimiser.
    pub(super) steps: u64,
    /// Epoch (from 1) and value of the best validation.
    pub(super) best: Option<(usize, u64)>,
    /// Losses and validations of the epochs that are done.
    pub(super) history_bits: Vec<(u64, Option<u64>)>,
    /// Whether the run came to its end.
    pub(super) finished: bool,
}

impl State {
    /// What cannot be so in a state that a run has written.
    fn contradiction(&self) -> Option<&'static str> {
        // A run of a step a microsecond would take a hundred years to come here.
        const COUNT_MAX: u64 = 1 << 52;
        let counts = [self.epoch as u64, self.batch as u64, self.steps];
        if counts.iter().any(|count| *count > COUNT_MAX) {
            return Some("counts more steps than any run makes");
        }
        if self.history_bits.len() != self.epoch {
            return Some("has not as many records as epochs");
        }
        let best = self.best.is_none_or(|(epoch, value)| {
            (1..=self.epoch).contains(&epoch) && f64::from_bits(value).is_finite()
        });
        (!best).then_some("has a best epoch that was none of its own")
    }

    pub(super) fn push(&mut self, EpochRecord { loss, validation }: EpochRecord) {
        self.history_bits.push((loss.to_bits(), validation.map(f64::to_bits)));
    }

    pub(super) fn history(&self) -> Vec<EpochRecord> {
        let record = |(loss, validation): &(u64, Option<u64>)| EpochRecord {
            loss: f64::from_bits(*loss),
            validation: validation.map(f64::from_bits),
        };
        self.history_bits.iter().map(record).collect()
    }
}

/// A checkpoint: where the run is, weights, moments, and the best weights so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where the run is.
    pub state: State,
    pub(super) weights: Vec<Vec<f32>>,
    pub(super) moments: Vec<[Vec<f32>; 2]>,
    pub(super) best: Option<Vec<Vec<f32>>>,
}

impl Checkpoint {
    /// Takes down `state`, the weights and the optimiser's moments.
    ///
    /// # Errors
    /// [`Error::Tensor`].
    pub(super) fn take(
        mut state: State,
        parameters: &Parameters,
        adam: &Adam,
        best: Option<&Vec<Vec<f32>>>,
    ) -> Result<Self> {
        (state.format, state.steps) = (FORMAT, adam.steps);
        let weights = parameters.values()?;
        Ok(Self { state, weights, moments: adam.moments()?, best: best.cloned() })
    }

    /// Writes the checkpoint to `path`; until that is done, the one before it stays.
    ///
    /// # Errors
    /// [`Error::Core`]: a file error with the path, `StorageFull` for a full disk.
    pub fn write(&self, parameters: &Parameters, path: &Path) -> Result<()> {
        let state = serde_json::to_string(&self.state).map_err(std::io::Error::from);
        let state = state.map_err(Error::file(path, "encoding"))?;
        let metadata = HashMap::from([(STATE.to_owned(), state)]);
        let mut bytes = Vec::new();
        for (at, (name, var)) in parameters.iter().enumerate() {
            let [first, second] = &self.moments[at];
            let mut put = |name: String, values: &[f32]| {
                let values: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                bytes.push((name, var.dims().to_vec(), values));
            };
            put(name.to_owned(), &self.weights[at]);
            put(format!("first/{name}"), first);
            put(format!("second/{name}"), second);
            if let Some(best) = &self.best {
                put(format!("best/{name}"), &best[at]);
            }
        }
        let failed = |error: safetensors::SafeTensorError| {
            Error::file(path, "encoding")(std::io::Error::other(error.to_string()))
        };
        let mut views = Vec::with_capacity(bytes.len());
        for (name, shape, values) in &bytes {
            let view = TensorView::new(Dtype::F32, shape.clone(), values).map_err(failed)?;
            views.push((name.as_str(), view));
        }
        let file = safetensors::serialize(views, Some(metadata)).map_err(failed)?;
        Ok(replace_file(path, &file)?)
    }

    /// Reads the checkpoint at `path` of a run with these weights and this `fingerprint`; none when
    /// there is no file.
    ///
    /// # Errors
    /// [`Error::File`], and [`Error::Checkpoint`] when it is damaged or of another run.
    pub fn read(path: &Path, parameters: &Parameters, fingerprint: &str) -> Result<Option<Self>> {
        let Some(bytes) = read_bounded(path, parameters)? else { return Ok(None) };
        let refused = |reason: String| Error::Checkpoint { path: path.to_path_buf(), reason };
        let broken = |error: safetensors::SafeTensorError| refused(error.to_string());
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
        let state = metadata.metadata().as_ref().and_then(|map| map.get(STATE));
        let state = state.ok_or_else(|| refused("holds no state of a training run".into()))?;
        let state: State = serde_json::from_str(state).map_err(|e| refused(e.to_string()))?;
        if state.format != FORMAT {
            return Err(refused(format!("has format {}, {FORMAT} is known", state.format)));
        }
        if let Some(reason) = state.contradiction() {
            return Err(refused(reason.into()));
        }
        if state.fingerprint != fingerprint {
            let reason = "is of a run with other data or settings; without --resume a new run \
                          begins";
            return Err(refused(reason.into()));
        }
        let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
        let read = |name: String, shape: &[usize]| -> Result<Vec<f32>> {
            let tensor = tensors.tensor(&name).map_err(broken)?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
                return Err(refused(format!("{name} has another type or shape")));
            }
            let (fours, _) = tensor.data().as_chunks::<4>();
            let values: Vec<f32> = fours.iter().map(|four| f32::from_le_bytes(*four)).collect();
            let finite = values.iter().all(|value| value.is_finite());
            finite.then_some(values).ok_or_else(|| refused(format!("{name} is not finite")))
        };
        let (mut weights, mut moments, mut best) = (Vec::new(), Vec::new(), Vec::new());
        for (name, var) in parameters.iter() {
            let shape = var.dims();
            weights.push(read(name.to_owned(), shape)?);
            moments.push([
                read(format!("first/{name}"), shape)?,
                read(format!("second/{name}"), shape)?,
            ]);
            if state.best.is_some() {
                best.push(read(format!("best/{name}"), shape)?);
            }
        }
        let best = state.best.is_some().then_some(best);
        Ok(Some(Self { state, weights, moments, best }))
    }

    /// Sets weights and optimiser to what was taken down.
    ///
    /// # Errors
    /// [`Error::Tensor`].
    pub(super) fn restore(&self, parameters: &Parameters, adam: &mut Adam) -> Result<()> {
        parameters.set(&self.weights)?;
        adam.set_moments(self.moments.clone());
        adam.steps = self.state.steps;
        Ok(())
    }
}

fn read_bounded(path: &Path, parameters: &Parameters) -> Result<Option<Vec<u8>>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file(path, "opening")(error)),
    };
    let values: usize = parameters.vars().iter().map(|var| var.elem_count()).sum();
    let limit = 4 * (values * size_of::<f32>()) as u64 + HEADER_BYTES_MAX;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(Error::file(path, "reading"))?;
    if bytes.len() as u64 > limit {
        let path = path.to_path_buf();
        return Err(Error::TooLarge { path, what: "bytes", found: bytes.len() as u64, limit });
    }
    Ok(Some(bytes))
}
