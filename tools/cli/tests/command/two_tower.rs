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
