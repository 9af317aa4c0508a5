//! SASRec as something that can be fitted: its batches, its loss, its validation.

use candle_core::Tensor;
use noctule_core::base::{Seed, SeededRandom};
use rayon::prelude::*;

use super::loss::Drawing;
use super::{Batch, Network, Packed, SasrecSettings, Sequences};
use crate::datasets::Interactions;
use crate::training::neural::ops::numbers;
use crate::training::neural::{Key, Place, Task};
use crate::{Error, Result};

/// Length of the lists that validation looks at.
const VALIDATION_K: usize = 10;
/// Users whose scores are held at once in validation, at most, and their scores.
const USERS_AT_ONCE: usize = 256;
const SCORES_MAX: usize = 1 << 22;

/// A network, what it learns from, and what it is validated on.
pub struct SasrecTask {
    network: Network,
    sequences: Sequences,
    settings: SasrecSettings,
    drawing: Drawing,
    /// Users, and what each of them chose next.
    held_out: Vec<(u32, u32)>,
    order: Option<(usize, Vec<u32>)>,
}

impl SasrecTask {
    /// Trains on the events `train` of `data` and validates on the first of each user's
    /// `validation`.
    ///
    /// # Errors
    /// [`Error::Setting`]; [`Error::Data`] when no user has two events.
    pub fn new(
        data: &Interactions,
        train: &[u32],
        validation: &[u32],
        settings: &SasrecSettings,
    ) -> Result<Self> {
        settings.check()?;
        let sequences = Sequences::new(data, train);
        if sequences.trainable().is_empty() {
            return Err(Error::data("no user has two events to learn an order from"));
        }
        let network = Network::new(settings, data.items.len())?;
        let held_out = held_out(data, validation, &sequences, settings);
        let drawing = Drawing::new(&settings.loss, &sequences);
        let settings = settings.clone();
        Ok(Self { network, sequences, settings, drawing, held_out, order: None })
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The batch at `place`.
    #[must_use]
    pub fn batch(&mut self, place: Place) -> Packed {
        let key = Key::new(self.settings.seed, "order").part(place.epoch as u64);
        let order = match self.order.take() {
            Some((epoch, order)) if epoch == place.epoch => order,
            _ => self.sequences.order(key),
        };
        let users = order.chunks(self.settings.batch).nth(place.batch).unwrap_or_default();
        let packed = self.sequences.to_learn(users, self.settings.positions);
        self.order = Some((place.epoch, order));
        packed
    }

    /// The loss at `place` without dropout.
    ///
    /// # Errors
    /// Those of the loss.
    pub fn plain_loss(&mut self, place: Place) -> Result<f32> {
        Ok(self.loss_with(place, false)?.to_scalar()?)
    }

    fn loss_with(&mut self, place: Place, drops: bool) -> Result<Tensor> {
        let packed = self.batch(place);
        let key = |purpose| {
            let key = Key::new(self.settings.seed, purpose);
            key.part(place.epoch as u64).part(place.batch as u64)
        };
        let rows = self.network.encode(&packed, drops.then(|| key("dropout")))?;
        let batch = Batch {
            rows: &rows,
            table: self.network.embedding()?,
            packed: &packed,
            sequences: &self.sequences,
            key: key("negatives"),
        };
        self.settings.loss.of(&batch, &self.drawing)
    }

    /// Ranks of the held-out choices of `users` in the whole catalogue without what they chose.
    fn ranks(&self, users: &[(u32, u32)]) -> Result<Vec<usize>> {
        let ids: Vec<u32> = users.iter().map(|(user, _)| *user).collect();
        let packed = self.sequences.to_read(&ids, self.settings.positions);
        let state = self.network.encode(&packed, None)?.detach();
        let last: Vec<u32> = packed.begins[1..].iter().map(|end| *end as u32 - 1).collect();
        let last = Tensor::from_vec(last, users.len(), state.device())?;
        let table = self.network.embedding()?.detach();
        let scores = state.index_select(&last, 0)?.matmul(&table.t()?)?;
        let scores = numbers(&scores)?;
        let rows = scores.par_chunks_exact(self.sequences.items()).zip(users);
        Ok(rows.map(|(scores, user)| self.rank(scores, *user)).collect())
    }

    fn rank(&self, scores: &[f32], (user, target): (u32, u32)) -> usize {
        let chosen = self.sequences.chosen(user);
        if chosen.binary_search(&target).is_ok() {
            return usize::MAX;
        }
        let score = scores[target as usize];
        let above = |item: u32| {
            let other = scores[item as usize];
            other > score || (other == score && item < target)
        };
        let all = (0..scores.len() as u32).filter(|item| above(*item)).count();
        1 + all - chosen.iter().filter(|item| above(**item)).count()
    }
}

fn held_out(
    data: &Interactions,
    validation: &[u32],
    sequences: &Sequences,
    settings: &SasrecSettings,
) -> Vec<(u32, u32)> {
    let mut next: Vec<Option<u32>> = vec![None; data.users.len()];
    for index in validation {
        let event = data.events[*index as usize];
        next[event.user as usize].get_or_insert(event.item);
    }
    let known = |(user, next): (u32, Option<u32>)| {
        next.filter(|_| !sequences.of(user).is_empty()).map(|item| (user, item))
    };
    let mut users: Vec<(u32, u32)> = (0..).zip(next).filter_map(known).collect();
    if users.len() > settings.validation_users {
        let seed = Seed(settings.seed).derive(&["sasrec", "validation"]);
        SeededRandom::new(seed).shuffle(&mut users);
        users.truncate(settings.validation_users);
    }
    users
}

impl Task for SasrecTask {
    fn parameters(&self) -> &crate::training::neural::Parameters {
        self.network.parameters()
    }

    fn batches(&self) -> usize {
        self.sequences.trainable().len().div_ceil(self.settings.batch)
    }

    fn loss(&mut self, place: Place) -> Result<Tensor> {
        self.loss_with(place, true)
    }

    /// NDCG@10.
    fn validate(&mut self) -> Result<Option<f64>> {
        if self.held_out.is_empty() {
            return Ok(None);
        }
        let step = (SCORES_MAX / self.sequences.items().max(1)).clamp(1, USERS_AT_ONCE);
        let mut sum = 0.0;
        for users in self.held_out.chunks(step) {
            for rank in self.ranks(users)? {
                if rank <= VALIDATION_K {
                    sum += 1.0 / ((1 + rank) as f64).log2();
                }
            }
        }
        Ok(Some(sum / self.held_out.len() as f64))
    }
}
