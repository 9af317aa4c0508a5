//! Ranking metrics. A rank counts from 1.

/// Ranks of a user's targets, best first, among all that was ranked.
pub type Ranks = [usize];

/// 1 when any target is among the best k, else 0.
#[must_use]
pub fn hit(ranks: &Ranks, k: usize) -> f64 {
    f64::from(u8::from(ranks.first().is_some_and(|rank| *rank <= k)))
}

/// Share of the targets that are among the best k.
#[must_use]
pub fn recall(ranks: &Ranks, k: usize) -> f64 {
    let found = ranks.iter().filter(|rank| **rank <= k).count();
    found as f64 / ranks.len().max(1) as f64
}

/// NDCG with binary gains and the discount 1/log2(rank + 1), over the best k; the ideal list has
/// the targets, at most k, in front.
#[must_use]
pub fn ndcg(ranks: &Ranks, k: usize) -> f64 {
    let gain = |rank: usize| 1.0 / (rank as f64 + 1.0).log2();
    let found: f64 = ranks.iter().filter(|rank| **rank <= k).map(|rank| gain(*rank)).sum();
    let ideal: f64 = (1..=ranks.len().min(k)).map(gain).sum();
    if ideal > 0.0 { found / ideal } else { 0.0 }
}

/// 1 / rank of the first target, 0 without one (its mean over users is the MRR).
#[must_use]
pub fn reciprocal_rank(ranks: &Ranks) -> f64 {
    ranks.first().map_or(0.0, |rank| 1.0 / *rank as f64)
}

/// Share of the best k that are targets; a list that is shorter counts as k all the same.
#[must_use]
pub fn precision(ranks: &Ranks, k: usize) -> f64 {
    ranks.iter().filter(|rank| **rank <= k).count() as f64 / k.max(1) as f64
}

/// Average precision over the best k: the sum of the precision at each target's rank, divided by
/// the number of targets (as trec_eval's `map_cut`; its mean over users is the MAP).
#[must_use]
pub fn average_precision(ranks: &Ranks, k: usize) -> f64 {
    let found = ranks.iter().enumerate().filter(|(_, rank)| **rank <= k);
    let sum: f64 = found.map(|(before, rank)| (before + 1) as f64 / *rank as f64).sum();
    sum / ranks.len().max(1) as f64
}

/// Area under the ROC curve: the share of pairs of a target and another of the `ranked` items in
/// which the target stands first. A target that was not ranked loses all its pairs. None where
/// there is no such pair.
#[must_use]
pub fn auc(ranks: &Ranks, ranked: usize) -> Option<f64> {
    let reached = ranks.iter().filter(|rank| **rank <= ranked).count();
    let others = ranked - reached;
    if others == 0 || ranks.is_empty() {
        return None;
    }
    let before = ranks[..reached].iter().enumerate().map(|(index, rank)| rank - (index + 1));
    let lost = before.sum::<usize>() + (ranks.len() - reached) * others;
    Some(1.0 - lost as f64 / (ranks.len() * others) as f64)
}

/// What a gain at a rank is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discount {
    /// log2(rank + 1) (Burges et al., ICML 2005): the usual one.
    LogRankPlusOne,
    /// max(1, log2(rank)) (Jarvelin and Kekalainen, TOIS 2002, with base 2): the first two ranks
    /// count in full. LensKit for Java uses it.
    LogRank,
}

impl Discount {
    fn at(self, rank: usize) -> f64 {
        match self {
            Self::LogRankPlusOne => (rank as f64 + 1.0).log2(),
            Self::LogRank => (rank as f64).log2().max(1.0),
        }
    }

    fn sum(self, gains: impl Iterator<Item = f64>) -> f64 {
        gains.enumerate().map(|(index, gain)| gain / self.at(index + 1)).sum()
    }
}

/// NDCG with graded gains: `gains` of the list from its first rank on (0 for what is not in the
/// truth), against all gains of the `truth`, best first. 0 without any gain in the truth.
#[must_use]
pub fn ndcg_graded(gains: &[f64], truth: &[f64], discount: Discount) -> f64 {
    let mut ideal = truth.to_vec();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let ideal = discount.sum(ideal.into_iter());
    if ideal > 0.0 { discount.sum(gains.iter().copied()) / ideal } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_target_at_rank_three_by_hand() {
        assert_eq!((hit(&[3], 2), hit(&[3], 3)), (0.0, 1.0));
        assert_eq!((ndcg(&[3], 2), ndcg(&[3], 10)), (0.0, 0.5));
        assert_eq!(reciprocal_rank(&[3]), 1.0 / 3.0);
        assert_eq!(reciprocal_rank(&[]), 0.0);
    }

    #[test]
    fn several_targets_by_hand() {
        assert_eq!(recall(&[1, 4, 30, 31], 10), 0.5);
        let ideal = 1.0 + 1.0 / 3f64.log2();
        assert!((ndcg(&[1, 3], 3) - 1.5 / ideal).abs() < 1e-12);
    }

    #[test]
    fn the_older_discount_counts_two_ranks_in_full() {
        assert_eq!(ndcg_graded(&[0.0, 5.0], &[5.0], Discount::LogRank), 1.0);
        assert_eq!(ndcg_graded(&[0.0, 0.0, 0.0, 4.0], &[4.0], Discount::LogRank), 0.5);
        assert!(ndcg_graded(&[0.0, 5.0], &[5.0], Discount::LogRankPlusOne) < 1.0);
        assert_eq!(ndcg_graded(&[1.0], &[], Discount::LogRank), 0.0);
    }

    #[test]
    fn precision_average_precision_and_auc_by_hand() {
        assert_eq!(precision(&[1, 3, 30], 10), 0.2);
        assert!((average_precision(&[1, 3, 30], 10) - (1.0 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
        // Of ten ranked, targets stand first and fourth: two of sixteen pairs are lost.
        assert_eq!(auc(&[1, 4], 10), Some(1.0 - 2.0 / 16.0));
        assert_eq!(auc(&[1, usize::MAX], 3), Some(0.5));
        assert_eq!((auc(&[1], 1), auc(&[], 5)), (None, None));
    }

    proptest! {
        #[test]
        fn metrics_lie_between_0_and_1_and_a_perfect_list_gets_1(
            mut ranks in prop::collection::btree_set(1usize..60, 1..8)
                .prop_map(|set| set.into_iter().collect::<Vec<_>>()),
            k in 1usize..30,
        ) {
            let auc = auc(&ranks, 60).unwrap();
            let (precision, average) = (precision(&ranks, k), average_precision(&ranks, k));
            let (hit, recall, ndcg) = (hit(&ranks, k), recall(&ranks, k), ndcg(&ranks, k));
            for value in [hit, recall, ndcg, auc, precision, average] {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value));
            }
            prop_assert!(reciprocal_rank(&ranks) <= 1.0);
            ranks = (1..=ranks.len()).collect();
            prop_assert!((super::ndcg(&ranks, k) - 1.0).abs() < 1e-12);
        }
    }
}
