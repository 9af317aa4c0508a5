//! What debiased labels lose on the mean of many towns, with its interval, and where the spread of
//! single towns comes from.
//!
//! `cargo test --workspace --test weak_labels intervals -- --ignored --nocapture`

use noctule_trainer::evaluation::{BootstrapSettings, Estimate, bootstrap_means};
use noctule_trainer::training::parallel;

use crate::setting::{Asked, DISCOVERY, Measured, measure};
use crate::{cross_network, moments};

/// Towns that no setting was chosen on.
const TOWNS: std::ops::RangeInclusive<u64> = 301..=320;

/// Draws of what the people of one town do.
const DRAWS: std::ops::RangeInclusive<u64> = 1..=10;

fn mean_of(values: impl Iterator<Item = f64>) -> Estimate {
    let rows: Vec<[Option<f64>; 1]> = values.map(|value| [Some(value)]).collect();
    let settings = BootstrapSettings { resamples: 10_000, ..BootstrapSettings::default() };
    bootstrap_means(&rows, &settings).unwrap()[0].unwrap()
}

/// What debiased labels lost, with the interval over the phones that it was measured on: both
/// rankers are asked about the same phones.
fn over_phones(found: &Measured) -> Estimate {
    let (unbiased, debiased) = (&found.unbiased, &found.debiased);
    let pairs = unbiased.by_phone.iter().zip(&debiased.by_phone);
    let lost = mean_of(pairs.map(|(unbiased, debiased)| unbiased - debiased));
    let share = |value: f64| value / unbiased.mean();
    Estimate { value: share(lost.value), low: share(lost.low), high: share(lost.high), ..lost }
}

fn told(found: &Estimate) -> String {
    let percent = |share: f64| 100.0 * share;
    let (low, high) = (percent(found.low), percent(found.high));
    format!("{:.2} % ({low:.2} to {high:.2})", percent(found.value))
}

/// Measures `runs`, each a town and a draw; prints and gives what naive and debiased labels lost on
/// the mean.
fn table(asked: &Asked, runs: &[(u64, u64)]) -> (Estimate, Estimate) {
    println!("{asked:?}\ntown  draw  unbiased  naive lost  debiased lost, interval over phones");
    let measured = parallel::map(runs.iter(), parallel::available(), |(town, clicks)| {
        Ok((*town, *clicks, measure(asked, *town, *clicks)))
    });
    let (mut lost, mut widths) = (Vec::new(), Vec::new());
    for (town, clicks, found) in measured.unwrap() {
        let (naive, debiased) = found.lost();
        let over_phones = over_phones(&found);
        let (unbiased, told, naive_lost) =
            (found.unbiased.mean(), told(&over_phones), 100.0 * naive);
        println!("{town:<6}{clicks:<6}{unbiased:<10.4}{naive_lost:<12.1}{told}");
        widths.push(over_phones.high - over_phones.low);
        lost.push((naive, debiased));
    }
    let naive = mean_of(lost.iter().map(|pair| pair.0));
    let debiased = mean_of(lost.iter().map(|pair| pair.1));
    let deviation = moments(&lost.iter().map(|pair| pair.1).collect::<Vec<_>>()).1;
    // An interval of 95 % is 3.92 standard errors wide.
    let of_phones = widths.iter().sum::<f64>() / widths.len() as f64 / 3.92;
    println!("naive lost {}, debiased lost {}", told(&naive), told(&debiased));
    println!(
        "deviation of debiased {:.2} points, of which the choice of phones {:.2}",
        100.0 * deviation,
        100.0 * of_phones
    );
    (naive, debiased)
}

fn towns() -> Vec<(u64, u64)> {
    TOWNS.map(|seed| (seed, seed)).collect()
}

#[test]
#[ignore = "for the table in tools/docs/weak-labels.md; minutes"]
fn debiased_clicks_on_narrow_slates_cost_a_cross_network_less_than_two_percent_on_the_mean() {
    let (naive, debiased) = table(&cross_network(0.1, 14), &towns());
    assert!(debiased.high <= 0.02, "{debiased:?}");
    assert!(naive.low > debiased.high, "{naive:?} {debiased:?}");
}

#[test]
#[ignore = "for the table in tools/docs/weak-labels.md; minutes"]
fn debiased_clicks_on_wide_slates_cost_a_cross_network_less_than_two_percent_on_the_mean() {
    let (_, debiased) = table(&cross_network(0.5, 21), &towns());
    assert!(debiased.high <= 0.02, "{debiased:?}");
}

#[test]
#[ignore = "for the table in tools/docs/weak-labels.md; minutes"]
fn debiased_clicks_cost_a_linear_ranker_less_than_two_percent_on_the_mean() {
    let (naive, debiased) = table(&Asked::linear(DISCOVERY), &towns());
    assert!(debiased.high <= 0.02, "{debiased:?}");
    assert!(naive.low > debiased.high, "{naive:?} {debiased:?}");
}

/// One town, its clicks drawn anew: the spread is that of the clicks and of the training alone.
#[test]
#[ignore = "for the table in tools/docs/weak-labels.md; minutes"]
fn the_mean_over_draws_of_one_town_tells_what_chance_does() {
    let runs: Vec<(u64, u64)> = DRAWS.map(|draw| (105, draw)).collect();
    let (_, debiased) = table(&cross_network(0.1, 14), &runs);
    assert!(debiased.high <= 0.02, "{debiased:?}");
}
