//! How often items are chosen, over all and by context.

use crate::datasets::Interactions;

/// Shares of the interactions.
#[derive(Debug, Clone, PartialEq)]
pub struct Popularity {
    /// Share of each item; sums to 1.
    pub overall: Vec<f32>,
    /// Share of each item within each context, context by context; each context sums to 1.
    pub by_context: Vec<f32>,
}

impl Popularity {
    /// The shares within `context`; overall where it is unknown.
    #[must_use]
    pub fn in_context(&self, context: Option<u16>) -> &[f32] {
        let n = self.overall.len();
        let row = context.map(|context| usize::from(context) * n);
        row.and_then(|begin| self.by_context.get(begin..begin + n)).unwrap_or(&self.overall)
    }
}

/// Counts the events `indices` of `data` and smooths the counts.
///
/// Overall, `smoothing` is added to each item's count (additive smoothing, Lidstone):
/// p_i = (c_i + s) / (C + s * n). Within a context, as much is added in total but in proportion to
/// the overall share: p_ic = (c_ic + s * n * p_i) / (C_c + s * n), so that a context with few
/// events looks like the whole, and one with none is the whole. Events without a context, or with
/// one at or above `contexts`, count overall only. With smoothing 0 and no event all items share
/// alike.
#[must_use]
pub fn count_popularity(
    data: &Interactions,
    indices: &[u32],
    contexts: usize,
    smoothing: f64,
) -> Popularity {
    let n = data.items.len();
    let (mut all, mut within) = (vec![0.0f64; n], vec![0.0f64; n * contexts]);
    for index in indices {
        let event = data.events[*index as usize];
        all[event.item as usize] += 1.0;
        if let Some(context) = event.context.map(usize::from).filter(|index| *index < contexts) {
            within[context * n + event.item as usize] += 1.0;
        }
    }
    let prior = smoothing * n as f64;
    let alike = vec![1.0 / n.max(1) as f64; n];
    let overall = shares(&all, prior, &alike);
    let by_context = within
        .chunks(n.max(1))
        .flat_map(|counts| shares(counts, prior, &overall))
        .collect::<Vec<_>>();
    let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
    Popularity { overall: narrow(overall), by_context: narrow(by_context) }
}

fn shares(counts: &[f64], prior: f64, prior_shares: &[f64]) -> Vec<f64> {
    let total = counts.iter().sum::<f64>() + prior;
    let share = |(count, share): (&f64, &f64)| {
        if total > 0.0 { (count + prior * share) / total } else { *share }
    };
    counts.iter().zip(prior_shares).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Interaction, read_pairs};

    fn data() -> Interactions {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.txt");
        std::fs::write(&path, "u 0\nu 1\nv 0\nv 2\n").unwrap();
        let mut data = read_pairs(&path).unwrap();
        data.events[1].context = Some(1);
        data
    }

    #[test]
    fn shares_sum_to_one_and_a_context_without_events_is_the_whole() {
        let popularity = count_popularity(&data(), &[0, 1, 2, 3], 2, 0.5);
        let expected = [2.5 / 5.5, 1.5 / 5.5, 1.5 / 5.5];
        for (found, expected) in popularity.overall.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6);
        }
        let (first, second) = popularity.by_context.split_at(3);
        assert_eq!(first, popularity.overall);
        assert!((second.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(second[1] > popularity.overall[1]);
    }

    #[test]
    fn nothing_counted_means_all_alike() {
        let none = count_popularity(&data(), &[], 1, 0.0);
        assert!(none.overall.iter().chain(&none.by_context).all(|p| (p - 1.0 / 3.0).abs() < 1e-6));
        let empty = count_popularity(&Interactions::default(), &[], 2, 1.0);
        assert!(empty.overall.is_empty() && empty.by_context.is_empty());
    }

    #[test]
    fn a_context_that_the_plan_lacks_counts_overall_only() {
        let mut data = data();
        let event = data.events[0];
        data.events.push(Interaction { context: Some(9), ..event });
        let popularity = count_popularity(&data, &[0, 4], 1, 0.0);
        assert_eq!(popularity.overall, [1.0, 0.0, 0.0]);
        assert_eq!(popularity.by_context, [1.0, 0.0, 0.0]);
    }
}
