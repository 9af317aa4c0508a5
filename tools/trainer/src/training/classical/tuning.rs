//! Settings chosen on the validation part, and never on the test part.

use serde::{Deserialize, Serialize};

use super::{BprSettings, ClassicalModel, EaseSettings, ItemKnnSettings};
use crate::datasets::Interactions;
use crate::evaluation::{EvaluationSettings, evaluate};
use crate::split::Split;
use crate::training::IalsSettings;
use crate::{Error, Result};

/// One setting that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The settings.
    pub settings: ClassicalModel,
    /// NDCG@k on the validation events.
    pub ndcg: f64,
}

/// What came of tuning one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// All that was tried, in order.
    pub trials: Vec<Trial>,
    /// The index of the best; the first of equals.
    pub best: usize,
}

impl Tuning {
    /// The best settings.
    #[must_use]
    pub fn chosen(&self) -> &ClassicalModel {
        &self.trials[self.best].settings
    }
}

impl ClassicalModel {
    /// The settings that tuning tries first: fixed for each model, so that the same search is made
    /// for every data set.
    #[must_use]
    pub fn grid(&self) -> Vec<Self> {
        match self {
            Self::Popularity => vec![Self::Popularity],
            Self::ItemKnn(_) => knn_grid(),
            Self::Ease(base) => [30.0, 100.0, 300.0, 1_000.0]
                .map(|regularization| Self::Ease(EaseSettings { regularization, ..*base }))
                .to_vec(),
            Self::Ials(base) => ials_grid(base),
            Self::Bpr(base) => bpr_grid(base),
        }
    }

    /// What tuning tries once these settings are the best of the grid: longer vectors, which take
    /// the same weights and cost more.
    #[must_use]
    pub fn refinements(&self) -> Vec<Self> {
        match self {
            Self::Ials(best) => [128, 256]
                .map(|dimensions| Self::Ials(IalsSettings { dimensions, ..best.clone() }))
                .to_vec(),
            _ => Vec::new(),
        }
    }
}

fn knn_grid() -> Vec<ClassicalModel> {
    let mut grid = Vec::new();
    for neighbours in [50, 200, 1_000] {
        for shrinkage in [0.0, 10.0, 30.0] {
            for normalise in [false, true] {
                let settings = ItemKnnSettings { neighbours, shrinkage, normalise };
                grid.push(ClassicalModel::ItemKnn(settings));
            }
        }
    }
    grid
}

fn ials_grid(base: &IalsSettings) -> Vec<ClassicalModel> {
    let mut grid = Vec::new();
    for unobserved_weight in [0.003, 0.01, 0.03, 0.1] {
        for regularization in [0.003, 0.01, 0.03] {
            let dimensions = 64;
            let settings =
                IalsSettings { dimensions, unobserved_weight, regularization, ..base.clone() };
            grid.push(ClassicalModel::Ials(settings));
        }
    }
    grid
}

fn bpr_grid(base: &BprSettings) -> Vec<ClassicalModel> {
    let mut grid = Vec::new();
    for regularization in [0.003, 0.01, 0.03] {
        for epochs in [30, 100] {
            grid.push(ClassicalModel::Bpr(BprSettings { regularization, epochs, ..*base }));
        }
    }
    grid
}

/// Trains each of `grid`, then the refinements of the best, on the training events of `split` and
/// measures it on the validation events, which are then what is asked for; the test events are not
/// looked at. `progress` hears (done, total).
///
/// # Errors
/// [`Error::Data`] without validation events, [`Error::Setting`] for an empty grid, and those of
/// training and measuring. A setting with which training diverges counts as 0.
pub fn choose(
    grid: &[ClassicalModel],
    data: &Interactions,
    split: &Split,
    settings: &EvaluationSettings,
    progress: &dyn Fn(usize, usize),
) -> Result<Tuning> {
    if split.validation.is_empty() {
        return Err(Error::data("tuning needs validation events, and the split has none"));
    }
    let inner = Split {
        train: split.train.clone(),
        validation: Vec::new(),
        test: split.validation.clone(),
    };
    let measure = |model: &ClassicalModel| -> Result<Trial> {
        let ndcg = match model.fit(data, &inner.train, settings.threads, &|_, _, _| {}) {
            Ok(fitted) => evaluate(&fitted, data, &inner, settings)?.ndcg,
            Err(Error::Diverged { .. }) => 0.0,
            Err(error) => return Err(error),
        };
        Ok(Trial { settings: model.clone(), ndcg })
    };
    let mut trials: Vec<Trial> = Vec::with_capacity(grid.len());
    let mut waiting = grid.to_vec();
    while !waiting.is_empty() {
        let total = trials.len() + waiting.len();
        for model in &waiting {
            progress(trials.len(), total);
            trials.push(measure(model)?);
        }
        // Refined once.
        let first = trials.len() == grid.len();
        let best = best(&trials).map(|best| trials[best].settings.refinements());
        waiting = best.filter(|_| first).unwrap_or_default();
    }
    progress(trials.len(), trials.len());
    match best(&trials) {
        Some(best) => Ok(Tuning { trials, best }),
        None => Err(Error::setting("grid", "there is nothing to try")),
    }
}

/// The first of those with the highest NDCG.
fn best(trials: &[Trial]) -> Option<usize> {
    let rank = |a: &usize, b: &usize| trials[*a].ndcg.total_cmp(&trials[*b].ndcg).then(b.cmp(a));
    (0..trials.len()).max_by(rank)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Interaction, bare_item};
    use crate::split::leave_last_out;

    fn data() -> Interactions {
        let event = |user: u32, at: u32| Interaction {
            user,
            item: (user % 3) * 5 + (user + at * 2) % 5,
            at_ms: Some(i64::from(at)),
            context: None,
            weight: 1.0,
        };
        Interactions {
            users: (0..15).map(|user| user.to_string()).collect(),
            items: (0..15).map(|item| bare_item(&item.to_string()).unwrap()).collect(),
            events: (0..15).flat_map(|user| (0..4).map(move |at| event(user, at))).collect(),
            ..Interactions::default()
        }
    }

    #[test]
    fn the_test_part_decides_nothing() {
        let data = data();
        let split = leave_last_out(&data);
        let settings = EvaluationSettings { k: 2, ..EvaluationSettings::default() };
        let grid = ClassicalModel::named("item-knn").unwrap().grid();
        let chosen = |split: &Split| choose(&grid, &data, split, &settings, &|_, _| {}).unwrap();
        let found = chosen(&split);
        let blind = Split { test: Vec::new(), ..split.clone() };
        assert_eq!(found, chosen(&blind));
        let most = found.trials.iter().map(|trial| trial.ndcg).fold(0.0, f64::max);
        assert!(found.trials[found.best].ndcg == most && most > 0.0);
        let ials = ClassicalModel::named("ials").unwrap().grid()[..2].to_vec();
        let refined = choose(&ials, &data, &split, &settings, &|_, _| {}).unwrap();
        assert_eq!(refined.trials.len(), 4);
        let none = Split { validation: Vec::new(), ..split };
        let refused = choose(&grid, &data, &none, &settings, &|_, _| {});
        assert!(matches!(refused, Err(Error::Data { .. })));
    }

    #[test]
    fn grids_hold_settings_of_their_model() {
        for name in ClassicalModel::NAMES {
            let grid = ClassicalModel::named(name).unwrap().grid();
            assert!(!grid.is_empty() && grid.iter().all(|model| model.name() == name));
        }
        assert!(super::super::ials_defaults().check().is_ok());
    }
}
