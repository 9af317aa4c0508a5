//! From a town to a report, one command after another over files.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::runner::Workplace;

const TOWN: &str = "--restaurants 40 --residents 100";

/// A town, a model of it, and a key.
fn trained() -> Workplace {
    let place = Workplace::new();
    let town = place.json(&format!("simulate town town {TOWN}"));
    assert_eq!(town["items"], 40);
    let record = place.json("train town --output model --dimensions 8 --epochs 3");
    assert_eq!(record["settings"]["ials"]["dimensions"], 8);
    place.text("pack --new-key release.key");
    place
}

fn key_text(place: &Workplace) -> String {
    std::fs::read_to_string(place.path("release.key.pub")).unwrap().trim().to_owned()
}

#[test]
fn a_town_becomes_a_release_a_night_and_a_morning() {
    let place = trained();
    let packed = place.json("pack model --app town --key release.key --output release");
    assert_eq!(
        (&packed["release"], packed["public_key"].as_str().unwrap()),
        (&"town@1".into(), &*key_text(&place))
    );
    let verified = place.json("verify release --public-key release.key.pub");
    assert_eq!(verified["manifest_sha256"], packed["manifest_sha256"]);
    let found = place.json("inspect release --public-key release.key.pub");
    assert_eq!((&found["signature"]["state"], &found["items"]), (&"good".into(), &40.into()));

    let before = place.json("recommend profile --app town --surface home");
    assert_eq!(before["empty_reason"], "no-release");
    let install = "night profile --app town --release release --public-key release.key.pub";
    let night = place.json(install);
    assert_eq!((&night["outcome"], &night["published"]), (&"finished".into(), &6.into()));
    assert_eq!(night["installed"], "town@1");

    let ask = "recommend profile --app town --surface home --context dinner-weekday";
    let morning = place.json(ask);
    assert_eq!((&morning["tier"], &morning["release"]), (&"fresh".into(), &"town@1".into()));
    let items = morning["items"].as_array().unwrap();
    assert_eq!(items.len(), 10);
    assert_eq!(place.json(&format!("{ask} --limit 3"))["items"].as_array().unwrap().len(), 3);
    assert!(place.text(ask).contains(items[0]["title"].as_str().unwrap()));

    place.write("events.jsonl", &events(&morning));
    let recorded = place.json("record profile --app town events.jsonl");
    assert_eq!((&recorded["recorded"], &recorded["pending"]), (&12.into(), &12.into()));
    let learned = place.json("night profile --app town");
    assert_eq!((&learned["outcome"], &learned["learned_events"]), (&"finished".into(), &12.into()));
    let after = place.json(ask);
    let hidden = &items[9]["item"];
    assert!(after["items"].as_array().unwrap().iter().all(|item| item["item"] != *hidden));
    assert!(after["generation"].as_u64() > morning["generation"].as_u64());
}

/// Impressions of all slots, a conversion of the first and a hide of the last.
fn events(morning: &Value) -> String {
    let items = morning["items"].as_array().unwrap();
    let event = |kind: &str, item: &Value| {
        serde_json::json!({
            "kind": kind,
            "item": item["item"],
            "surface": morning["surface"],
            "context": morning["context"],
            "position": item["position"],
            "generation": morning["generation"],
            "propensity": item["propensity"],
        })
    };
    let mut events: Vec<Value> = items.iter().map(|item| event("impression", item)).collect();
    events.push(event("conversion", &items[0]));
    events.push(event("hide", &items[9]));
    events.iter().map(|event| format!("{event}\n")).collect()
}

#[test]
fn a_night_without_time_publishes_nothing_and_the_next_goes_on() {
    let place = trained();
    place.text("pack model --app town --key release.key --output release");
    let install = "night profile --app town --release release --public-key release.key.pub";
    let night = place.json(&format!("{install} --budget-seconds 0"));
    assert_eq!(
        (&night["outcome"], &night["published"]),
        (&"stopped-out-of-time".into(), &0.into())
    );
    let next = place.json("night profile --app town");
    assert_eq!((&next["outcome"], &next["published"]), (&"finished".into(), &6.into()));
}

#[test]
fn a_changed_release_and_another_key_are_refused_with_the_file() {
    let place = trained();
    place.text("pack model --app town --key release.key --output release");
    place.text("pack --new-key other.key");
    let error = place.failure("verify release --public-key other.key.pub");
    assert!(error.contains("manifest.sig"), "{error}");
    let path = place.path("release/items.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = place.failure("verify release --public-key release.key.pub");
    assert!(error.contains("items.safetensors: SHA-256 is "), "{error}");
    let night = "night profile --app town --release release --public-key release.key.pub";
    assert!(place.failure(night).contains("items.safetensors"));
    place.text("inspect release");
}

#[test]
fn the_evaluation_of_a_model_takes_its_settings() {
    let place = trained();
    let by_model = place.json("evaluate town --model model");
    let by_hand = place.json("evaluate town --dimensions 8 --epochs 3");
    assert_eq!(by_model, by_hand);
    assert!(by_model["ranker"]["users"].as_u64().unwrap() > 0);
}

/// A collector in a process of its own, told to stop when the test is over.
struct CollectorProcess {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
    url: String,
}

impl CollectorProcess {
    fn start(place: &Workplace) -> Self {
        let mut command =
            place.command("collect --address 127.0.0.1:0 --output feedback --app town --json");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        let url = line.split(['h', ',']).find(|part| part.starts_with("ttp://"));
        let url = format!("h{}", url.unwrap_or_else(|| panic!("{line}")));
        Self { child, errors, url }
    }

    /// Sends SIGTERM, and gives the result after a graceful end.
    fn stop(mut self) -> Value {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").arg(&pid).status().unwrap().success());
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        let status = self.child.wait().unwrap();
        let mut errors = String::new();
        self.errors.read_to_string(&mut errors).unwrap();
        assert!(status.success(), "{errors}");
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for CollectorProcess {
    fn drop(&mut self) {
        // Without effect when it has ended.
        let _ = self.child.kill();
    }
}

#[cfg(unix)]
#[test]
fn a_fleet_uploads_to_a_collector_and_the_report_misses_nothing() {
    let place = trained();
    let experiment = r#"{"key": "first", "salt": "first", "arms": [
        {"name": "model", "share": 0.5, "policy": "model"},
        {"name": "baseline", "share": 0.5, "policy": "baseline"}]}"#;
    place.write("experiment.json", experiment);
    place.text(
        "pack model --app town --key release.key --output release --created-ms 1767744000000 \
         --experiment experiment.json",
    );
    let collector = CollectorProcess::start(&place);
    let fleet = place.json(&format!(
        "simulate fleet {TOWN} --phones 8 --nights 2 --directory phones --release release \
         --public-key release.key.pub --collector {}",
        collector.url
    ));
    let collected = collector.stop();
    assert!(fleet["recorded"].as_u64().unwrap() > 0);
    assert_eq!(fleet["recorded"], fleet["acknowledged"]);
    assert_eq!(fleet["recorded"], collected["stored_events"]);
    let report = place.json(
        "report feedback --app town --output report.html --csv rates.csv --min-installations 1",
    );
    let audit = &report["audit"];
    assert_eq!((&audit["lost"], &audit["repeated"]), (&0.into(), &0.into()));
    assert_eq!(audit["events"], fleet["recorded"]);
    assert_eq!(report["arms"].as_array().unwrap().len(), 2);
    let page = std::fs::read_to_string(place.path("report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>"));
    assert!(std::fs::read_to_string(place.path("rates.csv")).unwrap().starts_with("arm,"));
    // Eight phones are too few to tell anything of.
    let few = place.json("report feedback --app town");
    assert_eq!((&few["arms"], &few["withheld"]["arms"]), (&serde_json::json!([]), &2.into()));
    assert!(
        place.text("report feedback --app town").starts_with("No arm has enough installations")
    );
    assert!(place.failure("report feedback --app other").contains("other"));
}
