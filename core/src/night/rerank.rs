//! Candidates and re-ranking of one slate: what the plan says meets catalogue, profile and model.

use std::collections::HashSet;

use super::SlateMaker;
use crate::base::{Result, Seed, SeededRandom};
use crate::candidates::{Found, UserAmongItems, needed};
use crate::reasons::{Reason, ReasonKind};
use crate::release::{Context, Exploration, Surface};
use crate::reranking::{
    Directions, Likeness, Ranked, Reranked, RuleSet, Settings, WordSets, constraints_of, rerank,
    rerank_watched, rule_name,
};
use crate::scoring::ItemMatrix;

/// Candidates of the baseline beyond the length of a slate, when there are rules: enough for caps
/// and burials to choose from.
const BASELINE_SPARE: usize = 200;

impl SlateMaker<'_> {
    /// The candidates of a slate that the model makes, from the user's vector and, where they were
    /// found before, the items nearest to it.
    pub(super) fn candidates(
        &self,
        surface: &Surface,
        context: &Context,
        (matrix, user, best): (ItemMatrix<'_>, &[f32], Option<&[u32]>),
        popularity: &[f32],
        eligible: &[bool],
    ) -> Result<Found> {
        let among = UserAmongItems { matrix, user, best };
        self.occasion().candidates(&[surface], Some(context), among, popularity, eligible)
    }

    /// Of `scored` items in any order, those that the baseline hands to re-ranking: as many of the
    /// best as the slate is long, or more when there are rules, and what these need. The catalogue
    /// is not put in order.
    pub(super) fn baseline_candidates(
        &self,
        surface: &Surface,
        context: &Context,
        popularity: &[f32],
        eligible: &[bool],
        mut scored: Vec<(Ranked, f32)>,
    ) -> Vec<(Ranked, f32)> {
        let best_first = |a: &(Ranked, f32), b: &(Ranked, f32)| {
            b.0.score.total_cmp(&a.0.score).then_with(|| a.0.index.cmp(&b.0.index))
        };
        let ruled = !self.plan.rules.is_empty() || !self.plan.exposure.is_empty();
        let budget = surface.length + if ruled { BASELINE_SPARE } else { 0 };
        if budget < scored.len() {
            scored.select_nth_unstable_by(budget, best_first);
            let rest = scored.split_off(budget);
            if ruled {
                let place = (&surface.id, surface.length);
                let needed =
                    needed(self.plan, place, &context.id, self.catalogue(), popularity, eligible);
                let needed: HashSet<u32> = needed.into_iter().collect();
                scored.extend(rest.into_iter().filter(|one| needed.contains(&one.0.index)));
            }
        }
        scored
    }

    /// Re-ranks the candidates of a slate of the model.
    pub(super) fn rerank_model(
        &self,
        ranked: &[Ranked],
        surface: &Surface,
        context: &Context,
        matrix: &ItemMatrix<'_>,
    ) -> Reranked {
        let indices: Vec<u32> = ranked.iter().map(|ranked| ranked.index).collect();
        let catalogue = self.catalogue();
        let likeness = self.plan.diversity.as_ref().map(|diversity| {
            let likeness = match &diversity.attribute {
                Some(attribute) => Likeness::Words(WordSets::new(catalogue, attribute, &indices)),
                None => {
                    let rows = indices.iter().map(|index| matrix.row(*index).unwrap_or_default());
                    Likeness::Directions(Directions::new(rows, matrix.dimensions()))
                }
            };
            (diversity.weight, likeness)
        });
        let diversity = likeness.as_ref().map(|(weight, likeness)| (*weight, likeness));
        let day = self.day.to_string();
        let purpose = ["exploration", surface.id.as_str(), context.id.as_str(), &day];
        let mut random = SeededRandom::new(Seed(self.profile.seed).derive(&purpose));
        let constraints = constraints_of(self.plan, &surface.id, &context.id, catalogue, &indices);
        let settings = Settings {
            length: surface.length,
            diversity,
            exploration: self.plan.exploration,
            constraints: &constraints,
        };
        self.fill(ranked, &settings, &mut random)
    }

    /// Re-ranks the items of the baseline: by the rules alone, neither diversity nor exploration.
    pub(super) fn rerank_baseline(
        &self,
        ranked: &[Ranked],
        surface: &Surface,
        context: &Context,
    ) -> Reranked {
        let indices: Vec<u32> = ranked.iter().map(|ranked| ranked.index).collect();
        let constraints =
            constraints_of(self.plan, &surface.id, &context.id, self.catalogue(), &indices);
        let settings = Settings {
            length: surface.length,
            diversity: None,
            exploration: Exploration { pool: 1, ..Exploration::OFF },
            constraints: &constraints,
        };
        // Nothing is drawn.
        self.fill(ranked, &settings, &mut SeededRandom::new(Seed(0)))
    }

    fn fill(
        &self,
        ranked: &[Ranked],
        settings: &Settings<'_>,
        random: &mut SeededRandom,
    ) -> Reranked {
        let Some(recorder) = self.recorder else { return rerank(ranked, settings, random) };
        let (reranked, watched) = rerank_watched(ranked, settings, random);
        recorder.watched(watched);
        reranked
    }

    /// `reasons` with the rules that touched the slot before them.
    pub(super) fn with_rules(&self, rules: RuleSet, mut reasons: Vec<Reason>) -> Vec<Reason> {
        let names = rules.iter().filter_map(|rule| rule_name(self.plan, rule));
        let rule = |id: &str| Reason::exact(ReasonKind::Rule(id.to_owned()), 0.0);
        let named: Vec<Reason> = names.map(rule).collect();
        reasons.splice(0..0, named);
        reasons
    }
}
