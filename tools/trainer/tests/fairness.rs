//! Treatments of unfair rankers and towers, on a small world whose bias is planted.
//!
//! `cargo test --workspace --test fairness -- --nocapture` prints the figures.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use noctule_core::base::{ItemId, Seed, SeededRandom};
use noctule_core::catalogue::{AttributeValue, Item};
use noctule_core::release::{Plan, RankerKind};
use noctule_trainer::Error;
use noctule_trainer::datasets::{Interaction, Interactions};
use noctule_trainer::evaluation::fairness::Side;
use noctule_trainer::evaluation::{BootstrapSettings, FairnessReport, Groups, UserResult};
use noctule_trainer::run::{MeasuredModel, Measuring};
use noctule_trainer::training::fairness::Treatment;
use noctule_trainer::training::network::UNTREATED_TOWERS;
use noctule_trainer::training::{
    IalsSettings, Model, RankerSettings, Session, TrainSettings, TrainStep, TwoTowerSettings,
    UNTREATED, train_in,
};

fn plan() -> Plan {
    serde_json::from_value(serde_json::json!({
        "surfaces": [{"id": "home", "length": 5, "contexts": ["any"]}],
        "contexts": [{"id": "any", "when": {"days": "every", "from": 0, "until": 1440}}],
        "candidates": {"nearest": 40, "popular": 10},
        "consumed": "exclude"
    }))
    .unwrap()
}

/// Users of two tastes, items of two kinds. Of what users found in the past, four in five were of
/// the kind that the shop put forward; what they choose last, which is the test, is of either.
fn world() -> Interactions {
    let mut random = SeededRandom::new(Seed(21));
    let mut data = Interactions::default();
    for item in 0..60 {
        let kind = if item < 30 { "favoured" } else { "hidden" };
        let kind = ("kind".to_owned(), AttributeValue::Text(kind.into()));
        data.items.push(Item {
            id: ItemId::new(format!("item-{item}")).unwrap(),
            title: format!("Item {item}"),
            attributes: [kind].into(),
            place: None,
            hours: Vec::new(),
            available: true,
        });
    }
    for user in 0..300u32 {
        data.users.push(format!("user-{user}"));
        let mut chosen: Vec<u32> = Vec::new();
        while chosen.len() < 10 {
            let share = if chosen.len() == 9 { 0.5 } else { 0.8 };
            let first = if random.chance(share) { 0 } else { 30 };
            let item = first + 2 * random.below(15) as u32 + user % 2;
            if !chosen.contains(&item) {
                chosen.push(item);
            }
        }
        for (at, item) in chosen.into_iter().enumerate() {
            let at_ms = Some(at as i64 * 86_400_000);
            data.events.push(Interaction { user, item, at_ms, context: Some(0), weight: 1.0 });
        }
    }
    data
}

fn settings(kind: RankerKind, treatment: Treatment) -> TrainSettings {
    TrainSettings {
        ials: IalsSettings { dimensions: 8, epochs: 8, ..IalsSettings::default() },
        ranker: RankerSettings { kind, ..RankerSettings::default() },
        treatment,
        threads: 2,
        ..TrainSettings::default()
    }
}

/// The gap before and after: parity of exposure, and NDCG@10.
struct Effect {
    parity: [f64; 2],
    ndcg: [f64; 2],
}

impl Effect {
    fn of(models: &[MeasuredModel], [before, after]: [&str; 2]) -> Self {
        let both = [of(models, before), of(models, after)];
        let effect = Self {
            parity: both.map(|(fairness, _)| fairness.parity.unwrap().value),
            ndcg: both.map(|(_, ndcg)| ndcg),
        };
        let ([shown, then], [ndcg, kept]) = (effect.parity, effect.ndcg);
        println!("{after}: parity {shown:.3} -> {then:.3}, NDCG@10 {ndcg:.4} -> {kept:.4}");
        effect
    }
}

fn towers(treatment: Treatment) -> TrainSettings {
    TrainSettings {
        model: Model::TwoTower,
        two_tower: TwoTowerSettings {
            dimensions: 16,
            words: false,
            epochs: 30,
            patience: 0,
            learning_rate: 0.01,
            dropout: 0.1,
            batch: 128,
            ..TwoTowerSettings::default()
        },
        treatment,
        threads: 2,
        ..TrainSettings::default()
    }
}

fn quiet(_: TrainStep, _: usize, _: usize) {}

fn bootstrap() -> BootstrapSettings {
    BootstrapSettings { resamples: 100, threads: 2, ..BootstrapSettings::default() }
}

fn measured(
    data: &Interactions,
    groups: Option<&Groups>,
    settings: &TrainSettings,
) -> Result<Vec<MeasuredModel>, Error> {
    let grouping = |_: &[UserResult]| Ok(Vec::new());
    let measuring = Measuring::new(bootstrap(), &grouping, None).with_groups(groups);
    let session = Session { groups, observer: &measuring, ..Session::of(&quiet) };
    train_in(data, &plan(), None, settings, &session)?;
    Ok(measuring.finish().0)
}

/// Fairness and NDCG of the model called `name`.
fn of<'a>(models: &'a [MeasuredModel], name: &str) -> (&'a FairnessReport, f64) {
    let model = models.iter().find(|model| model.report.name == name).unwrap();
    (model.report.fairness.as_ref().unwrap(), model.report.evaluation.ndcg)
}

#[test]
fn reweighing_shows_the_hidden_kind_more_and_finds_nearly_as_much() {
    let data = world();
    let groups = Groups::of_items(&data, "kind").unwrap();
    assert_eq!(groups.side, Side::Items);
    let settings = settings(RankerKind::Linear, Treatment::Reweighing);
    let models = measured(&data, Some(&groups), &settings).unwrap();
    let ((before, ndcg), (after, kept)) = (of(&models, UNTREATED), of(&models, "ranker"));
    let (shown, then) = (before.parity.unwrap().value, after.parity.unwrap().value);
    let (gap, closed) =
        (before.opportunity_gap.unwrap().value, after.opportunity_gap.unwrap().value);
    println!(
        "parity {shown:.3} -> {then:.3}, gap of recall {gap:.3} -> {closed:.3}, NDCG@10 \
         {ndcg:.4} -> {kept:.4}"
    );
    assert!(then > 2.0 * shown, "parity {shown} -> {then}");
    assert!(closed < gap / 1.5, "gap of recall {gap} -> {closed}");
    assert!(kept > 0.9 * ndcg, "NDCG {ndcg} -> {kept}");
}

#[test]
fn reweighing_two_towers_shows_both_kinds_more_alike_and_finds_as_much() {
    let data = world();
    let groups = Groups::of_items(&data, "kind").unwrap();
    let models = measured(&data, Some(&groups), &towers(Treatment::Reweighing)).unwrap();
    let Effect { parity: [shown, then], ndcg: [ndcg, kept] } =
        Effect::of(&models, [UNTREATED_TOWERS, "two_tower"]);
    assert!(then > 3.0 * shown, "parity {shown} -> {then}");
    assert!(kept > 0.95 * ndcg, "NDCG {ndcg} -> {kept}");
}

#[test]
fn an_adversary_keeps_the_kind_out_of_the_vectors_of_two_towers() {
    let data = world();
    let groups = Groups::of_items(&data, "kind").unwrap();
    let treatment = Treatment::GradientReversal { strength: 1.0, hidden: 16 };
    let models = measured(&data, Some(&groups), &towers(treatment)).unwrap();
    let Effect { parity: [shown, then], ndcg: [ndcg, kept] } =
        Effect::of(&models, [UNTREATED_TOWERS, "two_tower"]);
    assert!(then > 2.0 * shown, "parity {shown} -> {then}");
    assert!(kept > 0.95 * ndcg, "NDCG {ndcg} -> {kept}");
}

#[test]
fn an_adversary_keeps_the_kind_out_of_a_ranker() {
    let data = world();
    let groups = Groups::of_items(&data, "kind").unwrap();
    let treatment = Treatment::GradientReversal { strength: 1.0, hidden: 16 };
    let models = measured(&data, Some(&groups), &settings(RankerKind::Mlp, treatment)).unwrap();
    let Effect { parity: [shown, then], ndcg: [ndcg, kept] } =
        Effect::of(&models, [UNTREATED, "ranker"]);
    assert!(then > 3.0 * shown, "parity {shown} -> {then}");
    assert!(kept > 0.8 * ndcg, "NDCG {ndcg} -> {kept}");
}

#[test]
fn without_a_treatment_nothing_is_measured_twice() {
    let data = world();
    let groups = Groups::of_items(&data, "kind").unwrap();
    let settings = settings(RankerKind::Linear, Treatment::None);
    let models = measured(&data, Some(&groups), &settings).unwrap();
    assert!(models.iter().all(|model| model.report.name != UNTREATED));
    assert!(models.iter().all(|model| model.report.fairness.is_some()));
    assert!(measured(&data, None, &settings).unwrap()[0].report.fairness.is_none());
}

#[test]
fn a_treatment_that_cannot_be_is_refused_before_anything_is_trained() {
    let data = world();
    let groups = Groups::of_items(&data, "kind").unwrap();
    let reversal = Treatment::GradientReversal { strength: 1.0, hidden: 8 };
    let refused = |groups, settings: &TrainSettings| measured(&data, groups, settings).unwrap_err();
    let error = refused(None, &settings(RankerKind::Linear, Treatment::Reweighing));
    assert!(error.to_string().contains("--fairness-group"), "{error}");
    let error = refused(Some(&groups), &settings(RankerKind::Linear, reversal));
    assert!(error.to_string().contains("hidden layers"), "{error}");
    let popularity =
        TrainSettings { model: Model::Popularity, ..settings(RankerKind::Mlp, reversal) };
    let error = refused(Some(&groups), &popularity);
    assert!(matches!(error, Error::Setting { field: "treatment", .. }), "{error}");
    let endless = Treatment::GradientReversal { strength: f64::INFINITY, hidden: 8 };
    let error = refused(Some(&groups), &settings(RankerKind::Mlp, endless));
    assert!(matches!(error, Error::Setting { field: "strength", .. }), "{error}");
    // Of users whose groups nobody knows, nothing can be made independent.
    let nobody = Groups { side: Side::Users, of: vec![None; 300], ..groups.clone() };
    let error = refused(Some(&nobody), &settings(RankerKind::Mlp, Treatment::Reweighing));
    assert!(error.to_string().contains("rows of 0 groups"), "{error}");
}
