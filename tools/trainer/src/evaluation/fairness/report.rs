//! How alike groups are served.

use noctule_core::base::{Seed, SeededRandom};
use serde::{Deserialize, Serialize};

use super::{Groups, Side};
use crate::Result;
use crate::evaluation::bootstrap::interval;
use crate::evaluation::protocol::UserResult;
use crate::evaluation::{BootstrapSettings, Estimate, metrics};
use crate::training::parallel;

/// How one group is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupFairness {
    /// Its name.
    pub group: String,
    /// Users of it that were measured, or items of the catalogue.
    pub members: usize,
    /// Held-out choices by these users, or of these items.
    pub targets: usize,
    /// Of users: their mean NDCG@k. Of items: the mean NDCG@k of each choice as if it were alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ndcg: Option<f64>,
    /// Share of the choices that are among the best k (equal opportunity, Hardt et al., NIPS 2016).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opportunity: Option<f64>,
    /// Of items: share of the attention, 1 / log2(rank + 1), that goes to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<f64>,
    /// Of items: share of the catalogue, of what has a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<f64>,
    /// Of items: share of the choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<f64>,
}

/// How alike groups are served, in lists of k.
///
/// Gaps are the largest of the groups less the smallest, 0 where all are served alike; being a
/// largest less a smallest, chance alone makes them larger than 0, and intervals tell by how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FairnessReport {
    /// What is grouped by.
    pub by: String,
    /// Which side.
    pub side: Side,
    /// Length of the lists.
    pub k: usize,
    /// The groups.
    pub groups: Vec<GroupFairness>,
    /// The gap of NDCG, with its interval over users drawn anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ndcg_gap: Option<Estimate>,
    /// The gap of opportunity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opportunity_gap: Option<Estimate>,
    /// Of items: smallest exposure for an item of the catalogue over the largest, by group; 1 where
    /// all are shown alike (demographic parity; Singh and Joachims, KDD 2018).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parity: Option<Estimate>,
    /// Of items: Kullback-Leibler divergence of exposure from the catalogue, nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_catalogue: Option<f64>,
    /// Of items: divergence of exposure from what was chosen; none where something is shown of a
    /// group that nobody chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_wanted: Option<f64>,
}

/// What one user adds to one group.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    users: f64,
    ndcg: f64,
    ndcgs: f64,
    targets: f64,
    found: f64,
    exposure: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.users += other.users;
        self.ndcg += other.ndcg;
        self.ndcgs += other.ndcgs;
        self.targets += other.targets;
        self.found += other.found;
        self.exposure += other.exposure;
    }

    fn mean_ndcg(&self) -> Option<f64> {
        (self.ndcgs > 0.0).then(|| self.ndcg / self.ndcgs)
    }

    fn opportunity(&self) -> Option<f64> {
        (self.targets > 0.0).then(|| self.found / self.targets)
    }
}

/// Measures how alike `groups` are served by the lists in `results`; intervals are the percentile
/// intervals of the bootstrap over users, as [`crate::evaluation::bootstrap_means`] makes them.
/// Exposure is known only where whole lists are: not with sampled negatives.
///
/// # Errors
/// [`crate::Error::Setting`] for bootstrap settings out of range.
pub fn measure_fairness(
    groups: &Groups,
    results: &[UserResult],
    k: usize,
    bootstrap: &BootstrapSettings,
) -> Result<FairnessReport> {
    bootstrap.check()?;
    let rows: Vec<Vec<(usize, Sums)>> =
        results.iter().map(|result| of_user(groups, result, k)).collect();
    let catalogue = catalogue(groups);
    let all = total(groups.names.len(), rows.iter());
    let values = Gaps::of(&all, &catalogue);
    let drawn = parallel::map(0..bootstrap.resamples, bootstrap.threads, |resample| {
        let purpose = ["fairness", &resample.to_string()];
        let mut random = SeededRandom::new(Seed(bootstrap.seed).derive(&purpose));
        let rows = (0..rows.len()).map(|_| &rows[random.below(rows.len())]);
        Ok(Gaps::of(&total(groups.names.len(), rows), &catalogue))
    })?;
    let estimate = |of: &dyn Fn(&Gaps) -> Option<f64>| {
        let value = of(&values)?;
        let mut drawn: Vec<f64> = drawn.iter().filter_map(of).collect();
        let (low, high) = interval(&mut drawn, bootstrap.confidence).unwrap_or((value, value));
        Some(Estimate { value, low, high, users: results.len() })
    };
    let shown = shares(&all.iter().map(|sums| sums.exposure).collect::<Vec<_>>());
    let wanted = shares(&all.iter().map(|sums| sums.targets).collect::<Vec<_>>());
    let is_items = groups.side == Side::Items;
    let held = shares(&catalogue).filter(|_| is_items);
    let from = |other: &Option<Vec<f64>>| divergence(shown.as_ref()?, other.as_ref()?);
    let share = |shares: &Option<Vec<f64>>, group: usize| {
        shares.as_ref().filter(|_| is_items).map(|shares| shares[group])
    };
    let group = |(place, name): (usize, &String)| GroupFairness {
        group: name.clone(),
        members: if is_items { catalogue[place] } else { all[place].users } as usize,
        targets: all[place].targets as usize,
        ndcg: all[place].mean_ndcg(),
        opportunity: all[place].opportunity(),
        exposure: share(&shown, place),
        catalogue: share(&held, place),
        wanted: share(&wanted, place),
    };
    Ok(FairnessReport {
        by: groups.by.clone(),
        side: groups.side,
        k,
        groups: groups.names.iter().enumerate().map(group).collect(),
        ndcg_gap: estimate(&|gaps| gaps.ndcg),
        opportunity_gap: estimate(&|gaps| gaps.opportunity),
        parity: estimate(&|gaps| gaps.parity).filter(|_| is_items),
        from_catalogue: from(&held),
        from_wanted: from(&wanted).filter(|_| is_items),
    })
}

/// Items of each group; nothing for groups of users.
fn catalogue(groups: &Groups) -> Vec<f64> {
    let mut counts = vec![0.0; groups.names.len()];
    if groups.side == Side::Items {
        groups.of.iter().flatten().for_each(|group| counts[usize::from(*group)] += 1.0);
    }
    counts
}

fn of_user(groups: &Groups, result: &UserResult, k: usize) -> Vec<(usize, Sums)> {
    let found = |rank: usize| f64::from(u8::from(rank <= k));
    if groups.side == Side::Users {
        let Some(group) = groups.group(result.user) else { return Vec::new() };
        let sums = Sums {
            users: 1.0,
            ndcg: metrics::ndcg(&result.ranks, k),
            ndcgs: 1.0,
            targets: result.ranks.len() as f64,
            found: result.ranks.iter().map(|rank| found(*rank)).sum(),
            exposure: 0.0,
        };
        return vec![(group, sums)];
    }
    let mut own: Vec<(usize, Sums)> = Vec::new();
    let mut add = |item: u32, sums: &Sums| {
        let Some(group) = groups.group(item) else { return };
        match own.iter_mut().find(|(known, _)| *known == group) {
            Some((_, known)) => known.add(sums),
            None => own.push((group, *sums)),
        }
    };
    for (target, rank) in result.targets.iter().zip(&result.ranks) {
        let (ndcg, found) = (metrics::ndcg(&[*rank], k), found(*rank));
        add(*target, &Sums { ndcg, ndcgs: 1.0, targets: 1.0, found, ..Sums::default() });
    }
    for (place, item) in result.best.iter().take(k).enumerate() {
        let exposure = 1.0 / (place as f64 + 2.0).log2();
        add(*item, &Sums { exposure, ..Sums::default() });
    }
    own
}

fn total<'a>(groups: usize, rows: impl Iterator<Item = &'a Vec<(usize, Sums)>>) -> Vec<Sums> {
    let mut all = vec![Sums::default(); groups];
    rows.flatten().for_each(|(group, sums)| all[*group].add(sums));
    all
}

#[derive(Debug, Clone, Copy)]
struct Gaps {
    ndcg: Option<f64>,
    opportunity: Option<f64>,
    parity: Option<f64>,
}

impl Gaps {
    fn of(all: &[Sums], catalogue: &[f64]) -> Self {
        let gap = |(low, high): (f64, f64)| high - low;
        let rates = all.iter().zip(catalogue).filter(|(_, items)| **items > 0.0);
        let rates = ends(rates.map(|(sums, items)| sums.exposure / items));
        Self {
            ndcg: ends(all.iter().filter_map(Sums::mean_ndcg)).map(gap),
            opportunity: ends(all.iter().filter_map(Sums::opportunity)).map(gap),
            parity: rates.filter(|(_, high)| *high > 0.0).map(|(low, high)| low / high),
        }
    }
}

/// The smallest and the largest; none where there are fewer than two.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let mut count = 0;
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        count += 1;
        (low.min(value), high.max(value))
    });
    (count > 1).then_some((low, high))
}

fn shares(values: &[f64]) -> Option<Vec<f64>> {
    let sum: f64 = values.iter().sum();
    (sum > 0.0).then(|| values.iter().map(|value| value / sum).collect())
}

/// The divergence of `p` from `q`, nats; none where it is infinite.
fn divergence(p: &[f64], q: &[f64]) -> Option<f64> {
    let terms = p.iter().zip(q).filter(|(p, _)| **p > 0.0);
    let sum: f64 = terms.map(|(p, q)| p * (p / q).ln()).sum();
    sum.is_finite().then_some(sum.max(0.0))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
