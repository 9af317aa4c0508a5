//! Comparing models of one run, and of two.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{MeasuredModel, folder};
use crate::evaluation::{BootstrapSettings, Metric, PairedComparison, Protocol, compare, holm};
use crate::split::SplitRule;
use crate::{Error, Result};

/// Two models compared by one measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunComparison {
    /// The measure.
    pub metric: Metric,
    /// The first model.
    pub first: String,
    /// The second model, which is taken from the first.
    pub second: String,
    /// Users of whom both were measured.
    pub users: usize,
    /// Users of whom only one was measured, left out.
    pub unpaired: usize,
    /// The tests.
    pub result: PairedComparison,
    /// P of the randomisation test, adjusted for all comparisons made at once (Holm).
    pub adjusted_p: f64,
}

/// Compares the model with the best mean NDCG with each other one.
///
/// # Errors
/// As [`compare`].
pub fn compare_models(
    models: &[MeasuredModel],
    settings: &BootstrapSettings,
) -> Result<Vec<RunComparison>> {
    let place = Metric::ALL.iter().position(|metric| *metric == Metric::Ndcg).unwrap_or(0);
    let mean = |model: &MeasuredModel| model.report.evaluation.ndcg;
    let best = models.iter().max_by(|a, b| mean(a).total_cmp(&mean(b)));
    let Some(best) = best else { return Ok(Vec::new()) };
    let values = |model: &MeasuredModel| -> HashMap<u32, f64> {
        let value = |(result, measures): &(_, [Option<f64>; Metric::ALL.len()])| {
            let result: &crate::evaluation::UserResult = result;
            Some((result.user, measures[place]?))
        };
        model.users.iter().filter_map(value).collect()
    };
    let own = values(best);
    let mut found = Vec::new();
    for other in models.iter().filter(|other| other.report.name != best.report.name) {
        let names = [&best.report.name, &other.report.name];
        found.push(paired(Metric::Ndcg, names, &own, &values(other), settings)?);
    }
    adjust(&mut found);
    Ok(found)
}

/// Compares `first_model` of the run in `first` with `second_model` of that in `second`, by each of
/// `metrics`, over the users that both measured.
///
/// # Errors
/// Those of reading the runs; [`Error::Data`] when they have other data, lists of another length,
/// or no user in common.
pub fn compare_runs(
    first: (&Path, &str),
    second: (&Path, &str),
    metrics: &[Metric],
    settings: &BootstrapSettings,
) -> Result<Vec<RunComparison>> {
    let (a, b) = (folder::read_run(first.0)?, folder::read_run(second.0)?);
    if a.data.digest != b.data.digest {
        let reason =
            format!("{} and {} measured other data", first.0.display(), second.0.display());
        return Err(Error::data(reason));
    }
    let same = a.evaluation.k == b.evaluation.k
        && a.evaluation.protocol == b.evaluation.protocol
        && a.evaluation.exclude_seen == b.evaluation.exclude_seen
        && a.split == b.split
        // What is drawn by chance is drawn by the seed.
        && (!matches!(a.split, SplitRule::Random { .. }) || a.seed == b.seed)
        && (a.evaluation.protocol == Protocol::Full || a.evaluation.seed == b.evaluation.seed);
    if !same {
        return Err(Error::data(
            "the two runs part or rank in another way; figures do not compare",
        ));
    }
    let (ours, theirs) =
        (folder::read_users(first.0, first.1)?, folder::read_users(second.0, second.1)?);
    let mut found = Vec::new();
    for metric in metrics {
        let values = |rows: &[folder::UserRow]| -> HashMap<String, f64> {
            let value = |row: &folder::UserRow| Some((row.user.clone(), *row.metrics.get(metric)?));
            rows.iter().filter_map(value).collect()
        };
        let names = [first.1.to_owned(), second.1.to_owned()];
        let (ours, theirs) = (values(&ours), values(&theirs));
        found.push(paired(*metric, [&names[0], &names[1]], &ours, &theirs, settings)?);
    }
    adjust(&mut found);
    Ok(found)
}

fn paired<K: std::hash::Hash + Eq + Ord>(
    metric: Metric,
    [first, second]: [&String; 2],
    ours: &HashMap<K, f64>,
    theirs: &HashMap<K, f64>,
    settings: &BootstrapSettings,
) -> Result<RunComparison> {
    let mut keys: Vec<&K> = ours.keys().filter(|key| theirs.contains_key(*key)).collect();
    keys.sort_unstable();
    let of = |values: &HashMap<K, f64>| -> Vec<f64> {
        keys.iter().filter_map(|key| values.get(*key)).copied().collect()
    };
    let users = keys.len();
    Ok(RunComparison {
        metric,
        first: first.clone(),
        second: second.clone(),
        users,
        unpaired: ours.len() + theirs.len() - 2 * users,
        result: compare(&of(ours), &of(theirs), settings)?,
        adjusted_p: 1.0,
    })
}

fn adjust(comparisons: &mut [RunComparison]) {
    let values: Vec<f64> =
        comparisons.iter().map(|comparison| comparison.result.randomisation.p).collect();
    for (comparison, p) in comparisons.iter_mut().zip(holm(&values)) {
        comparison.adjusted_p = p;
    }
}
