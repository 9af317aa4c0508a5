//! Splits the log-odds of a slot over the history and the features.
//!
//! What the groups of a slot are and what each adds to a row stands here; the mathematics is that
//! of [`crate::reasons`].

use std::borrow::Cow;
use std::sync::Arc;

use super::attribution::{Attribution, PAIRS, Sampled};
use super::background::Background;
use super::named::Named;
use super::user::User;
use super::{GoOn, SlateMaker};
use crate::base::{Result, Seed, SeededRandom};
use crate::model::Ranker;
use crate::ranking::spans;
use crate::reasons::coalitions::{Members, SlotGame};
use crate::reasons::shapley::Estimates;
use crate::reasons::{HistoryPart, Reason, ReasonKind, explain};
use crate::release::{Context, Surface};
use crate::reranking::Placed;
use crate::scoring::ItemMatrix;

/// Values of the rows that go through the ranker at once: what second caches hold.
const VALUES_AT_ONCE: usize = 1 << 16;

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

/// The slots that wait for the ranker.
#[derive(Default)]
struct Waiting<'a> {
    slots: Vec<Asked<'a>>,
    /// What their groups and members add to a row.
    added: Vec<f32>,
    /// Rows of their games.
    rows: usize,
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
        let vectors = candidates.iter().filter_map(|item| matrix.row(*item));
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
        let d = self.user.vector.vector.len();
        let mut vectors = Vec::with_capacity(placed.len() * d);
        for (at, placed) in placed.iter().enumerate() {
            vectors.extend_from_slice(&vector(placed.index));
            vectors.resize((at + 1) * d, 0.0);
        }
        let mut named = Named::new(self.user, self.attribution.sampled.as_ref(), placed.len());
        let names = named.strongest(&vectors)?;
        let background = self.ranker.lift(&self.background.row)?;
        let mut reasons = Vec::with_capacity(placed.len());
        let (mut waiting, mut room) = (Waiting::default(), Vec::new());
        for (at, (placed_here, names)) in placed.iter().zip(names).enumerate() {
            go_on()?;
            let pair = (row(placed_here), &vectors[at * d..(at + 1) * d]);
            self.ask(placed_here, pair, names, &mut named, &mut waiting);
            if waiting.rows * background.len() >= VALUES_AT_ONCE || at + 1 == placed.len() {
                let waiting = std::mem::take(&mut waiting);
                self.answer(&background, waiting, &mut room, &mut reasons)?;
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
        let mut rows = Vec::new();
        let kinds = self.background.groups(row, vector, &mut rows);
        for (kind, added) in kinds.into_iter().zip(rows.chunks(row.len().max(1))) {
            if kind == ReasonKind::OtherHistory {
                let direction = self.background.direction(weights, vector);
                match &self.attribution.sampled {
                    Some(sampled) => {
                        let total = worth(added);
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
                parts.push(Reason::exact(kind, worth(added) as f32));
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

    /// Lets a slot with this row and vector wait for its answer, with the game and who plays it.
    fn ask<'p>(
        &self,
        placed: &'p Placed,
        (row, vector): (&[f32], &[f32]),
        names: Vec<usize>,
        named: &mut Named<'_>,
        waiting: &mut Waiting<'p>,
    ) {
        let kinds = self.background.groups(row, vector, &mut waiting.added);
        let history = kinds.iter().position(|kind| *kind == ReasonKind::OtherHistory);
        let names = if history.is_some() { names } else { Vec::new() };
        for way in 0..named.ways() {
            for name in &names {
                let adds = named.adds(*name, way);
                self.background.append_user_adds(adds, vector, &mut waiting.added);
            }
        }
        let members = history.filter(|_| !names.is_empty()).map(|group| Members {
            group,
            named: names.len(),
            ways: named.ways(),
        });
        let mut random = SeededRandom::new(self.seed.derive(&[&placed.index.to_string()]));
        let game = SlotGame::new(kinds.len(), members, PAIRS, &mut random);
        let named = names.into_iter().map(|name| named.item(name)).collect();
        waiting.rows += game.rows();
        waiting.slots.push(Asked { placed, kinds, named, game });
    }

    /// Puts the rows of all who wait through the ranker, in `room`, and appends their reasons.
    fn answer(
        &self,
        background: &[f32],
        waiting: Waiting<'_>,
        room: &mut Vec<f32>,
        reasons: &mut Vec<Vec<Reason>>,
    ) -> Result<()> {
        let width = background.len();
        let added = self.ranker.lift_differences(&waiting.added)?;
        let (mut added, mut begin) = (&added[..], width);
        room.resize((waiting.rows + 1) * width, 0.0);
        room[..width].copy_from_slice(background);
        for Asked { game, .. } in &waiting.slots {
            let (own, behind) = added.split_at(game.added() * width);
            added = behind;
            let end = begin + game.rows() * width;
            game.write_rows(background, own, &mut room[begin..end]);
            begin = end;
        }
        let scores = self.ranker.score_lifted(room)?;
        let (background, mut left) = scores.split_at(1);
        for Asked { placed, kinds, named, game } in waiting.slots {
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
