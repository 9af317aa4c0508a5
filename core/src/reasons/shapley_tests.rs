//! The axioms, closed forms, an independent library, and the error of what is sampled.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::base::{Seed, SeededRandom};

/// Games of up to six players.
fn game() -> impl Strategy<Value = (usize, Vec<f64>)> {
    (1usize..7)
        .prop_flat_map(|players| (Just(players), prop::collection::vec(-5.0f64..5.0, 1 << players)))
}

/// `coalition` with what it says of players `a` and `b` exchanged.
fn exchanged(coalition: usize, a: usize, b: usize) -> usize {
    let (has_a, has_b) = (coalition >> a & 1, coalition >> b & 1);
    coalition & !(1 << a) & !(1 << b) | has_a << b | has_b << a
}

fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }
}

/// Values of the game `worth` from `pairs` sampled pairs.
fn sampled(worth: &[f64], pairs: usize, random: &mut SeededRandom) -> Estimates {
    let players = worth.len().ilog2() as usize;
    let orders = Orders::draw(players, pairs, random);
    let of = |some: &[usize]| worth[some.iter().map(|player| 1 << player).sum::<usize>()] as f32;
    let beginnings: Vec<f32> = orders.beginnings().map(|(_, some)| of(some)).collect();
    let (nobody, everybody) = ([worth[0] as f32], [worth[worth.len() - 1] as f32]);
    Estimates::of(&orders.added(1, |_| (&nobody, &everybody), &beginnings))
}

proptest! {
    #[test]
    fn the_values_sum_to_what_all_add_to_nothing((_, worth) in game()) {
        let sum: f64 = exact(&worth).iter().sum();
        prop_assert!((sum - (worth[worth.len() - 1] - worth[0])).abs() < 1e-9);
    }

    #[test]
    fn players_that_add_the_same_get_the_same(
        (players, worth) in game(), a in 0usize..6, b in 0usize..6,
    ) {
        let (a, b) = (a % players, b % players);
        let even: Vec<f64> =
            (0..worth.len()).map(|some| worth[some] + worth[exchanged(some, a, b)]).collect();
        let values = exact(&even);
        prop_assert!((values[a] - values[b]).abs() < 1e-9);
    }

    #[test]
    fn a_player_that_adds_nothing_gets_nothing((players, worth) in game(), idle in 0usize..6) {
        let idle = idle % players;
        let without: Vec<f64> = (0..worth.len()).map(|some| worth[some & !(1 << idle)]).collect();
        prop_assert!(exact(&without)[idle].abs() < 1e-9);
    }

    #[test]
    fn the_values_of_a_sum_of_games_are_the_sums(
        (players, one) in game(),
        other in prop::collection::vec(-5.0f64..5.0, 64),
        factor in -3.0f64..3.0,
    ) {
        let other = &other[..1 << players];
        let both: Vec<f64> = one.iter().zip(other).map(|(a, b)| a + factor * b).collect();
        let (one, other) = (exact(&one), exact(other));
        let sums: Vec<f64> = one.iter().zip(&other).map(|(a, b)| a + factor * b).collect();
        assert_near(&exact(&both), &sums);
    }

    #[test]
    fn of_a_linear_function_each_value_is_its_own_term(
        terms in prop::collection::vec(-5.0f64..5.0, 1..7),
    ) {
        let of = |some: usize| {
            let present = (0..terms.len()).filter(|player| some >> player & 1 == 1);
            0.5 + present.map(|player| terms[player]).sum::<f64>()
        };
        let worth: Vec<f64> = (0..1 << terms.len()).map(of).collect();
        assert_near(&exact(&worth), &terms);
    }

    /// f(x, y) = x y from (a, b) to (x, y): each gets its step times the mean of the other.
    #[test]
    fn of_a_product_each_value_is_its_step_times_the_mean_of_the_other(
        a in -3.0f64..3.0, b in -3.0f64..3.0, x in -3.0f64..3.0, y in -3.0f64..3.0,
    ) {
        let values = exact(&[a * b, x * b, a * y, x * y]);
        assert_near(&values, &[(x - a) * (y + b) / 2.0, (y - b) * (x + a) / 2.0]);
    }

    #[test]
    fn pairs_are_exact_where_no_three_players_act_together(
        players in 1usize..7,
        terms in prop::collection::vec(-2.0f64..2.0, 36),
        seed in any::<u64>(),
    ) {
        let of = |some: usize| {
            let both = |at: usize| some >> (at / 6) & some >> (at % 6) & 1 == 1;
            (0..36).filter(|at| both(*at)).map(|at| terms[at]).sum::<f64>()
        };
        let worth: Vec<f64> = (0..1 << players).map(of).collect();
        let found = sampled(&worth, 2, &mut SeededRandom::new(Seed(seed)));
        for (found, exact) in found.values.iter().zip(exact(&worth)) {
            prop_assert!((found - exact).abs() < 1e-4);
        }
        prop_assert!(found.standard_errors.iter().all(|error| *error < 1e-4));
    }

    #[test]
    fn what_is_sampled_sums_to_what_all_add(
        (_, worth) in game(), seed in any::<u64>(),
    ) {
        let found = sampled(&worth, 3, &mut SeededRandom::new(Seed(seed)));
        let all = worth[worth.len() - 1] - worth[0];
        prop_assert!((found.values.iter().sum::<f64>() - all).abs() < 1e-4);
        let settled = found.clone().summing_to(all + 1.0);
        prop_assert!((settled.values.iter().sum::<f64>() - all - 1.0).abs() < 1e-4);
        for at in 0..found.values.len() {
            let varies = found.standard_errors.iter().any(|error| *error > 0.0);
            let stays = found.standard_errors[at] == 0.0 && varies;
            prop_assert!(!stays || settled.values[at] == found.values[at]);
        }
    }
}

/// 0.975 quantile of Student's t distribution with 19 degrees of freedom.
const T_19: f64 = 2.093;

#[test]
fn the_truth_lies_within_the_stated_error_in_ninety_five_of_a_hundred_cases() {
    let mut random = SeededRandom::new(Seed(20_261_125));
    let (mut within, mut total) = (0_u32, 0_u32);
    for _ in 0..400 {
        let worth: Vec<f64> = (0..64).map(|_| random.normal()).collect();
        let found = sampled(&worth, 20, &mut random);
        for (at, truth) in exact(&worth).into_iter().enumerate() {
            let error = T_19 * found.standard_errors[at];
            within += u32::from((found.values[at] - truth).abs() <= error);
            total += 1;
        }
    }
    let share = f64::from(within) / f64::from(total);
    // Values of one game hang together: 400 games tell a share of 0.95 to about 0.02.
    assert!((share - 0.95).abs() < 0.02, "{share}");
}

#[test]
fn the_same_seed_gives_the_same_orders() {
    let draw = |seed| Orders::draw(7, 4, &mut SeededRandom::new(Seed(seed)));
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
    assert_eq!(draw(3).pairs(), 4);
}

#[test]
fn nobody_has_no_values_and_one_player_gets_all() {
    assert!(exact(&[]).is_empty() && exact(&[4.0]).is_empty());
    assert_eq!(exact(&[1.0, 4.0]), [3.0]);
    assert_eq!(sampled(&[1.0, 4.0], 2, &mut SeededRandom::new(Seed(1))).values, [3.0]);
}

#[derive(Deserialize)]
struct Case {
    worth: Vec<f64>,
    values: Vec<f64>,
}

#[test]
fn exact_values_are_those_of_an_independent_library() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden/shapley.json")).unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        assert_near(&exact(&case.worth), &case.values);
    }
}
