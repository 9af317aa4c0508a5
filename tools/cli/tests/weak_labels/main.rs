//! Rankers that learn from position-biased clicks, against the truth of a town.
//!
//! `cargo test --workspace --test weak_labels -- --nocapture` prints the figures.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod intervals;
mod setting;

use noctule_core::release::RankerKind;
use noctule_trainer::training::RankerSettings;
use noctule_trainer::training::ranker::NetworkSettings;
use setting::{Asked, DISCOVERY, POPULAR, measure};

const SEEDS: [u64; 5] = [101, 102, 103, 104, 105];

/// Measures all seeds, prints a table, and gives what naive and debiased labels lost by seed.
fn table(asked: &Asked) -> Vec<(f64, f64)> {
    println!("{asked:?}");
    println!(
        "seed  unbiased  naive    debiased  naive lost  debiased lost  looked at, by position"
    );
    let measured = std::thread::scope(|scope| {
        let started = SEEDS.map(|seed| scope.spawn(move || (seed, measure(asked, seed, seed))));
        started.map(|one| one.join().unwrap())
    });
    let mut all = Vec::new();
    for (seed, found) in measured {
        let looked = found.examination.positions.iter();
        let looked: Vec<String> = looked.map(|one| format!("{:.2}", one.examination)).collect();
        let (naive, debiased) = found.lost();
        println!(
            "{seed:<6}{:<10.4}{:<9.4}{:<10.4}{:<12}{:<15}{}",
            found.unbiased.mean(),
            found.naive.mean(),
            found.debiased.mean(),
            format!("{:.1} %", 100.0 * naive),
            format!("{:.1} %", 100.0 * debiased),
            looked.join(" ")
        );
        all.push((naive, debiased));
    }
    for (name, values) in [
        ("naive", all.iter().map(|pair| pair.0).collect::<Vec<_>>()),
        ("debiased", all.iter().map(|pair| pair.1).collect()),
    ] {
        let (mean, deviation) = moments(&values);
        println!("{name}: {:.1} % lost, deviation {:.1} points", 100.0 * mean, 100.0 * deviation);
    }
    all
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

#[test]
fn debiased_clicks_teach_what_unbiased_labels_teach_and_naive_clicks_do_not() {
    for (naive, debiased) in table(&Asked::linear(DISCOVERY)) {
        assert!(debiased <= 0.02, "debiased: {debiased}");
        assert!(naive > 0.03, "naive: {naive}");
    }
}

/// Debiased clicks on the very slates of the linear ranker.
#[test]
fn debiased_clicks_teach_an_mlp_what_unbiased_labels_teach() {
    let network = NetworkSettings { weight_decay: 0.1, ..NetworkSettings::default() };
    let ranker = RankerSettings { kind: RankerKind::Mlp, network, ..RankerSettings::default() };
    for (_, debiased) in table(&Asked { ranker, ..Asked::linear(DISCOVERY) }) {
        assert!(debiased <= 0.02, "debiased: {debiased}");
    }
}

/// With one cross layer and slates drawn as `temperature` says. The shrinkage was chosen in the
/// towns of seeds 201 to 205, on narrow slates.
fn cross_network(temperature: f64, days: u32) -> Asked {
    let shrinkage = Some(1.0);
    let network = NetworkSettings { cross_layers: 1, shrinkage, ..NetworkSettings::default() };
    let ranker = RankerSettings { kind: RankerKind::DcnV2, network, ..RankerSettings::default() };
    Asked { temperature, days, ranker, ..Asked::linear(DISCOVERY) }
}

/// The mean over the seeds is held, as chance moves each by more.
#[test]
fn debiased_clicks_on_wide_slates_teach_a_cross_network_what_unbiased_labels_teach() {
    let lost: Vec<f64> = table(&cross_network(0.5, 21)).into_iter().map(|pair| pair.1).collect();
    assert!(moments(&lost).0 <= 0.02, "debiased: {lost:?}");
}

#[test]
fn debiased_clicks_on_narrow_slates_teach_a_cross_network_what_unbiased_labels_teach() {
    let lost: Vec<f64> = table(&cross_network(0.1, 14)).into_iter().map(|pair| pair.1).collect();
    assert!(moments(&lost).0 <= 0.02, "debiased: {lost:?}");
}

#[test]
#[ignore = "for the table in tools/docs/weak-labels.md"]
fn naive_clicks_do_little_harm_where_what_stands_high_is_good() {
    let lost: Vec<f64> = table(&Asked::linear(POPULAR)).into_iter().map(|pair| pair.1).collect();
    assert!(moments(&lost).0 <= 0.02, "{lost:?}");
}
