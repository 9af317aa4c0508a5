use noctule_core::base::{ItemId, Seed, SeededRandom};
use noctule_core::feedback::{EventKind, FeedbackEvent};
use noctule_core::release::Exploration;
use noctule_core::reranking::{Constraints, Ranked, Settings, rerank};

use super::*;
use crate::clicks::FeedbackLog;

const TRUTH: [f64; 6] = [1.0, 0.7, 0.5, 0.4, 0.3, 0.25];

/// How slates are drawn.
#[derive(Clone, Copy)]
struct World {
    exploration: Exploration,
    items: u32,
    showings: usize,
    seed: u64,
}

/// Showings to installations that differ in what they like, each ranked by what it likes: those
/// who see an item high are those to whom it is relevant. The slates and their propensities are
/// the product's own.
fn showings(world: World) -> Showings {
    let mut random = SeededRandom::new(Seed(world.seed));
    let mut log = FeedbackLog::default();
    for user in 0..world.showings / 10 {
        let liked: Vec<f64> = (0..world.items).map(|_| random.uniform().powi(3) * 0.9).collect();
        let mut sequence = 0;
        for generation in 0..10 {
            let rank = |(index, liked): (usize, &f64)| Ranked {
                index: index as u32,
                score: *liked as f32,
            };
            let ranked: Vec<Ranked> = liked.iter().enumerate().map(rank).collect();
            let settings = Settings {
                length: TRUTH.len(),
                diversity: None,
                exploration: world.exploration,
                constraints: &Constraints::default(),
            };
            let slate = rerank(&ranked, &settings, &mut random);
            let mut record = |kind, position: usize| {
                let slot = slate.slots[position];
                let event = FeedbackEvent {
                    position: Some(position as i64),
                    propensity: Some(slot.propensity),
                    generation: Some(generation),
                    at_ms: Some(generation as i64),
                    ..FeedbackEvent::new(kind, ItemId::new(format!("i{}", slot.index)).unwrap())
                };
                sequence += 1;
                log.push(&format!("user-{user}"), sequence, &event).unwrap();
            };
            (0..TRUTH.len()).for_each(|position| record(EventKind::Impression, position));
            for position in 0..TRUTH.len() {
                let liked = liked[slate.slots[position].index as usize];
                if random.chance(TRUTH[position] * liked) {
                    record(EventKind::Click, position);
                }
            }
        }
    }
    Showings::of(log)
}

fn exploration(temperature: f64, epsilon: f64, pool: usize) -> Exploration {
    Exploration { epsilon, temperature, pool }
}

fn settings(method: ExaminationMethod, design: SlotDesign) -> ExaminationSettings {
    ExaminationSettings { method, design: Some(design), ..ExaminationSettings::default() }
}

fn worst_error(found: &Examination) -> f64 {
    let errors = found
        .positions
        .iter()
        .zip(TRUTH)
        .map(|(found, truth)| (found.examination / truth - 1.0).abs());
    errors.fold(0.0, f64::max)
}

fn inside(found: &Examination) -> usize {
    let within = |(found, truth): (&PositionExamination, f64)| {
        found.interval.is_some_and(|(low, high)| low <= truth && truth <= high)
    };
    found.positions.iter().zip(TRUTH).skip(1).filter(|pair| within(*pair)).count()
}

#[test]
fn swaps_find_the_examination_under_a_softmax_and_the_click_model_does_not() {
    let world =
        World { exploration: exploration(0.15, 0.0, 20), items: 20, showings: 40_000, seed: 1 };
    let showings = showings(world);
    let asked = settings(ExaminationMethod::Swaps, SlotDesign::PlackettLuce);
    let swaps = estimate_examination(&showings, &asked).unwrap();
    assert!(inside(&swaps) >= 4 && worst_error(&swaps) < 0.08, "{swaps:?}");
    // Those who see an item high like it, so that the model takes relevance for attention.
    let asked = settings(ExaminationMethod::ClickModel, SlotDesign::Any);
    let model = estimate_examination(&showings, &asked).unwrap();
    assert!(worst_error(&model) > 3.0 * worst_error(&swaps), "{model:?} {swaps:?}");
}

#[test]
fn swaps_find_the_examination_when_slots_are_explored_at_random() {
    let world =
        World { exploration: exploration(0.0, 0.6, 12), items: 12, showings: 60_000, seed: 2 };
    let asked = settings(ExaminationMethod::Swaps, SlotDesign::Any);
    let found = estimate_examination(&showings(world), &asked).unwrap();
    assert!(inside(&found) >= 4, "{found:?}");
    assert!(worst_error(&found) < 0.2, "{found:?}");
}

#[test]
fn swaps_find_the_examination_under_any_way_to_draw() {
    // A softmax and random slots together.
    let exploration = exploration(0.5, 0.2, 12);
    let world = World { exploration, items: 12, showings: 60_000, seed: 5 };
    let asked = settings(ExaminationMethod::Swaps, SlotDesign::Any);
    let found = estimate_examination(&showings(world), &asked).unwrap();
    assert!(inside(&found) >= 4 && worst_error(&found) < 0.15, "{found:?}");
}

#[test]
fn swaps_of_the_best_and_the_explored_need_little_exploration() {
    let exploration = exploration(0.0, 0.1, 20);
    let world = World { exploration, items: 20, showings: 60_000, seed: 6 };
    let showings = showings(world);
    let design = SlotDesign::EpsilonGreedy { epsilon: 0.1 };
    let found = estimate_examination(&showings, &settings(ExaminationMethod::Swaps, design));
    let found = found.unwrap();
    assert!(inside(&found) >= 4 && worst_error(&found) < 0.15, "{found:?}");
    let any = settings(ExaminationMethod::Swaps, SlotDesign::Any);
    let refused = estimate_examination(&showings, &any).unwrap_err().to_string();
    assert!(refused.contains("effective clicks"), "{refused}");
}

#[test]
fn the_design_follows_from_the_plan_where_it_can() {
    let design = |more: &str| {
        let text = format!(
            r#"{{"surfaces": [{{"id": "home", "length": 5, "contexts": ["day"]}}],
                "contexts": [{{"id": "day",
                    "when": {{"days": "every", "from": 0, "until": 1440}}}}],
                "candidates": {{"nearest": 30, "popular": 10}}, {more}}}"#
        );
        SlotDesign::of(&serde_json::from_str(&text).unwrap())
    };
    let softmax = r#""exploration": {"epsilon": 0.0, "temperature": 0.2, "pool": 50}"#;
    let greedy = r#""exploration": {"epsilon": 0.05, "pool": 50}"#;
    let both = r#""exploration": {"epsilon": 0.05, "temperature": 0.2, "pool": 50}"#;
    let diverse = r#""diversity": {"attribute": "cuisine", "weight": 0.1}, "#;
    assert_eq!(design(softmax), SlotDesign::PlackettLuce);
    assert_eq!(design(greedy), SlotDesign::EpsilonGreedy { epsilon: 0.05 });
    assert_eq!(design(both), SlotDesign::Any);
    assert_eq!(design(&format!("{diverse}{greedy}")), SlotDesign::Any);
}

#[test]
fn intervals_hold_about_95_times_of_100() {
    let mut held = 0;
    let rounds = 60;
    for seed in 0..rounds {
        let exploration = exploration(0.3, 0.0, 12);
        let world = World { exploration, items: 12, showings: 2_000, seed: 100 + seed };
        let asked = settings(ExaminationMethod::Swaps, SlotDesign::PlackettLuce);
        held += inside(&estimate_examination(&showings(world), &asked).unwrap());
    }
    let share = held as f64 / (5 * rounds) as f64;
    // 300 intervals, five at a time from the same showings.
    assert!((0.89..=0.99).contains(&share), "{share}");
}

#[test]
fn without_randomisation_the_click_model_answers_or_nothing_does() {
    let world = World { exploration: Exploration::OFF, items: 20, showings: 4_000, seed: 3 };
    let showings = showings(world);
    let asked = settings(ExaminationMethod::Swaps, SlotDesign::Any);
    let error = estimate_examination(&showings, &asked).unwrap_err().to_string();
    assert!(error.contains("positions 0 and 1 have 0.0 effective clicks"), "{error}");
    let asked = settings(ExaminationMethod::Auto, SlotDesign::Any);
    let found = estimate_examination(&showings, &asked).unwrap();
    assert_eq!(found.source, ExaminationSource::ClickModel);
    assert_eq!(found.positions.len(), TRUTH.len());
}

#[test]
fn positions_without_an_item_in_common_cannot_be_compared() {
    let mut showings =
        showings(World { exploration: Exploration::OFF, items: 10, showings: 100, seed: 4 });
    for slot in showings.showings.iter_mut().flat_map(|showing| &mut showing.slots) {
        // Each position has items of its own.
        slot.item = slot.position;
    }
    let asked = settings(ExaminationMethod::Auto, SlotDesign::Any);
    let error = estimate_examination(&showings, &asked).unwrap_err().to_string();
    assert!(error.contains("position 1 has no clicked item in common"), "{error}");
}

#[test]
fn nothing_clicked_and_impossible_settings_are_refused() {
    let asked = ExaminationSettings::default();
    let error = estimate_examination(&Showings::default(), &asked).unwrap_err();
    assert!(matches!(error, Error::Data { .. }), "{error}");
    let world = World { exploration: Exploration::OFF, items: 10, showings: 100, seed: 7 };
    let impossible = settings(ExaminationMethod::Auto, SlotDesign::EpsilonGreedy { epsilon: 0.7 });
    let error = estimate_examination(&showings(world), &impossible).unwrap_err();
    assert!(matches!(error, Error::Setting { field: "epsilon", .. }), "{error}");
    let asked = ExaminationSettings { effective_clicks_min: f64::NAN, ..asked };
    let error = estimate_examination(&Showings::default(), &asked).unwrap_err();
    assert!(matches!(error, Error::Setting { field: "effective_clicks_min", .. }), "{error}");
}

#[test]
fn below_the_last_known_position_examination_stays_the_same() {
    let at =
        |examination| PositionExamination { examination, interval: None, effective_clicks: None };
    let positions = vec![at(1.0), at(0.5)];
    let examination = Examination { source: ExaminationSource::ClickModel, positions };
    assert_eq!([0, 1, 2, 900].map(|position| examination.at(position)), [1.0, 0.5, 0.5, 0.5]);
}
