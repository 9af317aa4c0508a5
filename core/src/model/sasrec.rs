//! A causal transformer over what the user chose, the newest item last.
//!
//! Only what the last row of the last block depends on is computed: there, keys and values of all
//! rows, but the query, the feed-forward part and the norms of one. Attention goes through the rows
//! in blocks, so that what the causal mask hides is for the most part not computed at all.

use noctule_kernels::arithmetic::{layer_norm, softmax};
use noctule_kernels::product::{Matrix, add};

use super::dense::Dense;
use super::tensors::ModelTensors;
use crate::base::{Error, Result};
use crate::release::{Architecture, Nonlinearity};

/// Rows whose attention is computed at once.
const ROWS_AT_ONCE: usize = 48;

/// Weight and bias of a norm.
#[derive(Debug, Clone)]
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    fn read(tensors: &mut ModelTensors, name: &str, epsilon: f32) -> Result<Self> {
        let weight = tensors.values(&format!("{name}.weight"))?;
        Ok(Self { weight, bias: tensors.values(&format!("{name}.bias"))?, epsilon })
    }

    fn of(&self, rows: &[f32]) -> Vec<f32> {
        layer_norm(rows, &self.weight, &self.bias, self.epsilon)
    }
}

#[derive(Debug, Clone)]
struct Block {
    /// Queries, divided by the root of a head's size.
    query: Dense,
    /// Keys and values side by side.
    key_value: Dense,
    out: Dense,
    norms: [Norm; 2],
    feed_forward: [Dense; 2],
}

/// A transformer that makes a user's vector of the vectors of what the user chose.
#[derive(Debug, Clone)]
pub struct Sasrec {
    blocks: Vec<Block>,
    /// [positions, d].
    positions: Vec<f32>,
    final_norm: Option<Norm>,
    dimensions: usize,
    heads: usize,
    activation: Nonlinearity,
    norm_first: bool,
    embedding_scale: f32,
    newest_last: bool,
}

impl Sasrec {
    pub(super) fn read(tensors: &mut ModelTensors, architecture: &Architecture) -> Result<Self> {
        let Architecture::Sasrec {
            dimensions,
            blocks,
            heads,
            activation,
            norm_first,
            final_norm,
            norm_epsilon,
            scale_embedding,
            newest_last,
            ..
        } = architecture
        else {
            return Err(Error::Model { reason: "the architecture is not sasrec".into() });
        };
        let (d, epsilon) = (*dimensions, *norm_epsilon);
        if *heads == 0 || !d.is_multiple_of(*heads) {
            let reason = format!("{heads} heads do not divide {d} dimensions");
            return Err(Error::Model { reason });
        }
        let mut block = |index| Block::read(tensors, index, d, d / heads, epsilon);
        let blocks = (0..*blocks).map(&mut block).collect::<Result<_>>()?;
        let final_norm = final_norm.then(|| Norm::read(tensors, "norm", epsilon)).transpose()?;
        Ok(Self {
            blocks,
            positions: tensors.values("position")?,
            final_norm,
            dimensions: d,
            heads: *heads,
            activation: *activation,
            norm_first: *norm_first,
            embedding_scale: if *scale_embedding { (d as f32).sqrt() } else { 1.0 },
            newest_last: *newest_last,
        })
    }

    /// Greatest number of items that a history may have.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions.len() / self.dimensions
    }

    /// The user's vector for `history`, the vectors of the chosen items one behind the other, the
    /// oldest first. An empty history gives zeros.
    ///
    /// # Errors
    /// [`Error::Model`] when the vectors are not whole or more than the positions.
    pub fn encode(&self, history: &[f32]) -> Result<Vec<f32>> {
        let d = self.dimensions;
        let (rows, positions) = (history.len() / d, self.positions());
        if rows * d != history.len() || rows > positions {
            let values = history.len();
            let reason =
                format!("a history of {values} values, at most {positions} rows of {d} are needed");
            return Err(Error::Model { reason });
        }
        if rows == 0 {
            return Ok(vec![0.0; d]);
        }
        let from = if self.newest_last { positions - rows } else { 0 };
        let positions = &self.positions[from * d..(from + rows) * d];
        let sums = history.iter().zip(positions);
        let mut state: Vec<f32> =
            sums.map(|(value, position)| value * self.embedding_scale + position).collect();
        for (index, block) in self.blocks.iter().enumerate() {
            state = self.through(block, state, index + 1 == self.blocks.len())?;
        }
        Ok(match &self.final_norm {
            Some(norm) => norm.of(&state),
            None => state,
        })
    }

    /// The hidden states behind `block`; of the `last` block, only that of the last row.
    fn through(&self, block: &Block, mut state: Vec<f32>, last: bool) -> Result<Vec<f32>> {
        let d = self.dimensions;
        let [first_norm, second_norm] = &block.norms;
        let normed = self.norm_first.then(|| first_norm.of(&state));
        let read = normed.as_deref().unwrap_or(&state);
        let first = if last { state.len() / d - 1 } else { 0 };
        let queries = block.query.forward(&read[first * d..])?;
        let key_value = block.key_value.forward(read)?;
        let mixed = self.attention(&queries, &key_value, first)?;
        state.drain(..first * d);
        block.out.add_to(&mut state, &mixed)?;
        if !self.norm_first {
            state = first_norm.of(&state);
        }
        let normed = self.norm_first.then(|| second_norm.of(&state));
        let read = normed.as_deref().unwrap_or(&state);
        let between = block.feed_forward[0].activated(read, self.activation)?;
        block.feed_forward[1].add_to(&mut state, &between)?;
        if !self.norm_first {
            state = second_norm.of(&state);
        }
        Ok(state)
    }

    /// Causal attention of the rows from `first` on, whose queries are given; a row of `key_value`
    /// holds a key and, behind it, a value.
    fn attention(&self, queries: &[f32], key_value: &[f32], first: usize) -> Result<Vec<f32>> {
        let (d, size) = (self.dimensions, self.dimensions / self.heads);
        let rows = queries.len() / d;
        let mut out = vec![0.0; queries.len()];
        let mut shares = Vec::new();
        for begin in (0..rows).step_by(ROWS_AT_ONCE) {
            let count = ROWS_AT_ONCE.min(rows - begin);
            // Rows that the last of these rows may see; the n-th before it sees n fewer.
            let seen = first + begin + count;
            for head in 0..self.heads {
                let at = begin * d + head * size;
                let query = Matrix::new(&queries[at..], count, size, d)?;
                let key = Matrix::new(&key_value[head * size..], seen, size, 2 * d)?;
                let value = Matrix::new(&key_value[d + head * size..], seen, size, 2 * d)?;
                shares.clear();
                shares.resize(count * seen, 0.0);
                add(&mut shares, seen, query, key.transposed())?;
                weigh(&mut shares, seen, first + begin);
                add(&mut out[at..], d, Matrix::new(&shares, count, seen, seen)?, value)?;
            }
        }
        Ok(out)
    }
}

/// Makes of each row of scores (`seen` values each, the first being row `first` of the sequence)
/// what it takes of the rows up to itself.
fn weigh(scores: &mut [f32], seen: usize, first: usize) {
    for (row, scores) in scores.chunks_exact_mut(seen).enumerate() {
        let (visible, hidden) = scores.split_at_mut(first + row + 1);
        hidden.fill(0.0);
        softmax(visible);
    }
}

impl Block {
    fn read(
        tensors: &mut ModelTensors,
        index: usize,
        d: usize,
        head: usize,
        epsilon: f32,
    ) -> Result<Self> {
        let name = |part: &str| format!("blocks.{index}.{part}");
        let mut weight = tensors.values(&name("attention.in.weight"))?;
        let mut bias = tensors.values(&name("attention.in.bias"))?;
        let scale = 1.0 / (head as f32).sqrt();
        let queries = weight[..d * d].iter_mut().chain(&mut bias[..d]);
        queries.for_each(|value| *value *= scale);
        Ok(Self {
            query: Dense::new(&weight[..d * d], bias[..d].to_vec(), d)?,
            key_value: Dense::new(&weight[d * d..], bias[d..].to_vec(), d)?,
            out: Dense::read(tensors, &name("attention.out"))?,
            norms: [
                Norm::read(tensors, &name("norm.0"), epsilon)?,
                Norm::read(tensors, &name("norm.1"), epsilon)?,
            ],
            feed_forward: [
                Dense::read(tensors, &name("feed_forward.0"))?,
                Dense::read(tensors, &name("feed_forward.1"))?,
            ],
        })
    }
}
