//! A retraining with what it needs at hand: the weights it begins with, and what is new.

use serde::{Deserialize, Serialize};

use super::{Mix, Trainable, Warm};
use crate::datasets::Interactions;
use crate::split::Split;
use crate::training::adversary::ADVERSARY;
use crate::training::{RetrainSettings, TrainLayers};
use crate::{Error, Result};

/// How a network is trained again, the weights to begin with read.
#[derive(Debug, Clone, PartialEq)]
pub struct Retraining {
    settings: RetrainSettings,
    warm: Option<Warm>,
}

/// A network that is trained for the first time, all of it, on all data alike.
pub(super) static FIRST: Retraining = Retraining {
    settings: RetrainSettings {
        warm_start: None,
        train_layers: TrainLayers::All,
        new_data_share: None,
        new_since_ms: None,
    },
    warm: None,
};

/// What became of a retraining.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RetrainRecord {
    /// Whether it was begun with weights of another model.
    pub is_warm: bool,
    /// Items whose vectors were begun with, of all.
    pub items_known: usize,
    /// Weights that were trained.
    pub trained: Vec<String>,
    /// Weights that were kept.
    pub kept: Vec<String>,
    /// When the newest event happened that the weights to begin with had been trained on; no event
    /// until then is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_until_ms: Option<i64>,
    /// What is later than this was new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_since_ms: Option<i64>,
}

impl RetrainRecord {
    /// What was done, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let begin = if self.is_warm {
            format!(
                "Begun with another model, which knew {} of the items; trained",
                self.items_known
            )
        } else {
            "Trained".to_owned()
        };
        let kept = if self.kept.is_empty() { "nothing".to_owned() } else { self.kept.join(", ") };
        format!("{begin} {}; kept {kept}.", self.trained.join(", "))
    }

    /// Whether the model that was begun with may have been trained on the test events.
    #[must_use]
    pub fn may_have_seen_the_test(&self) -> bool {
        self.is_warm && self.seen_until_ms.is_none()
    }
}

impl Retraining {
    /// Reads what `settings` name.
    ///
    /// # Errors
    /// [`Error::Setting`] when a setting is out of range, and as [`Warm::read`].
    pub fn read(settings: &RetrainSettings) -> Result<Self> {
        settings.check()?;
        let warm = settings.warm_start.as_deref().map(Warm::read).transpose()?;
        Ok(Self { settings: settings.clone(), warm })
    }

    /// Whether weights are begun with.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.warm.is_some()
    }

    /// When the newest event happened that the weights to begin with were trained on.
    #[must_use]
    pub fn seen_until_ms(&self) -> Option<i64> {
        self.warm.as_ref().and_then(Warm::newest_ms)
    }

    /// What is later than this is new.
    fn new_since_ms(&self) -> Option<i64> {
        self.settings.new_since_ms.or_else(|| self.seen_until_ms())
    }

    /// Says which retraining it is.
    pub(super) fn identity(&self) -> (&RetrainSettings, Option<&str>) {
        (&self.settings, self.warm.as_ref().map(|warm| warm.digest.as_str()))
    }

    /// What an epoch is drawn from: `examples`, each with the time of its newest event.
    ///
    /// # Errors
    /// [`Error::Setting`] when a share of new data is asked for and nobody says what is new;
    /// [`Error::Data`] when a time is missing, or there is no new or no old example.
    pub fn mix<T: Copy>(
        &self,
        examples: Vec<T>,
        at_ms: impl Fn(&T) -> Option<i64>,
    ) -> Result<Mix<T>> {
        let Some(share) = self.settings.new_data_share else { return Ok(Mix::all(examples)) };
        let Some(since) = self.new_since_ms() else {
            let reason = "needs new_since_ms, or a warm start from a model that knows its time";
            return Err(Error::setting("new_data_share", reason));
        };
        if examples.iter().any(|example| at_ms(example).is_none()) {
            return Err(Error::data("a share of new data needs a time for every event"));
        }
        Mix::of(examples, share, |example| at_ms(example).is_some_and(|at| at > since))
    }

    /// Sets the weights of `task` to those that are begun with, and keeps those that are not to be
    /// trained.
    pub(super) fn begin(
        &self,
        task: &mut dyn Trainable,
        data: &Interactions,
    ) -> Result<RetrainRecord> {
        let mut record = RetrainRecord {
            seen_until_ms: self.seen_until_ms(),
            new_since_ms: self.settings.new_data_share.and_then(|_| self.new_since_ms()),
            ..RetrainRecord::default()
        };
        if let Some(warm) = &self.warm {
            record.is_warm = true;
            record.items_known = warm.begin(task.parameters(), &data.items, task.words())?;
        }
        let names: Vec<String> =
            task.parameters().iter().map(|(name, _)| name.to_owned()).collect();
        let by_name: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut trained = self.settings.train_layers.trained(&by_name, &task.last_layers())?;
        // Whatever is trained is trained against it.
        let is_adversary = |name: &str| name.starts_with(ADVERSARY);
        trained.iter_mut().zip(&by_name).for_each(|(is, name)| *is |= is_adversary(name));
        task.parameters_mut().train(&trained);
        let own = names.into_iter().zip(trained).filter(|(name, _)| !is_adversary(name));
        for (name, is_trained) in own {
            if is_trained { &mut record.trained } else { &mut record.kept }.push(name);
        }
        Ok(record)
    }
}

/// `split` without the test and validation events that a model trained until `seen_until_ms` has
/// seen; they are known, so they are trained on.
#[must_use]
pub fn unseen(data: &Interactions, split: Split, seen_until_ms: Option<i64>) -> Split {
    let Some(until) = seen_until_ms else { return split };
    let Split { mut train, validation, test } = split;
    let mut keep = |part: Vec<u32>| -> Vec<u32> {
        let is_new = |index: &u32| {
            data.events
                .get(*index as usize)
                .and_then(|event| event.at_ms)
                .is_some_and(|at| at > until)
        };
        let (new, seen): (Vec<u32>, Vec<u32>) = part.into_iter().partition(is_new);
        train.extend(seen);
        new
    };
    let (validation, test) = (keep(validation), keep(test));
    Split { train, validation, test }
}
