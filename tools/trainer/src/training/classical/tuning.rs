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
    /// The settings that tuning tries: fixed for each model, so that the same search is made for
    /// every data set.
    #[must_use]
    pub fn grid(&self) -> Vec<Self> {
        match self {
            Self::Popularity => vec![Self::Popularity],
            Self::ItemKnn(_) => knn_grid(),
            Self::Ease(base) => [50.0, 100.0, 200.0, 400.0, 800.0, 1_600.0]
                .map(|regularization| Self::Ease(EaseSettings { regularization, ..*base }))
                .to_vec(),
            Self::Ials(base) => ials_grid(base),
            Self::Bpr(base) => bpr_grid(base),
        }
    }
}

fn knn_grid() -> Vec<ClassicalModel> {
    let mut grid = Vec::new();
    for neighbours in [50, 200, 1_000] {
        for shrinkage in [0.0, 3.0, 10.0, 30.0] {
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
    for dimensions in [64, 128, 256] {
        for unobserved_weight in [0.003, 0.01, 0.03, 0.1] {
            for regularization in [0.003, 0.01, 0.03] {
                let settings =
                    IalsSettings { dimensions, unobserved_weight, regularization, ..base.clone() };
                grid.push(ClassicalModel::Ials(settings));
            }
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

/// Trains each of `grid` on the training events of `split` and measures it on the validation
/// events, which are then what is asked for; the test events are not looked at. `progress` hears
/// (done, total).
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
    let mut trials = Vec::with_capacity(grid.len());
    let mut best = None;
    for (index, model) in grid.iter().enumerate() {
        progress(index, grid.len());
        let ndcg = match model.fit(data, &inner.train, settings.threads, &|_, _, _| {}) {
            Ok(fitted) => evaluate(&fitted, data, &inner, settings)?.ndcg,
            Err(Error::Diverged { .. }) => 0.0,
            Err(error) => return Err(error),
        };
        if best.is_none_or(|(_, most)| ndcg > most) {
            best = Some((index, ndcg));
        }
        trials.push(Trial { settings: model.clone(), ndcg });
    }
    progress(grid.len(), grid.len());
    match best {
        Some((best, _)) => Ok(Tuning { trials, best }),
        None => Err(Error::setting("grid", "there is nothing to try")),
    }
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
