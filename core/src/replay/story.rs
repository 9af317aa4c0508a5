//! What became of each candidate, and why.

use super::Replayed;
use crate::base::order;
use crate::candidates::Sources;
use crate::reranking::{Considered, RuleSet, Step, rule_name};

/// A candidate on its way into the slate, or past it.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateStory {
    /// The item.
    pub item: String,
    /// Its title.
    pub title: String,
    /// Who brought it; nobody for the baseline, which ranks all items.
    pub sources: Sources,
    /// Its features with their values.
    pub features: Vec<(String, Vec<f32>)>,
    /// The score of ranking.
    pub score: f32,
    /// Its place by falling score, from 1.
    pub ranked: usize,
    /// Its relevance: the score scaled, boosted and buried.
    pub relevance: f32,
    /// Its place by falling relevance, from 1.
    pub by_relevance: usize,
    /// Its position in the slate, from 1.
    pub position: Option<usize>,
    /// What moved it, in the order of the stages.
    pub moves: Vec<Move>,
}

/// What moved a candidate.
#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// Boosts or burials changed its relevance.
    Lifted {
        /// The rules.
        rules: Vec<String>,
    },
    /// A pin had promised it the position.
    Pinned {
        /// The pins.
        rules: Vec<String>,
    },
    /// Caps kept it out of positions that it stood before.
    KeptOut {
        /// The rules.
        rules: Vec<String>,
        /// The first of these positions, from 1.
        first: usize,
        /// How many they are.
        positions: usize,
    },
    /// Pins to the top or floors left only items of their groups to choose from, and it is one.
    Needed {
        /// The rules.
        rules: Vec<String>,
    },
    /// Caps kept out an item that stood before it.
    Cleared {
        /// The rules.
        rules: Vec<String>,
    },
    /// It is less like the slots before than an item of a higher relevance.
    Unlike {
        /// That item.
        over: String,
        /// What it was worth at this position.
        worth: f32,
        /// What that item was worth.
        against: f32,
    },
    /// It was drawn, and another item would have come without exploration.
    Explored {
        /// That item.
        instead_of: String,
        /// The probability with which it was drawn.
        probability: f64,
    },
    /// The slate was full, or ended, before its turn.
    NotReached,
}

impl std::fmt::Display for Move {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = |rules: &[String]| rules.join(", ");
        match self {
            Self::Lifted { rules } => write!(f, "relevance changed by {}", all(rules)),
            Self::Pinned { rules } => write!(f, "pinned by {}", all(rules)),
            Self::KeptOut { rules, first, positions } => {
                write!(f, "kept out of {positions} positions from {first} on by {}", all(rules))
            }
            Self::Needed { rules } => write!(f, "needed by {}", all(rules)),
            Self::Cleared { rules } => write!(f, "moved up where {} kept others out", all(rules)),
            Self::Unlike { over, worth, against } => {
                write!(f, "less like the slots before than {over}: {worth:.4} against {against:.4}")
            }
            Self::Explored { instead_of, probability } => {
                write!(f, "drawn with probability {probability:.4} instead of {instead_of}")
            }
            Self::NotReached => f.write_str("not reached"),
        }
    }
}

/// The stories of all candidates: those of the slate by position, then the others by relevance.
#[must_use]
pub fn stories(replayed: &Replayed) -> Vec<CandidateStory> {
    let trace = &replayed.trace;
    let mut by_score: Vec<usize> = (0..trace.candidates.len()).collect();
    let score = |at: &usize| trace.candidates[*at].score;
    order::sort_by(&mut by_score, |a, b| score(b).total_cmp(&score(a)));
    let mut ranked = vec![0; by_score.len()];
    by_score.iter().zip(1..).for_each(|(at, rank)| ranked[*at] = rank);
    let of = |at: usize| story(replayed, at, ranked[at]);
    let mut stories: Vec<CandidateStory> = (0..trace.candidates.len()).map(of).collect();
    order::sort_by_key(&mut stories, |story| {
        (story.position.unwrap_or(usize::MAX), story.by_relevance)
    });
    stories
}

fn story(replayed: &Replayed, at: usize, ranked: usize) -> CandidateStory {
    let trace = &replayed.trace;
    let candidate = &trace.candidates[at];
    let standing = trace.reranking.standings.get(at);
    let mut row = candidate.row.as_slice();
    let features = trace.features.iter().map(|(name, width)| {
        let (values, rest) = row.split_at((*width).min(row.len()));
        row = rest;
        (name.clone(), values.to_vec())
    });
    let features = features.collect();
    let position = trace.reranking.steps.iter().position(|step| placed(step) == at);
    CandidateStory {
        item: candidate.item.clone(),
        title: candidate.title.clone(),
        sources: candidate.sources,
        features,
        score: candidate.score,
        ranked,
        relevance: standing.map_or(0.0, |standing| standing.relevance),
        by_relevance: standing.map_or(0, |standing| standing.rank + 1),
        position: position.map(|position| position + 1),
        moves: moves(replayed, at, position),
    }
}

fn placed(step: &Step) -> usize {
    match step {
        Step::Pinned { candidate, .. } | Step::Drawn { candidate, .. } => *candidate,
    }
}

fn moves(replayed: &Replayed, at: usize, position: Option<usize>) -> Vec<Move> {
    let names = |rules: RuleSet| -> Vec<String> {
        let named = rules.iter().filter_map(|rule| rule_name(&replayed.plan, rule));
        named.map(str::to_owned).collect()
    };
    let watched = &replayed.trace.reranking;
    let mut moves = Vec::new();
    let lifted = watched.standings.get(at).map_or_else(RuleSet::default, |s| s.lifted);
    if !lifted.is_empty() {
        moves.push(Move::Lifted { rules: names(lifted) });
    }
    let (mut against, mut kept_out) = (RuleSet::default(), Vec::new());
    for (number, step) in watched.steps.iter().enumerate().take(position.unwrap_or(usize::MAX)) {
        if let Step::Drawn { kept_out: out, .. } = step
            && let Some((_, rules)) = out.iter().find(|(candidate, _)| *candidate == at)
        {
            against.extend(*rules);
            kept_out.push(number + 1);
        }
    }
    if let Some(first) = kept_out.first() {
        let (first, positions) = (*first, kept_out.len());
        moves.push(Move::KeptOut { rules: names(against), first, positions });
    }
    let Some(step) = position.and_then(|position| watched.steps.get(position)) else {
        moves.push(Move::NotReached);
        return moves;
    };
    match step {
        Step::Pinned { rules, .. } => moves.push(Move::Pinned { rules: names(*rules) }),
        Step::Drawn { greedy, pool, kept_out, needed, .. } => {
            if !needed.is_empty() {
                moves.push(Move::Needed { rules: names(*needed) });
            }
            moves.extend(cleared(replayed, at, kept_out).map(|rules| {
                let rules = names(rules);
                Move::Cleared { rules }
            }));
            moves.extend(drawn(replayed, at, *greedy, pool));
        }
    }
    moves
}

/// The caps that kept out items of a higher relevance than that of candidate `at`.
fn cleared(replayed: &Replayed, at: usize, kept_out: &[(usize, RuleSet)]) -> Option<RuleSet> {
    let standings = &replayed.trace.reranking.standings;
    let rank = |candidate: usize| standings.get(candidate).map(|standing| standing.rank);
    let mut rules = RuleSet::default();
    for (other, against) in kept_out {
        if rank(*other) < rank(at) {
            rules.extend(*against);
        }
    }
    (!rules.is_empty()).then_some(rules)
}

/// Why candidate `at` was taken out of `pool`, when it is not the first of it.
fn drawn(replayed: &Replayed, at: usize, greedy: usize, pool: &[Considered]) -> Option<Move> {
    let name = |candidate: usize| {
        let candidate = replayed.trace.candidates.get(candidate);
        candidate.map_or_else(String::new, |candidate| candidate.item.clone())
    };
    let own = pool.iter().find(|considered| considered.candidate == at)?;
    if at != greedy {
        let probability = own.probability;
        return Some(Move::Explored { instead_of: name(greedy), probability });
    }
    let first = pool.first().filter(|first| first.candidate != at)?;
    let over = name(first.candidate);
    Some(Move::Unlike { over, worth: own.worth, against: first.worth })
}
