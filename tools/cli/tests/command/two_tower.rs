//! `noctule train --architecture two_tower`: from choices to a slate, and stopped.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use crate::runner::Workplace;

/// Users who each keep to one of three kinds of items, `i<kind>x<number>`.
fn kinds(users: usize, items: usize) -> String {
    let line = |user: usize| {
        let word = |at: usize| format!(" i{}x{}", user % 3, (user / 3 * 2 + at) % items);
        let words: String = (0..6 + user % 2).map(word).collect();
        format!("u{user}{words}\n")
    };
    (0..users).map(line).collect()
}

const SETTINGS: &str = r#"{"two_tower": {"dimensions": 16, "hidden": [16], "batch": 64,
    "learning_rate": 0.01, "epochs": 25, "patience": 0}, "threads": 1}"#;

const TRAIN: &str =
    "train kinds.txt --architecture two_tower --settings settings.json --output model";

fn workplace(settings: &str) -> Workplace {
    let place = Workplace::new();
    place.write("kinds.txt", &kinds(90, 14));
    place.write("settings.json", settings);
    place
}

#[test]
fn choices_become_a_release_whose_night_knows_what_is_liked() {
    let place = workplace(SETTINGS);
    let record = place.json(TRAIN);
    assert_eq!(record["architecture"]["name"], "two_tower");
    let ndcg = |name: &str| record["metrics"][name]["ndcg"].as_f64().unwrap();
    assert!(ndcg("two_tower") > 1.5 * ndcg("popularity"), "{record}");
    assert_eq!(record["curve"].as_array().unwrap().len(), 25);
    assert!(place.path("model/run/run.html").exists());
    place.text("pack --new-key key");
    place.text("pack model --app kinds --key key --output release");
    place.text("verify release --public-key key.pub");
    let likes: String =
        [3, 4, 5].map(|at| format!("{{\"kind\": \"like\", \"item\": \"i1x{at}\"}}\n")).concat();
    place.write("likes.jsonl", &likes);
    place.text("record profile --app kinds likes.jsonl");
    let night = place.json("night profile --app kinds --release release --public-key key.pub");
    assert_eq!(night["outcome"], "finished");
    let morning = place.json("recommend profile --app kinds --surface home");
    // One slot in twenty is drawn to learn something new: the first may be, its score tells.
    let mut items = morning["items"].as_array().unwrap().clone();
    let score = |item: &serde_json::Value| item["score"].as_f64().unwrap();
    items.sort_by(|a, b| score(b).total_cmp(&score(a)));
    assert_eq!(morning["tier"], "fresh");
    let best: Vec<&str> = items.iter().map(|item| item["item"].as_str().unwrap()).collect();
    let of_kind = best[..5].iter().filter(|item| item.starts_with("i1x")).count();
    assert!(best[0] == "i1x6" && of_kind >= 3, "{morning}");
}

/// The files of a model that a phone gets, one behind the other.
fn model(place: &Workplace) -> Vec<u8> {
    let read = |name: &str| std::fs::read(place.path(format!("model/{name}"))).unwrap();
    [read("items.safetensors"), read("model.safetensors")].concat()
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_checkpoint_from_which_the_towers_go_on_to_the_same_bytes() {
    let place = workplace(&SETTINGS.replace("\"epochs\": 25", "\"epochs\": 150"));
    place.text(TRAIN);
    let whole = model(&place);
    std::fs::remove_dir_all(place.path("model")).unwrap();
    let mut child = place.command(TRAIN).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("epoch 3:") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "no third epoch");
    }
    let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(asked.success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.lines().last().unwrap().contains("--resume"), "{rest}");
    assert!(place.path("model/checkpoint-fitting.safetensors").exists());
    place.text(&format!("{TRAIN} --resume --threads 2"));
    assert!(model(&place) == whole);
    assert!(!place.path("model/checkpoint-fitting.safetensors").exists());
}

#[test]
fn towers_are_measured_without_and_with_a_treatment_in_text_json_and_page() {
    let place = Workplace::new();
    place.write("settings.json", SETTINGS);
    let kind = |item: usize| if item < 12 { "shown" } else { "hidden" };
    let item = |item: usize| {
        format!(
            "{{\"id\":\"i{item}\",\"title\":\"\",\"attributes\":{{\"kind\":\"{}\"}}}}\n",
            kind(item)
        )
    };
    place.write("shop/catalogue.jsonl", &(0..24).map(item).collect::<String>());
    let choice = |user: usize, at: usize| {
        let item = if at % 4 == 3 { 12 } else { 0 } + (user * 5 + at * 7) % 12;
        format!("u{user},i{item},{},,1\n", (at + 1) * 86_400_000)
    };
    let rows = (0..40).flat_map(|user| (0..8).map(move |at| choice(user, at)));
    let header = "user,item,at_ms,context,weight\n".to_owned();
    place.write("shop/interactions.csv", &(header + &rows.collect::<String>()));
    let train = "train shop --architecture two-tower --settings settings.json --epochs 4 \
                 --fairness-group kind --resamples 50";
    let text = place.text(&format!("{train} --treatment reweighing --output model"));
    for part in
        ["two_tower before treatment ", "two_tower  ", "by kind, largest group", "int4 codes"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    let run: serde_json::Value = serde_json::from_str(&read("model/run/run.json")).unwrap();
    let of = |name: &str| {
        let models = run["models"].as_array().unwrap();
        let model = models.iter().find(|model| model["report"]["name"] == name).unwrap();
        model["report"]["fairness"]["parity"]["value"].as_f64().unwrap()
    };
    assert_ne!(of("two_tower before treatment"), of("two_tower"));
    assert!(run["quantisation"]["int4"]["ndcg"].as_f64().unwrap() >= 0.0);
    let page = read("model/run/run.html");
    for part in ["two_tower before treatment", "What quantised items cost", "How alike items"] {
        assert!(page.contains(part), "{part}");
    }
    place.text("pack --new-key key");
    place.text("pack model --app shop --key key --output release");
    let lineage = &place.json("inspect release")["lineage"]["quantisation"];
    assert!(lineage.as_str().unwrap().contains("by int8 codes alone"), "{lineage}");
    let reversal = format!("{train} --treatment gradient-reversal --output other");
    let record = place.json(&reversal);
    assert!(record["metrics"]["untreated"]["ndcg"].is_number(), "{record}");
    // All epochs are run against an adversary, and it is no part of the model or of its weights.
    assert!(record["curve"].as_array().unwrap().iter().all(|epoch| epoch["validation"].is_null()));
    for file in ["other/model.safetensors", "other/weights.safetensors"] {
        let bytes = std::fs::read(place.path(file)).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("adversary"), "{file}");
    }
}

#[test]
fn a_card_that_this_build_cannot_use_is_refused_with_how_to_build() {
    let place = Workplace::new();
    place.write("kinds.txt", &kinds(9, 8));
    let train = "train kinds.txt --architecture two-tower --output model --device";
    if cfg!(feature = "cuda") {
        return eprintln!("skipped: this build has the feature");
    }
    let error = place.failure(&format!("{train} cuda:1"));
    assert!(error.contains("device cuda:1: this build has no support"), "{error}");
    assert!(error.contains("--features cuda") && !place.path("model").exists(), "{error}");
    let output = place.command(&format!("{train} gpu")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
