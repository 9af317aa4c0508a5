use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::Plan;

use super::*;
use crate::clicks::ShownSlot;
use crate::datasets::{Interactions, bare_item};
use crate::evaluation::FoldInScorer;
use crate::training::{IalsSettings, Popularity, Sparse, train_ials};

/// The log-odds of relevance: weights of the four features, and the bias.
const TRUTH: ([f64; FEATURES], f64) = ([1.5, -0.5, 0.8, 0.0], -1.0);

fn examination(position: usize) -> f64 {
    1.0 / (position + 1) as f64
}

/// Rows shown by the second feature, which speaks against relevance, with some noise in the order;
/// each with whether it was clicked and its position.
fn clicks(lists: usize) -> (Vec<f32>, Vec<(bool, usize)>) {
    let mut random = SeededRandom::new(Seed(9));
    let (mut rows, mut slots) = (Vec::new(), Vec::new());
    for _ in 0..lists {
        let mut items: Vec<(f64, [f64; FEATURES])> = Vec::new();
        for _ in 0..6 {
            let row: [f64; FEATURES] = std::array::from_fn(|_| random.normal());
            items.push((row[1] + 0.3 * random.normal(), row));
        }
        items.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (position, (_, row)) in items.iter().enumerate() {
            let log_odds: f64 = row.iter().zip(TRUTH.0).map(|(x, w)| x * w).sum::<f64>() + TRUTH.1;
            let relevance = 1.0 / (1.0 + (-log_odds).exp());
            slots.push((random.chance(examination(position) * relevance), position));
            rows.extend(row.map(|value| value as f32));
        }
    }
    (rows, slots)
}

fn examples(lists: usize, skips: impl Fn(usize) -> (f64, Option<f64>)) -> WeakExamples {
    let (rows, slots) = clicks(lists);
    let label = |(clicked, position): (bool, usize)| {
        let (weight, uncertain) = skips(position);
        let examination = uncertain.filter(|_| !clicked);
        WeakLabel { showing: 0, slot: 0, positive: clicked, weight, examination }
    };
    let labels: Vec<WeakLabel> = slots.into_iter().map(label).collect();
    let pairs = vec![(0, 0); labels.len()];
    WeakExamples { rows, labels, pairs, unknown_items: 0 }
}

fn error(trained: &TrainedRanker) -> f64 {
    let weights = trained.weight.iter().zip(TRUTH.0);
    let bias = (f64::from(trained.bias) - TRUTH.1).abs();
    weights.map(|(found, truth)| (f64::from(*found) - truth).abs()).fold(bias, f64::max)
}

/// Enough steps for weights near these, on rows of deviation 1.
fn ranker() -> RankerSettings {
    RankerSettings { steps: 120, ..RankerSettings::default() }
}

#[test]
fn debiased_labels_lead_to_the_truth_and_naive_ones_away_from_it() {
    let debiased =
        examples(3_000, |position| (1.0 / examination(position), Some(examination(position))));
    let debiased = train_weak(&debiased, &ranker(), 6).unwrap();
    assert!(error(&debiased) < 0.25, "{debiased:?}");
    let naive = train_weak(&examples(3_000, |_| (1.0, None)), &ranker(), 1).unwrap();
    // What was shown high was clicked more, so that the sign of its feature is learned wrong.
    assert!(naive.weight[1] > 0.2, "{naive:?}");
}

#[test]
fn rounds_bring_the_fit_nearer_to_the_truth() {
    let examples =
        examples(3_000, |position| (1.0 / examination(position), Some(examination(position))));
    let after = |rounds| error(&train_weak(&examples, &ranker(), rounds).unwrap());
    let (first, last) = (after(1), after(6));
    assert!(last < 0.7 * first, "{last} {first}");
    let refused = train_weak(&examples, &ranker(), 0).unwrap_err();
    assert!(matches!(refused, Error::Setting { field: "rounds", .. }), "{refused}");
}

#[test]
fn what_never_varies_keeps_the_other_weight() {
    let with = |weight: [f32; FEATURES]| TrainedRanker {
        weight: weight.to_vec(),
        bias: 0.0,
        losses: Vec::new(),
    };
    let mut trained = with([1.0, 2.0, 3.0, 0.0]);
    let rows = [0.1, 0.2, 0.3, 0.0, 0.4, 0.2, 0.5, 0.0];
    keep_unseen(&mut trained, &with([9.0; FEATURES]), &rows);
    assert_eq!(trained.weight, [1.0, 9.0, 3.0, 9.0]);
}

fn slot(item: u32, position: u32) -> ShownSlot {
    ShownSlot {
        item,
        position,
        propensity: None,
        visible_ms: None,
        clicked: false,
        dwell_ms: None,
        liked: false,
        converted: false,
        disliked: false,
        hidden: false,
    }
}

/// Two items, `tea` and `rye`, that half of the users chose each; and an item nobody knows.
fn small() -> (Interactions, Plan, Showings) {
    let mut data = Interactions {
        items: ["tea", "rye"].map(|name| bare_item(name).unwrap()).to_vec(),
        users: (0..8).map(|user| format!("user-{user}")).collect(),
        ..Interactions::default()
    };
    for user in 0..8 {
        let at_ms = Some(500);
        let item = user % 2;
        data.events.push(Interaction { user, item, at_ms, context: None, weight: 1.0 });
    }
    let plan = serde_json::from_value(serde_json::json!({
        "surfaces": [{"id": "home", "length": 5, "contexts": ["day"]}],
        "contexts": [{"id": "day", "when": {"days": "every", "from": 0, "until": 1440}}],
        "candidates": {"nearest": 30, "popular": 10},
        "consumed": "keep"
    }))
    .unwrap();
    let showing = |installation, at_ms, slots| Showing {
        installation,
        surface: None,
        context: Some(0),
        generation: None,
        at_ms,
        slots,
    };
    let mut chosen = slot(0, 0);
    chosen.converted = true;
    let showings = Showings {
        installations: ["stranger", "user-0", "searcher"].map(String::from).to_vec(),
        items: vec!["rye".into(), "mystery".into(), "tea".into()],
        contexts: vec!["day".into()],
        showings: vec![
            showing(0, 1_000, vec![chosen, slot(1, 1)]),
            showing(0, 2_000, vec![slot(0, 0), slot(2, 1)]),
            showing(1, 100, vec![slot(2, 0)]),
            showing(1, 1_000, vec![slot(2, 0)]),
            showing(2, 1_000, vec![slot(2, 0)]),
            showing(2, 3_000, vec![slot(2, 0)]),
        ],
        elsewhere: vec![ChosenElsewhere { installation: 2, item: 2, context: None, at_ms: 2_000 }],
        ..Showings::default()
    };
    (data, plan, showings)
}

fn with_fitted<T>(data: &Interactions, plan: &Plan, use_it: impl FnOnce(&Fitted<'_>) -> T) -> T {
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    let settings = IalsSettings { dimensions: 2, epochs: 20, ..IalsSettings::default() };
    let matrix = Sparse::users_by_items(data, &all);
    let factors = train_ials(&matrix, &settings, &|_, _, _| {}).unwrap();
    let solver = factors.fold_in(&settings).unwrap();
    let fold_in = FoldInScorer { fold_in: &solver, items: &factors.items, context_weight: 1.0 };
    let popularity = Popularity { overall: vec![0.5; 2], by_context: vec![0.5; 2] };
    use_it(&Fitted { data, plan, popularity: &popularity, fold_in })
}

#[test]
fn rows_know_what_was_chosen_before_and_nothing_of_later() {
    let (data, plan, showings) = small();
    let examples = with_fitted(&data, &plan, |fitted| {
        make(fitted, &showings, &naive_labels(&showings), 2).unwrap()
    });
    assert_eq!(examples.unknown_items, 1);
    let slots: Vec<_> = examples.labels.iter().map(|label| (label.showing, label.slot)).collect();
    assert_eq!(slots, [(0, 0), (1, 0), (1, 1), (2, 0), (3, 0), (4, 0), (5, 0)]);
    let fold_in: Vec<f32> = examples.rows.iter().step_by(FEATURES).copied().collect();
    // Nothing is known of the stranger at first; then rye was chosen, and tea was not.
    assert_eq!(fold_in[0], 0.0);
    assert!(fold_in[1] > 0.5 && fold_in[2] < 0.2, "{fold_in:?}");
    // A user of the data had chosen tea at 500, which is after the first showing.
    assert_eq!(fold_in[3], 0.0);
    assert!(fold_in[4] > 0.5, "{fold_in:?}");
    // The last chose tea at 2,000, in no showing.
    assert_eq!(fold_in[5], 0.0);
    assert!(fold_in[6] > 0.5, "{fold_in:?}");
}

#[test]
fn the_number_of_threads_changes_no_row_and_choices_are_not_learned_from_feedback() {
    let (data, plan, showings) = small();
    let labels = naive_labels(&showings);
    with_fitted(&data, &plan, |fitted| {
        let made = |threads| make(fitted, &showings, &labels, threads).unwrap();
        assert_eq!(made(1), made(3));
        let weak = WeakSettings::default();
        let refused = prepare(fitted, &showings, Labels::Choices, &weak, 1).unwrap_err();
        assert!(matches!(refused, Error::Setting { field: "labels", .. }), "{refused}");
        // Nothing of these showings was clicked, so that nothing tells what was looked at.
        let refused = prepare(fitted, &showings, Labels::Debiased, &weak, 1).unwrap_err();
        assert!(matches!(refused, Error::Data { .. }), "{refused}");
    });
}
