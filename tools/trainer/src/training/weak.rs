//! The ranker from weak labels: rows of the slots that phones showed, and a fit that knows how
//! likely each was looked at.

use std::collections::HashMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::examples::Fitted;
use super::features::{self, FEATURES};
use super::{RankerSettings, TrainedRanker, parallel, train_ranker};
use crate::clicks::{
    ChosenElsewhere, Examination, ExaminationSettings, LabelCounts, LabelSettings, Showing,
    ShowingCounts, Showings, SlotDesign, WeakLabel, WeakLabels, estimate_examination, naive_labels,
    weak_labels,
};
use crate::datasets::Interaction;
use crate::evaluation::scorers::{Case, dot};
use crate::{Error, Result};

/// What the ranker learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// The choices in the data, against sampled candidates.
    #[default]
    Choices,
    /// Clicks in feedback, as if every slot had been looked at.
    Naive,
    /// Clicks in feedback with the position bias treated.
    Debiased,
}

/// How the ranker learns from feedback.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WeakSettings {
    /// How examination is estimated.
    pub examination: ExaminationSettings,
    /// How labels are made.
    pub labels: LabelSettings,
    /// Fits of the ranker, each with skips weighted by the relevance that the one before gave
    /// them; 1 to 100.
    pub rounds: usize,
}

impl Default for WeakSettings {
    fn default() -> Self {
        let examination = ExaminationSettings::default();
        Self { examination, labels: LabelSettings::default(), rounds: 4 }
    }
}

/// What was learned from, for the record of a training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeakRecord {
    /// Showings in the feedback.
    pub showings: usize,
    /// What was met when they were put together.
    pub events: ShowingCounts,
    /// The examination; none for naive labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examination: Option<Examination>,
    /// The labels.
    pub labels: LabelCounts,
    /// Labels of items that the catalogue lacks, left out.
    pub unknown_items: u64,
}

/// Feature rows of labelled slots.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WeakExamples {
    /// Rows of [`features::names`], row-major.
    pub rows: Vec<f32>,
    /// The label of each row.
    pub labels: Vec<WeakLabel>,
    /// Installation and item of each row; the installation is its place in the feedback.
    pub pairs: Vec<(u32, u32)>,
    /// Labels of items that the catalogue lacks, left out.
    pub unknown_items: u64,
}

/// Makes labelled rows of `showings`, as `labels` say, for the ranker to be trained on.
///
/// # Errors
/// [`Error::Setting`]; [`Error::Data`] when the feedback has nothing to learn from, see
/// [`estimate_examination`] and [`weak_labels`].
pub fn prepare(
    fitted: &Fitted<'_>,
    showings: &Showings,
    labels: Labels,
    settings: &WeakSettings,
    threads: usize,
) -> Result<(WeakExamples, WeakRecord)> {
    let (examination, labels) = match labels {
        Labels::Choices => {
            return Err(Error::setting("labels", "choices are not learned from feedback"));
        }
        Labels::Naive => (None, naive_labels(showings)),
        Labels::Debiased => {
            let design = settings.examination.design.unwrap_or(SlotDesign::of(fitted.plan));
            let asked = ExaminationSettings { design: Some(design), ..settings.examination };
            let examination = estimate_examination(showings, &asked)?;
            let labels = weak_labels(showings, &examination, &settings.labels)?;
            (Some(examination), labels)
        }
    };
    let examples = make(fitted, showings, &labels, threads)?;
    let record = WeakRecord {
        showings: showings.showings.len(),
        events: showings.counts,
        examination,
        labels: labels.counts,
        unknown_items: examples.unknown_items,
    };
    Ok((examples, record))
}

/// Makes the feature row of each label.
///
/// The user's vector is folded in from what the installation converted or liked earlier, in
/// showings or elsewhere, and, where its pseudonym is a user of the data, from that user's earlier
/// events; the place is that user's. Phones whose pseudonym is nobody's have no place.
///
/// # Errors
/// [`Error::Core`] when a user cannot be folded in.
pub fn make(
    fitted: &Fitted<'_>,
    showings: &Showings,
    labels: &WeakLabels,
    threads: usize,
) -> Result<WeakExamples> {
    let names = Names::new(fitted, showings);
    let by_user = fitted.data.by_user();
    let queue = installations(showings, &labels.labels).into_iter();
    let of = |own: Installation<'_>| of_installation(fitted, &names, &by_user, &own);
    let parts = parallel::map(queue, threads, of)?;
    let mut all = WeakExamples::default();
    for part in parts {
        all.rows.extend(part.rows);
        all.labels.extend(part.labels);
        all.pairs.extend(part.pairs);
        all.unknown_items += part.unknown_items;
    }
    Ok(all)
}

/// Names in the feedback as indices of the data and the plan.
struct Names {
    items: Vec<Option<u32>>,
    contexts: Vec<Option<u16>>,
    users: Vec<Option<u32>>,
}

impl Names {
    fn new(fitted: &Fitted<'_>, showings: &Showings) -> Self {
        fn find<T: Copy>(names: &[String], known: &HashMap<&str, T>) -> Vec<Option<T>> {
            names.iter().map(|name| known.get(name.as_str()).copied()).collect()
        }
        let items = fitted.data.items.iter().map(|item| item.id.as_str()).zip(0..).collect();
        let contexts = fitted.plan.contexts.iter().map(|context| context.id.as_str());
        let users = fitted.data.users.iter().map(String::as_str).zip(0..).collect();
        Self {
            items: find(&showings.items, &items),
            contexts: find(&showings.contexts, &contexts.zip(0..).collect()),
            users: find(&showings.installations, &users),
        }
    }
}

/// The user of the data whom each installation's pseudonym names, if any.
#[must_use]
pub fn users(fitted: &Fitted<'_>, showings: &Showings) -> Vec<Option<u32>> {
    Names::new(fitted, showings).users
}

/// The showings of one installation and its labels.
struct Installation<'a> {
    showings: &'a [Showing],
    /// Index of the first showing among all.
    first: usize,
    elsewhere: &'a [ChosenElsewhere],
    labels: &'a [WeakLabel],
}

fn installations<'a>(showings: &'a Showings, labels: &'a [WeakLabel]) -> Vec<Installation<'a>> {
    let (mut first, mut rest, mut all) = (0, labels, Vec::new());
    let elsewhere = showings.elsewhere.as_slice();
    for showings in showings.showings.chunk_by(|a, b| a.installation == b.installation) {
        let range: Range<usize> = first..first + showings.len();
        let own = rest.iter().take_while(|label| range.contains(&(label.showing as usize))).count();
        let (labels, others) = rest.split_at(own);
        let installation = showings.first().map(|showing| showing.installation);
        let from = elsewhere.partition_point(|chosen| Some(chosen.installation) < installation);
        let until = elsewhere.partition_point(|chosen| Some(chosen.installation) <= installation);
        all.push(Installation { showings, first, elsewhere: &elsewhere[from..until], labels });
        (first, rest) = (range.end, others);
    }
    all
}

fn of_installation(
    fitted: &Fitted<'_>,
    names: &Names,
    by_user: &[Vec<u32>],
    own: &Installation<'_>,
) -> Result<WeakExamples> {
    let mut made = WeakExamples::default();
    let Some(installation) = own.showings.first().map(|showing| showing.installation) else {
        return Ok(made);
    };
    let user = names.users[installation as usize];
    let indices = user.map_or(&[][..], |user| &by_user[user as usize]);
    let mut events: Vec<Interaction> =
        indices.iter().map(|index| fitted.data.events[*index as usize]).collect();
    events.extend(own.elsewhere.iter().filter_map(|chosen| elsewhere(names, chosen)));
    events.sort_by_key(|event| event.at_ms);
    let mut chosen: Vec<Interaction> = Vec::new();
    let mut vectors: HashMap<(Option<u16>, usize, usize), Vec<f32>> = HashMap::new();
    let mut labels = own.labels;
    for (number, showing) in (own.first..).zip(own.showings) {
        let count = labels.iter().take_while(|label| label.showing as usize == number).count();
        let (here, others) = labels.split_at(count);
        labels = others;
        let context = showing.context.and_then(|context| names.contexts[context as usize]);
        let earlier = |event: &&Interaction| event.at_ms.is_none_or(|at| at < showing.at_ms);
        let mut history: Vec<Interaction> = events.iter().filter(earlier).copied().collect();
        let known = (history.len(), chosen.len());
        history.extend(&chosen);
        let user = user.unwrap_or(u32::MAX);
        let case = Case { user, history: &history, context };
        let key = (context, known.0, known.1);
        if !here.is_empty() && !vectors.contains_key(&key) {
            // What is known grows, so that older vectors are hardly asked for again.
            vectors.retain(|(_, events, choices), _| (*events, *choices) == known);
            vectors.insert(key, fitted.fold_in.user_vector(&history, context)?);
        }
        let rows = features::Rows::new(fitted.data, fitted.popularity, &case);
        for label in here {
            let item = names.items[showing.slots[label.slot as usize].item as usize];
            let (Some(item), Some(vector)) = (item, vectors.get(&key)) else {
                made.unknown_items += 1;
                continue;
            };
            let begin = item as usize * vector.len();
            let score = dot(vector, &fitted.fold_in.items[begin..begin + vector.len()]);
            made.rows.extend(rows.row(item, score));
            made.labels.push(*label);
            made.pairs.push((installation, item));
        }
        chosen.extend(choices(names, user, showing, context));
    }
    Ok(made)
}

/// A choice elsewhere as an event of the history.
fn elsewhere(names: &Names, chosen: &ChosenElsewhere) -> Option<Interaction> {
    let item = names.items[chosen.item as usize]?;
    let context = chosen.context.and_then(|context| names.contexts[context as usize]);
    Some(Interaction { user: u32::MAX, item, at_ms: Some(chosen.at_ms), context, weight: 1.0 })
}

/// What was converted or liked in a showing, as later showings know it.
fn choices<'a>(
    names: &'a Names,
    user: u32,
    showing: &'a Showing,
    context: Option<u16>,
) -> impl Iterator<Item = Interaction> + 'a {
    let wanted = showing.slots.iter().filter(|slot| slot.converted || slot.liked);
    wanted.filter_map(move |slot| {
        let item = names.items[slot.item as usize]?;
        Some(Interaction { user, item, at_ms: Some(showing.at_ms), context, weight: 1.0 })
    })
}

/// Fits the ranker to weak labels by expectation maximisation over what was looked at
/// (the regression of Wang et al., WSDM 2018, with the examination given): each of `rounds` fits
/// weighs skips by the relevance that the one before gave them. Its fixed point maximises the
/// likelihood of the clicks under P(click) = examination x relevance.
///
/// # Errors
/// [`Error::Setting`] for `rounds`, [`Error::Data`] without rows, and those of [`train_ranker`].
pub fn train_weak(
    examples: &WeakExamples,
    settings: &RankerSettings,
    rounds: usize,
) -> Result<TrainedRanker> {
    if rounds == 0 || rounds > 100 {
        return Err(Error::setting("rounds", format!("{rounds} is not between 1 and 100")));
    }
    let labels = &examples.labels;
    let positive: Vec<f32> =
        labels.iter().map(|label| f32::from(u8::from(label.positive))).collect();
    let total: f64 = labels.iter().map(|label| label.weight).sum();
    let wanted = labels.iter().filter(|label| label.positive).map(|label| label.weight);
    let mut relevance = vec![wanted.sum::<f64>() / total; labels.len()];
    let certain = labels.iter().all(|label| label.examination.is_none());
    let mut trained = None;
    for _ in 0..if certain { 1 } else { rounds } {
        let weights = labels.iter().zip(&relevance);
        let weights: Vec<f32> =
            weights.map(|(label, relevance)| label.weight_given(*relevance) as f32).collect();
        let ranker = train_ranker(&examples.rows, FEATURES, &positive, &weights, settings)?;
        let log_odds = ranker.ranker()?.score(&examples.rows, FEATURES)?;
        for (relevance, log_odds) in relevance.iter_mut().zip(log_odds) {
            *relevance = 1.0 / (1.0 + (-f64::from(log_odds)).exp());
        }
        trained = Some(ranker);
    }
    trained.ok_or_else(|| Error::data("no rows"))
}

/// Gives `trained` the weights of `other` for features that never vary in `rows`: what feedback
/// does not show, as where somebody is, stays as choices taught it.
pub fn keep_unseen(trained: &mut TrainedRanker, other: &TrainedRanker, rows: &[f32]) {
    for feature in 0..FEATURES {
        let mut values = rows.iter().skip(feature).step_by(FEATURES);
        let first = values.next();
        if values.all(|value| Some(value) == first) {
            trained.weight[feature] = other.weight[feature];
        }
    }
}

#[cfg(test)]
#[path = "weak_tests.rs"]
mod tests;
