//! The ranker of a factorisation: from choices or feedback, with or without a treatment.

use noctule_core::model::Ranker;
use noctule_core::release::RankerKind;

use super::Run;
use crate::clicks::Showings;
use crate::evaluation::{Case, FoldInScorer, Scorer};
use crate::training::examples::{self, Examples, Fitted};
use crate::training::fairness::{RowGroups, Treatment, reweigh};
use crate::training::features::{self, FEATURES};
use crate::training::ranker::{
    CHECKPOINT, CHECKPOINT_TREATED, LabelledRows, RankerRun, RowLabel, train_network,
};
use crate::training::weak::{self, WeakExamples};
use crate::training::{RankerModel, TrainedRanker, WeakRecord, train_ranker};
use crate::{Error, Result};

/// A ranker and what it learned from.
pub(super) struct Learned {
    pub(super) ranker: RankerModel,
    pub(super) positives: usize,
    pub(super) weak: Option<WeakRecord>,
}

impl Learned {
    /// The fold-in score alone.
    pub(super) fn nothing() -> Self {
        let mut weight = vec![0.0; FEATURES];
        weight[0] = 1.0;
        let ranker = TrainedRanker { weight, bias: 0.0, losses: Vec::new() };
        Self { ranker: ranker.into(), positives: 0, weak: None }
    }
}

impl Run<'_> {
    /// Trains the ranker on the validation events or on feedback.
    pub(super) fn learn(&self, fitted: &Fitted<'_>, treatment: Treatment) -> Result<Learned> {
        let settings = self.settings;
        let is_linear = settings.ranker.kind == RankerKind::Linear;
        let mut learned = Learned::nothing();
        // What feedback does not show, a linear ranker keeps from choices; a network cannot.
        if is_linear || self.feedback.is_none() {
            let examples = examples::make(fitted, self.split, settings)?;
            if !examples.labels.is_empty() {
                learned.ranker = self.on_choices(&examples, treatment)?;
                learned.positives = examples.positives();
            }
        }
        let Some(feedback) = self.feedback else { return Ok(learned) };
        let (labels, weak, threads) = (settings.labels, &settings.weak, settings.threads);
        let (mut examples, record) = weak::prepare(fitted, feedback, labels, weak, threads)?;
        let groups = self.treat_weak(fitted, feedback, &mut examples, treatment)?;
        let ranker = if is_linear {
            let mut ranker = weak::train_weak(&examples, &settings.ranker, weak.rounds)?;
            if let RankerModel::Linear(before) = &learned.ranker {
                weak::keep_unseen(&mut ranker, before, &examples.rows);
            }
            ranker.into()
        } else {
            self.network(&examples.rows, &examples.row_labels(), groups.as_ref(), treatment)?
        };
        let positives = examples.labels.iter().filter(|label| label.positive).count();
        Ok(Learned { ranker, positives, weak: Some(record) })
    }

    fn on_choices(&self, examples: &Examples, treatment: Treatment) -> Result<RankerModel> {
        let (ranker, mut labels) = (&self.settings.ranker, examples.row_labels());
        let groups = self.row_groups(&labels, &Some, treatment)?;
        reweigh_if_asked(&mut labels, groups.as_ref(), treatment)?;
        if ranker.kind != RankerKind::Linear {
            return self.network(&examples.rows, &labels, groups.as_ref(), treatment);
        }
        let weights: Vec<f32> = labels.iter().map(|label| label.weight).collect();
        let (rows, labels) = (&examples.rows, &examples.labels);
        Ok(train_ranker(rows, FEATURES, labels, &weights, ranker)?.into())
    }

    /// Reweighs `examples` where that is the treatment; gives the groups of their rows.
    fn treat_weak(
        &self,
        fitted: &Fitted<'_>,
        feedback: &Showings,
        examples: &mut WeakExamples,
        treatment: Treatment,
    ) -> Result<Option<RowGroups>> {
        let mut labels = examples.row_labels();
        let users = weak::users(fitted, feedback);
        let user = |installation: u32| users.get(installation as usize).copied().flatten();
        let groups = self.row_groups(&labels, &user, treatment)?;
        if treatment != Treatment::Reweighing {
            return Ok(groups);
        }
        reweigh_if_asked(&mut labels, groups.as_ref(), treatment)?;
        for (own, treated) in examples.labels.iter_mut().zip(&labels) {
            own.weight = f64::from(treated.weight);
        }
        Ok(groups)
    }

    fn row_groups(
        &self,
        labels: &[RowLabel],
        user: &dyn Fn(u32) -> Option<u32>,
        treatment: Treatment,
    ) -> Result<Option<RowGroups>> {
        let Some(groups) = self.session.groups.filter(|_| treatment != Treatment::None) else {
            return Ok(None);
        };
        let rows = RowGroups::new(groups, labels, user);
        if rows.met() < 2 {
            let (by, met) = (&groups.by, rows.met());
            let reason = format!("rows of {met} groups by {by:?}: a treatment needs 2 or more");
            return Err(Error::data(reason));
        }
        Ok(Some(rows))
    }

    fn network(
        &self,
        rows: &[f32],
        labels: &[RowLabel],
        groups: Option<&RowGroups>,
        treatment: Treatment,
    ) -> Result<RankerModel> {
        let is_treated = treatment != Treatment::None;
        let run = RankerRun {
            session: self.session,
            name: if is_treated { CHECKPOINT_TREATED } else { CHECKPOINT },
            seed: self.settings.seed,
            threads: self.settings.threads,
            groups,
            treatment,
        };
        let rows = LabelledRows { rows, features: FEATURES, labels };
        Ok(RankerModel::Network(train_network(rows, &self.settings.ranker, &run)?))
    }
}

fn reweigh_if_asked(
    labels: &mut [RowLabel],
    groups: Option<&RowGroups>,
    treatment: Treatment,
) -> Result<()> {
    match groups {
        Some(groups) if treatment == Treatment::Reweighing => reweigh(labels, groups),
        _ => Ok(()),
    }
}

/// The models of a factorisation that are measured.
#[derive(Clone, Copy)]
pub(super) struct Scorers<'a> {
    pub(super) fold_in: &'a FoldInScorer<'a>,
    /// The ranker before its treatment, where it has one.
    pub(super) untreated: Option<&'a RankerScorer<'a>>,
    pub(super) ranker: &'a RankerScorer<'a>,
}

/// The ranker over all its features, for every item.
pub(super) struct RankerScorer<'a> {
    pub(super) fitted: &'a Fitted<'a>,
    pub(super) ranker: Ranker,
}

impl Scorer for RankerScorer<'_> {
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        let fitted = self.fitted;
        fitted.fold_in.score(case, scores)?;
        let rows = features::Rows::new(fitted.data, fitted.popularity, case);
        let row = |(item, score): (usize, &f32)| rows.row(item as u32, *score);
        let rows: Vec<f32> = scores.iter().enumerate().flat_map(row).collect();
        scores.copy_from_slice(&self.ranker.score(&rows, FEATURES)?);
        Ok(())
    }
}
