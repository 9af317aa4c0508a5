//! Measures every model of a run for its folder.

use std::cell::RefCell;

use super::Curve;
use crate::Result;
use crate::datasets::Interactions;
use crate::evaluation::{
    BootstrapSettings, Evaluation, EvaluationSettings, Grouping, Groups, Measures, ModelReport,
    Scorer, UserResult, measure_fairness, measure_model,
};
use crate::probes::{ProbeSettings, RankerProbe, probe_ranker};
use crate::split::Split;
use crate::training::examples::Fitted;
use crate::training::neural::EpochRecord;
use crate::training::{Observer, RankerModel, TrainSettings};

/// Loss by epoch, and the validation called `validation` where there is one.
#[must_use]
pub fn epoch_curves(epochs: &[EpochRecord], validation: &str) -> Vec<Curve> {
    let curve = |name: &str, values: Vec<f64>| Curve { name: name.into(), values };
    let loss = curve("loss", epochs.iter().map(|epoch| epoch.loss).collect());
    let values: Vec<f64> = epochs.iter().filter_map(|epoch| epoch.validation).collect();
    if values.is_empty() {
        return vec![loss];
    }
    vec![loss, curve(validation, values)]
}

/// A model with the measures of each user.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredModel {
    /// Its figures.
    pub report: ModelReport,
    /// What was measured of each user, in the order of the users.
    pub users: Vec<(UserResult, Measures)>,
}

/// What groups users.
type GroupUsers<'a> = dyn Fn(&[UserResult]) -> Result<Vec<Grouping>> + 'a;

/// Listens to a training run and keeps what it measures, with intervals and by group.
pub struct Measuring<'a> {
    bootstrap: BootstrapSettings,
    grouping: &'a GroupUsers<'a>,
    probes: Option<ProbeSettings>,
    groups: Option<&'a Groups>,
    models: RefCell<Vec<MeasuredModel>>,
    ranker: RefCell<Option<RankerProbe>>,
    ranker_curves: RefCell<Vec<Curve>>,
}

impl<'a> Measuring<'a> {
    /// Keeps intervals by `bootstrap` and groups by `grouping`; looks into the ranker by `probes`.
    #[must_use]
    pub fn new(
        bootstrap: BootstrapSettings,
        grouping: &'a GroupUsers<'a>,
        probes: Option<ProbeSettings>,
    ) -> Self {
        let (models, ranker) = (RefCell::new(Vec::new()), RefCell::new(None));
        let (groups, ranker_curves) = (None, RefCell::default());
        Self { bootstrap, grouping, probes, groups, models, ranker, ranker_curves }
    }

    /// Measures how alike `groups` are served, too.
    #[must_use]
    pub fn with_groups(self, groups: Option<&'a Groups>) -> Self {
        Self { groups, ..self }
    }

    /// Measures one more model.
    ///
    /// # Errors
    /// As [`measure_model`].
    pub fn model(
        &self,
        name: &str,
        scorer: &dyn Scorer,
        data: &Interactions,
        split: &Split,
        settings: &EvaluationSettings,
    ) -> Result<Evaluation> {
        let (mut report, users) =
            measure_model(name, scorer, data, split, settings, &self.bootstrap, self.grouping)?;
        if let Some(groups) = self.groups {
            let results: Vec<UserResult> = users.iter().map(|user| user.0.clone()).collect();
            let fairness = measure_fairness(groups, &results, settings.k, &self.bootstrap)?;
            report.fairness = Some(fairness);
        }
        let evaluation = report.evaluation.clone();
        self.models.borrow_mut().push(MeasuredModel { report, users });
        Ok(evaluation)
    }

    /// All that was measured, what the ranker leans on, and the ranker's learning curves.
    #[must_use]
    pub fn finish(self) -> (Vec<MeasuredModel>, Option<RankerProbe>, Vec<Curve>) {
        (self.models.into_inner(), self.ranker.into_inner(), self.ranker_curves.into_inner())
    }
}

impl Observer for Measuring<'_> {
    fn measure(
        &self,
        name: &str,
        scorer: &dyn Scorer,
        data: &Interactions,
        split: &Split,
        settings: &EvaluationSettings,
    ) -> Result<Evaluation> {
        self.model(name, scorer, data, split, settings)
    }

    fn ranker(
        &self,
        fitted: &Fitted<'_>,
        ranker: &RankerModel,
        split: &Split,
        settings: &TrainSettings,
    ) -> Result<()> {
        *self.ranker_curves.borrow_mut() = if ranker.epochs().is_empty() {
            let values = ranker.losses().iter().map(|loss| f64::from(*loss)).collect();
            vec![Curve { name: "loss".into(), values }]
        } else {
            epoch_curves(ranker.epochs(), "minus the loss of validation")
        };
        let probes = self.probes.clone().unwrap_or(ProbeSettings::calibration_only());
        *self.ranker.borrow_mut() = probe_ranker(fitted, ranker, split, settings, &probes)?;
        Ok(())
    }
}
