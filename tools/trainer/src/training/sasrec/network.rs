//! The network: what core runs on the phone, with candle's derivatives.

use candle_core::Tensor;
use noctule_core::base::SeededRandom;
use noctule_core::release::{Architecture, Nonlinearity};

use super::{Packed, SasrecSettings};
use crate::training::network::EMBEDDING;
use crate::training::neural::ops::{Attention, Bias, attention, bias, bias_onto, gather, norm};
use crate::training::neural::{Dropout, Key, Parameters};
use crate::{Error, Result};

/// A network and its weights, named as in a release.
#[derive(Debug)]
pub struct Network {
    parameters: Parameters,
    blocks: usize,
    heads: usize,
    positions: usize,
    scale: f32,
    epsilon: f32,
    activation: Nonlinearity,
    norm_first: bool,
    dropout: f32,
}

/// Dropout of the places of one batch.
#[derive(Clone, Copy)]
struct Places {
    key: Option<Key>,
    rate: f32,
    next: u64,
}

impl Places {
    fn take(&mut self) -> Option<Dropout> {
        self.next += 1;
        self.key.and_then(|key| Dropout::new(key.part(self.next), self.rate))
    }
}

impl Network {
    /// A network for `items` items with random weights: vectors of the standard deviation that the
    /// settings name, layers of 1 / sqrt(inputs), norms of weight 1, biases of 0.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Data`] when the architecture has no such network.
    pub fn new(settings: &SasrecSettings, items: usize) -> Result<Self> {
        settings.check()?;
        let architecture = settings.architecture(vec!["fold_in".into()]);
        let Architecture::Sasrec { norm_epsilon, dimensions, .. } = architecture else {
            return Err(Error::data("the architecture is not sasrec"));
        };
        let mut parameters = Parameters::default();
        let key = Key::new(settings.seed, "initial weights");
        let mut add = |number: u64, name: &str, shape: &[usize]| -> Result<()> {
            let mut random = SeededRandom::new(key.part(number).seed());
            let count = shape.iter().product();
            let mut normal =
                |scale: f64| (0..count).map(|_| (scale * random.normal()) as f32).collect();
            let values = match shape {
                _ if name == EMBEDDING || name == "position" => {
                    normal(settings.initial_scale.into())
                }
                [_, inputs] => normal(1.0 / (*inputs as f64).sqrt()),
                _ if name.contains("norm") && name.ends_with("weight") => vec![1.0; count],
                _ => vec![0.0; count],
            };
            parameters.add(name, shape, values)
        };
        add(0, EMBEDDING, &[items, dimensions])?;
        for (number, (name, shape)) in (1..).zip(architecture.model_tensors(0)) {
            if !name.starts_with("ranker.") {
                let shape: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
                add(number, &name, &shape)?;
            }
        }
        Ok(Self {
            parameters,
            blocks: settings.blocks,
            heads: settings.heads,
            positions: settings.positions,
            scale: if settings.scale_embedding { (dimensions as f32).sqrt() } else { 1.0 },
            epsilon: norm_epsilon,
            activation: settings.activation,
            norm_first: settings.norm_first,
            dropout: settings.dropout,
        })
    }

    /// The weights.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The weights, to name those that are trained.
    pub(super) fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    /// The item vectors, \[items, d\].
    ///
    /// # Errors
    /// None that can happen.
    pub fn embedding(&self) -> Result<&Tensor> {
        self.parameters.get(EMBEDDING)
    }

    /// Items of a history that count.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// The hidden state behind each row of `packed`, \[rows, d\]: the vector of a user who chose
    /// what is read up to there. With `dropout`, some values are left out, as its key says.
    ///
    /// # Errors
    /// [`Error::Tensor`] when an item or a position is unknown.
    pub fn encode(&self, packed: &Packed, dropout: Option<Key>) -> Result<Tensor> {
        let mut places = Places { key: dropout, rate: self.dropout, next: 0 };
        let position = self.parameters.get("position")?;
        let items = (self.embedding()?, packed.items.clone());
        let positions = (position, packed.positions.clone());
        let mut state = gather(items, positions, self.scale, places.take())?;
        for block in 0..self.blocks {
            let part = |part: &str| format!("blocks.{block}.{part}");
            let mixed = |state: &Tensor, places: &mut Places| {
                let rows = if self.norm_first {
                    self.norm(&part("norm.0"), state)?
                } else {
                    state.clone()
                };
                self.attend(&part("attention"), (state, &rows), packed, places)
            };
            state = mixed(&state, &mut places)?;
            if !self.norm_first {
                state = self.norm(&part("norm.0"), &state)?;
            }
            let rows =
                if self.norm_first { self.norm(&part("norm.1"), &state)? } else { state.clone() };
            state = self.feed_forward(&part("feed_forward"), (&state, &rows), &mut places)?;
            if !self.norm_first {
                state = self.norm(&part("norm.1"), &state)?;
            }
        }
        self.norm("norm", &state)
    }

    fn norm(&self, name: &str, rows: &Tensor) -> Result<Tensor> {
        let weight = self.parameters.get(&format!("{name}.weight"))?;
        let bias = self.parameters.get(&format!("{name}.bias"))?;
        Ok(norm(rows, weight, bias, self.epsilon)?)
    }

    /// The sums of the layer `name`, without its bias, and the bias.
    fn layer(&self, name: &str, rows: &Tensor) -> Result<(Tensor, &Tensor)> {
        let weight = self.parameters.get(&format!("{name}.weight"))?;
        Ok((rows.matmul(&weight.t()?)?, self.parameters.get(&format!("{name}.bias"))?))
    }

    fn attend(
        &self,
        name: &str,
        (around, rows): (&Tensor, &Tensor),
        packed: &Packed,
        places: &mut Places,
    ) -> Result<Tensor> {
        let (sums, to_add) = self.layer(&format!("{name}.in"), rows)?;
        let values = bias(&sums, to_add, Bias::default())?;
        let (begins, dropout) = (packed.begins.clone(), places.take());
        let mixed = attention(&values, Attention { begins, heads: self.heads, dropout })?;
        let (sums, to_add) = self.layer(&format!("{name}.out"), &mixed)?;
        let then = Bias { activation: None, dropout: places.take() };
        Ok(bias_onto(around, &sums, to_add, then)?)
    }

    fn feed_forward(
        &self,
        name: &str,
        (around, rows): (&Tensor, &Tensor),
        places: &mut Places,
    ) -> Result<Tensor> {
        let (sums, to_add) = self.layer(&format!("{name}.0"), rows)?;
        let then = Bias { activation: Some(self.activation), dropout: places.take() };
        let between = bias(&sums, to_add, then)?;
        let (sums, to_add) = self.layer(&format!("{name}.1"), &between)?;
        let then = Bias { activation: None, dropout: places.take() };
        Ok(bias_onto(around, &sums, to_add, then)?)
    }
}
