use noctule_core::base::{Seed, SeededRandom};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// Lists of `length` of 12 documents in random order, clicked as `model` says.
fn simulate(model: &dyn ClickModel, lists: usize, length: usize, seed: u64) -> Listings {
    let mut random = SeededRandom::new(Seed(seed));
    let mut all = Vec::new();
    for _ in 0..lists {
        let mut documents: Vec<u32> = (0..12).collect();
        random.shuffle(&mut documents);
        let look = |(position, document): (usize, &u32)| Look {
            document: *document,
            position: position as u32,
            clicked: false,
        };
        let mut list: Vec<Look> = documents[..length].iter().enumerate().map(look).collect();
        for at in 0..length {
            let click = model.conditional(&list)[at];
            list[at].clicked = random.chance(click);
        }
        all.push(list);
    }
    Listings::new(all).unwrap()
}

fn attractions() -> Vec<f64> {
    (0..12).map(|document| 0.08 + 0.05 * f64::from(document)).collect()
}

fn assert_close(found: &[f64], truth: &[f64], tolerance: f64) {
    assert_eq!(found.len(), truth.len());
    for (found_one, truth_one) in found.iter().zip(truth) {
        assert!((found_one - truth_one).abs() < tolerance, "{found:?} against {truth:?}");
    }
}

#[test]
fn the_position_based_model_finds_the_parameters_that_made_the_clicks() {
    let examination = vec![1.0, 0.7, 0.5, 0.35, 0.2];
    let truth = PositionBased { examination, attraction: attractions(), iterations: 0 };
    let clicks = simulate(&truth, 40_000, 5, 1);
    let found = PositionBased::fit(&clicks, &PositionBasedSettings::default()).unwrap();
    assert_close(&found.relative_examination(), &truth.examination, 0.02);
    let scale = found.examination[0];
    let attraction: Vec<f64> = found.attraction.iter().map(|a| a * scale).collect();
    assert_close(&attraction, &truth.attraction, 0.025);
}

#[test]
fn the_cascade_model_finds_the_attractions_that_made_the_clicks() {
    let truth = Cascade { attraction: attractions() };
    let found = Cascade::fit(&simulate(&truth, 30_000, 6, 2), 0.0).unwrap();
    assert_close(&found.attraction, &truth.attraction, 0.02);
}

#[test]
fn the_dependent_click_model_is_near_the_parameters_that_made_the_clicks() {
    // Its fit maximises a bound, so it is near and not at the truth: lists of 12 make the end of a
    // list, of which the bound knows nothing, rare.
    let continuation: Vec<f64> =
        (0..12).map(|position| 0.75 - 0.04 * f64::from(position)).collect();
    let truth = DependentClick { attraction: attractions(), continuation };
    let clicks = simulate(&truth, 30_000, 12, 3);
    let found = DependentClick::fit(&clicks, 0.0).unwrap();
    assert_close(&found.attraction, &truth.attraction, 0.06);
    assert_close(&found.continuation[..5], &truth.continuation[..5], 0.06);
}

#[test]
fn each_model_explains_the_clicks_of_its_own_world_best() {
    let examination = (1..=8).map(|rank| 1.0 / f64::from(rank)).collect();
    let position = PositionBased { examination, attraction: attractions(), iterations: 0 };
    let dependent = DependentClick { attraction: attractions(), continuation: vec![0.4; 8] };
    let fitted = |world: &dyn ClickModel| {
        let (train, held_out) = (simulate(world, 8_000, 8, 5), simulate(world, 8_000, 8, 6));
        let by_position = PositionBased::fit(&train, &PositionBasedSettings::default()).unwrap();
        let by_dependent = DependentClick::fit(&train, 1.0).unwrap();
        let mean = |model: &dyn ClickModel| perplexities(model, &held_out).iter().sum::<f64>();
        [&by_position as &dyn ClickModel, &by_dependent]
            .map(|model| (log_likelihood(model, &held_out), mean(model)))
    };
    let [right, wrong] = fitted(&position);
    assert!(right.0 > wrong.0 + 0.005 && right.1 < wrong.1, "{right:?} {wrong:?}");
    let [wrong, right] = fitted(&dependent);
    assert!(right.0 > wrong.0 + 0.005, "{right:?} {wrong:?}");
}

#[test]
fn a_second_click_is_impossible_in_a_cascade() {
    let clicked = |position| Look { document: 0, position, clicked: true };
    let listings = Listings::new(vec![vec![clicked(0), clicked(1)]]).unwrap();
    let model = Cascade::fit(&listings, 1.0).unwrap();
    assert_eq!(log_likelihood(&model, &listings), f64::NEG_INFINITY);
}

#[test]
fn lists_that_are_none_are_refused() {
    let look = |position| Look { document: 0, position, clicked: false };
    assert!(Listings::new(vec![vec![]]).is_err());
    assert!(Listings::new(vec![vec![look(1), look(1)]]).is_err());
    assert!(Listings::new(vec![vec![look(1_000)]]).is_err());
    let never = Listings::new(vec![vec![look(0)]]).unwrap();
    assert!(PositionBased::fit(&never, &PositionBasedSettings::default()).is_err());
    assert!(Cascade::fit(&never, f64::NAN).is_err());
    assert!(DependentClick::fit(&never, -1.0).is_err());
}

fn any_listings() -> impl Strategy<Value = Listings> {
    let list = prop::collection::vec((0u32..6, any::<bool>()), 1..7);
    prop::collection::vec(list, 1..30).prop_map(|lists| {
        let look = |(position, (document, clicked)): (u32, (u32, bool))| Look {
            document,
            position,
            clicked,
        };
        let lists = lists.into_iter().map(|list| (0..).zip(list).map(look).collect());
        Listings::new(lists.collect()).unwrap()
    })
}

/// P(looked at) and P(clicks) of a list by adding up all ways to look at it.
fn by_hand(model: &DependentClick, list: &[Look]) -> (Vec<f64>, f64) {
    let (mut looked, mut all) = (vec![0.0; list.len()], 0.0);
    for down_to in 0..=list.len() {
        let mut p = 1.0;
        for look in &list[..down_to] {
            let a = model.attraction[look.document as usize];
            p *= if look.clicked { a } else { 1.0 - a };
        }
        for (at, look) in list[..down_to].iter().enumerate() {
            let on = if look.clicked { model.continuation[look.position as usize] } else { 1.0 };
            let ends = at + 1 == down_to && down_to < list.len();
            p *= if ends {
                1.0 - on
            } else if at + 1 < list.len() {
                on
            } else {
                1.0
            };
        }
        if down_to == 0 || list[down_to..].iter().any(|look| look.clicked) {
            p = 0.0;
        }
        looked[..down_to].iter_mut().for_each(|looked| *looked += p);
        all += p;
    }
    (looked.into_iter().map(|looked| looked / all).collect(), all)
}

proptest! {
    #[test]
    fn a_step_of_the_fit_never_lowers_the_likelihood(listings in any_listings()) {
        let settings = |iterations| PositionBasedSettings {
            iterations,
            tolerance: 0.0,
            smoothing: 0.0,
        };
        // The likelihood that the steps climb counts all looks alike.
        let likelihood = |model: &PositionBased| -> f64 {
            let of = |list: &Vec<Look>| -> f64 {
                let pairs = model.conditional(list).into_iter().zip(list);
                pairs.map(|(p, look)| of_outcome(p, look.clicked).ln()).sum()
            };
            listings.lists().iter().map(of).sum()
        };
        if let Ok(first) = PositionBased::fit(&listings, &settings(1)) {
            let mut before = likelihood(&first);
            for iterations in 2..8 {
                let next = PositionBased::fit(&listings, &settings(iterations)).unwrap();
                let now = likelihood(&next);
                prop_assert!(now >= before - 1e-9, "{} after {}", now, before);
                before = now;
            }
        }
    }

    #[test]
    fn probabilities_are_probabilities_and_a_click_was_looked_at(listings in any_listings()) {
        let cascade = Cascade::fit(&listings, 1.0).unwrap();
        let dependent = DependentClick::fit(&listings, 1.0).unwrap();
        let mut models: Vec<Box<dyn ClickModel>> = vec![Box::new(cascade), Box::new(dependent)];
        if let Ok(model) = PositionBased::fit(&listings, &PositionBasedSettings::default()) {
            models.push(Box::new(model));
        }
        for (number, model) in models.iter().enumerate() {
            for list in listings.lists() {
                let looked = model.looked_at(list);
                let all = [model.marginal(list), model.conditional(list), looked.clone()].concat();
                prop_assert!(all.iter().all(|p| (0.0..=1.0).contains(p)), "{:?}", all);
                for (look, looked) in list.iter().zip(looked) {
                    prop_assert!(number == 0 || !look.clicked || looked == 1.0);
                }
            }
        }
    }

    #[test]
    fn a_cascade_is_a_dependent_click_model_that_never_goes_on(listings in any_listings()) {
        let cascade = Cascade::fit(&listings, 1.0).unwrap();
        let attraction = cascade.attraction.clone();
        let same = DependentClick { attraction, continuation: vec![0.0; listings.positions()] };
        for list in listings.lists() {
            let pairs = [
                (cascade.marginal(list), same.marginal(list)),
                (cascade.conditional(list), same.conditional(list)),
            ];
            for (found, truth) in pairs {
                let differ = found.iter().zip(&truth).any(|(a, b)| (a - b).abs() > 1e-9);
                prop_assert!(!differ, "{:?} against {:?}", found, truth);
            }
        }
    }

    #[test]
    fn looks_below_the_last_click_agree_with_all_ways_to_look(listings in any_listings()) {
        let model = DependentClick::fit(&listings, 1.0).unwrap();
        for list in listings.lists() {
            let (looked, clicks) = by_hand(&model, list);
            for (found, truth) in model.looked_at(list).iter().zip(looked) {
                prop_assert!((found - truth).abs() < 1e-9, "{} against {}", found, truth);
            }
            let seen = model.conditional(list).into_iter().zip(list);
            let product: f64 = seen.map(|(p, look)| of_outcome(p, look.clicked)).product();
            prop_assert!((product - clicks).abs() < 1e-9, "{} against {}", product, clicks);
        }
    }
}

/// What PyClick found in the same lists: see `golden/make.py`.
#[derive(Deserialize)]
struct Golden {
    train: Vec<Vec<(u32, u8)>>,
    held_out: Vec<Vec<(u32, u8)>>,
    iterations: usize,
    position_based: GoldenModel,
    cascade: GoldenModel,
    dependent: GoldenModel,
}

#[derive(Deserialize)]
struct GoldenModel {
    attraction: Vec<f64>,
    #[serde(default)]
    positions: Vec<f64>,
    log_likelihood: Option<f64>,
    perplexities: Vec<f64>,
}

impl GoldenModel {
    fn assert(&self, model: &dyn ClickModel, attraction: &[f64], held_out: &Listings) {
        assert_close(attraction, &self.attraction, 1e-9);
        assert_close(&perplexities(model, held_out), &self.perplexities, 1e-9);
        let found = log_likelihood(model, held_out);
        match self.log_likelihood {
            Some(golden) => assert!((found - golden).abs() < 1e-9, "{found} against {golden}"),
            None => assert_eq!(found, f64::NEG_INFINITY),
        }
    }
}

#[test]
fn the_models_agree_with_pyclick() {
    let golden: Golden = serde_json::from_str(include_str!("golden/clicks.json")).unwrap();
    let listings = |lists: &[Vec<(u32, u8)>]| {
        let look = |(position, (document, clicked)): (u32, &(u32, u8))| Look {
            document: *document,
            position,
            clicked: *clicked == 1,
        };
        let lists = lists.iter().map(|list| (0..).zip(list).map(look).collect());
        Listings::new(lists.collect()).unwrap()
    };
    let (train, held_out) = (listings(&golden.train), listings(&golden.held_out));
    let settings =
        PositionBasedSettings { iterations: golden.iterations, tolerance: 0.0, smoothing: 1.0 };
    let model = PositionBased::fit(&train, &settings).unwrap();
    assert_close(&model.examination, &golden.position_based.positions, 1e-9);
    golden.position_based.assert(&model, &model.attraction, &held_out);
    let model = Cascade::fit(&train, 1.0).unwrap();
    golden.cascade.assert(&model, &model.attraction, &held_out);
    let model = DependentClick::fit(&train, 1.0).unwrap();
    assert_close(&model.continuation, &golden.dependent.positions, 1e-9);
    golden.dependent.assert(&model, &model.attraction, &held_out);
}
