//! From interactions to everything a release holds.
//!
//! The run fits twice. First on what is not held out: the ranker learns from the validation events
//! and all is measured on the test events, neither of which was seen. Then the factors and
//! popularities are fitted again on all events, and go into the release with that ranker. Where
//! phones have sent feedback, the ranker can learn from it instead of the validation events. Where
//! a treatment is asked for, a ranker without it is trained and measured too.

mod ranking;

use noctule_core::release::{Architecture, Consumed, Plan, RankerKind};
use serde::{Deserialize, Serialize};

use super::examples::Fitted;
use super::fairness::Treatment;
use super::features;
use super::network::{NamedValues, RetrainRecord, Weights, train_network};
use super::neural::EpochRecord;
use super::{
    Factors, Labels, Model, Popularity, RankerModel, Session, Sparse, TrainSettings, TrainStep,
    WeakRecord, count_popularity, train_ials,
};
use crate::clicks::Showings;
use crate::datasets::Interactions;
use crate::evaluation::{
    ContextPopularityScorer, Evaluation, EvaluationSettings, FoldInScorer, PopularityScorer,
    QuantisationLoss, Scorer, quantisation_loss,
};
use crate::split::{Split, leave_last_few_out};
use crate::{Error, Result};
use ranking::{Learned, RankerScorer, Scorers};

/// The name of a ranker before its treatment, in reports.
pub const UNTREATED: &str = "ranker before treatment";

/// What was measured on each user's last event, before the factors were fitted again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Most popular overall.
    pub popularity: Evaluation,
    /// Most popular in the context.
    pub context_popularity: Evaluation,
    /// The fold-in score alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold_in: Option<Evaluation>,
    /// The ranker or the two towers before their treatment, where they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untreated: Option<Evaluation>,
    /// The ranker over all its features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranker: Option<Evaluation>,
    /// The score of a SASRec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sasrec: Option<Evaluation>,
    /// The score of a two-tower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_tower: Option<Evaluation>,
    /// The score of a factorisation by softmax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub softmax_factorization: Option<Evaluation>,
}

/// All that a release needs of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedModel {
    /// Architecture and hyper-parameters, as they stand in the manifest.
    pub architecture: Architecture,
    /// Length of the item vectors; 0 without a factorisation.
    pub dimensions: usize,
    /// Item vectors, [items, dimensions].
    pub embedding: Vec<f32>,
    /// Sum of y yᵀ over all items, [dimensions, dimensions].
    pub gram: Vec<f32>,
    /// The other tensors of a network, those of its ranker among them; empty for a factorisation.
    pub tensors: Vec<NamedValues>,
    /// Shares of the interactions, overall and by context.
    pub popularity: Popularity,
    /// The ranker, where there is one.
    pub ranker: Option<RankerModel>,
    /// Choices that the ranker learned from.
    pub ranker_positives: usize,
    /// The feedback that it learned from, if any.
    pub weak: Option<WeakRecord>,
    /// Loss of the factorisation after each epoch over all events.
    pub losses: Vec<f64>,
    /// The epochs of a network, as it was measured.
    pub curve: Vec<EpochRecord>,
    /// The best of them, from 1.
    pub best_epoch: Option<usize>,
    /// What a network was begun with and which weights were trained, where that was asked for.
    pub retrained: Option<RetrainRecord>,
    /// All weights of a network, to begin another run with.
    pub weights: Option<Weights>,
    /// What ranking by codes alone would cost; none without vectors, or where nothing is held out
    /// for validation.
    pub quantisation: Option<QuantisationLoss>,
    /// What was measured; none when no user has three events.
    pub metrics: Option<Metrics>,
}

/// Trains what `settings` ask for on `data`, whose contexts are those of `plan`
/// ([`Interactions::assign_contexts`] finds them from times). `progress` hears (step, done, total)
/// on the calling thread.
///
/// Without validation events, or where none is among the plan's candidates, the ranker is the
/// fold-in score alone.
///
/// # Errors
/// [`Error::Setting`], also when labels from feedback are asked for, [`Error::Data`] without items
/// or events or with a context the plan lacks, [`Error::Diverged`].
pub fn train(
    data: &Interactions,
    plan: &Plan,
    settings: &TrainSettings,
    progress: &dyn Fn(TrainStep, usize, usize),
) -> Result<TrainedModel> {
    train_in(data, plan, None, settings, &Session::of(progress))
}

/// As [`train`] or, with feedback, as [`train_on_feedback`], in a session that may stop a network's
/// training and go on with it, and that hears what is measured.
///
/// # Errors
/// As these; [`Error::Interrupted`] when the session stopped it, those of checkpoints, and those of
/// its observer.
pub fn train_in(
    data: &Interactions,
    plan: &Plan,
    feedback: Option<&Showings>,
    settings: &TrainSettings,
    session: &Session<'_>,
) -> Result<TrainedModel> {
    if feedback.is_some() {
        check_feedback(settings)?;
    } else if settings.labels != Labels::Choices {
        return Err(Error::setting("labels", "naive and debiased labels need feedback"));
    }
    check_treatment(settings, session)?;
    // A card that is not there is told of before anything is read or fitted.
    settings.device.open()?;
    let session = &Session { device: settings.device, ..*session };
    if settings.model.is_network() {
        settings.check()?;
        check(data, plan)?;
        return train_network(data, plan, settings, session);
    }
    train_all(data, plan, feedback, settings, session)
}

fn check_feedback(settings: &TrainSettings) -> Result<()> {
    if settings.labels == Labels::Choices || settings.model != Model::MatrixFactorization {
        let reason = "feedback teaches the ranker of a factorisation, by naive or debiased labels";
        return Err(Error::setting("labels", reason));
    }
    Ok(())
}

fn check_treatment(settings: &TrainSettings, session: &Session<'_>) -> Result<()> {
    let refused = |reason: &str| Err(Error::setting("treatment", reason));
    settings.treatment.check()?;
    match settings.treatment {
        Treatment::None => Ok(()),
        _ if !matches!(settings.model, Model::MatrixFactorization | Model::TwoTower) => {
            refused("treats two towers or the ranker of a factorisation; this model has none")
        }
        _ if session.groups.is_none() => refused("needs groups to treat (--fairness-group)"),
        Treatment::GradientReversal { .. }
            if settings.ranker.kind == RankerKind::Linear && settings.model != Model::TwoTower =>
        {
            refused("a reversed gradient needs hidden layers: an mlp or a dcn_v2")
        }
        _ => Ok(()),
    }
}

/// As [`train`], but the ranker learns from `feedback`, by the labels that `settings` ask for
/// (see [`super::weak::prepare`]). A feature that never varies there keeps the weight that choices
/// give it.
///
/// # Errors
/// As [`train`], those of [`super::weak::prepare`] and, for a network, of
/// [`super::ranker::train_network`].
pub fn train_on_feedback(
    data: &Interactions,
    plan: &Plan,
    feedback: &Showings,
    settings: &TrainSettings,
    progress: &dyn Fn(TrainStep, usize, usize),
) -> Result<TrainedModel> {
    train_in(data, plan, Some(feedback), settings, &Session::of(progress))
}

fn train_all(
    data: &Interactions,
    plan: &Plan,
    feedback: Option<&Showings>,
    settings: &TrainSettings,
    session: &Session<'_>,
) -> Result<TrainedModel> {
    settings.check()?;
    check(data, plan)?;
    let split = leave_last_few_out(data, settings.positives);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    let count =
        |indices: &[u32]| count_popularity(data, indices, plan.contexts.len(), settings.smoothing);
    let (fitted, final_popularity) = (count(&split.train), count(&all));
    let (split, popularity) = (&split, &fitted);
    let run = Run { data, plan, feedback, settings, session, split, popularity };
    match settings.model {
        Model::Popularity => Ok(TrainedModel {
            architecture: Architecture::Popularity {},
            dimensions: 0,
            embedding: Vec::new(),
            gram: Vec::new(),
            tensors: Vec::new(),
            popularity: final_popularity,
            ranker: None,
            ranker_positives: 0,
            weak: None,
            losses: Vec::new(),
            curve: Vec::new(),
            best_epoch: None,
            retrained: None,
            weights: None,
            quantisation: None,
            metrics: run.measure(None)?,
        }),
        // A network goes its own way, in `train_in`; feedback does not teach it.
        Model::Sasrec | Model::TwoTower | Model::SoftmaxFactorization => {
            Err(Error::setting("model", "a network has no ranker to teach"))
        }
        Model::MatrixFactorization => run.factorise(&all, final_popularity),
    }
}

fn check(data: &Interactions, plan: &Plan) -> Result<()> {
    if data.items.is_empty() || data.events.is_empty() {
        let (items, events) = (data.items.len(), data.events.len());
        return Err(Error::data(format!("{items} items and {events} interactions")));
    }
    let contexts = plan.contexts.len();
    let unknown = |context: u16| usize::from(context) >= contexts;
    match data.events.iter().position(|event| event.context.is_some_and(unknown)) {
        None => Ok(()),
        Some(event) => {
            let reason = format!("interaction {event} has a context beyond the plan's {contexts}");
            Err(Error::data(reason))
        }
    }
}

struct Run<'a> {
    data: &'a Interactions,
    plan: &'a Plan,
    feedback: Option<&'a Showings>,
    settings: &'a TrainSettings,
    session: &'a Session<'a>,
    split: &'a Split,
    /// Of the training part.
    popularity: &'a Popularity,
}

impl Run<'_> {
    fn factorise(&self, all: &[u32], popularity: Popularity) -> Result<TrainedModel> {
        let ials = self.settings.ials();
        let (learned, quantisation, metrics) = self.rank_and_measure()?;
        let factors = self.fit(all, TrainStep::Refitting)?;
        let architecture = Architecture::MatrixFactorization {
            dimensions: ials.dimensions,
            unobserved_weight: ials.unobserved_weight,
            regularization: ials.regularization,
            regularization_exponent: ials.regularization_exponent,
            context_weight: self.settings.context_weight,
            ranker_features: features::names(),
            ranker: learned.ranker.design(),
        };
        Ok(TrainedModel {
            architecture,
            dimensions: ials.dimensions,
            embedding: factors.items,
            gram: factors.gram,
            tensors: Vec::new(),
            popularity,
            ranker: Some(learned.ranker),
            ranker_positives: learned.positives,
            weak: learned.weak,
            losses: factors.losses,
            curve: Vec::new(),
            best_epoch: None,
            retrained: None,
            weights: None,
            quantisation,
            metrics,
        })
    }

    fn fit(&self, indices: &[u32], step: TrainStep) -> Result<Factors> {
        let matrix = Sparse::users_by_items(self.data, indices);
        let progress = |epoch, epochs, _| (self.session.progress)(step, epoch, epochs);
        train_ials(&matrix, &self.settings.ials(), &progress)
    }

    /// Fits on the training part, trains the ranker on the validation part or on feedback,
    /// measures on the rest.
    fn rank_and_measure(&self) -> Result<(Learned, Option<QuantisationLoss>, Option<Metrics>)> {
        let nothing = self.split.validation.is_empty() && self.feedback.is_none();
        if nothing || self.split.train.is_empty() {
            return Ok((Learned::nothing(), None, None));
        }
        let factors = self.fit(&self.split.train, TrainStep::Fitting)?;
        let fold_in = factors.fold_in(&self.settings.ials())?;
        let context_weight = self.settings.context_weight;
        let fold_in = FoldInScorer { fold_in: &fold_in, items: &factors.items, context_weight };
        let (data, plan, popularity) = (self.data, self.plan, self.popularity);
        let fitted = Fitted { data, plan, popularity, fold_in };
        (self.session.progress)(TrainStep::Ranker, 0, 1);
        let mut learned = self.learn(&fitted, Treatment::None)?;
        let mut untreated = None;
        if self.settings.treatment != Treatment::None {
            untreated = Some(RankerScorer { fitted: &fitted, ranker: learned.ranker.ranker()? });
            learned = self.learn(&fitted, self.settings.treatment)?;
        }
        (self.session.progress)(TrainStep::Ranker, 1, 1);
        let ranker = &RankerScorer { fitted: &fitted, ranker: learned.ranker.ranker()? };
        let untreated = untreated.as_ref();
        let metrics = self.measure(Some(Scorers { fold_in: &fold_in, untreated, ranker }))?;
        if metrics.is_some() {
            let observer = self.session.observer;
            observer.ranker(&fitted, &learned.ranker, self.split, self.settings)?;
        }
        let lost = quantisation_loss(&fold_in, data, self.split, &self.evaluation())?;
        Ok((learned, lost, metrics))
    }

    fn evaluation(&self) -> EvaluationSettings {
        self.settings.evaluation(self.plan.consumed != Consumed::Keep)
    }

    fn measure(&self, model: Option<Scorers<'_>>) -> Result<Option<Metrics>> {
        if self.split.test.is_empty() {
            return Ok(None);
        }
        let settings = self.evaluation();
        let mut done = 0;
        let untreated = model.and_then(|model| model.untreated);
        let total = if model.is_some() { 4 } else { 2 } + usize::from(untreated.is_some());
        let Session { progress, observer, .. } = *self.session;
        let mut measured = |name: &str, scorer: &dyn Scorer| {
            progress(TrainStep::Measuring, done, total);
            done += 1;
            observer.measure(name, scorer, self.data, self.split, &settings)
        };
        let popular = PopularityScorer::new(self.data, &self.split.train);
        let in_context = ContextPopularityScorer { popularity: self.popularity };
        let metrics = Metrics {
            popularity: measured("popularity", &popular)?,
            context_popularity: measured("context popularity", &in_context)?,
            fold_in: model.map(|model| measured("fold-in", model.fold_in)).transpose()?,
            untreated: untreated.map(|ranker| measured(UNTREATED, ranker)).transpose()?,
            ranker: model.map(|model| measured("ranker", model.ranker)).transpose()?,
            sasrec: None,
            two_tower: None,
            softmax_factorization: None,
        };
        progress(TrainStep::Measuring, total, total);
        Ok(Some(metrics))
    }
}
