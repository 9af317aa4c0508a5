use noctule_core::base::{Seed, SeededRandom};
use noctule_core::feedback::private::RandomisedResponse;

use super::*;

/// Uniform integers from a seed.
fn integers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut random = SeededRandom::new(Seed(seed));
    move |bound| random.below(bound as usize) as u64
}

#[test]
fn frequencies_are_found_without_bias_in_randomised_answers() {
    let shares = [0.3, 0.2, 0.12, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02];
    let users = 100_000;
    for epsilon in [0.5, 1.0, 2.0, 4.0] {
        let response = RandomisedResponse::new(10, epsilon).unwrap();
        let (mut random, mut below) = (SeededRandom::new(Seed(4)), integers(5));
        let (mut truth, mut counts) = ([0.0; 10], [0; 10]);
        for _ in 0..users {
            let value = random.weighted(&shares).unwrap();
            truth[value] += 1.0 / f64::from(users);
            counts[response.respond(value as u32, &mut below).unwrap() as usize] += 1;
        }
        for (found, truth) in frequencies(&response, &counts).unwrap().iter().zip(truth) {
            let error = (found.value - truth).abs() / found.standard_error;
            assert!(error < 3.0, "{epsilon}: {found:?} against {truth}");
        }
    }
}

#[test]
fn intervals_hold_the_truth_about_95_times_of_100() {
    let response = RandomisedResponse::new(3, 1.0).unwrap();
    let shares = [0.6, 0.3, 0.1];
    let (mut random, mut below) = (SeededRandom::new(Seed(6)), integers(7));
    let (rounds, mut held) = (400, 0);
    for _ in 0..rounds {
        let mut counts = [0; 3];
        for _ in 0..500 {
            let value = random.weighted(&shares).unwrap() as u32;
            counts[response.respond(value, &mut below).unwrap() as usize] += 1;
        }
        for (found, truth) in frequencies(&response, &counts).unwrap().iter().zip(shares) {
            let (low, high) = found.interval();
            held += u32::from(low <= truth && truth <= high);
        }
    }
    let share = f64::from(held) / f64::from(3 * rounds);
    assert!((0.93..=0.97).contains(&share), "{share}");
}

#[test]
fn geometric_noise_is_drawn_as_its_distribution_says() {
    for (epsilon_thousandths, sensitivity) in [(500, 1), (1_000, 1), (2_000, 2), (4_000, 1)] {
        let noise = GeometricNoise::new(epsilon_thousandths, sensitivity).unwrap();
        let mut below = integers(u64::from(epsilon_thousandths));
        let draws = 100_000;
        // -4 or less, -3, ..., 3, 4 or more.
        let mut counts = [0.0; 9];
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..draws {
            let x = noise.draw(&mut below);
            counts[(x.clamp(-4, 4) + 4) as usize] += 1.0;
            sum += x as f64;
            squares += (x * x) as f64;
        }
        let a = noise.decay();
        let chi_square: f64 = (0..9)
            .map(|bin| {
                let size = (bin - 4i32).abs();
                let mass = a.powi(size) / (1.0 + a);
                let mass = if size == 4 { mass } else { mass * (1.0 - a) };
                let expected = mass * f64::from(draws);
                (counts[bin as usize] - expected).powi(2) / expected
            })
            .sum();
        // 99.9 % point of the chi-square distribution with 8 degrees of freedom.
        assert!(chi_square < 26.1, "{epsilon_thousandths}: {chi_square} {counts:?}");
        let n = f64::from(draws);
        assert!((sum / n).abs() < 4.0 * (noise.variance() / n).sqrt());
        assert!((squares / n / noise.variance() - 1.0).abs() < 0.05);
    }
}

#[test]
fn sums_of_noisy_counts_are_within_their_error() {
    let noise = GeometricNoise::new(1_000, 2).unwrap();
    let mut below = integers(8);
    let (phones, mut sum, mut truth) = (20_000u64, 0, 0);
    for phone in 0..phones {
        let count = (phone % 3) as i64;
        truth += count;
        sum += count + noise.draw(&mut below);
    }
    let found = noise.sum(sum, phones).unwrap();
    assert!((found.value - truth as f64).abs() < 3.0 * found.standard_error, "{found:?} {truth}");
    assert!(found.standard_error < 0.025 * truth as f64);
}

#[test]
fn impossible_settings_and_counts_are_refused() {
    let response = RandomisedResponse::new(4, 1.0).unwrap();
    assert!(frequencies(&response, &[1, 2, 3]).is_err());
    assert!(frequencies(&response, &[0; 4]).is_err());
    assert!(GeometricNoise::new(9, 1).is_err() && GeometricNoise::new(100, 0).is_err());
    assert!(GeometricNoise::new(100, 1).unwrap().sum(5, 0).is_err());
}
