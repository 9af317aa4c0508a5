//! Splits the log-odds of a slot over the history and the features.
//!
//! What the groups of a slot are and what each adds to a row stands here; the mathematics is that
//! of [`crate::reasons`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::attribution::{Attribution, PAIRS, Sampled};
use super::background::Background;
use super::user::User;
use super::{GoOn, SlateMaker};
use crate::base::{Result, Seed, SeededRandom, order};
use crate::model::Ranker;
use crate::ranking::{Feature, spans};
use crate::reasons::coalitions::{Members, SlotGame};
use crate::reasons::shapley::Estimates;
use crate::reasons::{HistoryPart, NAMED_HISTORY, Reason, ReasonKind, explain};
use crate::release::{Context, Surface};
use crate::reranking::Placed;
use crate::scoring::ItemMatrix;

/// Values of the rows that go through the ranker at once: a megabyte.
const VALUES_AT_ONCE: usize = 1 << 18;

/// What the reasons of all slots of one slate are made with.
pub(super) struct Explainer<'a> {
    pub(super) ranker: &'a Ranker,
    pub(super) background: Background<'a>,
    pub(super) user: &'a User<'a>,
    pub(super) attribution: Arc<Attribution>,
    pub(super) seed: Seed,
}

/// A slot with what its reasons are made of.
struct Asked<'a> {
    placed: &'a Placed,
    /// Kinds of the groups, the history's being that of what is not named.
    kinds: Vec<ReasonKind>,
    /// History items among the members, by their places among the chosen ones.
    named: Vec<usize>,
    game: SlotGame,
}

impl SlateMaker<'_> {
    /// The explainer of a slate, whose `candidates` have these rows of features.
    pub(super) fn explainer<'e>(
        &'e self,
        surface: &Surface,
        (context, at): (&Context, usize),
        (candidates, values): (&[u32], &[f32]),
        matrix: &ItemMatrix<'e>,
        user: &'e User<'e>,
    ) -> Result<Explainer<'e>> {
        let (model, features) = self.loaded.model()?;
        let contexts = self.loaded.release.manifest().plan.contexts.len();
        let attribution = self.attribution((context, at), matrix, user)?;
        let vector = &user.vector.vector;
        // To a stranger of zeros no item's vector is worth anything.
        let counts = features.contains(&Feature::Item)
            || attribution.stranger.iter().any(|value| *value != 0.0);
        let vectors = candidates.iter().filter(|_| counts).filter_map(|item| matrix.row(*item));
        let features = (&features[..], spans(features, vector.len(), contexts));
        let background = Background::new(features, values, vectors, vector, &attribution.stranger);
        let purpose = ["reasons", surface.id.as_str(), context.id.as_str()];
        let seed = Seed(self.profile.seed).derive(&purpose);
        Ok(Explainer { ranker: &model.ranker, background, user, attribution, seed })
    }
}

impl Explainer<'_> {
    /// The reasons of each of `placed`, whose rows of features stand in `values` by their places
    /// among the candidates and whose vectors `vector` gives.
    ///
    /// # Errors
    /// As [`Ranker::score`], and those of `go_on`.
    pub(super) fn reasons<'v>(
        &self,
        placed: &[Placed],
        values: &[f32],
        vector: &dyn Fn(u32) -> Cow<'v, [f32]>,
        go_on: GoOn<'_>,
    ) -> Result<Vec<Vec<Reason>>> {
        let width = self.ranker.features();
        let row = |placed: &Placed| &values[placed.candidate * width..][..width];
        if let Some(weights) = self.ranker.linear_weights() {
            let of = |placed| {
                go_on()?;
                Ok(self.weighted(placed, row(placed), &vector(placed.index), weights))
            };
            return placed.iter().map(of).collect();
        }
        let mut components = self.components(placed.len());
        let mut reasons = Vec::with_capacity(placed.len());
        let mut waiting: Vec<Asked<'_>> = Vec::new();
        for (at, placed_here) in placed.iter().enumerate() {
            go_on()?;
            let line = row(placed_here);
            waiting.push(self.ask(placed_here, line, &vector(placed_here.index), &mut components));
            let rows: usize = waiting.iter().map(|asked| asked.game.rows()).sum();
            if rows * width >= VALUES_AT_ONCE || at + 1 == placed.len() {
                self.answer(std::mem::take(&mut waiting), &mut reasons)?;
            }
        }
        Ok(reasons)
    }

    /// The reasons by a linear ranker: weights times differences.
    fn weighted(
        &self,
        placed: &Placed,
        row: &[f32],
        vector: &[f32],
        weights: &[f32],
    ) -> Vec<Reason> {
        let worth = |added: &[f32]| dot(added, weights);
        let (mut parts, mut history) = (Vec::new(), Vec::new());
        for (kind, added) in self.background.groups(row, vector) {
            if kind == ReasonKind::OtherHistory {
                let direction = self.background.direction(weights, vector);
                match &self.attribution.sampled {
                    Some(sampled) => {
                        let total = worth(&added);
                        self.sampled(sampled, &direction, total, &mut history, &mut parts);
                    }
                    None => {
                        let shares = self.user.vector.contributions(&direction);
                        let shares = shares.into_iter().take(self.user.items.len());
                        history.extend(
                            shares
                                .enumerate()
                                .map(|(at, part)| self.part(at, f64::from(part), 0.0)),
                        );
                    }
                }
            } else {
                parts.push(Reason::exact(kind, worth(&added) as f32));
            }
        }
        explain(placed.score, history, parts, placed.explored)
    }

    /// Appends what the sampled players are worth to whom the vector is worth `direction`.
    fn sampled(
        &self,
        sampled: &Sampled,
        direction: &[f32],
        total: f64,
        history: &mut Vec<HistoryPart>,
        parts: &mut Vec<Reason>,
    ) {
        let d = direction.len().max(1);
        let worths =
            |pair: &Vec<f32>| pair.chunks_exact(d).map(|row| dot(row, direction)).collect();
        let by_pair: Vec<Vec<f64>> = sampled.by_pair.iter().map(worths).collect();
        let found = Estimates::of(&by_pair).summing_to(total);
        for (at, (value, error)) in found.values.iter().zip(&found.standard_errors).enumerate() {
            match sampled.singles.get(at) {
                Some(item) => history.push(self.part(*item, *value, *error)),
                None => parts.push(other(*value, *error)),
            }
        }
    }

    /// The game of a slot, and who plays it. `components` keeps what items add to the user's
    /// vector.
    fn ask<'p>(
        &self,
        placed: &'p Placed,
        row: &[f32],
        vector: &[f32],
        components: &mut HashMap<usize, Vec<f32>>,
    ) -> Asked<'p> {
        let groups = self.background.groups(row, vector);
        let (kinds, groups): (Vec<_>, Vec<_>) = groups.into_iter().unzip();
        let history = kinds.iter().position(|kind| *kind == ReasonKind::OtherHistory);
        let mut named = Vec::new();
        let members = history.and_then(|group| {
            named = self.strongest(vector, components);
            let by_pair = self.members(&named, &groups[group], vector, components);
            (!named.is_empty()).then_some(Members { group, by_pair })
        });
        let mut random = SeededRandom::new(self.seed.derive(&[&placed.index.to_string()]));
        let game = SlotGame::new(groups, members, PAIRS, &mut random);
        Asked { placed, kinds, named, game }
    }

    /// What each item of the history adds to the user's vector, by its place, where that is exact
    /// and cheaper than to split the scores of as many `slots` one by one.
    fn components(&self, slots: usize) -> HashMap<usize, Vec<f32>> {
        let items = self.user.items.len();
        if self.attribution.sampled.is_some() || items > slots {
            return HashMap::new();
        }
        (0..items).map(|item| (item, self.user.vector.component(item))).collect()
    }

    /// The history items that do most for the product with `vector`: those worth a name.
    fn strongest(&self, vector: &[f32], components: &HashMap<usize, Vec<f32>>) -> Vec<usize> {
        let all = components.len() == self.user.items.len();
        let mut worths: Vec<(usize, f64)> = match &self.attribution.sampled {
            None if all => {
                components.iter().map(|(item, adds)| (*item, dot(adds, vector))).collect()
            }
            None => {
                let shares = self.user.vector.contributions(vector);
                let shares = shares.into_iter().take(self.user.items.len());
                shares.map(f64::from).enumerate().collect()
            }
            Some(Sampled { singles, by_pair, .. }) => {
                let d = vector.len();
                let worth = |at: usize| {
                    let rows = by_pair.iter().filter_map(|pair| pair.get(at * d..(at + 1) * d));
                    rows.map(|row| dot(row, vector)).sum()
                };
                singles.iter().enumerate().map(|(at, item)| (*item, worth(at))).collect()
            }
        };
        worths.retain(|(_, worth)| *worth > 0.0);
        order::sort_by(&mut worths, |a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        worths.truncate(NAMED_HISTORY);
        worths.into_iter().map(|(item, _)| item).collect()
    }

    /// What `named` items add to a row, and last what the rest of the history does, of which
    /// `all` is the sum; by pair of orders.
    fn members(
        &self,
        named: &[usize],
        all: &[f32],
        vector: &[f32],
        components: &mut HashMap<usize, Vec<f32>>,
    ) -> Vec<Vec<Vec<f32>>> {
        let background = &self.background;
        let with_rest = |mut rows: Vec<Vec<f32>>| {
            let mut rest = all.to_vec();
            for row in &rows {
                rest.iter_mut().zip(row).for_each(|(rest, added)| *rest -= added);
            }
            rows.push(rest);
            rows
        };
        let Some(Sampled { singles, by_pair, .. }) = &self.attribution.sampled else {
            let row = |item: &usize| {
                let component = components.entry(*item);
                let vector_of = component.or_insert_with(|| self.user.vector.component(*item));
                background.user_adds(vector_of, vector)
            };
            return vec![with_rest(named.iter().map(row).collect())];
        };
        let d = vector.len();
        let row = |pair: &[f32], item: &usize| {
            let at = singles.iter().position(|single| single == item).unwrap_or_default();
            background.user_adds(pair.get(at * d..(at + 1) * d).unwrap_or_default(), vector)
        };
        let rows = |pair: &Vec<f32>| with_rest(named.iter().map(|item| row(pair, item)).collect());
        by_pair.iter().map(rows).collect()
    }

    /// Puts the rows of all who wait through the ranker and appends their reasons.
    fn answer(&self, waiting: Vec<Asked<'_>>, reasons: &mut Vec<Vec<Reason>>) -> Result<()> {
        let mut rows = self.background.row.clone();
        for asked in &waiting {
            asked.game.append_rows(&self.background.row, &mut rows);
        }
        let scores = self.ranker.score(&rows, self.ranker.features())?;
        let (background, mut left) = scores.split_at(1);
        for Asked { placed, kinds, named, game } in waiting {
            let (own, behind) = left.split_at(game.rows());
            left = behind;
            let parts = game.parts(background[0], own, placed.score);
            let members = parts.members.values.iter().zip(&parts.members.standard_errors);
            let (mut history, mut features) = (Vec::new(), Vec::new());
            for (at, (value, error)) in members.enumerate() {
                match named.get(at) {
                    Some(item) => history.push(self.part(*item, *value, *error)),
                    None => features.push(other(*value, *error)),
                }
            }
            let split = !history.is_empty();
            let whole = kinds.into_iter().zip(parts.groups);
            let whole = whole.filter(|(kind, _)| !(split && *kind == ReasonKind::OtherHistory));
            features.extend(whole.map(|(kind, value)| Reason::exact(kind, value as f32)));
            reasons.push(explain(placed.score, history, features, placed.explored));
        }
        Ok(())
    }

    fn part(&self, item: usize, value: f64, error: f64) -> HistoryPart {
        let (item, title) = self.user.items[item];
        HistoryPart {
            item: item.clone(),
            title: title.to_owned(),
            contribution: value as f32,
            standard_error: error as f32,
        }
    }
}

fn other(value: f64, error: f64) -> Reason {
    let (contribution, standard_error) = (value as f32, error as f32);
    Reason { kind: ReasonKind::OtherHistory, contribution, standard_error }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
