//! One model's figures: means with intervals, by group, exposure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bootstrap::{BootstrapSettings, Estimate, bootstrap_means};
use super::fairness::FairnessReport;
use super::groups::Grouping;
use super::measures::{Exposure, ItemFacts, Measures, Metric, exposure};
use super::protocol::{
    Evaluation, EvaluationSettings, Protocol, UserResult, evaluate_users, summarise,
};
use super::scorers::Scorer;
use crate::Result;
use crate::datasets::Interactions;
use crate::split::Split;

/// Measures by name, of those that are defined.
pub type Estimates = BTreeMap<Metric, Estimate>;

/// The figures of one group of users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    /// What users are grouped by.
    pub by: String,
    /// Name of the group.
    pub group: String,
    /// Users.
    pub users: usize,
    /// Its figures.
    pub metrics: Estimates,
}

/// The figures of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// Name of the model.
    pub name: String,
    /// The means that every evaluation gives.
    pub evaluation: Evaluation,
    /// All measures with their bootstrap intervals.
    pub metrics: Estimates,
    /// The same by group.
    pub groups: Vec<GroupReport>,
    /// Which items are shown; only where the whole catalogue was ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// How alike groups are served, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness: Option<FairnessReport>,
}

/// Warns of a protocol whose figures say little about use.
#[must_use]
pub fn protocol_warning(settings: &EvaluationSettings) -> Option<String> {
    let Protocol::SampledNegatives(negatives) = settings.protocol else { return None };
    Some(format!(
        "targets are ranked against {negatives} sampled items only: figures are far too high, and \
         may order models wrongly (Krichene and Rendle, KDD 2020); use them to compare with \
         published tables alone"
    ))
}

/// Measures `scorer`, which knows the training (and perhaps the validation) events of `split`, on
/// its test events. Besides the report it gives the measures of each user in the order of the
/// results, for [`super::compare`].
///
/// # Errors
/// As [`super::evaluate`] and [`bootstrap_means`].
pub fn measure_model(
    name: &str,
    scorer: &dyn Scorer,
    data: &Interactions,
    split: &Split,
    settings: &EvaluationSettings,
    bootstrap: &BootstrapSettings,
    grouping: &dyn Fn(&[UserResult]) -> Result<Vec<Grouping>>,
) -> Result<(ModelReport, Vec<(UserResult, Measures)>)> {
    let results = evaluate_users(scorer, data, split, settings)?;
    let known = [split.train.as_slice(), &split.validation].concat();
    let facts = ItemFacts::new(data, &known);
    let rows: Vec<Measures> =
        results.iter().map(|result| facts.measures(result, settings.k)).collect();
    let mut groups = Vec::new();
    for grouping in grouping(&results)? {
        for (place, group) in grouping.groups.iter().enumerate() {
            let own: Vec<Measures> = rows
                .iter()
                .zip(&grouping.of)
                .filter(|(_, of)| **of == Some(place))
                .map(|(row, _)| *row)
                .collect();
            if own.is_empty() {
                continue;
            }
            let (by, group) = (grouping.name.clone(), group.clone());
            let (users, metrics) = (own.len(), estimates(&own, bootstrap)?);
            groups.push(GroupReport { by, group, users, metrics });
        }
    }
    let report = ModelReport {
        name: name.to_owned(),
        evaluation: summarise(&results, data.items.len(), settings),
        metrics: estimates(&rows, bootstrap)?,
        groups,
        exposure: exposure(&results, data.items.len()),
        fairness: None,
    };
    Ok((report, results.into_iter().zip(rows).collect()))
}

fn estimates(rows: &[Measures], bootstrap: &BootstrapSettings) -> Result<Estimates> {
    let means = bootstrap_means(rows, bootstrap)?;
    let named = Metric::ALL.into_iter().zip(means);
    Ok(named.filter_map(|(metric, mean)| Some((metric, mean?))).collect())
}
