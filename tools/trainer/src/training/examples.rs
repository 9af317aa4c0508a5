//! Examples for the ranker: what a user chose next, among the candidates the device would rank.

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::Plan;

use super::candidates::{CandidateFinder, UserCandidates};
use super::features::{self, FEATURES};
use super::{Popularity, TrainSettings, parallel};
use crate::Result;
use crate::datasets::{Interaction, Interactions};
use crate::evaluation::scorers::{Case, FoldInScorer};
use crate::split::Split;

/// Labelled feature rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Examples {
    /// Rows of [`features::names`], row-major.
    pub rows: Vec<f32>,
    /// 1 for what was chosen, 0 for what was not.
    pub labels: Vec<f32>,
    /// Weight of each row.
    pub weights: Vec<f32>,
    /// User and item of each row.
    pub pairs: Vec<(u32, u32)>,
}

impl Examples {
    /// Number of rows with label 1.
    #[must_use]
    pub fn positives(&self) -> usize {
        self.labels.iter().filter(|label| **label == 1.0).count()
    }

    fn push(&mut self, row: &[f32], label: f32, weight: f32, pair: (u32, u32)) {
        self.pairs.push(pair);
        self.rows.extend_from_slice(row);
        self.labels.push(label);
        self.weights.push(weight);
    }
}

/// What examples are made from: all of it fitted on the training part alone.
#[derive(Debug, Clone, Copy)]
pub struct Fitted<'a> {
    /// The data.
    pub data: &'a Interactions,
    /// The plan whose candidates, hours and rule for consumed items hold.
    pub plan: &'a Plan,
    /// Popularity.
    pub popularity: &'a Popularity,
    /// Factorisation.
    pub fold_in: FoldInScorer<'a>,
}

/// Sets each validation event against sampled candidates of the same user and context.
///
/// The user's vector comes from the training events alone, and so do the factors and the
/// popularity: nothing that is predicted was seen. Candidates are those that a device would rank at
/// the time of the event ([`CandidateFinder`]). A validation event whose item is no candidate
/// teaches the ranker nothing, as it would not have been asked. Each choice weighs as much as all
/// that it is set against.
///
/// # Errors
/// [`crate::Error::Core`] when the items are no catalogue or a user cannot be folded in.
pub fn make(fitted: &Fitted<'_>, split: &Split, settings: &TrainSettings) -> Result<Examples> {
    let users = held_out(fitted.data, split, settings);
    let mut all = Examples::default();
    if users.is_empty() {
        return Ok(all);
    }
    let finder = CandidateFinder::new(fitted)?;
    let of = |user: &HeldOut| of_user(fitted, &finder, user, settings);
    let parts = parallel::map(users.iter(), settings.threads, of)?;
    for part in parts {
        all.rows.extend(part.rows);
        all.labels.extend(part.labels);
        all.weights.extend(part.weights);
        all.pairs.extend(part.pairs);
    }
    Ok(all)
}

struct HeldOut {
    user: u32,
    history: Vec<Interaction>,
    chosen: Vec<Interaction>,
}

fn held_out(data: &Interactions, split: &Split, settings: &TrainSettings) -> Vec<HeldOut> {
    let mut users: Vec<HeldOut> = (0..data.users.len() as u32)
        .map(|user| HeldOut { user, history: Vec::new(), chosen: Vec::new() })
        .collect();
    for index in &split.train {
        let event = data.events[*index as usize];
        users[event.user as usize].history.push(event);
    }
    for index in &split.validation {
        let event = data.events[*index as usize];
        users[event.user as usize].chosen.push(event);
    }
    users.retain(|user| !user.chosen.is_empty());
    if users.len() > settings.users_max {
        let seed = Seed(settings.seed).derive(&["examples", "users"]);
        SeededRandom::new(seed).shuffle(&mut users);
        users.truncate(settings.users_max);
    }
    users
}

fn of_user(
    fitted: &Fitted<'_>,
    finder: &CandidateFinder<'_>,
    held_out: &HeldOut,
    settings: &TrainSettings,
) -> Result<Examples> {
    let HeldOut { user, history, chosen } = held_out;
    let seed = Seed(settings.seed).derive(&["examples", "negatives", &user.to_string()]);
    let mut random = SeededRandom::new(seed);
    let (profile, matrix) = (finder.profile(*user, history), finder.matrix()?);
    let mut examples = Examples::default();
    for event in chosen {
        let case = Case { user: *user, history, context: event.context };
        let UserCandidates { found, vector } = finder.find(&case, &profile, event.at_ms)?;
        let mut candidates = found.indices;
        candidates.sort_unstable();
        let Ok(place) = candidates.binary_search(&event.item) else { continue };
        candidates.swap_remove(place);
        // What the user chose around the same time is no example of what was not wanted.
        candidates.retain(|item| !chosen.iter().any(|other| other.item == *item));
        random.shuffle(&mut candidates);
        candidates.truncate(settings.negatives);
        if candidates.is_empty() {
            continue;
        }
        let weight = 1.0 / candidates.len() as f32;
        let asked: Vec<u32> = std::iter::once(event.item).chain(candidates).collect();
        let rows = features::Rows::new(fitted.data, fitted.popularity, &case);
        let scores = matrix.exact_scores(&vector, &asked);
        for (item, score) in asked.into_iter().zip(scores) {
            let is_choice = item == event.item;
            let (label, weight) = if is_choice { (1.0, 1.0) } else { (0.0, weight) };
            examples.push(&rows.row(item, score), label, weight, (*user, item));
        }
    }
    debug_assert_eq!(examples.rows.len(), examples.labels.len() * FEATURES);
    Ok(examples)
}
