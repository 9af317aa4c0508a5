//! Fairness against values by fairlearn, scikit-learn, SciPy and NumPy; `fairness/make.py` made
//! them.

use noctule_trainer::evaluation::fairness::{Groups, Side};
use noctule_trainer::evaluation::{
    BootstrapSettings, FairnessReport, UserResult, measure_fairness,
};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("fairness/fairness.json")).unwrap()
}

fn integers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|value| value.as_u64().unwrap() as usize).collect()
}

fn measured(golden: &Value, side: Side, groups: &str) -> FairnessReport {
    let of = integers(&golden[groups]).into_iter().map(|group| Some(group as u16)).collect();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let groups = Groups { by: groups.into(), side, names, of };
    let items = |value: &Value| integers(value).into_iter().map(|item| item as u32).collect();
    let result = |(user, row): (usize, &Value)| UserResult {
        user: user as u32,
        history: 1,
        context: None,
        targets: items(&row["targets"]),
        ranks: integers(&row["ranks"]),
        ranked: 40,
        best: items(&row["best"]),
    };
    let users = golden["users"].as_array().unwrap();
    let results: Vec<UserResult> = users.iter().enumerate().map(result).collect();
    let k = golden["k"].as_u64().unwrap() as usize;
    measure_fairness(&groups, &results, k, &BootstrapSettings::default()).unwrap()
}

#[track_caller]
fn assert_close(found: Option<f64>, expected: &Value) {
    let (found, expected) = (found.unwrap(), expected.as_f64().unwrap());
    assert!((found - expected).abs() <= 1e-9, "{found}, golden {expected}");
}

#[test]
fn item_groups_are_measured_as_fairlearn_scikit_learn_and_scipy_measure_them() {
    let golden = golden();
    let (found, expected) = (measured(&golden, Side::Items, "item_groups"), &golden["items"]);
    for (place, group) in found.groups.iter().enumerate() {
        assert_close(group.ndcg, &expected["ndcg"][place]);
        assert_close(group.opportunity, &expected["opportunity"][place]);
        assert_close(group.exposure, &expected["exposure"][place]);
    }
    assert_close(found.ndcg_gap.map(|gap| gap.value), &expected["ndcg_gap"]);
    assert_close(found.opportunity_gap.map(|gap| gap.value), &expected["opportunity_gap"]);
    assert_close(found.parity.map(|parity| parity.value), &expected["parity"]);
    assert_close(found.from_catalogue, &expected["from_catalogue"]);
    assert_close(found.from_wanted, &expected["from_wanted"]);
}

#[test]
fn user_groups_are_measured_as_fairlearn_and_scikit_learn_measure_them() {
    let golden = golden();
    let (found, expected) = (measured(&golden, Side::Users, "user_groups"), &golden["of_users"]);
    for (place, group) in found.groups.iter().enumerate() {
        assert_close(group.ndcg, &expected["ndcg"][place]);
        assert_close(group.opportunity, &expected["opportunity"][place]);
    }
    assert_close(found.ndcg_gap.map(|gap| gap.value), &expected["ndcg_gap"]);
    assert_close(found.opportunity_gap.map(|gap| gap.value), &expected["opportunity_gap"]);
}
