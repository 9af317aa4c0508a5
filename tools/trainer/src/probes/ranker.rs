//! Permutation importance of the ranker's features, features alone, and calibration.

use noctule_core::base::{Seed, SeededRandom};

use super::{FeatureProbe, ProbeSettings, RankerProbe, weighted_auc};
use crate::evaluation::bootstrap::interval;
use crate::evaluation::{Estimate, calibration};
use crate::split::Split;
use crate::training::examples::{self, Examples, Fitted};
use crate::training::features::{self, FEATURES};
use crate::training::{RankerModel, TrainSettings, parallel};
use crate::{Error, Result};

/// Looks into `ranker` with the test events of `split`, each set against candidates as in training
/// ([`examples::make`]); the history is what training and validation hold. None when no test event
/// is among the candidates.
///
/// # Errors
/// [`Error::Setting`] for settings out of range, and those of making examples and scoring.
pub fn probe_ranker(
    fitted: &Fitted<'_>,
    ranker: &RankerModel,
    split: &Split,
    settings: &TrainSettings,
    probes: &ProbeSettings,
) -> Result<Option<RankerProbe>> {
    if probes.repeats > 1_000 {
        let reason = format!("{} is more than 1,000", probes.repeats);
        return Err(Error::setting("repeats", reason));
    }
    let known = [split.train.as_slice(), &split.validation].concat();
    let held_out = Split { train: known, validation: split.test.clone(), test: Vec::new() };
    let examples = examples::make(fitted, &held_out, settings)?;
    let positives = examples.positives();
    if positives == 0 || positives == examples.labels.len() {
        return Ok(None);
    }
    let rows = Rows::of(&examples, ranker)?;
    let auc = rows.auc(&examples.rows)?;
    let features = if probes.repeats > 0 {
        let of = |feature| rows.feature(feature, auc, probes, settings);
        (0..FEATURES).map(of).collect::<Result<_>>()?
    } else {
        Vec::new()
    };
    let odds = rows.log_odds(&examples.rows)?;
    let probabilities: Vec<f64> = odds.iter().map(|odds| 1.0 / (1.0 + (-odds).exp())).collect();
    let negatives = examples.labels.len() - positives;
    let calibration = calibration(&probabilities, &rows.happened, &rows.weights, probes.bins)?;
    Ok(Some(RankerProbe { positives, negatives, auc, features, calibration }))
}

struct Rows<'a> {
    examples: &'a Examples,
    ranker: noctule_core::model::Ranker,
    happened: Vec<bool>,
    weights: Vec<f64>,
}

impl<'a> Rows<'a> {
    fn of(examples: &'a Examples, ranker: &RankerModel) -> Result<Self> {
        let happened = examples.labels.iter().map(|label| *label == 1.0).collect();
        let weights = examples.weights.iter().map(|weight| f64::from(*weight)).collect();
        Ok(Self { examples, ranker: ranker.ranker()?, happened, weights })
    }

    fn log_odds(&self, rows: &[f32]) -> Result<Vec<f64>> {
        let odds = self.ranker.score(rows, FEATURES)?;
        Ok(odds.into_iter().map(f64::from).collect())
    }

    fn auc(&self, rows: &[f32]) -> Result<f64> {
        let odds = self.log_odds(rows)?;
        Ok(weighted_auc(&odds, &self.happened, &self.weights).unwrap_or(0.5))
    }

    fn feature(
        &self,
        feature: usize,
        auc: f64,
        probes: &ProbeSettings,
        settings: &TrainSettings,
    ) -> Result<FeatureProbe> {
        let rows = &self.examples.rows;
        let own = || rows.iter().skip(feature).step_by(FEATURES).copied();
        let alone: Vec<f64> = own().map(f64::from).collect();
        let alone = weighted_auc(&alone, &self.happened, &self.weights).unwrap_or(0.5);
        let alone = alone.max(1.0 - alone);
        let name = features::names()[feature].clone();
        let mut lost = parallel::map(0..probes.repeats, settings.threads, |repeat| {
            let purpose = ["probe", &name, &repeat.to_string()];
            let mut random = SeededRandom::new(Seed(settings.seed).derive(&purpose));
            let mut column: Vec<f32> = own().collect();
            random.shuffle(&mut column);
            let mut permuted = rows.clone();
            for (row, value) in permuted.chunks_exact_mut(FEATURES).zip(column) {
                row[feature] = value;
            }
            Ok(auc - self.auc(&permuted)?)
        })?;
        let value = lost.iter().sum::<f64>() / lost.len().max(1) as f64;
        let (low, high) = interval(&mut lost, 0.95).unwrap_or((value, value));
        let importance = Estimate { value, low, high, users: self.happened.len() };
        let suspicious = alone >= probes.suspicious_auc;
        Ok(FeatureProbe { feature: name, alone, importance, suspicious })
    }
}
