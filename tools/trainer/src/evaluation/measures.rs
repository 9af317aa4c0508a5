//! All that is measured of one user's list, accuracy and what lies beyond it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::metrics;
use super::protocol::UserResult;
use crate::datasets::Interactions;
use crate::datasets::statistics::gini;

/// A measure of a user's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Whether a target is among the best k ([`metrics::hit`]).
    HitRate,
    /// [`metrics::ndcg`].
    Ndcg,
    /// [`metrics::recall`].
    Recall,
    /// [`metrics::precision`].
    Precision,
    /// [`metrics::average_precision`].
    Map,
    /// [`metrics::reciprocal_rank`], over the whole ranking.
    Mrr,
    /// [`metrics::auc`], over the whole ranking.
    Auc,
    /// Mean of -log2 of the share of users who chose an item of the best k (Zhou et al., PNAS
    /// 2010); an item that nobody chose counts as chosen once.
    Novelty,
    /// Mean distance of two of the best k, 1 minus the Jaccard similarity of their words (Ziegler
    /// et al., WWW 2005).
    Diversity,
    /// Mean number of training events of the best k (average recommendation popularity, Yin et al.,
    /// VLDB 2012).
    Popularity,
}

impl Metric {
    /// All measures, in the order of [`Measures`].
    pub const ALL: [Self; 10] = [
        Self::HitRate,
        Self::Ndcg,
        Self::Recall,
        Self::Precision,
        Self::Map,
        Self::Mrr,
        Self::Auc,
        Self::Novelty,
        Self::Diversity,
        Self::Popularity,
    ];

    /// Name in files and tables: `ndcg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HitRate => "hit_rate",
            Self::Ndcg => "ndcg",
            Self::Recall => "recall",
            Self::Precision => "precision",
            Self::Map => "map",
            Self::Mrr => "mrr",
            Self::Auc => "auc",
            Self::Novelty => "novelty",
            Self::Diversity => "diversity",
            Self::Popularity => "popularity",
        }
    }

    /// Title for people: `NDCG@10`.
    #[must_use]
    pub fn title(self, k: usize) -> String {
        match self {
            Self::HitRate => format!("HR@{k}"),
            Self::Ndcg => format!("NDCG@{k}"),
            Self::Recall => format!("Recall@{k}"),
            Self::Precision => format!("Precision@{k}"),
            Self::Map => format!("MAP@{k}"),
            Self::Mrr => "MRR".into(),
            Self::Auc => "AUC".into(),
            Self::Novelty => "Novelty, bits".into(),
            Self::Diversity => "Diversity".into(),
            Self::Popularity => "Popularity of items".into(),
        }
    }

    /// The measure called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

/// The value of each of [`Metric::ALL`]; none where it is not defined.
pub type Measures = [Option<f64>; Metric::ALL.len()];

/// What the measures beyond accuracy need to know of the items.
#[derive(Debug, Clone)]
pub struct ItemFacts {
    counts: Vec<u32>,
    choosers: Vec<u32>,
    users: usize,
    /// Numbers of the words of each item, rising.
    words: Vec<Vec<u32>>,
}

impl ItemFacts {
    /// Counts the events `known` of `data`.
    #[must_use]
    pub fn new(data: &Interactions, known: &[u32]) -> Self {
        let mut pairs: Vec<(u32, u32)> = known
            .iter()
            .map(|index| data.events[*index as usize])
            .map(|event| (event.item, event.user))
            .collect();
        let mut counts = vec![0; data.items.len()];
        pairs.iter().for_each(|(item, _)| counts[*item as usize] += 1);
        pairs.sort_unstable();
        pairs.dedup();
        let mut choosers = vec![0; data.items.len()];
        pairs.iter().for_each(|(item, _)| choosers[*item as usize] += 1);
        let mut users: Vec<u32> = pairs.iter().map(|(_, user)| *user).collect();
        users.sort_unstable();
        users.dedup();
        Self { counts, choosers, users: users.len(), words: word_numbers(data) }
    }

    /// All measures of `result` for lists of `k`.
    #[must_use]
    pub fn measures(&self, result: &UserResult, k: usize) -> Measures {
        let (ranks, best) = (&result.ranks, &result.best);
        let listed = |value: &dyn Fn(u32) -> f64| {
            let sum: f64 = best.iter().map(|item| value(*item)).sum();
            (!best.is_empty()).then(|| sum / best.len() as f64)
        };
        Metric::ALL.map(|metric| match metric {
            Metric::HitRate => Some(metrics::hit(ranks, k)),
            Metric::Ndcg => Some(metrics::ndcg(ranks, k)),
            Metric::Recall => Some(metrics::recall(ranks, k)),
            Metric::Precision => Some(metrics::precision(ranks, k)),
            Metric::Map => Some(metrics::average_precision(ranks, k)),
            Metric::Mrr => Some(metrics::reciprocal_rank(ranks)),
            Metric::Auc => metrics::auc(ranks, result.ranked),
            Metric::Novelty => listed(&|item| self.surprise(item)),
            Metric::Diversity => self.diversity(best),
            Metric::Popularity => listed(&|item| f64::from(self.counts[item as usize])),
        })
    }

    fn surprise(&self, item: u32) -> f64 {
        let choosers = f64::from(self.choosers[item as usize].max(1));
        -(choosers / self.users.max(1) as f64).log2()
    }

    /// Over the pairs of which both have words.
    fn diversity(&self, best: &[u32]) -> Option<f64> {
        let (mut sum, mut pairs) = (0.0, 0usize);
        for (place, a) in best.iter().enumerate() {
            for b in &best[place + 1..] {
                let (a, b) = (&self.words[*a as usize], &self.words[*b as usize]);
                if !a.is_empty() && !b.is_empty() {
                    sum += 1.0 - jaccard(a, b);
                    pairs += 1;
                }
            }
        }
        (pairs > 0).then(|| sum / pairs as f64)
    }
}

/// Which items are shown, over all users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Share of the catalogue that is among the best k of anyone.
    pub coverage: f64,
    /// Gini coefficient of how often each item of the catalogue is shown: 0 when all are alike.
    pub gini: f64,
}

/// The exposure of a catalogue of `items`; none when no list was made.
#[must_use]
pub fn exposure(results: &[UserResult], items: usize) -> Option<Exposure> {
    let mut shown = vec![0u32; items];
    results.iter().flat_map(|result| &result.best).for_each(|item| shown[*item as usize] += 1);
    shown.sort_unstable();
    let covered = shown.iter().filter(|count| **count > 0).count();
    (covered > 0).then(|| Exposure {
        coverage: covered as f64 / items as f64,
        gini: gini(shown.iter().map(|count| f64::from(*count))),
    })
}

fn word_numbers(data: &Interactions) -> Vec<Vec<u32>> {
    let mut numbers: HashMap<(&str, &str), u32> = HashMap::new();
    let mut all = Vec::with_capacity(data.items.len());
    for item in &data.items {
        let mut words = Vec::new();
        for (name, value) in &item.attributes {
            for word in value.words() {
                let next = numbers.len() as u32;
                words.push(*numbers.entry((name.as_str(), word)).or_insert(next));
            }
        }
        words.sort_unstable();
        words.dedup();
        all.push(words);
    }
    all
}

/// Shared over all of two rising lists.
fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let shared = a.iter().filter(|word| b.binary_search(word).is_ok()).count();
    shared as f64 / (a.len() + b.len() - shared).max(1) as f64
}

#[cfg(test)]
mod tests {
    use noctule_core::catalogue::AttributeValue;

    use super::*;
    use crate::datasets::{Interaction, bare_item};

    fn data() -> Interactions {
        let mut items = ["a", "b", "c"].map(|name| bare_item(name).unwrap()).to_vec();
        for (item, words) in items.iter_mut().zip([&["x", "y"][..], &["y", "z"], &[]]) {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            item.attributes.insert("kind".into(), AttributeValue::Words(words));
        }
        let event =
            |user, item| Interaction { user, item, at_ms: None, context: None, weight: 1.0 };
        Interactions {
            users: (0..4).map(|user| user.to_string()).collect(),
            items,
            events: vec![event(0, 0), event(0, 0), event(1, 0), event(2, 1), event(3, 1)],
            ..Interactions::default()
        }
    }

    fn result(best: &[u32]) -> UserResult {
        let ranks = vec![2];
        let (targets, best) = (vec![0; ranks.len()], best.to_vec());
        UserResult { user: 0, history: 2, context: None, targets, ranks, ranked: 3, best }
    }

    #[test]
    fn measures_beyond_accuracy_by_hand() {
        let data = data();
        let facts = ItemFacts::new(&data, &[0, 1, 2, 3, 4]);
        let found = facts.measures(&result(&[0, 1, 2]), 3);
        let of = |metric| found[Metric::ALL.iter().position(|other| *other == metric).unwrap()];
        // Two of four users chose a, two b; nobody c, which counts as one.
        assert_eq!(of(Metric::Novelty), Some((1.0 + 1.0 + 2.0) / 3.0));
        assert_eq!(of(Metric::Popularity), Some(5.0 / 3.0));
        assert_eq!(of(Metric::Diversity), Some(1.0 - 1.0 / 3.0));
        assert_eq!(of(Metric::Auc), Some(0.5));
        assert_eq!(facts.measures(&result(&[]), 3)[7..], [None; 3]);
    }

    #[test]
    fn exposure_counts_whom_the_lists_show() {
        let found = exposure(&[result(&[0, 1]), result(&[0, 1])], 4).unwrap();
        assert_eq!((found.coverage, found.gini), (0.5, 0.5));
        assert_eq!(exposure(&[result(&[])], 4), None);
    }

    #[test]
    fn names_are_read_back() {
        assert!(
            Metric::ALL.into_iter().all(|metric| Metric::from_name(metric.name()) == Some(metric))
        );
    }
}
