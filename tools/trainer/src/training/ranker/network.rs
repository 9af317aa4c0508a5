//! Rankers with hidden and cross layers: what core runs on the phone, with candle's derivatives.

use candle_core::Tensor;
use noctule_core::base::SeededRandom;
use noctule_core::model::{Ranker, Recommender};
use noctule_core::release::{Architecture, Calibration, RankerDesign, RankerKind, Structure};
use safetensors::tensor::{Dtype, TensorView};

use crate::training::network::NamedValues;
use crate::training::neural::ops::{Bias, bias};
use crate::training::neural::{Dropout, Key, Parameters};
use crate::{Error, Result};

/// The rows of a ranker, as a device tensor name has them before this.
const PREFIX: &str = "ranker.";

/// An architecture that holds `design` for rows of `features` single values, and nothing else of
/// weight.
pub(super) fn architecture(design: &RankerDesign, features: usize) -> Architecture {
    Architecture::MatrixFactorization {
        dimensions: 1,
        unobserved_weight: 1.0,
        regularization: 1.0,
        regularization_exponent: 0.0,
        context_weight: 1.0,
        ranker_features: (0..features).map(|index| format!("f{index}")).collect(),
        ranker: design.clone(),
    }
}

/// A network in training: its weights read rows in the scale of training.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) parameters: Parameters,
    design: RankerDesign,
    dropout: f32,
}

impl Network {
    /// Random weights of 1 / sqrt(inputs); biases, and the weights of cross layers, which then
    /// begin by handing on what they read, of 0.
    pub(super) fn new(
        design: &RankerDesign,
        features: usize,
        dropout: f32,
        seed: u64,
    ) -> Result<Self> {
        let (mut parameters, key) = (Parameters::default(), Key::new(seed, "ranker weights"));
        let tensors = architecture(design, features).model_tensors(0);
        let own = tensors.iter().filter(|(name, _)| name.starts_with(PREFIX));
        for (number, (name, shape)) in (0..).zip(own) {
            let shape: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
            let count = shape.iter().product();
            let values = match shape[..] {
                // At rank r one factor must not be 0, or no gradient reaches either.
                [_, inputs] if !name.contains(".cross.") || name.ends_with("down") => {
                    normal(key.part(number), count, inputs)
                }
                _ => vec![0.0; count],
            };
            parameters.add(name, &shape, values)?;
        }
        Ok(Self { parameters, design: design.clone(), dropout })
    }

    /// Whether the final sum reads cross layers, and so, as these begin, the features themselves.
    pub(super) fn is_linear_in_part(&self) -> bool {
        let is_stacked = self.design.structure == Structure::Stacked;
        self.design.kind == RankerKind::DcnV2 && (self.design.hidden.is_empty() || !is_stacked)
    }

    /// Begins as the weighted sum `weights` of the features, `bias` added: the final sum reads
    /// nothing of the hidden layers, and the cross layers hand on the row.
    pub(super) fn begin_linear(&self, weights: &[f64], bias: f64) -> Result<()> {
        let mut values = self.parameters.values()?;
        for ((name, _), values) in self.parameters.iter().zip(&mut values) {
            match name {
                "ranker.weight" => {
                    values.fill(0.0);
                    values.iter_mut().zip(weights).for_each(|(to, from)| *to = *from as f32);
                }
                "ranker.bias" => values.fill(bias as f32),
                _ => {}
            }
        }
        self.parameters.set(&values)
    }

    /// Gives hidden and cross layers the weight decay `shrinkage`.
    pub(super) fn shrink(&mut self, shrinkage: f64) {
        let is_layer =
            |name: &str| name.starts_with("ranker.cross.") || name.starts_with("ranker.hidden.");
        self.parameters.decay(shrinkage, is_layer);
    }

    /// The sums of the layer `name` over `rows`, its bias added, put through what is behind it.
    fn layer(&self, name: &str, rows: &Tensor, then: Bias) -> Result<Tensor> {
        let weight = self.parameters.get(&format!("{name}.weight"))?;
        let to_add = self.parameters.get(&format!("{name}.bias"))?;
        Ok(bias(&rows.matmul(&weight.t()?)?, to_add, then)?)
    }

    fn cross(&self, index: usize, first: &Tensor, rows: &Tensor) -> Result<Tensor> {
        let name = |part: &str| format!("ranker.cross.{index}.{part}");
        let weight = |part: &str| self.parameters.get(&name(part));
        let sums = if self.design.rank == 0 {
            rows.matmul(&weight("weight")?.t()?)?
        } else {
            rows.matmul(&weight("down")?.t()?)?.matmul(&weight("up")?.t()?)?
        };
        let sums = bias(&sums, weight("bias")?, Bias::default())?;
        Ok(((first * sums)? + rows)?)
    }

    /// What the final sum reads, \[rows, width\]. With a key, some hidden values are left out.
    pub(super) fn last(&self, rows: &Tensor, dropout: Option<Key>) -> Result<Tensor> {
        let mut crossed = rows.clone();
        for index in 0..self.design.cross_layers {
            crossed = self.cross(index, rows, &crossed)?;
        }
        if self.design.hidden.is_empty() {
            return Ok(crossed);
        }
        let is_parallel = self.design.structure == Structure::Parallel;
        let is_cross = self.design.kind == RankerKind::DcnV2;
        let mut deep = if is_cross && !is_parallel { crossed.clone() } else { rows.clone() };
        for index in 0..self.design.hidden.len() {
            let key = dropout.map(|key| key.part(index as u64));
            let then = Bias {
                activation: Some(self.design.activation),
                dropout: key.and_then(|key| Dropout::new(key, self.dropout)),
            };
            deep = self.layer(&format!("ranker.hidden.{index}"), &deep, then)?;
        }
        if is_cross && is_parallel {
            return Ok(Tensor::cat(&[&crossed, &deep], 1)?);
        }
        Ok(deep)
    }

    /// The sums over what [`Network::last`] gave, \[rows, 1\].
    pub(super) fn sums(&self, last: &Tensor) -> Result<Tensor> {
        self.layer("ranker", last, Bias::default())
    }

    /// The weights of the ranker that reads rows as they are, where this one read
    /// (row - shift) * factor. A shift is for a network whose first layers are hidden ones alone.
    pub(super) fn unscaled(&self, scale: &Scale) -> Result<Vec<NamedValues>> {
        let mut tensors = Vec::new();
        for (name, var) in self.parameters.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            let values = crate::training::neural::ops::numbers(var.as_tensor())?.to_vec();
            let shape = var.dims().to_vec();
            tensors.push(NamedValues { name: name.to_owned(), shape, values });
        }
        let is_cross = self.design.kind == RankerKind::DcnV2;
        let is_stacked = self.design.structure == Structure::Stacked;
        let width = scale.factor.len();
        let last =
            if self.design.hidden.is_empty() || (is_cross && !is_stacked) { width } else { 0 };
        let mut moved = Vec::new();
        for tensor in &mut tensors {
            // Of a factorised layer it is the first factor that reads the row.
            let reads = match tensor.name.as_str() {
                "ranker.hidden.0.weight" => width,
                "ranker.weight" => last,
                name if name.ends_with(".down") => width,
                name if name.contains(".cross.") && name.ends_with(".weight") => width,
                _ => continue,
            };
            let inputs = tensor.shape.last().copied().unwrap_or(1).max(1);
            for row in tensor.values.chunks_exact_mut(inputs) {
                for (weight, factor) in row[..reads].iter_mut().zip(&scale.factor) {
                    *weight = (f64::from(*weight) * factor) as f32;
                }
            }
            if tensor.name == "ranker.hidden.0.weight" && !is_cross {
                let shift = |row: &[f32]| -> f64 {
                    row.iter().zip(&scale.shift).map(|(w, shift)| f64::from(*w) * shift).sum()
                };
                moved = tensor.values.chunks_exact(inputs).map(shift).collect();
            }
        }
        if let Some(bias) = tensors.iter_mut().find(|tensor| tensor.name == "ranker.hidden.0.bias")
        {
            for (bias, moved) in bias.values.iter_mut().zip(&moved) {
                *bias = (f64::from(*bias) - moved) as f32;
            }
        }
        Ok(tensors)
    }
}

fn normal(key: Key, count: usize, inputs: usize) -> Vec<f32> {
    let (mut random, scale) = (SeededRandom::new(key.seed()), 1.0 / (inputs as f64).sqrt());
    (0..count).map(|_| (scale * random.normal()) as f32).collect()
}

/// How rows are brought into the scale of training.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    /// What is taken from each feature; all 0 for a cross network, whose products a shift would
    /// change.
    pub(super) shift: Vec<f64>,
    /// What it is multiplied with then; 0 for a feature that never varies.
    pub(super) factor: Vec<f64>,
}

impl Scale {
    /// For `kind`: to mean 0 and deviation 1, or for a cross network to a mean square of 1.
    pub(super) fn of(kind: RankerKind, rows: &[f32], features: usize) -> Self {
        let (mean, deviation) = super::moments(rows, features);
        let is_cross = kind == RankerKind::DcnV2;
        let factor = |(mean, deviation): (&f64, &f64)| match *deviation {
            0.0 => 0.0,
            deviation if is_cross => 1.0 / mean.hypot(deviation),
            deviation => 1.0 / deviation,
        };
        let factor = mean.iter().zip(&deviation).map(factor).collect();
        let shift = if is_cross { vec![0.0; features] } else { mean };
        Self { shift, factor }
    }

    pub(super) fn apply(&self, rows: &[f32]) -> Vec<f32> {
        let one = |(value, (shift, factor)): (&f32, (&f64, &f64))| {
            ((f64::from(*value) - shift) * factor) as f32
        };
        let row = |row| Iterator::zip(<[f32]>::iter(row), self.shift.iter().zip(&self.factor));
        rows.chunks_exact(self.factor.len()).flat_map(row).map(one).collect()
    }
}

/// A trained ranker of the kind `mlp` or `dcn_v2`, as a release holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct RankerNetwork {
    /// Its design, calibration included.
    pub design: RankerDesign,
    /// Values of a row.
    pub features: usize,
    /// Its tensors, named as in `model.safetensors`.
    pub tensors: Vec<NamedValues>,
    /// How training went.
    pub fitted: crate::training::neural::Fitted,
}

impl RankerNetwork {
    /// The ranker as the device loads and runs it.
    ///
    /// # Errors
    /// [`Error::Core`] when the tensors are not those of the design, or one is not finite.
    pub fn ranker(&self) -> Result<Ranker> {
        load(&self.design, self.features, &self.tensors)
    }

    /// The same network with another calibration.
    pub(super) fn calibrated(mut self, calibration: Calibration, table: Vec<f32>) -> Self {
        self.design.calibration = calibration;
        if calibration.points > 0 {
            let (name, shape) = ("ranker.calibration".to_owned(), vec![2, calibration.points]);
            self.tensors.push(NamedValues { name, shape, values: table });
        }
        self
    }
}

fn load(design: &RankerDesign, features: usize, tensors: &[NamedValues]) -> Result<Ranker> {
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let gram = bytes(&[1.0]);
    let all: Vec<Vec<u8>> = tensors.iter().map(|tensor| bytes(&tensor.values)).collect();
    let broken = |error: safetensors::SafeTensorError| Error::data(error.to_string());
    let mut views = vec![("gram", TensorView::new(Dtype::F32, vec![1, 1], &gram).map_err(broken)?)];
    for (tensor, bytes) in tensors.iter().zip(&all) {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(broken)?;
        views.push((tensor.name.as_str(), view));
    }
    let file = safetensors::serialize(views, None).map_err(broken)?;
    Ok(Recommender::load(&file, &architecture(design, features), 1, 0)?.ranker)
}
