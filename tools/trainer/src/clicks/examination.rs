//! How likely a position is looked at, against the first: from randomised slots, else from a click
//! model.
//!
//! # Swaps
//! Let the slots above positions k and k+1 be given, and let a and b come at k and k+1 with the
//! logged propensities p(a) and p(b | a). A weight of g(a, b) / (p(a) p(b | a)), with any g that is
//! the same for both orders, makes the orders (a, b) and (b, a) equally heavy. Both positions
//! have then the same items, whoever the user is and whatever is relevant, and the ratio of
//! weighted clicks at k+1 and k is the ratio of their examinations. The ratios along the slate
//! multiply. This is the swap intervention of Joachims, Swaminathan and Schnabel (WSDM 2017) with
//! logged propensities instead of a swap of its own, and harvests interventions as Agarwal et al.
//! (WSDM 2019) do, but needs no model of who sees what.
//!
//! It needs that the other order could have come. A slot that is forced or greedy (propensity 1)
//! takes no part. Where the pool of a slot holds one item more than that of the slot above, an
//! item that has just come in could not have come above: a bias of about one in the pool's size.
//!
//! # Intervals
//! The logarithm of an examination is a sum of logarithms of ratios of sums over installations; its
//! variance is that of the sum of their influences (the delta method), clustered by installation.

use noctule_core::base::limits::SLATE_LENGTH_MAX;
use noctule_core::release::{Exploration, Plan};
use serde::{Deserialize, Serialize};

use super::models::{PositionBased, PositionBasedSettings};
use super::{Listings, Showing, Showings};
use crate::{Error, Result};

/// 97.5 % point of the normal distribution: intervals hold 95 times of 100.
const NORMAL_QUANTILE: f64 = 1.959_963_984_540_054;

/// Where an [`Examination`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExaminationSource {
    /// From swaps under the logged propensities.
    Swaps,
    /// From a [`PositionBased`] click model: right only where an item is as relevant to those who
    /// see it high as to those who see it low.
    ClickModel,
}

/// How an examination is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExaminationMethod {
    /// From swaps where they suffice, else from the click model.
    Auto,
    /// From swaps or not at all.
    Swaps,
    /// From the click model.
    ClickModel,
}

/// How slots were drawn, which decides the function g of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotDesign {
    /// Any way, with exact propensities: g = 1.
    Any,
    /// By a softmax without replacement alone (the plan's `temperature`). The propensity of the
    /// other order then follows from the logged ones, and g is the harmonic mean of both: weights
    /// are at most 1, and intervals far narrower.
    PlackettLuce,
    /// The best item, or with probability `epsilon`, above 0 and at most 1/2, one of the pool
    /// alike. g makes a pair of two best items as light as it is when its second comes first, and
    /// leaves pairs with an explored item as they are.
    EpsilonGreedy {
        /// The plan's epsilon.
        epsilon: f64,
    },
}

impl SlotDesign {
    /// The design that the slates of `plan` have: with diversity, rules or exposure, or both kinds
    /// of exploration at once, nothing can be told of the other order.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let Exploration { epsilon, temperature, .. } = plan.exploration;
        let plain = plan.diversity.is_none() && plan.rules.is_empty() && plan.exposure.is_empty();
        match (plain, epsilon > 0.0, temperature > 0.0) {
            (true, false, true) => Self::PlackettLuce,
            (true, true, false) if epsilon <= EPSILON_MAX => Self::EpsilonGreedy { epsilon },
            _ => Self::Any,
        }
    }

    fn check(self) -> Result<()> {
        match self {
            Self::EpsilonGreedy { epsilon } if !(epsilon > 0.0 && epsilon <= EPSILON_MAX) => {
                let reason = format!("{epsilon} is not above 0 and at most {EPSILON_MAX}");
                Err(Error::setting("epsilon", reason))
            }
            _ => Ok(()),
        }
    }

    /// The weight of two neighbours with the propensities `first` and `second`, both below 1.
    fn weight(self, first: f64, second: f64) -> f64 {
        match self {
            Self::Any => 1.0 / (first * second),
            Self::PlackettLuce => {
                // Of the lower item: what its propensity above would have been.
                let above = second * (1.0 - first);
                (1.0 - first) / ((1.0 - first) + (1.0 - above))
            }
            Self::EpsilonGreedy { epsilon } => {
                let rest = 1.0 - epsilon;
                // The best item has at least the rest, one of the pool at most half of epsilon.
                match (first >= rest, second >= rest) {
                    // The other order would have explored first: epsilon / pool instead of that
                    // and the rest.
                    (true, true) => (first - rest) / first,
                    (true, false) => (first - rest) * (rest + second) / (first * second),
                    (false, _) => 1.0,
                }
            }
        }
    }
}

/// Above it the best item cannot be told from an explored one by its propensity.
const EPSILON_MAX: f64 = 0.5;

/// How examination is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExaminationSettings {
    /// From what.
    pub method: ExaminationMethod,
    /// How the slots were drawn; where it is not said, training asks the plan
    /// ([`SlotDesign::of`]), and nothing else assumes anything ([`SlotDesign::Any`]).
    pub design: Option<SlotDesign>,
    /// Clicks, by their effective number, that each position needs for swaps to suffice.
    pub effective_clicks_min: f64,
    /// Iterations of the click model at most.
    pub iterations: usize,
}

impl Default for ExaminationSettings {
    fn default() -> Self {
        Self {
            method: ExaminationMethod::Auto,
            design: None,
            effective_clicks_min: 50.0,
            iterations: 2_000,
        }
    }
}

/// One position of an [`Examination`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PositionExamination {
    /// P(look) over that of the first position.
    pub examination: f64,
    /// Its 95 % interval; none from a click model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// Effective number of clicks, (sum w)² / sum w², behind the ratio to the position above, of
    /// the two the lesser; none for the first position and from a click model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_clicks: Option<f64>,
}

/// How likely each position is looked at, against the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Examination {
    /// Where it comes from.
    pub source: ExaminationSource,
    /// By position, from the first, which has 1.
    pub positions: Vec<PositionExamination>,
}

impl Examination {
    /// That of `position`; below the last known one it stays the same.
    #[must_use]
    pub fn at(&self, position: u32) -> f64 {
        let known = self.positions.get(position as usize).or_else(|| self.positions.last());
        known.map_or(1.0, |known| known.examination)
    }
}

/// Estimates the examination of the positions of `showings`.
///
/// # Errors
/// [`Error::Setting`]; [`Error::Data`] when nothing was clicked, when swaps are asked for and some
/// position has too few clicks that say something, and when the click model cannot compare some
/// position with the first, because no clicked item was shown at both, not even by way of others.
pub fn estimate_examination(
    showings: &Showings,
    settings: &ExaminationSettings,
) -> Result<Examination> {
    let enough = settings.effective_clicks_min;
    if !(enough.is_finite() && enough >= 1.0) {
        return Err(Error::setting("effective_clicks_min", format!("{enough} is not at least 1")));
    }
    if !showings.slots().any(|slot| slot.clicked) {
        return Err(Error::data("no clicks: nothing tells which positions are looked at"));
    }
    match settings.method {
        ExaminationMethod::ClickModel => from_click_model(showings, settings),
        ExaminationMethod::Swaps => from_swaps(showings, settings),
        ExaminationMethod::Auto => match from_swaps(showings, settings) {
            Err(Error::Data { .. }) => from_click_model(showings, settings),
            other => other,
        },
    }
}

/// Weighted clicks at a position and the one below it, over all pairs of neighbours.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    upper: f64,
    lower: f64,
    upper_squares: f64,
    lower_squares: f64,
}

impl Pair {
    fn add(&mut self, weight: f64, upper: bool, lower: bool) {
        let (upper, lower) = (f64::from(u8::from(upper)), f64::from(u8::from(lower)));
        self.upper += weight * upper;
        self.lower += weight * lower;
        self.upper_squares += weight * weight * upper;
        self.lower_squares += weight * weight * lower;
    }

    fn effective_clicks(&self) -> f64 {
        let effective =
            |sum: f64, squares: f64| if squares > 0.0 { sum * sum / squares } else { 0.0 };
        effective(self.upper, self.upper_squares).min(effective(self.lower, self.lower_squares))
    }
}

fn from_swaps(showings: &Showings, settings: &ExaminationSettings) -> Result<Examination> {
    let design = settings.design.unwrap_or(SlotDesign::Any);
    design.check()?;
    let positions = positions_of(showings);
    let mut total = vec![Pair::default(); positions.saturating_sub(1)];
    for showing in &showings.showings {
        add(showing, design, &mut total);
    }
    for (upper, pair) in total.iter().enumerate() {
        let (found, needed) = (pair.effective_clicks(), settings.effective_clicks_min);
        if found < needed {
            return Err(Error::data(format!(
                "positions {upper} and {} have {found:.1} effective clicks in slots whose order \
                 was drawn, {needed} are needed",
                upper + 1
            )));
        }
    }
    let variances = variances(showings, design, &total);
    let mut log = 0.0;
    let first = PositionExamination {
        examination: 1.0,
        interval: Some((1.0, 1.0)),
        effective_clicks: None,
    };
    let mut all = vec![first];
    for (pair, variance) in total.iter().zip(variances) {
        log += (pair.lower / pair.upper).ln();
        let half = NORMAL_QUANTILE * variance.sqrt();
        all.push(PositionExamination {
            examination: log.exp(),
            interval: Some(((log - half).exp(), (log + half).exp())),
            effective_clicks: Some(pair.effective_clicks()),
        });
    }
    Ok(Examination { source: ExaminationSource::Swaps, positions: all })
}

/// Variance of the logarithm of the examination of each position but the first.
fn variances(showings: &Showings, design: SlotDesign, total: &[Pair]) -> Vec<f64> {
    let mut variances = vec![0.0; total.len()];
    // Showings of one installation stand together.
    for own in showings.showings.chunk_by(|a, b| a.installation == b.installation) {
        let mut pairs = vec![Pair::default(); total.len()];
        own.iter().for_each(|showing| add(showing, design, &mut pairs));
        let mut influence = 0.0;
        for ((own, all), variance) in pairs.iter().zip(total).zip(&mut variances) {
            influence += own.lower / all.lower - own.upper / all.upper;
            *variance += influence * influence;
        }
    }
    variances
}

/// Adds the neighbours of `showing` whose order was drawn.
fn add(showing: &Showing, design: SlotDesign, pairs: &mut [Pair]) {
    for two in showing.slots.windows(2) {
        let [upper, lower] = two else { continue };
        let (Some(first), Some(second)) = (upper.propensity, lower.propensity) else { continue };
        let neighbours = upper.position + 1 == lower.position;
        if !neighbours || first >= 1.0 || second >= 1.0 {
            continue;
        }
        let weight = design.weight(first, second);
        if let Some(pair) = pairs.get_mut(upper.position as usize) {
            pair.add(weight, upper.clicked, lower.clicked);
        }
    }
}

fn positions_of(showings: &Showings) -> usize {
    let last = showings.slots().map(|slot| slot.position as usize).max();
    last.map_or(0, |last| last + 1).min(SLATE_LENGTH_MAX)
}

fn from_click_model(showings: &Showings, settings: &ExaminationSettings) -> Result<Examination> {
    let listings = Listings::of(showings, |_| true)?;
    let shown = check_comparable(&listings)?;
    let settings = PositionBasedSettings { iterations: settings.iterations, ..Default::default() };
    let model = PositionBased::fit(&listings, &settings)?;
    let mut positions = Vec::with_capacity(listings.positions());
    let mut above = 1.0;
    for (examination, shown) in model.relative_examination().into_iter().zip(shown) {
        // Of a position where nothing was ever shown nothing is known, and nothing is asked.
        above = if shown { examination } else { above };
        let (interval, effective_clicks) = (None, None);
        positions.push(PositionExamination { examination: above, interval, effective_clicks });
    }
    Ok(Examination { source: ExaminationSource::ClickModel, positions })
}

/// Whether each position was shown at all. Items that were clicked join the positions at which
/// they were shown; every position must be joined with the first.
fn check_comparable(listings: &Listings) -> Result<Vec<bool>> {
    let mut clicked = vec![false; listings.documents()];
    for look in listings.lists().iter().flatten() {
        clicked[look.document as usize] |= look.clicked;
    }
    let mut joined: Vec<usize> = (0..listings.positions()).collect();
    let mut shown = vec![false; listings.positions()];
    let mut first_of = vec![None; listings.documents()];
    for look in listings.lists().iter().flatten() {
        let (document, position) = (look.document as usize, look.position as usize);
        shown[position] = true;
        if clicked[document] {
            let first = *first_of[document].get_or_insert(position);
            let (a, b) = (root(&mut joined, first), root(&mut joined, position));
            joined[a.max(b)] = a.min(b);
        }
    }
    for position in (0..listings.positions()).filter(|position| shown[*position]) {
        if !shown[0] || root(&mut joined, position) != 0 {
            return Err(Error::data(format!(
                "position {position} has no clicked item in common with the first, not even by way \
                 of others: nothing tells how often it is looked at"
            )));
        }
    }
    Ok(shown)
}

/// The representative of the set of `at`; halves the way there.
fn root(joined: &mut [usize], mut at: usize) -> usize {
    while joined[at] != at {
        joined[at] = joined[joined[at]];
        at = joined[at];
    }
    at
}

#[cfg(test)]
mod tests;
