//! Mistakes: what is said about them, and with which exit code.

use std::process::Stdio;

use crate::runner::{Workplace, error_text};

const HEADER: &str = "user,item,at_ms,context,weight\n";
const CATALOGUE: &str = "{\"id\":\"a\",\"title\":\"A\"}\n{\"id\":\"b\",\"title\":\"B\"}\n";

#[test]
fn a_wrong_command_line_exits_with_2() {
    let place = Workplace::new();
    for line in [
        "",
        "dance",
        "verify release",
        "demo --nights 0",
        "demo --data d --residents 3",
        "pack --new-key k model",
        "night p --app town --release r",
        "recommend p --app town",
        "recommend p --app town --surface home --limit many",
        "inspect release --colour",
        "registry list",
        "registry --at r show town",
        "feedback f --app town --by colour",
        "feedback f --app town --only arm",
        "feedback f --app town --since yesterday",
        "feedback f --app town --format parquet",
        "audit f",
        "forget-installation f --app town someone",
        "forget-installation f --app town",
    ] {
        let output = place.command(line).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line:?}: {}", error_text(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let place = Workplace::new();
    for command in [
        "demo",
        "train",
        "evaluate",
        "data",
        "compare",
        "retrain-study",
        "import",
        "pack",
        "verify",
        "inspect",
        "night",
        "recommend",
        "record",
        "collect",
        "registry",
        "report",
        "feedback",
        "audit",
        "forget-installation",
        "simulate town",
        "simulate fleet",
    ] {
        let help = place.text(&format!("{command} --help"));
        let example = format!("\n  noctule {command}");
        let piped = format!("| noctule {command}");
        assert!(help.contains(&example) || help.contains(&piped), "{command}:\n{help}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let place = Workplace::new();
    place.text("pack --new-key k");
    for (line, name) in [
        ("train nowhere --output model", "nowhere"),
        ("evaluate nowhere", "nowhere"),
        ("data nowhere", "nowhere"),
        ("compare nowhere nowhere", "nowhere"),
        ("retrain-study nowhere", "nowhere"),
        ("verify nowhere --public-key k.pub", "nowhere"),
        ("verify nowhere --public-key other.pub", "other.pub"),
        ("inspect nowhere", "nowhere"),
        ("pack nowhere --app town --key k --output release", "nowhere"),
        ("record profile --app town nowhere.jsonl", "nowhere.jsonl"),
        ("report nowhere --app town", "nowhere"),
        ("feedback nowhere --app town", "nowhere"),
        ("audit nowhere --app town", "nowhere"),
        ("night profile --app town --release nowhere --public-key k.pub", "nowhere"),
        ("demo --data nowhere", "nowhere"),
        ("registry --at nowhere list", "nowhere"),
    ] {
        let error = place.failure(line);
        assert!(error.contains(name), "{line}: {error}");
    }
    assert!(!place.path("model").exists() && !place.path("release").exists());
}

#[test]
fn a_wrong_setting_of_a_read_out_is_named_by_its_flag_with_what_is_allowed() {
    let place = Workplace::new();
    for (flags, expected) in [
        ("--by arm,arm", "--by: arm is there twice"),
        ("--kind Click", "--kind: \"Click\" is no kind: 1 to 32 of a-z, 0-9 and _"),
        ("--accepted-by ", "--accepted-by: \"\" is no kind"),
        ("--only position=first", "--only: position=first: a position is a number from 0"),
        ("--since 2026-11-21 --until 2026-11-20", "--since: 2026-11-21 is after 2026-11-20"),
        ("--confidence 95", "--confidence: 95 is not above 0 and below 1"),
        ("--format csv --json", "--format: another form than JSON"),
    ] {
        // The line is split at spaces, so that an empty value needs its own sign.
        let flags = flags.replace("--accepted-by ", "--accepted-by=");
        let error = place.failure(&format!("feedback f --app town {flags}"));
        assert!(error.contains(expected), "{error}");
    }
    assert!(place.failure("audit f --app town --confidence 0").contains("--confidence: 0 is not"));
    let output = place.command("feedback f --app town --by colour").output().unwrap();
    let error = error_text(&output);
    assert!(error.contains("--by") && error.contains("day, surface, context, arm"), "{error}");
}

#[test]
fn a_wrong_value_in_a_table_is_named_with_file_line_and_column() {
    let place = Workplace::new();
    place.write("data/catalogue.jsonl", CATALOGUE);
    for (rows, expected) in [
        ("ada,a,1,,\nada,b,soon,,\n", "interactions.csv:3: at_ms: "),
        ("ada,a,1,,\nada,c,2,,\n", "interactions.csv:3: item: "),
        ("ada,a,1,,-1\n", "interactions.csv:2: weight: "),
        ("ada,a,1,teatime,\n", "interactions.csv:2: context: "),
    ] {
        place.write("data/interactions.csv", &format!("{HEADER}{rows}"));
        let error = place.failure("train data --output model");
        assert!(error.contains(expected), "{error}");
    }
    place.write("data/interactions.csv", "user,thing\nada,a\n");
    let error = place.failure("train data --output model");
    assert!(error.contains("interactions.csv:1: column item is missing"), "{error}");
    place.write("data/catalogue.jsonl", "{\"id\":\"a\",\"title\":\"A\"}\n{\"id\":\"b\"}\n");
    let error = place.failure("train data --output model");
    assert!(error.contains("catalogue.jsonl:2: ") && error.contains("title"), "{error}");
    assert!(!place.path("model").exists());
}

#[test]
fn a_wrong_plan_is_named_with_file_and_field() {
    let place = Workplace::new();
    place.write("data/catalogue.jsonl", CATALOGUE);
    place.write("data/interactions.csv", &format!("{HEADER}ada,a,1,,\n"));
    place.write("plan.json", "{\"surfaces\": [{\"id\": \"home\", \"length\": \"ten\"}]}");
    let error = place.failure("train data --output model --plan plan.json");
    assert!(error.contains("plan.json: surfaces[0].length: "), "{error}");
}

#[test]
fn events_are_recorded_all_or_none_and_a_wrong_one_is_named_by_its_line() {
    let place = Workplace::new();
    let good = "{\"kind\":\"like\",\"item\":\"a\"}\n";
    for (bad, expected) in [
        ("{\"kind\":\"like\"}", "events.jsonl:3: item: "),
        ("{\"kind\":\"like\",\"item\":\"a\",\"colour\":1}", "events.jsonl:3: colour: "),
        ("{\"kind\":\"Like It\",\"item\":\"a\"}", "events.jsonl:3: kind: "),
        (
            "{\"kind\":\"impression\",\"item\":\"a\",\"surface\":\"home\",\"position\":-1}",
            "events.jsonl:3: position: ",
        ),
        ("not json", "events.jsonl:3: "),
    ] {
        place.write("events.jsonl", &format!("{good}\n{bad}\n"));
        let error = place.failure("record profile --app town events.jsonl");
        assert!(error.contains(expected), "{error}");
    }
    place.write("events.jsonl", &format!("{good}{good}"));
    let recorded = place.json("record profile --app town events.jsonl");
    assert_eq!((&recorded["recorded"], &recorded["pending"]), (&2.into(), &2.into()));
}

#[test]
fn a_key_is_never_overwritten() {
    let place = Workplace::new();
    place.text("pack --new-key k");
    let before = std::fs::read(place.path("k")).unwrap();
    assert!(place.failure("pack --new-key k").contains("k.pub: is there already"));
    std::fs::remove_file(place.path("k.pub")).unwrap();
    assert!(place.failure("pack --new-key k").contains("k: is there already"));
    assert_eq!(std::fs::read(place.path("k")).unwrap(), before);
    assert!(!place.path("k.pub").exists());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Workplace::new();
    let mut command = place.command("simulate town town --restaurants 5 --residents 5 --json");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), error_text(&output)), (Some(0), String::new()));
    assert!(place.path("town/catalogue.jsonl").exists());
}
