//! Examples for the ranker: what a user chose next, among the candidates the device would rank.

use noctule_core::base::{Seed, SeededRandom, WeekMinute};
use noctule_core::release::{Consumed, Plan};

use super::features::{self, FEATURES};
use super::{Popularity, TrainSettings, parallel};
use crate::Result;
use crate::datasets::{Interaction, Interactions};
use crate::evaluation::scorers::{Case, FoldInScorer, Scorer};
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
/// popularity: nothing that is predicted was seen. Candidates are the plan's: nearest to the user's
/// vector and most popular in the context, open in the middle of the context, and not yet chosen
/// where the plan leaves chosen items out. A validation event whose item is no candidate teaches
/// the ranker nothing, as it would not have been asked. Each choice weighs as much as all that it
/// is set against.
///
/// # Errors
/// [`crate::Error::Core`] when a user cannot be folded in.
pub fn make(fitted: &Fitted<'_>, split: &Split, settings: &TrainSettings) -> Result<Examples> {
    let users = held_out(fitted.data, split, settings);
    let parts =
        parallel::map(users.iter(), settings.threads, |user| of_user(fitted, user, settings))?;
    let mut all = Examples::default();
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

fn of_user(fitted: &Fitted<'_>, held_out: &HeldOut, settings: &TrainSettings) -> Result<Examples> {
    let data = fitted.data;
    let seed = Seed(settings.seed).derive(&["examples", "negatives", &held_out.user.to_string()]);
    let mut random = SeededRandom::new(seed);
    let mut scores = vec![0.0; data.items.len()];
    let mut examples = Examples::default();
    for event in &held_out.chosen {
        let context = event.context;
        let case = Case { user: held_out.user, history: &held_out.history, context };
        fitted.fold_in.score(&case, &mut scores)?;
        let mut candidates = candidates(fitted, &case, &scores);
        let Some(place) = candidates.iter().position(|item| *item == event.item) else { continue };
        candidates.swap_remove(place);
        // What the user chose around the same time is no example of what was not wanted.
        candidates.retain(|item| !held_out.chosen.iter().any(|other| other.item == *item));
        random.shuffle(&mut candidates);
        candidates.truncate(settings.negatives);
        if candidates.is_empty() {
            continue;
        }
        let rows = features::Rows::new(data, fitted.popularity, &case);
        let weight = 1.0 / candidates.len() as f32;
        let mut push = |item: u32, label, weight| {
            let row = rows.row(item, scores[item as usize]);
            examples.push(&row, label, weight, (held_out.user, item));
        };
        push(event.item, 1.0, 1.0);
        candidates.into_iter().for_each(|item| push(item, 0.0, weight));
    }
    debug_assert_eq!(examples.rows.len(), examples.labels.len() * FEATURES);
    Ok(examples)
}

/// The items that the device would rank for `case`, in the order of the catalogue.
fn candidates(fitted: &Fitted<'_>, case: &Case<'_>, scores: &[f32]) -> Vec<u32> {
    let plan = fitted.plan;
    let when = case.context.and_then(|context| plan.contexts.get(usize::from(context)));
    let moment: Option<WeekMinute> =
        when.filter(|_| plan.only_open).map(|context| context.when.middle());
    let mut allowed: Vec<bool> = fitted
        .data
        .items
        .iter()
        .map(|item| moment.is_none_or(|moment| item.is_open(moment)))
        .collect();
    if plan.consumed != Consumed::Keep {
        case.history.iter().for_each(|event| allowed[event.item as usize] = false);
    }
    let items: Vec<u32> = (0..allowed.len() as u32).filter(|i| allowed[*i as usize]).collect();
    let mut union = best(items.clone(), plan.candidates.nearest, scores);
    let popular = fitted.popularity.in_context(case.context);
    union.extend(best(items, plan.candidates.popular, popular));
    union.sort_unstable();
    union.dedup();
    union
}

/// The best `k` of `items`, in no particular order; equal scores in catalogue order.
fn best(mut items: Vec<u32>, k: usize, scores: &[f32]) -> Vec<u32> {
    if k < items.len() {
        let score = |item: &u32| scores[*item as usize];
        items.select_nth_unstable_by(k, |a, b| score(b).total_cmp(&score(a)).then(a.cmp(b)));
        items.truncate(k);
    }
    items
}
