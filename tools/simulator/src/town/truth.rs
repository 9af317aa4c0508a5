//! The truth: how much a person likes a place in a context, and how often they accept it.
//!
//! ```text
//! affinity = 4.0 taste(person, context) . style(place)     low rank: what a model can learn
//!          + fit(cuisine, daypart)                         what everybody likes then
//!          + 0.4 quality(place)                            what makes it popular
//!          - 0.6 (price - budget(person, context))^2
//!          - aversion(person) * kilometres                 what makes "near you" a good rule
//!          + 0.4 whim(person, place)                       what nobody can learn from others
//! P(accept | looked at) = 1 / (1 + exp(-(offset + affinity)))
//! ```
//!
//! The offset is set once for a town such that a random open place is accepted with probability
//! [`MEAN_ACCEPTANCE`].

use noctule_core::base::{Seed, SeededRandom};

use super::cuisines::CUISINES;
use super::people::Person;
use super::restaurant::Restaurant;

/// Mean probability with which a random person accepts a random open place.
pub const MEAN_ACCEPTANCE: f64 = 0.04;

const TASTE_WEIGHT: f64 = 4.0;
const QUALITY_WEIGHT: f64 = 0.4;
const PRICE_WEIGHT: f64 = 0.6;
const WHIM_WEIGHT: f64 = 0.4;

/// The logistic function.
pub(crate) fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Affinity of `person` to `place`, which is number `item`, in context `context`.
pub(crate) fn affinity(
    whims: Seed,
    person: &Person,
    item: usize,
    place: &Restaurant,
    context: usize,
) -> f64 {
    let taste = &person.taste[context];
    let match_of: f64 = taste.iter().zip(&place.style).map(|(a, b)| a * b).sum();
    let price = place.price as f64 - person.budget[context];
    TASTE_WEIGHT * match_of
        + CUISINES[place.cuisine].fit[context % 3]
        + QUALITY_WEIGHT * place.quality
        - PRICE_WEIGHT * price * price
        - person.distance_aversion * person.home.distance_km(place.place)
        + WHIM_WEIGHT * whim(whims, person.key, item)
}

/// Standard normal, fixed for the pair: drawn from the pair instead of kept in a matrix.
fn whim(seed: Seed, person: u64, item: usize) -> f64 {
    // Odd multipliers of the golden ratio and of SplitMix64 (Steele, Lea and Flood, 2014) spread
    // neighbouring pairs over the seeds.
    let pair = (person + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add((item as u64 + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9));
    SeededRandom::new(Seed(seed.0 ^ pair)).normal()
}

/// The offset at which the mean acceptance over `affinities` is [`MEAN_ACCEPTANCE`].
pub(crate) fn offset(affinities: &[f64]) -> f64 {
    let (mut low, mut high) = (-20.0, 20.0);
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        let sum: f64 = affinities.iter().map(|value| logistic(middle + value)).sum();
        if sum > MEAN_ACCEPTANCE * affinities.len() as f64 {
            high = middle;
        } else {
            low = middle;
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_meets_the_mean_acceptance() {
        let affinities: Vec<f64> = (0..500).map(|i| (i % 50) as f64 / 10.0 - 2.5).collect();
        let offset = offset(&affinities);
        let mean = affinities.iter().map(|a| logistic(offset + a)).sum::<f64>() / 500.0;
        assert!((mean - MEAN_ACCEPTANCE).abs() < 1e-6, "{mean}");
    }

    #[test]
    fn whims_are_standard_normal_and_do_not_repeat_along_either_side() {
        let draws: Vec<f64> = (0..200u64)
            .flat_map(|person| (0..50).map(move |item| whim(Seed(3), person, item)))
            .collect();
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / n;
        assert!(mean.abs() < 0.04 && (variance - 1.0).abs() < 0.06, "{mean} {variance}");
        let lag =
            |step: usize| draws.iter().zip(&draws[step..]).map(|(a, b)| a * b).sum::<f64>() / n;
        // Five standard deviations of a mean of 10,000 products.
        assert!(lag(1).abs() < 0.05 && lag(50).abs() < 0.05, "{} {}", lag(1), lag(50));
    }
}
