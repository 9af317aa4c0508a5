//! How a scorer is measured: which items are ranked for whom, and against which targets.

use serde::{Deserialize, Serialize};

use super::cases::{self, TestCase};
use super::metrics;
use super::scorers::{Case, Scorer};
use crate::datasets::Interactions;
use crate::split::Split;
use crate::training::parallel;
use crate::{Error, Result};

/// Which items a target is ranked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// All items that the user has not chosen before: the default, and the one to trust.
    Full,
    /// So many items drawn uniformly, without repetition, among those that the user never chose.
    /// Cheaper, and biased (Krichene and Rendle, KDD 2020): only to compare with published tables.
    SampledNegatives(usize),
}

/// Settings of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationSettings {
    /// Length of the lists that HR, NDCG and recall look at.
    pub k: usize,
    /// Which items are ranked.
    pub protocol: Protocol,
    /// Whether items of the history are left out. A target that is in the history is left out with
    /// them and counts as not found.
    pub exclude_seen: bool,
    /// At most so many users, drawn with the seed; none for all.
    pub users_max: Option<usize>,
    /// Seed of the draws of negatives and users.
    pub seed: u64,
    /// Threads; changes no result.
    pub threads: usize,
}

impl Default for EvaluationSettings {
    fn default() -> Self {
        Self {
            k: 10,
            protocol: Protocol::Full,
            exclude_seen: true,
            users_max: None,
            seed: 1,
            threads: parallel::available(),
        }
    }
}

/// Means over the evaluated users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Users that have at least one test event.
    pub users: usize,
    /// Length of the lists.
    pub k: usize,
    /// Which items were ranked.
    pub protocol: Protocol,
    /// Share of the users with a target among the best k.
    pub hit_rate: f64,
    /// NDCG@k, binary gains.
    pub ndcg: f64,
    /// Recall@k.
    pub recall: f64,
    /// Mean reciprocal rank of the first target in the whole ranking.
    pub mrr: f64,
    /// Standard error of the hit rate.
    pub hit_rate_error: f64,
    /// Standard error of the NDCG.
    pub ndcg_error: f64,
    /// Share of the catalogue that is among the best k of anyone; only with [`Protocol::Full`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
}

/// Measures `scorer` on the test events of `split`; the history of a user is what training and
/// validation hold of them.
///
/// Items are ranked by score and, where scores are equal, in catalogue order: a tie favours no
/// target, as its place in the catalogue is not known to the protocol. Means are summed in the
/// order of the users, so that the number of threads changes nothing.
///
/// # Errors
/// [`Error::Score`] for a score that is not a number, [`Error::Data`] when there is no test event,
/// and what the scorer gives.
pub fn evaluate(
    scorer: &dyn Scorer,
    data: &Interactions,
    split: &Split,
    settings: &EvaluationSettings,
) -> Result<Evaluation> {
    let results = evaluate_users(scorer, data, split, settings)?;
    Ok(summarise(&results, data.items.len(), settings))
}

/// What was measured of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserResult {
    /// Index of the user.
    pub user: u32,
    /// Number of known events.
    pub history: usize,
    /// The context of the first target.
    pub context: Option<u16>,
    /// The targets, in the order of their ranks.
    pub targets: Vec<u32>,
    /// Rank of each target, best first, from 1; `usize::MAX` for one that was not ranked.
    pub ranks: Vec<usize>,
    /// Items that were ranked.
    pub ranked: usize,
    /// The best k, best first; only with [`Protocol::Full`].
    pub best: Vec<u32>,
}

/// As [`evaluate`], but gives what was measured of each user, in the order of the users.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_users(
    scorer: &dyn Scorer,
    data: &Interactions,
    split: &Split,
    settings: &EvaluationSettings,
) -> Result<Vec<UserResult>> {
    let cases = cases::of(data, split, settings);
    if cases.is_empty() {
        return Err(Error::data("no user has a test event"));
    }
    let items = data.items.len();
    parallel::map_blocks(&cases, 64, settings.threads, |block| {
        let mut scores = vec![0.0; items];
        block.iter().map(|case| measure(case, scorer, settings, &mut scores)).collect()
    })
}

fn measure(
    case: &TestCase,
    scorer: &dyn Scorer,
    settings: &EvaluationSettings,
    scores: &mut [f32],
) -> Result<UserResult> {
    let asked = Case { user: case.user, history: &case.history, context: case.context };
    scorer.score(&asked, scores)?;
    if let Some(item) = scores.iter().position(|score| score.is_nan()) {
        return Err(Error::Score { user: case.user, item });
    }
    let mut candidate = vec![settings.protocol == Protocol::Full; scores.len()];
    if let Protocol::SampledNegatives(negatives) = settings.protocol {
        cases::sample(case, negatives, settings.seed, &mut candidate);
    }
    if settings.exclude_seen {
        for event in &case.history {
            candidate[event.item as usize] = false;
        }
    }
    let before =
        |a: u32, b: u32| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)).is_lt();
    let ranked: Vec<u32> = (0..scores.len() as u32).filter(|i| candidate[*i as usize]).collect();
    // A target that was not ranked lies behind everything.
    let rank = |target: u32| {
        if !candidate[target as usize] {
            return usize::MAX;
        }
        1 + ranked.iter().filter(|item| before(**item, target)).count()
    };
    let mut places: Vec<(usize, u32)> =
        case.targets.iter().map(|target| (rank(*target), *target)).collect();
    places.sort_unstable();
    let (ranks, targets) = places.into_iter().unzip();
    let mut best = Vec::new();
    if settings.protocol == Protocol::Full {
        best = top(ranked, settings.k, scores);
    }
    Ok(UserResult {
        user: case.user,
        history: case.history.len(),
        context: case.context,
        targets,
        ranks,
        ranked: candidate.iter().filter(|candidate| **candidate).count(),
        best,
    })
}

/// The best `k` of `ranked`, best first.
fn top(mut ranked: Vec<u32>, k: usize, scores: &[f32]) -> Vec<u32> {
    let order =
        |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
    if k < ranked.len() {
        ranked.select_nth_unstable_by(k, order);
        ranked.truncate(k);
    }
    ranked.sort_unstable_by(order);
    ranked
}

/// Means over `results`, of a catalogue of `items`.
#[must_use]
pub fn summarise(
    results: &[UserResult],
    items: usize,
    settings: &EvaluationSettings,
) -> Evaluation {
    let (k, users) = (settings.k, results.len());
    let mean = |metric: &dyn Fn(&metrics::Ranks) -> f64| {
        let values: Vec<f64> = results.iter().map(|result| metric(&result.ranks)).collect();
        let mean = values.iter().sum::<f64>() / users.max(1) as f64;
        let spread: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, (spread / (users.max(2) - 1) as f64 / users.max(1) as f64).sqrt())
    };
    let (hit_rate, hit_rate_error) = mean(&|ranks| metrics::hit(ranks, k));
    let (ndcg, ndcg_error) = mean(&|ranks| metrics::ndcg(ranks, k));
    let coverage = (settings.protocol == Protocol::Full).then(|| {
        let mut shown = vec![false; items];
        results.iter().flat_map(|result| &result.best).for_each(|i| shown[*i as usize] = true);
        shown.iter().filter(|shown| **shown).count() as f64 / items.max(1) as f64
    });
    Evaluation {
        users,
        k,
        protocol: settings.protocol,
        hit_rate,
        ndcg,
        recall: mean(&|ranks| metrics::recall(ranks, k)).0,
        mrr: mean(&metrics::reciprocal_rank).0,
        hit_rate_error,
        ndcg_error,
        coverage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::read_pairs;
    use crate::split::leave_last_out;

    /// Scores an item by its place in a list.
    struct Fixed(Vec<f32>);

    impl Scorer for Fixed {
        fn score(&self, _: &Case<'_>, scores: &mut [f32]) -> Result<()> {
            scores.copy_from_slice(&self.0);
            Ok(())
        }
    }

    /// Two users: u chose 0, 1, 2 (test 2), v chose 3, 2, 4 (test 4), of five items.
    fn data() -> Interactions {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.txt");
        std::fs::write(&path, "u 0\nu 1\nu 2\nv 3\nv 2\nv 4\n").unwrap();
        read_pairs(&path).unwrap()
    }

    fn measured(scores: [f32; 5], settings: &EvaluationSettings) -> Result<Evaluation> {
        let data = data();
        evaluate(&Fixed(scores.to_vec()), &data, &leave_last_out(&data), settings)
    }

    fn at(k: usize) -> EvaluationSettings {
        EvaluationSettings { k, threads: 2, ..EvaluationSettings::default() }
    }

    #[test]
    fn seen_items_leave_the_ranking_unless_they_are_to_stay() {
        // Item 2 is best among what u has not seen, item 4 last among what v has not seen.
        let scores = [5.0, 4.0, 3.0, 2.0, 1.0];
        let removed = measured(scores, &at(1)).unwrap();
        assert_eq!((removed.users, removed.hit_rate), (2, 0.5));
        assert_eq!(removed.mrr, f64::midpoint(1.0, 1.0 / 3.0));
        let kept = EvaluationSettings { exclude_seen: false, ..at(3) };
        let kept = measured(scores, &kept).unwrap();
        assert_eq!((kept.hit_rate, kept.ndcg), (0.5, 0.25));
        assert_eq!(kept.coverage, Some(0.6));
    }

    #[test]
    fn ties_are_broken_by_catalogue_order_and_never_by_who_is_the_target() {
        let all_equal = measured([0.0; 5], &at(1)).unwrap();
        // u: 2 stands first among (2, 3, 4); v: 4 stands last among (0, 1, 4).
        assert_eq!(all_equal.hit_rate, 0.5);
    }

    #[test]
    fn sampled_negatives_are_as_many_as_asked_and_depend_on_the_seed_alone() {
        let sampled = |negatives, threads| {
            let protocol = Protocol::SampledNegatives(negatives);
            measured([1.0; 5], &EvaluationSettings { protocol, threads, ..at(1) }).unwrap()
        };
        assert_eq!(sampled(0, 1).hit_rate, 1.0, "a target alone is always first");
        assert_eq!(sampled(1, 1), sampled(1, 2));
        // More negatives than there are: all of them, and no endless search.
        assert_eq!(sampled(100, 1).mrr, measured([1.0; 5], &at(1)).unwrap().mrr);
    }

    #[test]
    fn a_score_that_is_not_a_number_is_an_error() {
        let error = measured([1.0, f32::NAN, 1.0, 1.0, 1.0], &at(1)).unwrap_err();
        assert!(matches!(error, Error::Score { item: 1, .. }), "{error}");
    }

    #[test]
    fn without_test_events_there_is_nothing_to_measure() {
        let data = data();
        let result = evaluate(&Fixed(vec![0.0; 5]), &data, &Split::default(), &at(1));
        assert!(matches!(result, Err(Error::Data { .. })));
    }
}
