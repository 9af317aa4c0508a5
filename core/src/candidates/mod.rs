//! Candidate generation: nearest by user vector, similar to what was chosen last, popular in
//! context, new in the catalogue, asked for by a rule; each within its budget, each item once.
//!
//! Pure: the same matrix, vectors, popularity and times give the same candidates.

mod needed;
mod occasion;
mod similar;
mod sources;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::HashMap;

pub use needed::needed;
pub use occasion::{Occasion, UserAmongItems};
pub use similar::similar;
pub use sources::{Generator, Sources};

use crate::base::Result;
use crate::base::limits::CANDIDATES_MAX;
use crate::release::Candidates;
use crate::scoring::{ItemMatrix, top_k};

/// The number attribute that says since when an item is in the catalogue, Unix milliseconds.
pub const ADDED_ATTRIBUTE: &str = "added_ms";

/// Items of which one look tells whether any may be among the most popular.
const BLOCK: usize = 16;

/// Places for items that may turn out not to be among the best, for budgets of a few.
const SPARE_MIN: usize = 64;

const DAY_MS: f64 = 24.0 * 60.0 * 60.0 * 1_000.0;

/// The user's side of candidate generation.
#[derive(Debug, Clone, Copy)]
pub struct Nearest<'a> {
    /// The items' vectors.
    pub matrix: ItemMatrix<'a>,
    /// The user's vector; all zero when nothing is known, which makes no candidate nearest.
    pub user: &'a [f32],
    /// What the user chose, the last first; only as many as the budget looks at are used.
    pub recent: &'a [u32],
    /// The items that [`top_k`] finds for the user within the budget, best first, where they were
    /// found before; without them they are looked for.
    pub best: Option<&'a [u32]>,
}

/// What the generators are asked about.
pub struct Wanted<'a> {
    /// How many candidates each generator hands on.
    pub budgets: Candidates,
    /// The user; none without a model.
    pub nearest: Option<Nearest<'a>>,
    /// Popularity in the context, one value for each item.
    pub popularity: &'a [f32],
    /// Which items may be in the slate, one value for each.
    pub eligible: &'a [bool],
    /// Eligible items that come in any case, see [`needed`].
    pub needed: &'a [u32],
    /// When each item was added, Unix milliseconds; asked when there is a budget for new items.
    pub added: &'a dyn Fn() -> Vec<Option<f64>>,
    /// Now, Unix milliseconds.
    pub now_ms: i64,
}

/// Candidates of one slate, each item once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The items.
    pub indices: Vec<u32>,
    /// Who brought each of them, in the same order.
    pub sources: Vec<Sources>,
}

/// Generates the candidates of one slate, at most [`CANDIDATES_MAX`]. A budget counts the items
/// that its generator found, whether another one found them too.
///
/// # Errors
/// [`crate::base::Error::InvalidInput`] when a vector has another length than the matrix's rows.
pub fn generate(wanted: &Wanted<'_>) -> Result<Found> {
    let Wanted { budgets, nearest, popularity, eligible, needed, .. } = wanted;
    let mut union = Union::new(eligible.len());
    union.add(Generator::Rule, needed.iter().copied());
    let allowed = |index: u32| eligible.get(index as usize).copied().unwrap_or(false);
    if let Some(Nearest { matrix, user, recent, best }) = nearest {
        if let Some(best) = best {
            union.add(Generator::Nearest, best.iter().copied());
        } else if user.iter().any(|value| *value != 0.0) {
            let best = top_k(matrix, user, budgets.nearest.min(CANDIDATES_MAX), Some(&allowed))?;
            union.add(Generator::Nearest, best.iter().map(|scored| scored.index));
        }
        let recent = &recent[..recent.len().min(budgets.similar_to)];
        let found = similar(matrix, recent, budgets.similar.min(CANDIDATES_MAX), &allowed)?;
        union.add(Generator::Similar, found.into_iter());
    }
    union.add(Generator::Popular, most_popular(popularity, eligible, budgets.popular).into_iter());
    if budgets.new > 0 {
        let window = f64::from(budgets.new_days) * DAY_MS;
        let added = (wanted.added)();
        let found = newest(&added, eligible, wanted.now_ms as f64, window, budgets.new);
        union.add(Generator::New, found.into_iter());
    }
    Ok(union.found)
}

/// Items in the order in which they were found first.
struct Union {
    items: usize,
    /// The place in `found` by item.
    places: HashMap<u32, usize>,
    found: Found,
}

impl Union {
    fn new(items: usize) -> Self {
        Self { items, places: HashMap::new(), found: Found::default() }
    }

    fn add(&mut self, generator: Generator, indices: impl Iterator<Item = u32>) {
        for index in indices.filter(|index| (*index as usize) < self.items) {
            let place = match self.places.get(&index) {
                Some(place) => *place,
                None if self.found.indices.len() == CANDIDATES_MAX => continue,
                None => {
                    self.found.indices.push(index);
                    self.found.sources.push(Sources::default());
                    self.places.insert(index, self.found.indices.len() - 1);
                    self.found.indices.len() - 1
                }
            };
            self.found.sources[place].add(generator);
        }
    }
}

/// The `count` eligible items of the largest popularity, best first; ties by index.
#[must_use]
pub fn most_popular(popularity: &[f32], eligible: &[bool], count: usize) -> Vec<u32> {
    let mut best = Best::new(count);
    let blocks = popularity.chunks(BLOCK).zip(eligible.chunks(BLOCK));
    for (first, (shares, eligible)) in (0u32..).step_by(BLOCK).zip(blocks) {
        // Most blocks hold nothing that is better than the least of the best: one pass of vector
        // instructions tells.
        let least = best.least().map_or(f32::NEG_INFINITY, |least| least as f32);
        if !shares.iter().fold(false, |any, share| any | (*share > least)) {
            continue;
        }
        let pairs = (first..).zip(shares.iter().zip(eligible));
        for (index, (share, _)) in pairs.filter(|(_, (share, fits))| **fits && **share > least) {
            best.offer((index, f64::from(*share)));
        }
    }
    best.in_order()
}

/// The `count` eligible items that were added last, at most `window` milliseconds before `now` and
/// not after it, the newest first; ties by index.
#[must_use]
pub fn newest(
    added: &[Option<f64>],
    eligible: &[bool],
    now: f64,
    window: f64,
    count: usize,
) -> Vec<u32> {
    let pairs = (0u32..).zip(added.iter().zip(eligible)).filter(|(_, (_, eligible))| **eligible);
    let pairs = pairs.filter_map(|(index, (added, _))| Some((index, (*added)?)));
    best_of(pairs.filter(|(_, at)| *at <= now && now - at <= window), count)
}

/// The `count` items of the largest value, best first; ties by index.
fn best_of(items: impl Iterator<Item = (u32, f64)>, count: usize) -> Vec<u32> {
    let mut best = Best::new(count);
    items.for_each(|item| best.offer(item));
    best.in_order()
}

/// The `count` items of the largest value, offered in the order of their indices.
///
/// Holds no more than twice as many at a time: when these are full, the better half stays, and what
/// is no better than the least of them is passed over from there on.
struct Best {
    count: usize,
    kept: Vec<(u32, f64)>,
    least: Option<(u32, f64)>,
}

impl Best {
    fn new(count: usize) -> Self {
        Self { count, kept: Vec::new(), least: None }
    }

    fn order(a: &(u32, f64), b: &(u32, f64)) -> Ordering {
        b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0))
    }

    /// The value that must be exceeded, once as many are known.
    fn least(&self) -> Option<f64> {
        if self.count == 0 { Some(f64::INFINITY) } else { self.least.map(|(_, value)| value) }
    }

    fn offer(&mut self, item: (u32, f64)) {
        let worse = |least: (u32, f64)| Self::order(&item, &least).is_gt();
        if self.count == 0 || self.least.is_some_and(worse) {
            return;
        }
        self.kept.push(item);
        if self.kept.len() == self.count.saturating_mul(2).max(SPARE_MIN) {
            self.kept.select_nth_unstable_by(self.count - 1, Self::order);
            self.kept.truncate(self.count);
            self.least = self.kept.last().copied();
        }
    }

    /// The items, best first; ties by index.
    fn in_order(mut self) -> Vec<u32> {
        self.kept.sort_unstable_by(Self::order);
        self.kept.truncate(self.count);
        self.kept.into_iter().map(|(index, _)| index).collect()
    }
}
