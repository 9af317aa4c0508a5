//! Candidate generation: nearest by user vector, similar to what was chosen last, popular in
//! context, new in the catalogue, asked for by a rule; each within its budget, each item once.
//!
//! Pure: the same matrix, vectors, popularity and times give the same candidates.

mod needed;
mod similar;
mod sources;
#[cfg(test)]
mod tests;

pub use needed::needed;
pub use similar::similar;
pub use sources::{Generator, Sources};

use crate::base::Result;
use crate::base::limits::CANDIDATES_MAX;
use crate::release::Candidates;
use crate::scoring::{ItemMatrix, top_k};

/// The number attribute that says since when an item is in the catalogue, Unix milliseconds.
pub const ADDED_ATTRIBUTE: &str = "added_ms";

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
    /// The place in `found` by item, from 1; 0 for an item that is not there.
    places: Vec<u32>,
    found: Found,
}

impl Union {
    fn new(items: usize) -> Self {
        Self { places: vec![0; items], found: Found::default() }
    }

    fn add(&mut self, generator: Generator, indices: impl Iterator<Item = u32>) {
        for index in indices {
            let Some(place) = self.places.get_mut(index as usize) else { continue };
            if *place == 0 {
                if self.found.indices.len() == CANDIDATES_MAX {
                    continue;
                }
                self.found.indices.push(index);
                self.found.sources.push(Sources::default());
                *place = self.found.indices.len() as u32;
            }
            self.found.sources[*place as usize - 1].add(generator);
        }
    }
}

/// The `count` eligible items of the largest popularity, best first; ties by index.
#[must_use]
pub fn most_popular(popularity: &[f32], eligible: &[bool], count: usize) -> Vec<u32> {
    let pairs = (0u32..).zip(popularity.iter().zip(eligible));
    let pairs = pairs.filter(|(_, (_, eligible))| **eligible);
    best_of(pairs.map(|(index, (share, _))| (index, f64::from(*share))), count)
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
///
/// Holds no more than twice as many at a time: when these are full, the better half stays, and what
/// is no better than the least of them is passed over from there on.
fn best_of(items: impl Iterator<Item = (u32, f64)>, count: usize) -> Vec<u32> {
    if count == 0 {
        return Vec::new();
    }
    let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0));
    let room = count.saturating_mul(2).max(SPARE_MIN);
    let mut best: Vec<(u32, f64)> = Vec::new();
    let mut least: Option<(u32, f64)> = None;
    for item in items {
        if least.is_some_and(|least| order(&item, &least).is_gt()) {
            continue;
        }
        best.push(item);
        if best.len() == room {
            best.select_nth_unstable_by(count - 1, order);
            best.truncate(count);
            least = best.last().copied();
        }
    }
    best.sort_unstable_by(order);
    best.truncate(count);
    best.into_iter().map(|(index, _)| index).collect()
}
