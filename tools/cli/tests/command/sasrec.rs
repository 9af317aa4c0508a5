//! `noctule train --architecture sasrec`: from sequences to a slate, stopped, and out of room.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use crate::runner::{Workplace, error_text};

/// Users who go around a ring of items, each from another place.
fn ring(users: usize, items: usize) -> String {
    let line = |user: usize| {
        let words = (0..8 + user % 3).map(|at| format!(" i{}", (user * 5 + at) % items));
        format!("u{user}{}\n", words.collect::<String>())
    };
    (0..users).map(line).collect()
}

const SETTINGS: &str = r#"{"sasrec": {"dimensions": 16, "positions": 12, "batch": 16,
    "learning_rate": 0.01, "epochs": 40, "patience": 0, "dropout": 0.1}, "threads": 1}"#;

fn workplace(settings: &str) -> Workplace {
    let place = Workplace::new();
    place.write("ring.txt", &ring(80, 30));
    place.write("settings.json", settings);
    place
}

const TRAIN: &str = "train ring.txt --architecture sasrec --settings settings.json --output model";

#[test]
fn sequences_become_a_release_whose_night_knows_what_comes_next() {
    let place = workplace(SETTINGS);
    let record = place.json(TRAIN);
    assert_eq!(record["architecture"]["name"], "sasrec");
    let ndcg = |name: &str| record["metrics"][name]["ndcg"].as_f64().unwrap();
    assert!(ndcg("sasrec") > 0.5 && ndcg("sasrec") > 2.0 * ndcg("popularity"), "{record}");
    assert_eq!(record["curve"].as_array().unwrap().len(), 40);
    assert!(!place.path("model/checkpoint-fitting.safetensors").exists());
    place.text("pack --new-key key");
    place.text("pack model --app ring --key key --output release");
    place.text("verify release --public-key key.pub");
    let likes: String =
        [3, 4, 5, 6].map(|at| format!("{{\"kind\": \"like\", \"item\": \"i{at}\"}}\n")).concat();
    place.write("likes.jsonl", &likes);
    place.text("record profile --app ring likes.jsonl");
    let night = place.json("night profile --app ring --release release --public-key key.pub");
    assert_eq!(night["outcome"], "finished");
    let morning = place.json("recommend profile --app ring --surface home");
    // One slot in twenty is drawn to learn something new: the first may be, its score tells.
    let items = morning["items"].as_array().unwrap();
    let score = |item: &&serde_json::Value| item["score"].as_f64().unwrap();
    let best = items.iter().max_by(|a, b| score(a).total_cmp(&score(b))).unwrap();
    assert_eq!((&morning["tier"], &best["item"]), (&"fresh".into(), &"i7".into()), "{morning}");
}

/// The files of a model that a phone gets, one behind the other.
fn model(place: &Workplace) -> Vec<u8> {
    let read = |name: &str| std::fs::read(place.path(format!("model/{name}"))).unwrap();
    [read("items.safetensors"), read("model.safetensors")].concat()
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_checkpoint_from_which_the_run_goes_on_to_the_same_bytes() {
    let long = SETTINGS.replace("\"epochs\": 40", "\"epochs\": 300");
    let place = workplace(&long);
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

#[cfg(unix)]
#[test]
fn no_room_for_a_checkpoint_is_told_in_one_line_and_the_one_before_it_stays_whole() {
    let place = workplace(&SETTINGS.replace("\"epochs\": 40", "\"epochs\": 100000"));
    let limited = |blocks: usize| {
        // A write beyond the limit fails, as on a full disk, where the signal is ignored.
        let noctule = env!("CARGO_BIN_EXE_noctule");
        let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec {noctule} {TRAIN} --resume");
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(line).current_dir(place.path("")).stdin(Stdio::null());
        shell
    };
    let checkpoint = place.path("model/checkpoint-fitting.safetensors");
    let fails = |blocks| {
        let output = limited(blocks).output().unwrap();
        let text = error_text(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.contains("checkpoint-fitting.safetensors"), "{last}");
    };
    fails(8);
    assert!(!checkpoint.exists());
    // With room again it begins, and stops when told to.
    let mut child = place.command(TRAIN).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("epoch 2:")));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let before = std::fs::read(&checkpoint).unwrap();
    fails(8);
    assert!(std::fs::read(&checkpoint).unwrap() == before);
    let names = std::fs::read_dir(place.path("model")).unwrap();
    assert_eq!(names.count(), 1);
}
