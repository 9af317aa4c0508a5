//! Metrics, tests and models against values by SciPy, scikit-learn, ir-measures (trec_eval), ranx
//! and NumPy; `metrics/make.py` made them.

use noctule_trainer::datasets::statistics::gini;
use noctule_trainer::evaluation::{
    BootstrapSettings, bootstrap_means, calibration, metrics, randomisation, wilcoxon,
};
use noctule_trainer::probes::weighted_auc;
use noctule_trainer::training::Sparse;
use noctule_trainer::training::classical::{Ease, EaseSettings};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("metrics/metrics.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

#[track_caller]
fn assert_close(found: f64, expected: &Value, tolerance: f64) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= tolerance, "{found}, golden {expected}");
}

#[test]
fn ranking_metrics_are_those_of_trec_eval_ranx_and_scikit_learn() {
    let golden = golden();
    let k = golden["k"].as_u64().unwrap() as usize;
    let cases = golden["rankings"].as_array().unwrap();
    assert_eq!(cases.len(), 40);
    for case in cases {
        let ranks: Vec<usize> =
            numbers(&case["ranks"]).into_iter().map(|rank| rank as usize).collect();
        let ranked = case["ranked"].as_u64().unwrap() as usize;
        let values = &case["values"];
        assert_close(metrics::hit(&ranks, k), &values["hit"], 1e-9);
        assert_close(metrics::ndcg(&ranks, k), &values["ndcg"], 1e-9);
        assert_close(metrics::recall(&ranks, k), &values["recall"], 1e-9);
        assert_close(metrics::precision(&ranks, k), &values["precision"], 1e-9);
        assert_close(metrics::average_precision(&ranks, k), &values["average_precision"], 1e-9);
        assert_close(metrics::reciprocal_rank(&ranks), &values["reciprocal_rank"], 1e-9);
        assert_close(metrics::auc(&ranks, ranked).unwrap(), &values["auc"], 1e-9);
    }
}

#[test]
fn paired_tests_are_those_of_scipy() {
    let settings = BootstrapSettings::default();
    for case in golden()["paired"].as_array().unwrap() {
        let differences = numbers(&case["differences"]);
        let found = wilcoxon(&differences).unwrap();
        assert_close(found.statistic, &case["wilcoxon"]["statistic"], 1e-9);
        assert_close(found.p, &case["wilcoxon"]["p"], 1e-9);
        if let Some(exact) = case.get("randomisation") {
            let found = randomisation(&differences, &settings).unwrap();
            assert_close(found.statistic, &exact["statistic"], 1e-12);
            assert_close(found.p, &exact["p"], 1e-12);
        }
    }
}

#[test]
fn the_bootstrap_interval_is_that_of_scipy() {
    let golden = golden();
    let rows: Vec<[Option<f64>; 1]> =
        numbers(&golden["bootstrap"]["values"]).into_iter().map(|value| [Some(value)]).collect();
    let settings = BootstrapSettings { resamples: 20_000, ..BootstrapSettings::default() };
    let [Some(found)] = bootstrap_means(&rows, &settings).unwrap() else { panic!() };
    // The interval is .054 wide; 20,000 resamples leave an error of its ends of about .0003.
    assert_close(found.low, &golden["bootstrap"]["low"], 0.001);
    assert_close(found.high, &golden["bootstrap"]["high"], 0.001);
}

#[test]
fn calibration_and_weighted_auc_are_those_of_numpy_and_scikit_learn() {
    let golden = &golden()["calibration"];
    let (p, weights) = (numbers(&golden["probabilities"]), numbers(&golden["weights"]));
    let happened = golden["happened"].as_array().unwrap().iter();
    let happened: Vec<bool> = happened.map(|value| value.as_bool().unwrap()).collect();
    let found = calibration(&p, &happened, &weights, 10).unwrap();
    assert_close(found.error, &golden["error"], 1e-12);
    assert_close(found.brier, &golden["brier"], 1e-12);
    assert_close(weighted_auc(&p, &happened, &weights).unwrap(), &golden["auc"], 1e-12);
}

#[test]
fn ease_is_the_closed_form_of_numpy() {
    let golden = &golden()["ease"];
    let entries = golden["pairs"].as_array().unwrap().iter().map(numbers);
    let entries = entries.map(|pair| (pair[0] as u32, pair[1] as u32, 1.0)).collect();
    let matrix = Sparse::from_entries(entries, 60, 25);
    let settings = EaseSettings { regularization: 3.0, ..EaseSettings::default() };
    let model = Ease::fit(&matrix, &settings).unwrap();
    for (from, row) in golden["weights"].as_array().unwrap().iter().enumerate() {
        for (to, weight) in row.as_array().unwrap().iter().enumerate() {
            assert_close(f64::from(model.weight(from as u32, to as u32)), weight, 1e-6);
        }
    }
}

#[test]
fn gini_is_half_the_relative_mean_difference() {
    let golden = &golden()["gini"];
    assert_close(gini(numbers(&golden["values"]).into_iter()), &golden["gini"], 1e-12);
}
