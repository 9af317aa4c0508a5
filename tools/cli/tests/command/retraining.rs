//! `noctule train --warm-start`: a model trained again, from its folder and from its release.

use crate::runner::Workplace;

/// Users who each keep to one of three kinds of items, one choice a day from the first of a month.
fn choices(users: usize, days: usize) -> String {
    let mut table = "user,item,time\n".to_owned();
    for user in 0..users {
        for day in 0..days {
            let item = format!("i{}x{}", user % 3, (user / 3 + day) % 9);
            table += &format!("u{user},{item},2026-10-{:02}T08:00:00Z\n", day + 1);
        }
    }
    table
}

const SETTINGS: &str = r#"{"threads": 1, "softmax_factorization": {"dimensions": 8, "batch": 64,
    "learning_rate": 0.01, "patience": 0}}"#;
const TRAIN: &str =
    "train events.csv --architecture softmax_factorization --settings settings.json";

fn workplace() -> Workplace {
    let place = Workplace::new();
    place.write("events.csv", &choices(60, 6));
    place.write("settings.json", SETTINGS);
    place
}

/// The files of a model that a phone gets, one behind the other.
fn model(place: &Workplace, name: &str) -> Vec<u8> {
    let read = |file: &str| std::fs::read(place.path(format!("{name}/{file}"))).unwrap();
    [read("items.safetensors"), read("model.safetensors")].concat()
}

#[test]
fn begun_with_a_model_or_its_release_and_not_trained_it_is_the_same_model() {
    let place = workplace();
    let record = place.json(&format!("{TRAIN} --epochs 8 --output old"));
    assert_eq!(record["architecture"]["name"], "two_tower");
    let ndcg = |name: &str| record["metrics"][name]["ndcg"].as_f64().unwrap();
    assert!(ndcg("softmax_factorization") > 1.5 * ndcg("popularity"), "{record}");
    place.text("pack --new-key key");
    place.text("pack old --app kinds --key key --output release --embedding f32");
    for from in ["old", "release"] {
        let line = format!("{TRAIN} --epochs 0 --output {from}-again --warm-start {from}");
        let again = place.json(&line);
        assert_eq!(again["retrained"]["items_known"], 27);
        assert!(model(&place, &format!("{from}-again")) == model(&place, "old"), "{from}");
        // The folder knows what its model has seen: everything, so nothing is measured.
        assert_eq!(again["metrics"].is_null(), from == "old", "{again}");
        let run = std::fs::read_to_string(place.path(format!("{from}-again/run/run.json")));
        let run: serde_json::Value = serde_json::from_str(&run.unwrap()).unwrap();
        let warned = run["warnings"].to_string().contains("figures flatter");
        assert_eq!(warned, from == "release", "{run}");
        assert_eq!(run["retrained"], again["retrained"]);
    }
}

#[test]
fn days_that_are_new_are_learned_by_the_last_layer_with_the_share_that_is_asked() {
    let place = workplace();
    place.text(&format!("{TRAIN} --epochs 8 --output old"));
    place.write("events.csv", &choices(60, 9));
    let again = format!(
        "{TRAIN} --epochs 2 --output new --warm-start old --train-layers last \
         --new-data-share 0.5"
    );
    let record = place.json(&again);
    let retrained = &record["retrained"];
    assert_eq!(retrained["kept"], serde_json::json!(["embedding"]));
    assert_eq!(retrained["new_since_ms"], retrained["seen_until_ms"]);
    // Two of the three new days of each user are held out, the third is half of what is learned.
    assert_eq!(record["metrics"]["softmax_factorization"]["users"], 60);
    let items = |name: &str| std::fs::read(place.path(format!("{name}/weights.safetensors")));
    assert_ne!(items("old").unwrap(), items("new").unwrap());
    let page = std::fs::read_to_string(place.path("new/run/run.html")).unwrap();
    assert!(page.contains("kept embedding."), "{page}");
    let since = format!("{again} --new-since 2026-10-05");
    assert_ne!(place.json(&since)["retrained"]["new_since_ms"], retrained["new_since_ms"]);
}

#[test]
fn mistakes_of_a_retraining_are_told_by_name() {
    let place = workplace();
    for (options, word) in [
        ("--warm-start nowhere", "nowhere"),
        ("--train-layers towers", "towers is none of embedding, tower.0.weight"),
        ("--new-data-share 2", "new_data_share"),
        ("--new-data-share 0.5", "new_since_ms"),
        ("--epochs 0", "warm start"),
    ] {
        let line = place.failure(&format!("{TRAIN} --output model {options}"));
        assert!(line.contains(word), "{options}: {line}");
    }
    let line = "train events.csv --output model --warm-start old";
    assert!(place.failure(line).contains("only networks"));
}
