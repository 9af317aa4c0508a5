//! The classical models under one name each, with the values that tuning tries.
//!
//! Every new model is set beside these: on sparse data they are hard to beat when their settings
//! are chosen with the same care (Ferrari Dacrema, Cremonesi and Jannach, RecSys 2019).

mod bpr;
mod ease;
mod inverse;
mod item_knn;
mod tuning;

use noctule_core::model::FoldIn;
use serde::{Deserialize, Serialize};

use super::{IalsSettings, IalsSolver, Sparse, train_ials};
use crate::Result;
use crate::datasets::Interactions;
use crate::evaluation::{Case, FoldInScorer, PopularityScorer, Scorer};
pub use bpr::{Bpr, BprSettings};
pub use ease::{Ease, EaseSettings};
pub use item_knn::{ItemKnn, ItemKnnSettings};
pub use tuning::{Trial, Tuning, choose};

/// A classical model with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case")]
pub enum ClassicalModel {
    /// The number of events of an item.
    Popularity,
    /// Neighbours of items.
    ItemKnn(ItemKnnSettings),
    /// The linear autoencoder.
    Ease(EaseSettings),
    /// Factorisation by alternating least squares.
    Ials(IalsSettings),
    /// Factorisation by pairwise ranking.
    Bpr(BprSettings),
}

impl ClassicalModel {
    /// The names, in the order of tables.
    pub const NAMES: [&'static str; 5] = ["popularity", "item-knn", "ease", "ials", "bpr"];

    /// The model called `name` with its default settings.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "popularity" => Self::Popularity,
            "item-knn" => Self::ItemKnn(ItemKnnSettings::default()),
            "ease" => Self::Ease(EaseSettings::default()),
            "ials" => Self::Ials(ials_defaults()),
            "bpr" => Self::Bpr(BprSettings::default()),
            _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Popularity => "popularity",
            Self::ItemKnn(_) => "item-knn",
            Self::Ease(_) => "ease",
            Self::Ials(_) => "ials",
            Self::Bpr(_) => "bpr",
        }
    }

    /// The same with another seed, where it has one.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        match &mut self {
            Self::Ials(settings) => settings.seed = seed,
            Self::Bpr(settings) => settings.seed = seed,
            Self::Popularity | Self::ItemKnn(_) | Self::Ease(_) => {}
        }
        self
    }

    /// Trains on the events `indices` of `data`. `progress` hears (epoch, epochs, loss) of the
    /// models that have epochs. The number of threads changes no result.
    ///
    /// # Errors
    /// Those of the model.
    pub fn fit(
        &self,
        data: &Interactions,
        indices: &[u32],
        threads: usize,
        progress: &dyn Fn(usize, usize, f64),
    ) -> Result<FittedClassical> {
        let matrix = || Sparse::users_by_items(data, indices);
        Ok(match self {
            Self::Popularity => FittedClassical::Popularity(PopularityScorer::new(data, indices)),
            Self::ItemKnn(settings) => {
                FittedClassical::ItemKnn(ItemKnn::fit(&matrix(), settings, threads)?)
            }
            Self::Ease(settings) => FittedClassical::Ease(Ease::fit(&matrix(), settings)?),
            Self::Ials(settings) => {
                let settings = IalsSettings { threads, ..settings.clone() };
                let factors = train_ials(&matrix(), &settings, progress)?;
                let fold_in = factors.fold_in(&settings)?;
                FittedClassical::Ials {
                    fold_in: Box::new(fold_in),
                    items: factors.items,
                    losses: factors.losses,
                }
            }
            Self::Bpr(settings) => FittedClassical::Bpr(Bpr::fit(&matrix(), settings, progress)?),
        })
    }
}

/// iALS as the tables have it: all pairs weigh a tenth to a hundredth of an observed one.
fn ials_defaults() -> IalsSettings {
    IalsSettings { solver: IalsSolver::Blocks, epochs: 15, ..IalsSettings::default() }
}

/// A trained classical model.
#[derive(Debug, Clone)]
pub enum FittedClassical {
    /// Counts.
    Popularity(PopularityScorer),
    /// Neighbours.
    ItemKnn(ItemKnn),
    /// Weights between items.
    Ease(Ease),
    /// Item vectors, into which users are folded as the device does it.
    Ials {
        /// The solver.
        fold_in: Box<FoldIn>,
        /// Item vectors, row-major.
        items: Vec<f32>,
        /// The loss after each epoch.
        losses: Vec<f64>,
    },
    /// Vectors of users and items.
    Bpr(Bpr),
}

impl FittedClassical {
    /// The loss after each epoch; empty for models without epochs.
    #[must_use]
    pub fn losses(&self) -> &[f64] {
        match self {
            Self::Ials { losses, .. } => losses,
            Self::Bpr(model) => &model.losses,
            Self::Popularity(_) | Self::ItemKnn(_) | Self::Ease(_) => &[],
        }
    }
}

impl Scorer for FittedClassical {
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        match self {
            Self::Popularity(model) => model.score(case, scores),
            Self::ItemKnn(model) => model.score(case, scores),
            Self::Ease(model) => model.score(case, scores),
            Self::Ials { fold_in, items, .. } => {
                FoldInScorer { fold_in, items, context_weight: 1.0 }.score(case, scores)
            }
            Self::Bpr(model) => model.score(case, scores),
        }
    }
}

/// The items of the history of `case`, each once, rising.
fn distinct(case: &Case<'_>) -> Vec<u32> {
    let mut items: Vec<u32> = case.history.iter().map(|event| event.item).collect();
    items.sort_unstable();
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Interaction, bare_item};
    use crate::evaluation::{EvaluationSettings, evaluate};
    use crate::split::leave_last_out;

    /// Two circles of friends of ten, each with ten items of its own, in an order of their own.
    fn circles() -> Interactions {
        let event = |user: u32, at: u32| Interaction {
            user,
            item: (user % 2) * 10 + (user * 3 + at * 7) % 10,
            at_ms: Some(i64::from(at)),
            context: None,
            weight: 1.0,
        };
        Interactions {
            users: (0..20).map(|user| user.to_string()).collect(),
            items: (0..20).map(|item| bare_item(&item.to_string()).unwrap()).collect(),
            events: (0..20).flat_map(|user| (0..8).map(move |at| event(user, at))).collect(),
            ..Interactions::default()
        }
    }

    #[test]
    fn every_model_finds_the_circle_of_a_user() {
        let data = circles();
        let split = leave_last_out(&data);
        let settings = EvaluationSettings { k: 4, ..EvaluationSettings::default() };
        for name in ["item-knn", "ease", "ials", "bpr"] {
            let model = ClassicalModel::named(name).unwrap().seeded(3);
            let fitted = model.fit(&data, &split.train, 2, &|_, _, _| {}).unwrap();
            let found = evaluate(&fitted, &data, &split, &settings).unwrap();
            // Four of ten are not known: all of the own circle fit the list.
            assert_eq!(found.hit_rate, 1.0, "{name}");
            assert_eq!(model.name(), name);
        }
    }

    #[test]
    fn settings_are_written_and_read_back() {
        for name in ClassicalModel::NAMES {
            let model = ClassicalModel::named(name).unwrap();
            let text = serde_json::to_string(&model).unwrap();
            assert_eq!(serde_json::from_str::<ClassicalModel>(&text).unwrap(), model, "{text}");
        }
        assert_eq!(ClassicalModel::named("magic"), None);
    }
}
