//! The same pipeline as one writes it with candle tensors.

use std::collections::HashSet;
use std::path::Path;

use candle_core::{D, Device, Result, Tensor};
use candle_nn::{Activation, Linear, Module};
use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::Exploration;
use noctule_core::reranking::{
    Constraints, Directions, Likeness, Placed, Ranked, Settings, rerank,
};
use rusqlite::Connection;
use serde_json::json;

use crate::NIGHTS;
use crate::cpu::median_ms;
use crate::kernels::rows_of_a_slot;
use crate::world::{CONTEXTS, DIMENSIONS, ITEMS, NEAREST, POPULAR, SLOTS, World};

/// Widths of the ranker, features first.
const WIDTHS: [usize; 4] = [3 + DIMENSIONS + CONTEXTS, 128, 64, 1];

/// Everything in memory.
struct Plain {
    items: Tensor,
    /// The logarithms of popularity, over all and by context, as features have them.
    popularity: Tensor,
    by_context: Vec<Tensor>,
    layers: Vec<Linear>,
    connection: Connection,
}

pub(crate) fn measure(world: &World, scratch: &Path) -> f64 {
    let plain = Plain::new(world, scratch).unwrap();
    let mut random = SeededRandom::new(Seed(9));
    let users: Vec<Tensor> = (0..CONTEXTS)
        .map(|_| {
            let values: Vec<f32> = (0..DIMENSIONS).map(|_| random.normal() as f32).collect();
            Tensor::from_vec(values, (DIMENSIONS, 1), &Device::Cpu).unwrap()
        })
        .collect();
    median_ms(NIGHTS, 1, || {
        for (context, user) in users.iter().enumerate() {
            plain.slate(context, user).unwrap();
        }
    })
}

impl Plain {
    fn new(world: &World, scratch: &Path) -> Result<Self> {
        let device = &Device::Cpu;
        let items = Tensor::from_slice(&world.embedding, (ITEMS, DIMENSIONS), device)?;
        let logarithms = |shares: &[f32]| {
            let values: Vec<f32> =
                shares.iter().map(|share| (share.max(1e-9) * ITEMS as f32).ln()).collect();
            Tensor::from_vec(values, ITEMS, device)
        };
        let layer = |widths: &[usize]| {
            let weight = Tensor::randn(0.0_f32, 0.1, (widths[1], widths[0]), device)?;
            Ok(Linear::new(weight, Some(Tensor::zeros(widths[1], items.dtype(), device)?)))
        };
        let connection = Connection::open(scratch.join("plain.sqlite")).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE slates (context INTEGER PRIMARY KEY, slate TEXT NOT NULL);",
            )
            .unwrap();
        Ok(Self {
            popularity: logarithms(&world.popularity)?,
            by_context: world.by_context.iter().map(|of| logarithms(of)).collect::<Result<_>>()?,
            layers: WIDTHS.windows(2).map(layer).collect::<Result<_>>()?,
            connection,
            items,
        })
    }

    fn slate(&self, context: usize, user: &Tensor) -> Result<()> {
        let candidates = self.candidates(context, user)?;
        let index = Tensor::new(candidates.as_slice(), &Device::Cpu)?;
        let rows = self.features(context, user, &index)?;
        let scores = self.rank(&rows)?.to_vec1::<f32>()?;
        let ranked = candidates.iter().zip(&scores);
        let ranked: Vec<Ranked> =
            ranked.map(|(index, score)| Ranked { index: *index, score: *score }).collect();
        let placed = self.rerank(&ranked, &index, context)?;
        let reasons = self.reasons(&rows, &placed)?;
        self.publish(context, &placed, &reasons);
        Ok(())
    }

    fn candidates(&self, context: usize, user: &Tensor) -> Result<Vec<u32>> {
        let scores = self.items.matmul(user)?.squeeze(1)?;
        let best = |scores: &Tensor, count: usize| {
            scores.arg_sort_last_dim(false)?.narrow(0, 0, count)?.to_vec1::<u32>()
        };
        let mut candidates = best(&scores, NEAREST)?;
        let mut seen: HashSet<u32> = candidates.iter().copied().collect();
        let popular = best(&self.by_context[context], POPULAR)?;
        candidates.extend(popular.into_iter().filter(|index| seen.insert(*index)));
        Ok(candidates)
    }

    fn features(&self, context: usize, user: &Tensor, index: &Tensor) -> Result<Tensor> {
        let vectors = self.items.index_select(index, 0)?;
        let count = index.dim(0)?;
        let column = |values: &Tensor| values.index_select(index, 0)?.unsqueeze(1);
        let mut hot = vec![0.0_f32; CONTEXTS];
        hot[context] = 1.0;
        let hot = Tensor::from_vec(hot, (1, CONTEXTS), &Device::Cpu)?;
        let parts = [
            vectors.matmul(user)?,
            column(&self.by_context[context])?,
            column(&self.popularity)?,
            vectors.broadcast_mul(&user.t()?)?,
            hot.broadcast_as((count, CONTEXTS))?.contiguous()?,
        ];
        Tensor::cat(&parts, 1)
    }

    fn rank(&self, rows: &Tensor) -> Result<Tensor> {
        let mut values = rows.clone();
        for (at, layer) in self.layers.iter().enumerate() {
            values = layer.forward(&values)?;
            if at + 1 < self.layers.len() {
                values = Activation::Relu.forward(&values)?;
            }
        }
        values.squeeze(D::Minus1)
    }

    fn rerank(&self, ranked: &[Ranked], index: &Tensor, context: usize) -> Result<Vec<Placed>> {
        let vectors = self.items.index_select(index, 0)?.to_vec2::<f32>()?;
        let likeness = Likeness::Directions(Directions::new(vectors.into_iter(), DIMENSIONS));
        let settings = Settings {
            length: SLOTS,
            diversity: Some((0.2, &likeness)),
            exploration: Exploration { epsilon: 0.1, pool: 20, ..Exploration::OFF },
            constraints: &Constraints::default(),
        };
        let mut random = SeededRandom::new(Seed(context as u64));
        Ok(rerank(ranked, &settings, &mut random).slots)
    }

    /// As many rows through the ranker as the reasons of all slots ask for.
    fn reasons(&self, rows: &Tensor, placed: &[Placed]) -> Result<Vec<Vec<f32>>> {
        let places: Vec<u32> = placed.iter().map(|placed| placed.candidate as u32).collect();
        let own = rows.index_select(&Tensor::new(places, &Device::Cpu)?, 0)?;
        let mean = rows.mean_keepdim(0)?;
        let mut parts = Vec::new();
        for coalition in 0..rows_of_a_slot() {
            let keep = Tensor::from_vec(
                (0..WIDTHS[0]).map(|at| f32::from(u8::from(at % (coalition + 2) != 0))).collect(),
                (1, WIDTHS[0]),
                &Device::Cpu,
            )?;
            let kept = own.broadcast_mul(&keep)?;
            parts.push(kept.broadcast_add(&mean.broadcast_mul(&keep.affine(-1.0, 1.0)?)?)?);
        }
        let scores = self.rank(&Tensor::cat(&parts, 0)?)?;
        scores.reshape((rows_of_a_slot(), placed.len()))?.to_vec2::<f32>()
    }

    fn publish(&self, context: usize, placed: &[Placed], reasons: &[Vec<f32>]) {
        let slots: Vec<_> = placed
            .iter()
            .enumerate()
            .map(|(at, slot)| {
                let parts: Vec<f32> = reasons.iter().take(5).map(|row| row[at]).collect();
                json!({"item": slot.index, "score": slot.score, "propensity": slot.propensity,
                    "reasons": parts})
            })
            .collect();
        let text = json!(slots).to_string();
        let insert = "INSERT OR REPLACE INTO slates (context, slate) VALUES (?1, ?2)";
        self.connection.execute(insert, (context as i64, text)).unwrap();
    }
}
