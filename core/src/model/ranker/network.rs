//! The function of a ranker up to its calibration.
//!
//! A cross layer (Wang et al., WWW 2021, equations 1 and 2) makes
//! `x' = x0 * (W x + b) + x` of the features x0 and the layer x before it, W being full or, at rank
//! r, the product of `up` [f, r] and `down` [r, f].

use noctule_kernels::arithmetic::dot;

use crate::base::{Error, Result};
use crate::model::dense::Dense;
use crate::model::dense::activate;
use crate::model::tensors::ModelTensors;
use crate::release::{Nonlinearity, RankerDesign, RankerKind, Structure};

#[derive(Debug, Clone)]
struct Cross {
    /// The first of two factors.
    down: Option<Dense>,
    up: Dense,
}

impl Cross {
    fn read(tensors: &mut ModelTensors, index: usize, rank: usize) -> Result<Self> {
        let name = |part: &str| format!("ranker.cross.{index}.{part}");
        let bias = tensors.values(&name("bias"))?;
        if rank == 0 {
            let (weight, width) = (tensors.values(&name("weight"))?, bias.len());
            return Ok(Self { down: None, up: Dense::new(&weight, bias, width)? });
        }
        let (down, up) = (tensors.values(&name("down"))?, tensors.values(&name("up"))?);
        let down = Dense::new(&down, vec![0.0; rank], bias.len())?;
        Ok(Self { down: Some(down), up: Dense::new(&up, bias, rank)? })
    }

    /// The layer behind `x`, for the features `first`.
    fn of(&self, first: &[f32], x: &[f32]) -> Result<Vec<f32>> {
        let mut out = match &self.down {
            Some(down) => self.up.forward(&down.forward(x)?)?,
            None => self.up.forward(x)?,
        };
        for ((out, first), x) in out.iter_mut().zip(first).zip(x) {
            *out = first * *out + x;
        }
        Ok(out)
    }
}

/// Cross layers, hidden layers, and a weighted sum; none of the former in a linear ranker.
#[derive(Debug, Clone)]
pub(super) struct Network {
    cross: Vec<Cross>,
    hidden: Vec<Dense>,
    activation: Nonlinearity,
    structure: Structure,
    weight: Vec<f32>,
    bias: f32,
}

impl Network {
    pub(super) fn linear(weight: Vec<f32>, bias: f32) -> Self {
        let (activation, structure) = (Nonlinearity::default(), Structure::default());
        Self { cross: Vec::new(), hidden: Vec::new(), activation, structure, weight, bias }
    }

    pub(super) fn read(tensors: &mut ModelTensors, design: &RankerDesign) -> Result<Self> {
        let RankerDesign { kind, hidden, activation, cross_layers, rank, structure, .. } = design;
        let hidden = if *kind == RankerKind::Linear { 0 } else { hidden.len() };
        let cross = (0..*cross_layers).map(|index| Cross::read(tensors, index, *rank));
        let cross = cross.collect::<Result<_>>()?;
        let hidden = (0..hidden).map(|i| Dense::read(tensors, &format!("ranker.hidden.{i}")));
        let hidden = hidden.collect::<Result<_>>()?;
        let (weight, bias) = (tensors.values("ranker.weight")?, tensors.values("ranker.bias")?);
        let [bias] = bias[..] else {
            return Err(Error::Model { reason: "ranker: more than one bias".into() });
        };
        Ok(Self { cross, hidden, activation: *activation, structure: *structure, weight, bias })
    }

    /// The weights of the sum when nothing stands in front of it.
    pub(super) fn weights(&self) -> Option<&[f32]> {
        (self.cross.is_empty() && self.hidden.is_empty()).then_some(&self.weight)
    }

    /// The hidden layer that reads the features when nothing else does.
    pub(super) fn front(&self) -> Option<&Dense> {
        self.hidden.first().filter(|_| self.cross.is_empty())
    }

    /// Appends the sums of rows that are given as the outputs of [`Self::front`], of so many
    /// `outputs`, before their activation; they are activated where they stand.
    pub(super) fn append_behind_front(
        &self,
        rows: &mut [f32],
        outputs: usize,
        scores: &mut Vec<f32>,
    ) -> Result<()> {
        let count = rows.len() / outputs.max(1);
        activate(self.activation, rows);
        let mut rows = &*rows;
        let mut behind;
        for layer in self.hidden.iter().skip(1) {
            behind = layer.activated(rows, self.activation)?;
            rows = &behind;
        }
        let width = (rows.len() / count.max(1)).max(1);
        let sums = rows.chunks_exact(width).map(|row| dot(row, &self.weight) + self.bias);
        scores.extend(sums);
        Ok(())
    }

    /// Appends the sums of `rows` (`features` values each) to `scores`.
    pub(super) fn append(
        &self,
        rows: &[f32],
        features: usize,
        scores: &mut Vec<f32>,
    ) -> Result<()> {
        if self.weights().is_some() {
            scores
                .extend(rows.chunks_exact(features).map(|row| dot(row, &self.weight) + self.bias));
            return Ok(());
        }
        if let Some(front) = self.front() {
            let mut rows = front.forward(rows)?;
            return self.append_behind_front(&mut rows, front.outputs(), scores);
        }
        let mut crossed = Vec::new();
        for (index, layer) in self.cross.iter().enumerate() {
            crossed = layer.of(rows, if index == 0 { rows } else { &crossed })?;
        }
        let stacked = self.structure == Structure::Stacked && !self.cross.is_empty();
        let mut deep = Vec::new();
        for (index, layer) in self.hidden.iter().enumerate() {
            let input = match (index, stacked) {
                (0, false) => rows,
                (0, true) => &crossed,
                _ => &deep,
            };
            deep = layer.activated(input, self.activation)?;
        }
        if stacked && !self.hidden.is_empty() {
            crossed.clear();
        }
        let count = rows.len() / features;
        // The sum reads what is left of the cross layers, then what is deep; either may be nothing.
        let (wide, narrow) = (crossed.len() / count, deep.len() / count);
        let (to_wide, to_narrow) = self.weight.split_at(wide.min(self.weight.len()));
        scores.extend((0..count).map(|row| {
            let wide = dot(&crossed[row * wide..(row + 1) * wide], to_wide);
            wide + dot(&deep[row * narrow..(row + 1) * narrow], to_narrow) + self.bias
        }));
        Ok(())
    }
}
