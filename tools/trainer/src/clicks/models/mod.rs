//! Click models: how clicks come about from what is relevant and what is looked at.
//!
//! | model | a place is looked at | parameters |
//! |---|---|---|
//! | [`PositionBased`] | with a probability of its position | one an item, one a position |
//! | [`Cascade`] | if nothing above was clicked | one an item |
//! | [`DependentClick`] | if the user went on after the last click above | as [`PositionBased`] |
//!
//! In all of them a click is a look times an attraction: P(click) = P(look) · P(attracted).

mod cascade;
mod dependent;
mod position_based;

pub use cascade::Cascade;
pub use dependent::DependentClick;
pub use position_based::{PositionBased, PositionBasedSettings};

use super::{Listings, Look};

/// A fitted click model.
///
/// A document or position that was not there when it was fitted has the parameter 1/2.
pub trait ClickModel {
    /// P(click) of each place of `list`, before anything is known.
    fn marginal(&self, list: &[Look]) -> Vec<f64>;

    /// P(click) of each place given what was done at the places above it.
    fn conditional(&self, list: &[Look]) -> Vec<f64>;

    /// P(looked at) of each place given all clicks of the list.
    fn looked_at(&self, list: &[Look]) -> Vec<f64>;
}

/// Mean over the lists of the mean over their places of ln P(what was done | what was done above).
/// Minus infinity when a list is impossible under the model, as a second click is for a cascade.
#[must_use]
pub fn log_likelihood(model: &dyn ClickModel, listings: &Listings) -> f64 {
    let of_list = |list: &Vec<Look>| {
        let seen = model.conditional(list).into_iter().zip(list);
        let sum: f64 = seen.map(|(p, look)| of_outcome(p, look.clicked).ln()).sum();
        sum / list.len() as f64
    };
    let lists = listings.lists();
    lists.iter().map(of_list).sum::<f64>() / lists.len() as f64
}

/// Perplexity by position, 2 to the mean of -log2 P(click or none), by marginal probabilities
/// (Dupret and Piwowarski, SIGIR 2008): 1 is clairvoyance, 2 a coin. NaN where nothing was shown.
#[must_use]
pub fn perplexities(model: &dyn ClickModel, listings: &Listings) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); listings.positions()];
    for list in listings.lists() {
        for (p, look) in model.marginal(list).into_iter().zip(list) {
            let (bits, places) = &mut sums[look.position as usize];
            *bits -= of_outcome(p, look.clicked).log2();
            *places += 1.0;
        }
    }
    sums.into_iter().map(|(bits, places): (f64, f64)| (bits / places).exp2()).collect()
}

fn of_outcome(click: f64, clicked: bool) -> f64 {
    if clicked { click } else { 1.0 - click }
}

/// The share `part` of `whole`, with `smoothing` successes and as many failures added.
fn share(part: f64, whole: f64, smoothing: f64) -> f64 {
    let whole = whole + 2.0 * smoothing;
    if whole > 0.0 { (part + smoothing) / whole } else { UNKNOWN }
}

/// The parameter of what was never seen.
const UNKNOWN: f64 = 0.5;

/// The parameter at `index`.
fn parameter(parameters: &[f64], index: u32) -> f64 {
    parameters.get(index as usize).copied().unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests;
