//! What `tools/docs/from-pytorch.md` says, done: from a state dict to a slate.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::runner::{Workplace, error_text};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/from_pytorch.py");
const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/command/pytorch_check.py");

/// An interpreter with numpy and safetensors: the one that `NOCTULE_PYTHON` names (with PyTorch
/// there, the state dict is a real one), `python3` if it has both, or one in a virtual environment
/// that is made once. Otherwise why there is none.
fn interpreter() -> Result<PathBuf, String> {
    let works = |python: &Path| {
        let asked = Command::new(python).args(["-c", "import numpy, safetensors"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    if let Some(named) = std::env::var_os("NOCTULE_PYTHON") {
        let named = PathBuf::from(named);
        assert!(works(&named), "{} has no numpy or no safetensors", named.display());
        return Ok(named);
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-safetensors");
    let inside = folder.join("bin/python");
    for python in [PathBuf::from("python3"), inside.clone()] {
        if works(&python) {
            return Ok(python);
        }
    }
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(error_text(&output)),
        Err(error) => Err(error.to_string()),
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let packages = ["-m", "pip", "install", "--quiet", "numpy", "safetensors"];
    run(Command::new(&inside).args(packages))?;
    Ok(inside)
}

/// Runs a script and gives what it printed.
fn python(python: &Path, place: &Workplace, script: &str, line: &str) -> String {
    let mut command = Command::new(python);
    command.arg(script).args(line.split_whitespace()).current_dir(place.path(""));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{script} {line}: {}", error_text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Packs the model in `form`, runs a night on it and gives its slate.
fn slate(place: &Workplace, form: &str) -> Vec<Value> {
    let (release, profile) = (format!("release{form}"), format!("profile{form}"));
    let options = form.replace('_', " --").replace('=', " ");
    place.text(&format!("pack model --key key --output {release}{options}"));
    place.text(&format!("verify {release} --public-key key.pub"));
    place.text(&format!("record {profile} --app town events.jsonl"));
    let night = format!("night {profile} --app town --release {release} --public-key key.pub");
    place.text(&night);
    let answer = place.json(&format!("recommend {profile} --app town --surface home"));
    assert_eq!(answer["release"], "town@1");
    answer["items"].as_array().unwrap().clone()
}

#[test]
fn a_state_dict_becomes_a_slate_with_the_scores_of_numpy() {
    let place = Workplace::new();
    let interpreter = match interpreter() {
        Ok(interpreter) => interpreter,
        Err(reason) => return eprintln!("skipped: no Python with numpy, safetensors: {reason}"),
    };
    let run = |script, line: &str| python(&interpreter, &place, script, line);
    let made: Value = serde_json::from_str(&run(CHECK, "make .")).unwrap();
    let state = if made["torch"].is_null() { "state.npz" } else { "state.pt" };
    if made["torch"].is_null() {
        eprintln!("without PyTorch: the weights come from numpy (NOCTULE_PYTHON names another)");
    }
    run(SCRIPT, &format!("{state} catalogue.jsonl plan.json model"));
    let event =
        |kind: &str, item: u32| format!("{{\"kind\": \"{kind}\", \"item\": \"i{item}\"}}\n");
    let likes: String = [3, 17, 42, 99, 150].map(|item| event("like", item)).concat();
    place.write("events.jsonl", &(likes + &event("dislike", 120)));
    place.text("pack --new-key key");
    let scores = run(CHECK, &format!("scores {state} events.jsonl"));
    let scores: Value = serde_json::from_str(&scores).unwrap();
    let of = |slot: &Value| scores[slot["item"].as_str().unwrap()].as_f64().unwrap();
    // The best of them all, in the order of their scores, to five digits.
    let exact = slate(&place, "");
    let mut all: Vec<f64> =
        scores.as_object().unwrap().values().map(|score| score.as_f64().unwrap()).collect();
    all.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(exact.len(), 20);
    for (slot, best) in exact.iter().zip(&all) {
        let (found, expected) = (slot["score"].as_f64().unwrap(), of(slot));
        assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{found} is not {expected}");
        assert!((best - expected).abs() <= 1e-5 * best.abs(), "{best} is not {expected}");
    }
    for (form, off) in [("_embedding=f16_codes=int4", 1e-3), ("_embedding=none_codes=int8", 2e-2)] {
        for slot in &slate(&place, form) {
            let (found, expected) = (slot["score"].as_f64().unwrap(), of(slot));
            assert!((found - expected).abs() <= off * all[0], "{form}: {found}, {expected}");
        }
    }
}
