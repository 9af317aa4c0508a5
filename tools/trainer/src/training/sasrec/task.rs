//! SASRec as something that can be fitted: its batches, its loss, its validation.

use candle_core::Tensor;
use noctule_core::base::Seed;
use noctule_core::release::Architecture;

use super::{Batch, Drawing, Network, Packed, SasrecSettings, Sequences};
use crate::training::network::{
    EMBEDDING, HeldOut, Job, Known, Mix, NamedValues, Trainable, released_values,
};
use crate::training::neural::ops::numbers;
use crate::training::neural::{Key, Parameters, Place, Task};
use crate::{Error, Result};

/// A network, what it learns from, and what it is validated on.
pub struct SasrecTask {
    network: Network,
    sequences: Sequences,
    /// The users of an epoch.
    mix: Mix<u32>,
    settings: SasrecSettings,
    drawing: Drawing,
    held_out: HeldOut,
    order: Option<(usize, Vec<u32>)>,
}

impl SasrecTask {
    /// Trains on the events `train` of `job` and validates on the first of each user's
    /// `validation`. Where new and old data have shares, a user is as new as the newest choice.
    ///
    /// # Errors
    /// [`Error::Setting`]; [`Error::Data`] when no user has two events.
    pub fn new(job: &Job<'_>, settings: &SasrecSettings) -> Result<Self> {
        settings.check()?;
        let data = job.data;
        let sequences = Sequences::new(data, job.train);
        if sequences.trainable().is_empty() {
            return Err(Error::data("no user has two events to learn an order from"));
        }
        let newest = newest(job);
        let at_ms = |user: &u32| newest[*user as usize];
        let mix = job.retraining.mix(sequences.trainable().to_vec(), at_ms)?;
        let network = Network::new(settings, data.items.len())?;
        let seed = Seed(settings.seed).derive(&["sasrec", "validation"]);
        let is_known = |user| !sequences.of(user).is_empty();
        let held_out = HeldOut::new(job, is_known, settings.validation_users, seed);
        let drawing = Drawing::new(&settings.loss, &sequences);
        let settings = settings.clone();
        Ok(Self { network, sequences, mix, settings, drawing, held_out, order: None })
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
            _ => self.mix.order(key),
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
            weights: None,
        };
        self.settings.loss.of(&batch, &self.drawing)
    }

    /// Scores of all items for `users`, \[users, items\].
    fn scores(&self, users: &[Known]) -> Result<Tensor> {
        let ids: Vec<u32> = users.iter().map(|(user, _)| *user).collect();
        let packed = self.sequences.to_read(&ids, self.settings.positions);
        let state = self.network.encode(&packed, None)?.detach();
        let last: Vec<u32> = packed.begins[1..].iter().map(|end| *end as u32 - 1).collect();
        let last = Tensor::from_vec(last, users.len(), state.device())?;
        let table = self.network.embedding()?.detach();
        Ok(state.index_select(&last, 0)?.matmul(&table.t()?)?)
    }
}

/// When each user's newest event of the training part happened; none without a time.
fn newest(job: &Job<'_>) -> Vec<Option<i64>> {
    let mut newest = vec![None; job.data.users.len()];
    for index in job.train {
        let event = job.data.events[*index as usize];
        let of_user: &mut Option<i64> = &mut newest[event.user as usize];
        *of_user = (*of_user).max(event.at_ms);
    }
    newest
}

impl Task for SasrecTask {
    fn parameters(&self) -> &Parameters {
        self.network.parameters()
    }

    fn batches(&self) -> usize {
        self.mix.per_epoch().div_ceil(self.settings.batch)
    }

    fn loss(&mut self, place: Place) -> Result<Tensor> {
        self.loss_with(place, true)
    }

    /// NDCG@10.
    fn validate(&mut self) -> Result<Option<f64>> {
        let chosen = |user| self.sequences.chosen(user);
        self.held_out.ndcg(self.sequences.items(), chosen, |users| self.scores(users))
    }
}

impl Trainable for SasrecTask {
    fn architecture(&self) -> Architecture {
        self.settings.architecture(vec!["fold_in".into()])
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        self.network.parameters_mut()
    }

    fn last_layers(&self) -> Vec<String> {
        vec![format!("blocks.{}", self.settings.blocks - 1), "norm".to_owned()]
    }

    fn released(&self) -> Result<(Vec<f32>, Vec<NamedValues>)> {
        let embedding = numbers(self.network.embedding()?)?.to_vec();
        let parameters = self.network.parameters();
        Ok((embedding, released_values(parameters, |name| name != EMBEDDING)?))
    }
}
