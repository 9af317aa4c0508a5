//! What was known at each stage of making a slate.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::candidates::{Found, Sources};
use crate::catalogue::Catalogue;
use crate::ranking::Feature;
use crate::reranking::{Ranked, Watched};

/// The stages of one slate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// The features of a candidate by their names, each with as many values as it has, in the order
    /// of [`TracedCandidate::row`].
    pub features: Vec<(String, usize)>,
    /// The candidates, in the order in which they were found.
    pub candidates: Vec<TracedCandidate>,
    /// What re-ranking did; it knows candidates by their places in this list.
    pub reranking: Watched,
}

/// A candidate as ranking saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedCandidate {
    /// The item's id.
    pub item: String,
    /// Its title.
    pub title: String,
    /// Who brought it; nobody for the baseline, which ranks all items.
    pub sources: Sources,
    /// The values of its features.
    pub row: Vec<f32>,
    /// Its score.
    pub score: f32,
}

/// Takes note of the stages of the slate that is being made.
#[derive(Debug, Default)]
pub struct Recorder {
    trace: Mutex<Trace>,
}

impl Recorder {
    /// What was noted of the last slate.
    #[must_use]
    pub fn into_trace(self) -> Trace {
        self.trace.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The candidates of the model with their scores; `values` are the rows of `features`, one
    /// behind the other.
    pub(super) fn model(
        &self,
        catalogue: &Catalogue,
        found: &Found,
        (features, spans): (&[Feature], &[Range<usize>]),
        values: &[f32],
        ranked: &[Ranked],
    ) {
        let width = spans.last().map_or(0, |last| last.end);
        let rows = (0..ranked.len()).map(|at| values.get(at * width..(at + 1) * width));
        let candidates = found.sources.iter().zip(ranked).zip(rows);
        let candidates = candidates.map(|((sources, ranked), row)| {
            let row = row.unwrap_or_default().to_vec();
            candidate(catalogue, *ranked, *sources, row)
        });
        let mut trace = self.trace();
        trace.candidates = candidates.collect();
        let names = features.iter().map(|feature| feature.name().to_owned());
        trace.features = names.zip(spans.iter().map(Range::len)).collect();
    }

    /// The items that the baseline scored, each with what its nearness added.
    pub(super) fn baseline(&self, catalogue: &Catalogue, scored: &[(Ranked, f32)]) {
        let traced = scored.iter().map(|(ranked, near)| {
            let row = vec![ranked.score - near, *near];
            candidate(catalogue, *ranked, Sources::default(), row)
        });
        let mut trace = self.trace();
        trace.candidates = traced.collect();
        let features = [Feature::ContextPopularity, Feature::Nearby];
        trace.features = features.map(|feature| (feature.name().to_owned(), 1)).to_vec();
    }

    pub(super) fn watched(&self, watched: Watched) {
        self.trace().reranking = watched;
    }

    fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn candidate(
    catalogue: &Catalogue,
    ranked: Ranked,
    sources: Sources,
    row: Vec<f32>,
) -> TracedCandidate {
    let name = |text: Option<&str>| text.unwrap_or_default().to_owned();
    TracedCandidate {
        item: name(catalogue.id(ranked.index)),
        title: name(catalogue.title(ranked.index)),
        sources,
        row,
        score: ranked.score,
    }
}
