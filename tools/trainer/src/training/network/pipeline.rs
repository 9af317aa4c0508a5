//! From interactions to a network that a release holds.
//!
//! Two fits, as for a factorisation: one on what is not held out, stopped by validation and
//! measured on each user's last event; and one on all events, for as many epochs as were best.

use noctule_core::release::{Consumed, Plan};

use super::{Job, Retraining, TrainedNetwork, Treated, unseen};
use crate::datasets::Interactions;
use crate::evaluation::{ContextPopularityScorer, PopularityScorer, Scorer, quantisation_loss};
use crate::split::{Split, leave_last_out};
use crate::training::fairness::Treatment;
use crate::training::sasrec::{SasrecSettings, fit_sasrec};
use crate::training::two_tower::{TwoTowerSettings, fit_two_tower};
use crate::training::{
    Metrics, Model, Session, TrainSettings, TrainStep, TrainedModel, TrainedRanker,
    count_popularity,
};
use crate::{Error, Result};

/// The name of two towers before their treatment, in reports.
pub const UNTREATED_TOWERS: &str = "two_tower before treatment";

/// Trains the network that `settings` name for a release, and measures it on each user's last
/// event.
///
/// # Errors
/// As [`fit_sasrec`] and [`fit_two_tower`], and those of the evaluation.
pub fn train_network(
    data: &Interactions,
    plan: &Plan,
    settings: &TrainSettings,
    session: &Session<'_>,
) -> Result<TrainedModel> {
    let contexts = plan.contexts.len();
    let retraining = Retraining::read(&settings.retraining)?;
    // What the weights to begin with were trained on tells nothing of how good they are.
    let split = unseen(data, leave_last_out(data), retraining.seen_until_ms());
    let (train, validation) = (split.train.as_slice(), split.validation.as_slice());
    let (step, retraining) = (TrainStep::Fitting, &retraining);
    let (protocol, treated) = (settings.protocol, None);
    let job = Job { data, train, validation, contexts, step, retraining, protocol, treated };
    let treatment = settings.treatment;
    let treated = session.groups.filter(|_| treatment != Treatment::None);
    let treated = treated.map(|groups| Treated { groups, treatment });
    // Without it first, to tell what it did.
    let untreated = treated.map(|_| fit(&job, settings, None, session)).transpose()?;
    let job = Job { treated, ..job };
    let network = fit(&job, settings, None, session)?;
    let networks = (&network, untreated.as_ref());
    let metrics = measure(data, plan, &split, networks, settings, session)?;
    let of = settings.evaluation(plan.consumed != Consumed::Keep);
    let quantisation = quantisation_loss(&network.scorer()?, data, &split, &of)?;
    let (curve, epoch) = (network.fitted.history.clone(), network.fitted.epoch);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    let network = if settings.refits() && !session.measures_only {
        let (train, validation) = (all.as_slice(), [].as_slice());
        let job = Job { train, validation, step: TrainStep::Refitting, ..job };
        fit(&job, settings, Some(epoch), session)?
    } else {
        network
    };
    let popularity = count_popularity(data, &all, contexts, settings.smoothing);
    Ok(TrainedModel {
        dimensions: network.architecture.dimensions().unwrap_or_default(),
        architecture: network.architecture,
        embedding: network.embedding,
        gram: Vec::new(),
        tensors: network.tensors,
        popularity,
        ranker: Some(TrainedRanker { weight: vec![1.0], bias: 0.0, losses: Vec::new() }.into()),
        ranker_positives: 0,
        weak: None,
        losses: Vec::new(),
        curve,
        best_epoch: (epoch > 0).then_some(epoch),
        retrained: (!settings.retraining.is_default()).then_some(network.retrained),
        weights: Some(network.weights),
        quantisation,
        metrics,
    })
}

/// One fit; for `epochs` where they are known.
fn fit(
    job: &Job<'_>,
    settings: &TrainSettings,
    epochs: Option<usize>,
    session: &Session<'_>,
) -> Result<TrainedNetwork> {
    match settings.model {
        Model::Sasrec => {
            let sasrec = settings.sasrec();
            let epochs = epochs.unwrap_or(sasrec.epochs);
            fit_sasrec(job, &SasrecSettings { epochs, ..sasrec }, session)
        }
        Model::TwoTower | Model::SoftmaxFactorization => {
            let towers = settings.two_tower();
            let epochs = epochs.unwrap_or(towers.epochs);
            fit_two_tower(job, &TwoTowerSettings { epochs, ..towers }, session)
        }
        Model::Popularity | Model::MatrixFactorization => {
            Err(Error::setting("model", "is no network"))
        }
    }
}

fn measure(
    data: &Interactions,
    plan: &Plan,
    split: &Split,
    (network, untreated): (&TrainedNetwork, Option<&TrainedNetwork>),
    settings: &TrainSettings,
    session: &Session<'_>,
) -> Result<Option<Metrics>> {
    if split.test.is_empty() {
        return Ok(None);
    }
    let of = settings.evaluation(plan.consumed != Consumed::Keep);
    let mut done = 0;
    let total = 3 + usize::from(untreated.is_some());
    let mut measured = |name: &str, scorer: &dyn Scorer| {
        (session.progress)(TrainStep::Measuring, done, total);
        done += 1;
        session.observer.measure(name, scorer, data, split, &of)
    };
    let known = [split.train.as_slice(), &split.validation].concat();
    let shares = count_popularity(data, &known, plan.contexts.len(), settings.smoothing);
    let in_context = ContextPopularityScorer { popularity: &shares };
    let popularity = measured("popularity", &PopularityScorer::new(data, &known))?;
    let context_popularity = measured("context popularity", &in_context)?;
    let untreated = match untreated {
        Some(network) => Some(measured(UNTREATED_TOWERS, &network.scorer()?)?),
        None => None,
    };
    let found = Some(measured(settings.model.name(), &network.scorer()?)?);
    (session.progress)(TrainStep::Measuring, total, total);
    let is = |model: Model| found.clone().filter(|_| settings.model == model);
    Ok(Some(Metrics {
        popularity,
        context_popularity,
        fold_in: None,
        untreated,
        ranker: None,
        sasrec: is(Model::Sasrec),
        two_tower: is(Model::TwoTower),
        softmax_factorization: is(Model::SoftmaxFactorization),
    }))
}
