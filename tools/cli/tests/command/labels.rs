//! The ranker from feedback that phones really uploaded.

use serde_json::Value;

use crate::runner::Workplace;

const DEMO: &str = "demo --phones 40 --nights 3 --restaurants 60 --residents 120";

const TRAIN: &str = "train noctule-demo/data --dimensions 8 --epochs 3 --feedback \
                     noctule-demo/feedback --app town";

fn played() -> Workplace {
    let place = Workplace::new();
    place.text(DEMO);
    place
}

#[test]
fn the_feedback_of_a_fleet_teaches_a_ranker_that_can_be_packed() {
    let place = played();
    let trained =
        |labels: &str| place.json(&format!("{TRAIN} --output {labels} --labels {labels}"));
    let (debiased, naive) = (trained("debiased"), trained("naive"));
    let weak = &debiased["weak"];
    let counted = |record: &Value, name: &str| record["weak"]["labels"][name].as_u64().unwrap();
    // Each phone had two to five visits before its first night, which no slate showed.
    let orphans = weak["events"]["orphans"].as_u64().unwrap();
    assert!((2 * 40..=5 * 40).contains(&orphans), "{weak:#}");
    // 40 phones, 3 nights, 3 meals a day, each opened twice.
    assert_eq!(weak["showings"], 40 * 3 * 3 * 2);
    assert!(counted(&debiased, "positives") > 100, "{weak:#}");
    assert_eq!(counted(&debiased, "positives"), counted(&naive, "positives"));
    // People look at the tenth place a quarter as often as at the first.
    let positions = weak["examination"]["positions"].as_array().unwrap();
    let last = positions[9]["examination"].as_f64().unwrap();
    assert!(positions.len() == 10 && last < 0.8, "{weak:#}");
    assert!(naive["weak"].get("examination").is_none());
    let weights = |name: &str| std::fs::read(place.path(name).join("model.safetensors")).unwrap();
    assert_ne!(weights("debiased"), weights("naive"));
    place.text("pack --new-key release.key");
    let packed = place.json("pack debiased --app town --key release.key --output release");
    assert_eq!(packed["release"], "town@1");
    let told = place.text(&format!("{TRAIN} --output again"));
    assert!(told.contains("looked at, by position, from"), "{told}");
}

#[test]
fn feedback_that_is_absent_or_damaged_is_named() {
    let place = played();
    let error = place.failure(&TRAIN.replace("--app town", "--app other --output model"));
    assert!(error.contains("no feedback of the app \"other\""), "{error}");
    let folder = place.path("noctule-demo/feedback/app=town");
    let day = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(day).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    for length in [0, 3, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).unwrap();
        let error = place.failure(&format!("{TRAIN} --output model"));
        assert!(error.contains(".parquet"), "{error}");
    }
    for at in (0..whole.len()).step_by(whole.len() / 12) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&file, bytes).unwrap();
        // Read or refused, but never a panic.
        let output = place.command(&format!("{TRAIN} --output model")).output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{at}: {output:?}");
    }
}
