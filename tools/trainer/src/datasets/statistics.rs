//! What a data set looks like, before anything is trained on it.

use serde::{Deserialize, Serialize};

use super::Interactions;

/// Bars of the histogram over time, at most.
const BARS: usize = 40;

/// Numbers of events of all users, or of all items, that have any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many there are with at least one event.
    pub count: usize,
    /// Mean number of events.
    pub mean: f64,
    /// Least number.
    pub least: usize,
    /// 5 % have at most so many, and so on; nearest rank.
    pub p5: usize,
    /// 25 %.
    pub p25: usize,
    /// The median.
    pub p50: usize,
    /// 75 %.
    pub p75: usize,
    /// 95 %.
    pub p95: usize,
    /// Most.
    pub most: usize,
    /// Gini coefficient of the numbers: 0 when all are alike, near 1 when few have nearly all.
    pub gini: f64,
}

/// The time that events cover.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// The first event, Unix milliseconds.
    pub first_ms: i64,
    /// The last event, Unix milliseconds.
    pub last_ms: i64,
    /// Events without a time.
    pub without: usize,
    /// Users who have two events at the same time: their order is that of the data.
    pub users_with_ties: usize,
    /// Events in equal parts of the span, the earliest first.
    pub histogram: Vec<usize>,
}

/// Statistics of a data set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DataStatistics {
    /// Events.
    pub events: usize,
    /// Different pairs of user and item.
    pub pairs: usize,
    /// Items of the catalogue, chosen or not.
    pub catalogue: usize,
    /// Share of all pairs of a user and an item of the catalogue that occur.
    pub density: f64,
    /// Events by user.
    pub users: Spread,
    /// Events by item.
    pub items: Spread,
    /// Users with fewer than three events, whom leaving one out cannot measure.
    pub short_users: usize,
    /// Events that have a context.
    pub with_context: usize,
    /// Rows that repeat an earlier one, left out by the reader.
    pub duplicates: u64,
    /// Rows that are not positive, left out by the reader.
    pub not_positive: u64,
    /// The time they cover; none without any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeSpan>,
}

/// Counts all that [`DataStatistics`] holds, in one pass and a sort of the pairs.
///
/// ```
/// use noctule_trainer::datasets::{describe, read_pairs};
/// let path = std::env::temp_dir().join(format!("noctule-describe-{}.txt", std::process::id()));
/// std::fs::write(&path, "ada tea\nada rye\nbob tea\n")?;
/// let found = describe(&read_pairs(&path)?);
/// assert_eq!((found.users.count, found.items.count, found.density), (2, 2, 0.75));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn describe(data: &Interactions) -> DataStatistics {
    let (mut by_user, mut by_item) = (vec![0; data.users.len()], vec![0; data.items.len()]);
    let mut pairs = Vec::with_capacity(data.events.len());
    for event in &data.events {
        by_user[event.user as usize] += 1;
        by_item[event.item as usize] += 1;
        pairs.push((event.user, event.item));
    }
    pairs.sort_unstable();
    pairs.dedup();
    let (users, items) = (spread(by_user.clone()), spread(by_item));
    let possible = users.count as f64 * data.items.len() as f64;
    DataStatistics {
        events: data.events.len(),
        pairs: pairs.len(),
        catalogue: data.items.len(),
        density: if possible > 0.0 { pairs.len() as f64 / possible } else { 0.0 },
        users,
        items,
        short_users: by_user.iter().filter(|count| (1..3).contains(*count)).count(),
        with_context: data.events.iter().filter(|event| event.context.is_some()).count(),
        duplicates: data.counts.duplicates,
        not_positive: data.counts.not_positive,
        time: time_span(data),
    }
}

fn spread(mut counts: Vec<usize>) -> Spread {
    counts.retain(|count| *count > 0);
    counts.sort_unstable();
    let (Some(least), Some(most)) = (counts.first(), counts.last()) else {
        return Spread::default();
    };
    // Nearest rank: the smallest value that so large a share does not exceed.
    let rank = |share: f64| counts[((share * counts.len() as f64).ceil() as usize).max(1) - 1];
    Spread {
        count: counts.len(),
        mean: counts.iter().sum::<usize>() as f64 / counts.len() as f64,
        least: *least,
        p5: rank(0.05),
        p25: rank(0.25),
        p50: rank(0.5),
        p75: rank(0.75),
        p95: rank(0.95),
        most: *most,
        gini: gini(counts.iter().map(|count| *count as f64)),
    }
}

/// The Gini coefficient of values in rising order: sum of (2 i - n - 1) x_i / (n sum of x_i) for i
/// from 1; 0 where the values sum to nothing.
#[must_use]
pub fn gini(rising: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = rising.len() as f64;
    let (mut weighted, mut total) = (0.0, 0.0);
    for (index, value) in rising.enumerate() {
        weighted += (2.0 * (index as f64 + 1.0) - n - 1.0) * value;
        total += value;
    }
    if total > 0.0 { weighted / (n * total) } else { 0.0 }
}

fn time_span(data: &Interactions) -> Option<TimeSpan> {
    let times = || data.events.iter().filter_map(|event| event.at_ms);
    let (first_ms, last_ms) = (times().min()?, times().max()?);
    // Times may lie at both ends of the range of their type.
    let width = u128::from(last_ms.abs_diff(first_ms)) + 1;
    let mut histogram = vec![0; BARS.min(usize::try_from(width).unwrap_or(BARS))];
    let bars = histogram.len() as u128;
    let mut count = 0;
    for at in times() {
        let bar = u128::from(at.abs_diff(first_ms)) * bars / width;
        histogram[bar as usize] += 1;
        count += 1;
    }
    let mut stamps: Vec<(u32, i64)> =
        data.events.iter().filter_map(|event| Some((event.user, event.at_ms?))).collect();
    stamps.sort_unstable();
    let mut tied: Vec<u32> =
        stamps.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].0).collect();
    tied.dedup();
    let without = data.events.len() - count;
    Some(TimeSpan { first_ms, last_ms, without, users_with_ties: tied.len(), histogram })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Interaction, bare_item};

    fn data(rows: &[(u32, u32, Option<i64>)]) -> Interactions {
        let event = |(user, item, at_ms): &(u32, u32, Option<i64>)| Interaction {
            user: *user,
            item: *item,
            at_ms: *at_ms,
            context: None,
            weight: 1.0,
        };
        Interactions {
            users: (0..4).map(|user| user.to_string()).collect(),
            items: (0..5).map(|item| bare_item(&item.to_string()).unwrap()).collect(),
            events: rows.iter().map(event).collect(),
            ..Interactions::default()
        }
    }

    #[test]
    fn a_small_set_by_hand() {
        let rows = [
            (0, 0, Some(0)),
            (0, 0, Some(5)),
            (0, 1, Some(5)),
            (0, 2, Some(9)),
            (1, 0, Some(7)),
            (2, 0, None),
        ];
        let found = describe(&data(&rows));
        assert_eq!((found.events, found.pairs, found.catalogue), (6, 5, 5));
        assert_eq!(found.density, 5.0 / 15.0);
        assert_eq!((found.users.count, found.users.least, found.users.most), (3, 1, 4));
        assert_eq!((found.users.p50, found.users.p95, found.short_users), (1, 4, 2));
        // 1, 1, 4: (-2 * 1 + 0 * 1 + 2 * 4) / (3 * 6).
        assert!((found.users.gini - 6.0 / 18.0).abs() < 1e-12);
        let time = found.time.unwrap();
        assert_eq!((time.first_ms, time.last_ms, time.without), (0, 9, 1));
        assert_eq!((time.users_with_ties, time.histogram.len()), (1, 10));
        assert_eq!(time.histogram, [1, 0, 0, 0, 0, 2, 0, 1, 0, 1]);
    }

    #[test]
    fn nothing_has_statistics_too_and_far_times_do_not_overflow() {
        let none = describe(&Interactions::default());
        assert_eq!((none.events, none.density, none.time), (0, 0.0, None));
        let far = describe(&data(&[(0, 0, Some(i64::MIN)), (0, 1, Some(i64::MAX))]));
        let time = far.time.unwrap();
        assert_eq!((time.histogram[0], time.histogram.iter().sum::<usize>()), (1, 2));
    }

    #[test]
    fn gini_is_zero_for_equals_and_near_one_for_a_single_owner() {
        assert_eq!(gini([3.0; 10].into_iter()), 0.0);
        let mut one = vec![0.0; 99];
        one.push(7.0);
        assert!((gini(one.into_iter()) - 0.99).abs() < 1e-12);
        assert_eq!(gini(std::iter::empty()), 0.0);
    }
}
