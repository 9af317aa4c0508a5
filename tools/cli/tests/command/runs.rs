//! Data of any layout, runs, comparisons, studies.

use serde_json::Value;

use crate::runner::Workplace;

/// A table of two circles of friends who choose within their circle, day by day.
fn table(place: &Workplace, name: &str) {
    let mut text = "customer,product,when,stars\n".to_owned();
    for user in 0..30 {
        for day in 0..10 {
            let item = (user % 2) * 12 + (user * 5 + day * 7) % 12;
            text.push_str(&format!(
                "u{user},i{item},2026-03-{:02} 12:00,{}\n",
                day + 1 + user % 3,
                3 + day % 3
            ));
        }
    }
    place.write(name, &text);
}

const COLUMNS: &str = "--user-column customer --item-column product --time-column when \
                       --rating-column stars";

#[test]
fn a_table_is_described_as_text_json_and_page() {
    let place = Workplace::new();
    table(&place, "events.csv");
    let found =
        place.json(&format!("data events.csv {COLUMNS} --positive-rating 4 --output d.html"));
    let statistics = &found["statistics"];
    assert_eq!((&statistics["events"], &statistics["not_positive"]), (&180.into(), &120.into()));
    assert_eq!(statistics["users"]["count"], 30);
    assert!(found["leave_last_out"][0].as_str().unwrap().contains("later than the first test"));
    let page = std::fs::read_to_string(place.path("d.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && !page.contains("<script"));
    let text = place.text(&format!("data events.csv {COLUMNS}"));
    assert!(text.contains("300 events") && text.contains("2026-03-01 to 2026-03-12"), "{text}");
    let error = place.failure("data events.csv");
    assert!(error.contains("column user is missing"), "{error}");
}

#[test]
fn models_side_by_side_leave_runs_that_can_be_compared() {
    let place = Workplace::new();
    table(&place, "events.csv");
    let ask = format!("evaluate events.csv {COLUMNS} --resamples 100 --k 3");
    let run = place.json(&format!("{ask} --models popularity,item-knn,ease --run one --tune"));
    let models = run["models"].as_array().unwrap();
    assert_eq!(models.len(), 3);
    assert!(models[1]["tuning"]["trials"].as_array().unwrap().len() > 5);
    assert_eq!(run["comparisons"].as_array().unwrap().len(), 2);
    for file in ["run.json", "run.html", "users-item-knn.jsonl"] {
        assert!(place.path("one").join(file).is_file(), "{file}");
    }
    place.text(&format!("{ask} --models ials,bpr --run two"));
    let compared = place.json("compare one two --metrics ndcg,auc");
    assert_eq!((compared[0]["users"].clone(), compared.as_array().unwrap().len()), (30.into(), 2));
    let same = place.json("compare one one --models ease,ease");
    assert_eq!(same[0]["result"]["difference"]["value"], 0.0);
    place.text(&format!("{ask} --models ials --split time --run three"));
    assert!(place.failure("compare one three").contains("another way"));
}

#[test]
fn the_same_run_again_has_the_same_figures() {
    let place = Workplace::new();
    table(&place, "events.csv");
    let ask = format!("evaluate events.csv {COLUMNS} --models ials,bpr --resamples 50");
    let figures = |line: &str| -> Vec<Value> {
        let run = place.json(line);
        run["models"].as_array().unwrap().iter().map(|model| model["report"].clone()).collect()
    };
    let one = figures(&format!("{ask} --threads 1"));
    assert_eq!(one, figures(&format!("{ask} --threads 3 --run again")));
    let folders: Vec<_> = std::fs::read_dir(place.path("noctule-runs")).unwrap().collect();
    assert_eq!(folders.len(), 1);
}

#[test]
fn a_run_that_fails_leaves_nothing_and_what_is_no_run_is_not_overwritten() {
    let place = Workplace::new();
    table(&place, "events.csv");
    place.write("groups.csv", "user,group\nu1,\n");
    place.write("mine/letter.txt", "keep me");
    let ask = format!("evaluate events.csv {COLUMNS} --models popularity --resamples 50");
    let error = place.failure(&format!("{ask} --groups groups.csv --run run"));
    assert!(error.contains("groups.csv:2: group"), "{error}");
    assert!(!place.path("run").exists() && !place.path("run.partial").exists());
    let error = place.failure(&format!("{ask} --run mine"));
    assert!(error.contains("is no run") && place.path("mine/letter.txt").exists(), "{error}");
    assert!(place.failure("compare mine mine").contains("run.json"));
}

#[test]
fn training_and_evaluating_leave_runs_with_calibration_and_probes() {
    let place = Workplace::new();
    place.text("simulate town town --restaurants 40 --residents 100");
    let train = "train town --output model --dimensions 8 --epochs 3 --probe --resamples 50";
    place.text(train);
    let record = std::fs::read_to_string(place.path("model/run/run.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!((&record["kind"], record["models"].as_array().unwrap().len()), (&"train".into(), 4));
    let ranker = &record["models"][3];
    assert!(ranker["calibration"]["error"].as_f64().unwrap() < 0.5);
    assert_eq!(record["ranker_probe"]["features"].as_array().unwrap().len(), 4);
    assert!(!record["word_probe"]["attributes"].as_array().unwrap().is_empty());
    let page = std::fs::read_to_string(place.path("model/run/run.html")).unwrap();
    for part in
        ["Learning curves", "What the ranker leans on", "To repeat it", "means what it says"]
    {
        assert!(page.contains(part), "{part}");
    }
    let metrics = place.json("evaluate town --model model --run other --resamples 50");
    let found = &record["models"][2]["report"]["evaluation"]["ndcg"];
    assert_eq!(&metrics["fold_in"]["ndcg"], found);
    let same = place.json("compare model/run other --models fold-in,fold-in --metrics ndcg");
    assert_eq!(same[0]["result"]["difference"]["value"], 0.0);
}

#[test]
fn a_study_says_what_an_old_model_loses() {
    let place = Workplace::new();
    table(&place, "events.csv");
    let ask = format!("retrain-study events.csv {COLUMNS} --ages 0,3,30 --model item-knn");
    let study = place.json(&format!("{ask} --window 2 --output study.html"));
    assert_eq!((study["ages"].as_array().unwrap().len(), &study["users"]), (2, &20.into()));
    assert!(study["warnings"][1].as_str().unwrap().contains("30 days"));
    let page = std::fs::read_to_string(place.path("study.html")).unwrap();
    assert!(page.contains("As the model ages") && page.contains("With a shorter history"));
    let error = place.failure(&format!("{ask} --window 400"));
    assert!(error.contains("400 days"), "{error}");
}

#[test]
fn hopeless_data_are_told_in_one_line() {
    let place = Workplace::new();
    place.write("one.csv", "user,item,time\nu,a,1\n");
    place.write("low.csv", "user,item,rating\nu,a,1\nv,b,2\n");
    place.write("cut.csv", "user,item,time\nu,a,1\nv");
    let (one, low) = ("evaluate one.csv", "evaluate low.csv --positive-rating 4");
    for (line, part) in [
        (format!("{one} --models ials"), "no user has a test event"),
        (one.to_owned(), "three interactions"),
        (format!("{low} --models popularity"), "no user has a test event"),
        ("train low.csv --positive-rating 4 --output model".to_owned(), "0 interactions"),
        ("data cut.csv".to_owned(), "cut.csv:3: row: 1 fields"),
        ("retrain-study one.csv".to_owned(), "0 events before it"),
    ] {
        let error = place.failure(&line);
        assert!(error.contains(part), "{line}: {error}");
    }
    assert!(!place.path("model").exists() && !place.path("noctule-runs").exists());
}
