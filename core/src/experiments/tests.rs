//! The published cases of the bucketing standard, and what must hold of any assignment.

use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::release::Policy;

/// The published cases called `name`, or `None` when the data is not here.
fn cases(name: &str) -> Option<Vec<Value>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("NOCTULE_DATA").map_or(root, PathBuf::from);
    let file = data.join("golden-metrics/growthbook/sdk-cases.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: {} is not here", file.display());
        return None;
    };
    let all: Value = serde_json::from_str(&text).unwrap();
    Some(all[name].as_array().unwrap().clone())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn ranges(value: &Value) -> Vec<(f64, f64)> {
    value.as_array().unwrap().iter().map(numbers).map(|pair| (pair[0], pair[1])).collect()
}

#[test]
fn hashes_are_those_of_the_published_cases() {
    let mut compared = 0;
    for case in cases("hash").unwrap_or_default() {
        // seed, value, version, expected; version 1 is another hash, which we do not use.
        if case[2] == 2 {
            let found = bucket(case[0].as_str().unwrap(), case[1].as_str().unwrap());
            assert_eq!(Some(found), case[3].as_f64(), "{case}");
            compared += 1;
        }
    }
    eprintln!("{compared} hash cases of version 2 compared");
}

#[test]
fn bucket_ranges_are_those_of_the_published_cases() {
    for case in cases("getBucketRange").unwrap_or_default() {
        let input = &case[1];
        let coverage = input[1].as_f64().unwrap();
        let count = input[0].as_u64().unwrap() as usize;
        let shares =
            if input[2].is_null() { vec![1.0 / count as f64; count] } else { numbers(&input[2]) };
        let shares = if shares.len() == count { shares } else { vec![1.0 / count as f64; count] };
        let found = bucket_ranges(coverage, &shares);
        for (found, expected) in found.iter().zip(ranges(&case[2])) {
            let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
            assert!(near(found.0, expected.0) && near(found.1, expected.1), "{case}: {found:?}");
        }
    }
}

#[test]
fn choices_are_those_of_the_published_cases() {
    for case in cases("chooseVariation").unwrap_or_default() {
        let found = choose(case[1].as_f64().unwrap(), &ranges(&case[2]));
        let expected = usize::try_from(case[3].as_i64().unwrap()).ok();
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn arms_get_their_shares_and_every_installation_an_arm() {
    let arm = |name: &str, share| Arm { name: name.into(), share, policy: Policy::Model };
    let arms = vec![arm("a", 0.3), arm("b", 0.7)];
    let experiment = Experiment { key: "k".into(), salt: "s".into(), arms };
    let first = (0..10_000)
        .filter(|i| assign(&experiment, &i.to_string()).unwrap().name == "a")
        .count() as f64;
    // Standard error of 10,000 draws at 0.3 is 46; four of them.
    assert!((first - 3_000.0).abs() < 184.0, "{first}");
}
