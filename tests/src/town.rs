//! A town small enough to be packed in milliseconds, seeded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use noctule_core::base::{Clock, Seed, SeededRandom, SystemClock};
use noctule_core::catalogue::Item;
use noctule_core::release::{Architecture, Plan, RankerDesign};
use noctule_releases::{
    Embedding, HealthSource, PackInput, RankerWeights, SecretKey, VectorForm, pack,
};
use serde_json::json;

/// The app of every test.
pub const APP: &str = "town";
/// The time at which tests begin, Unix milliseconds.
pub const NOW_MS: i64 = 1_790_000_000_000;
/// A day in milliseconds.
pub const DAY_MS: i64 = 24 * 3_600_000;
/// Length of the item vectors.
pub const DIMENSIONS: usize = 8;
/// Slots of the slates of each surface.
pub const SURFACES: [(&str, usize); 2] = [("home", 10), ("lunch", 5)];
/// Seed of the key that signs the releases.
pub const KEY_SEED: [u8; 32] = [7; 32];

const CUISINES: [&str; 5] = ["thai", "pizza", "ramen", "tacos", "meze"];

/// A release to be packed. The same fields give the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Town {
    /// Number of items.
    pub items: usize,
    /// Contexts of both surfaces, 2 to 6.
    pub contexts: usize,
    /// Version of the release; titles, vectors and popularity depend on it.
    pub version: u64,
    /// Whether the release has a model.
    pub model: bool,
    /// What becomes of chosen items, as the plan writes it.
    pub consumed: &'static str,
    /// Probability of exploration.
    pub epsilon: f64,
    /// How the item vectors are stored.
    pub form: VectorForm,
}

impl Default for Town {
    fn default() -> Self {
        let (consumed, epsilon, form) = ("keep", 0.2, VectorForm::default());
        Self { items: 60, contexts: 3, version: 1, model: true, consumed, epsilon, form }
    }
}

impl Town {
    /// Name of the item with this index.
    #[must_use]
    pub fn item(index: usize) -> String {
        format!("item-{index}")
    }

    /// The plan: both surfaces in every context, the day in equal parts.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let (count, part) = (self.contexts, 1440 / self.contexts);
        let span = |i: usize| json!({"days": "every", "from": i * part, "until": (i + 1) * part});
        let contexts = (0..count).map(|i| json!({"id": format!("part-{i}"), "when": span(i)}));
        let names: Vec<String> = (0..count).map(|i| format!("part-{i}")).collect();
        let surface = |(id, length)| json!({"id": id, "length": length, "contexts": names});
        serde_json::from_value(json!({
            "contexts": contexts.collect::<Vec<_>>(),
            "surfaces": SURFACES.into_iter().map(surface).collect::<Vec<_>>(),
            "consumed": self.consumed,
            "diversity": {"attribute": "cuisine", "weight": 0.2},
            "exploration": {"epsilon": self.epsilon, "pool": 20},
            "fatigue_impressions": 0,
        }))
        .unwrap()
    }

    /// All parts of the release.
    #[must_use]
    pub fn input(&self) -> PackInput {
        let mut random = SeededRandom::new(Seed(self.version));
        let popularity = shares(self.items, &mut random);
        let by_context = (0..self.contexts).map(|_| shares(self.items, &mut random)).collect();
        let tastes: Vec<f64> = (0..CUISINES.len() * DIMENSIONS).map(|_| random.normal()).collect();
        let value = |at: usize, random: &mut SeededRandom| {
            let cuisine = (at / DIMENSIONS) % CUISINES.len();
            (tastes[cuisine * DIMENSIONS + at % DIMENSIONS] + 0.5 * random.normal()) as f32
        };
        let values = (0..self.items * DIMENSIONS).map(|at| value(at, &mut random)).collect();
        let embedding = Embedding { values, dimensions: DIMENSIONS, form: self.form };
        let ranker = RankerWeights { weight: vec![2.0, 0.5, 0.25], bias: -1.0 };
        PackInput {
            app: APP.into(),
            name: "town".into(),
            version: self.version,
            created_ms: NOW_MS,
            expires_ms: NOW_MS + 365 * DAY_MS,
            minimum_runtime: None,
            architecture: self.architecture(),
            plan: self.plan(),
            experiment: None,
            catalogue: (0..self.items).map(|index| self.row(index)).collect(),
            popularity,
            context_popularity: by_context,
            embedding: self.model.then_some(embedding),
            gram: None,
            ranker: self.model.then_some(ranker),
            tensors: BTreeMap::new(),
            checks: None,
            health: HealthSource::None,
            lineage: BTreeMap::new(),
        }
    }

    /// The key that signs the releases.
    #[must_use]
    pub fn key() -> SecretKey {
        SecretKey::from_seed(&KEY_SEED)
    }

    /// Packs the release into `parent/<version>` and gives that directory.
    #[must_use]
    pub fn pack(&self, parent: &Path) -> PathBuf {
        let out = parent.join(self.version.to_string());
        pack(&self.input(), &Self::key(), &out).unwrap();
        out
    }

    /// The same, valid by the clock of this machine: for those that cannot set their own.
    #[must_use]
    pub fn pack_today(&self, parent: &Path) -> PathBuf {
        let out = parent.join(self.version.to_string());
        let created_ms = SystemClock::default().now_ms() - DAY_MS;
        let expires_ms = created_ms + 30 * DAY_MS;
        let input = PackInput { created_ms, expires_ms, ..self.input() };
        pack(&input, &Self::key(), &out).unwrap();
        out
    }

    /// An architecture that verifies and fails at night: nothing keeps the matrix of the fold-in
    /// positive definite for whoever chose something.
    #[must_use]
    pub fn without_solution() -> Architecture {
        Self::factorization(0.0, 0.0)
    }

    fn architecture(&self) -> Architecture {
        if self.model { Self::factorization(0.1, 0.05) } else { Architecture::Popularity {} }
    }

    fn factorization(unobserved_weight: f32, regularization: f32) -> Architecture {
        Architecture::MatrixFactorization {
            dimensions: DIMENSIONS,
            unobserved_weight,
            regularization,
            regularization_exponent: 1.0,
            context_weight: 2.0,
            ranker_features: ["fold_in", "context_popularity", "popularity"]
                .map(str::to_owned)
                .to_vec(),
            ranker: RankerDesign::default(),
        }
    }

    /// The title names the release, so that a slate of two releases would show.
    fn row(&self, index: usize) -> Item {
        let hours = if index % 4 == 3 {
            json!([{"days": "every", "from": 600, "until": 1320}])
        } else {
            json!([])
        };
        serde_json::from_value(json!({
            "id": Self::item(index),
            "title": format!("Item {index} of town@{}", self.version),
            "attributes": {"cuisine": CUISINES[index % CUISINES.len()]},
            "hours": hours,
        }))
        .unwrap()
    }
}

fn shares(count: usize, random: &mut SeededRandom) -> Vec<f32> {
    let weights: Vec<f64> = (0..count).map(|_| 0.1 + random.uniform()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}
