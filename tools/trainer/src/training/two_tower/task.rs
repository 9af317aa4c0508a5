//! The towers as something that can be fitted: batches, loss, validation.

use candle_core::Tensor;
use noctule_core::base::Seed;
use noctule_core::release::Architecture;

use super::network::TOWER;
use super::treatment::TowerTreatment;
use super::{Examples, TowerLoss, Towers, TwoTowerSettings, in_batch};
use crate::training::Session;
use crate::training::network::{
    HeldOut, Job, Known, Mix, NamedValues, Trainable, TrainedNetwork, fit_network, released_values,
};
use crate::training::neural::ops::numbers;
use crate::training::neural::{Key, Parameters, Place, Task};
use crate::training::sasrec::{Batch, Drawing, Loss, Packed, Sequences};
use crate::{Error, Result};

/// Two towers, what they learn from, and what they are validated on.
pub struct TwoTowerTask {
    towers: Towers,
    examples: Examples,
    /// The choices of an epoch.
    mix: Mix<(u32, u32)>,
    settings: TwoTowerSettings,
    /// The share of each item in all choices.
    shares: Vec<f64>,
    /// What losses over drawn items, or over all, are computed from.
    sequences: Sequences,
    drawing: Drawing,
    held_out: HeldOut,
    treatment: Option<TowerTreatment>,
    order: Option<(usize, Vec<(u32, u32)>)>,
}

impl TwoTowerTask {
    /// Trains on the events `train` of the job and validates on the first of each user's
    /// `validation`.
    ///
    /// # Errors
    /// [`Error::Setting`]; [`Error::Data`] without events.
    pub fn new(job: &Job<'_>, settings: &TwoTowerSettings) -> Result<Self> {
        let mut towers = Towers::new(settings, job.data, job.contexts)?;
        let examples = Examples::new(job.data, job.train, job.contexts, settings);
        if examples.all().is_empty() {
            return Err(Error::data("there is no choice to learn from"));
        }
        let at_ms = |choice: &(u32, u32)| examples.at_ms(*choice);
        let mix = job.retraining.mix(examples.all().to_vec(), at_ms)?;
        let sequences = Sequences::new(job.data, job.train);
        let drawing = settings
            .loss
            .drawn()
            .map_or_else(Drawing::default, |loss| Drawing::new(&loss, &sequences));
        let seed = Seed(settings.seed).derive(&["two tower", "validation"]);
        let is_known = |user| !examples.of(user).is_empty();
        let users_max = settings.validation_users;
        let held_out = HeldOut::new(job, is_known, users_max, seed);
        let treatment =
            job.treated.map(|treated| TowerTreatment::new(treated, &examples)).transpose()?;
        if let Some(treatment) = &treatment {
            treatment.add_to(towers.parameters_mut(), settings.dimensions, settings.seed)?;
        }
        let (shares, settings) = (examples.shares(), settings.clone());
        Ok(Self {
            towers,
            examples,
            mix,
            settings,
            shares,
            sequences,
            drawing,
            held_out,
            treatment,
            order: None,
        })
    }

    /// The towers.
    #[must_use]
    pub fn towers(&self) -> &Towers {
        &self.towers
    }

    /// The choices that are learned from.
    #[must_use]
    pub fn examples(&self) -> &Examples {
        &self.examples
    }

    fn batch(&mut self, place: Place) -> Vec<(u32, u32)> {
        let key = Key::new(self.settings.seed, "order of choices").part(place.epoch as u64);
        let order = match self.order.take() {
            Some((epoch, order)) if epoch == place.epoch => order,
            _ => self.mix.order(key),
        };
        let batch = order.chunks(self.settings.batch).nth(place.batch).unwrap_or_default().to_vec();
        self.order = Some((place.epoch, order));
        batch
    }

    /// Scores of all items for `users`, \[users, items\].
    fn scores(&self, users: &[Known]) -> Result<Tensor> {
        let items = self.towers.items(None)?.detach();
        let whole = users.iter().map(|(user, context)| (*user, usize::MAX, *context));
        let histories = self.examples.inputs(whole);
        let users = self.towers.users(&items, histories, None)?.detach();
        Ok(users.matmul(&items.t()?)?)
    }
}

impl TowerLoss {
    /// The loss of sequences that it is, over items other than those of the batch.
    fn drawn(self) -> Option<Loss> {
        match self {
            Self::CrossEntropy => Some(Loss::CrossEntropy),
            Self::SampledSoftmax { negatives, sampling } => {
                Some(Loss::SampledSoftmax { negatives, sampling })
            }
            Self::InBatch { .. } => None,
        }
    }
}

impl Task for TwoTowerTask {
    fn parameters(&self) -> &Parameters {
        self.towers.parameters()
    }

    fn batches(&self) -> usize {
        self.mix.per_epoch().div_ceil(self.settings.batch)
    }

    fn loss(&mut self, place: Place) -> Result<Tensor> {
        let batch = self.batch(place);
        let key = |purpose| {
            let key = Key::new(self.settings.seed, purpose);
            key.part(place.epoch as u64).part(place.batch as u64)
        };
        let targets: Vec<u32> = batch.iter().map(|choice| self.examples.target(*choice)).collect();
        let items = self.towers.items(Some(key("item dropout")))?;
        let histories = self.examples.before(&batch);
        let users = self.towers.users(&items, histories, Some(key("user dropout")))?;
        let rows = users.affine(1.0 / f64::from(self.settings.temperature), 0.0)?;
        let who: Vec<u32> = batch.iter().map(|choice| choice.0).collect();
        let treatment = self.treatment.as_ref();
        let weights = treatment.and_then(|treatment| treatment.weights(&who, &targets));
        let weights = weights.as_deref();
        let loss = match (self.settings.loss, self.settings.loss.drawn()) {
            (TowerLoss::InBatch { correction }, _) => {
                in_batch((&rows, &items), &targets, (&self.shares, weights), correction)
            }
            (_, Some(loss)) => {
                let packed = Packed { targets, ..Packed::default() };
                let (sequences, key) = (&self.sequences, key("negatives"));
                let (rows, table, packed) = (&rows, &items, &packed);
                loss.of(&Batch { rows, table, packed, sequences, key, weights }, &self.drawing)
            }
            (_, None) => Err(Error::setting("loss", "is none of the towers'")),
        }?;
        let Some(treatment) = treatment else { return Ok(loss) };
        // In the units of scores: what moves these may be a tenth of a vector of length 1.
        let scaled = items.affine(1.0 / f64::from(self.settings.temperature), 0.0)?;
        let (read, key) = ((&rows, who.as_slice()), key("adversary"));
        let more = treatment.loss(self.towers.parameters(), read, &scaled, key)?;
        Ok(more.map_or_else(|| Ok(loss.clone()), |more| &loss + more)?)
    }

    /// NDCG@10. Under an adversary nothing is measured, and all epochs are run: the best ones would
    /// be those before it has learned.
    fn validate(&mut self) -> Result<Option<f64>> {
        if self.treatment.as_ref().is_some_and(TowerTreatment::has_adversary) {
            return Ok(None);
        }
        let chosen = |user| self.examples.chosen(user);
        self.held_out.ndcg(self.examples.items(), chosen, |users| self.scores(users))
    }
}

impl Trainable for TwoTowerTask {
    fn architecture(&self) -> Architecture {
        self.settings.architecture(vec!["fold_in".into()])
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        self.towers.parameters_mut()
    }

    fn last_layers(&self) -> Vec<String> {
        self.towers.last_layers()
    }

    fn words(&self) -> &[String] {
        self.towers.words()
    }

    fn released(&self) -> Result<(Vec<f32>, Vec<NamedValues>)> {
        let items = numbers(&self.towers.items(None)?)?.to_vec();
        let tower = format!("{TOWER}.");
        let tensors = released_values(self.parameters(), |name| name.starts_with(&tower))?;
        Ok((items, tensors))
    }
}

/// Trains two towers on the events of `job`, until its validation has got no better for the
/// patience of the settings, or for all epochs where nothing is held out. The settings, seed
/// included, decide the result to the bit; the number of threads does not.
///
/// # Errors
/// [`Error::Setting`], [`Error::Data`] without events, and those of
/// [`fit()`](crate::training::neural::fit()).
pub fn fit_two_tower(
    job: &Job<'_>,
    settings: &TwoTowerSettings,
    session: &Session<'_>,
) -> Result<TrainedNetwork> {
    let mut task = TwoTowerTask::new(job, settings)?;
    // The number of threads changes nothing.
    let (once, context_weight) =
        (TwoTowerSettings { threads: 1, ..settings.clone() }, settings.context_weight);
    let fingerprint = job.fingerprint(&(once, context_weight))?;
    fit_network(&mut task, (job, &fingerprint), (&settings.fit(), settings.threads), session)
}
