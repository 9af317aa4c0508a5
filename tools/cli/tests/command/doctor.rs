//! What the doctor says of a profile, from its first night to a damaged release.

use serde_json::Value;

use crate::runner::Workplace;

const DOCTOR: &str = "doctor profile --app town --public-key release.key.pub";

fn place() -> Workplace {
    let place = Workplace::new();
    place.text("simulate town town --restaurants 40 --residents 100");
    place.text("train town --output model --dimensions 8 --epochs 3");
    place.text("pack --new-key release.key");
    place.text("pack model --app town --key release.key --output release");
    place
}

/// The findings about `about`.
fn about(told: &Value, about: &str) -> Vec<Value> {
    let findings = told["findings"].as_array().unwrap();
    findings.iter().filter(|finding| finding["about"] == about).cloned().collect()
}

#[test]
fn a_night_that_was_too_short_is_a_problem_with_advice_and_a_whole_one_is_fine() {
    let place = place();
    assert!(place.failure(DOCTOR).contains("there is no profile"));
    let night = "night profile --app town --release release --public-key release.key.pub";
    place.text(&format!("{night} --budget-seconds 0"));
    let told = place.json(DOCTOR);
    assert_eq!(told["level"], "problem");
    let nights = about(&told, "nights");
    assert!(nights[0]["text"].as_str().unwrap().contains("no night has ended"), "{nights:?}");
    let advice = nights[1]["advice"].as_str().unwrap();
    assert!(advice.contains("give the nights more"), "{advice}");
    assert_eq!(told["runs"][0]["outcome"], "out of time");
    place.text(night);
    let told = place.json(DOCTOR);
    assert_eq!((&told["level"], told["runs"].as_array().unwrap().len()), (&"fine".into(), 2));
    let text = place.text(DOCTOR);
    assert!(text.contains("the last whole night was"), "{text}");
}

#[test]
fn a_changed_byte_of_the_release_is_named_with_what_to_do() {
    let place = place();
    place.text("night profile --app town --release release --public-key release.key.pub");
    let path = place.path("profile/releases/town@1/items.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let told = place.json(DOCTOR);
    assert_eq!(told["level"], "problem");
    let release = about(&told, "release");
    assert!(release[0]["text"].as_str().unwrap().contains("items.safetensors"), "{release:?}");
    assert!(release[0]["advice"].is_string(), "{release:?}");
}
