//! A release does what its checks ask for, or it does not become active.

use std::path::Path;

use noctule_collector::{Collector, Settings};
use noctule_core::base::{ContextId, Error, Refusal};
use noctule_core::exam::ExamReport;
use noctule_core::release::{CHECKS_FILE, Checks, Level};
use noctule_core::upload::{ExamSummary, Transfer, TransferOutcome, UploadRequest};
use noctule_releases::{
    Exam, PackInput, PersonChoice, PersonHistory, SecretKey, SuggestSettings, examine,
    examine_with, pack, suggest, verify,
};
use noctule_tests::collector::lines;
use noctule_tests::phone::{check_whole, event};
use noctule_tests::town::{KEY_SEED, NOW_MS};
use noctule_tests::{Phone, Town};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::json;

fn key() -> SecretKey {
    SecretKey::from_seed(&KEY_SEED)
}

fn checks(lines: &[&str]) -> Checks {
    Checks::parse(lines.join("\n").as_bytes()).unwrap()
}

/// The release of `input` in `out`, with the checks it has.
fn exam_of(input: &PackInput, out: &Path) -> Option<Exam> {
    pack(input, &key(), out).unwrap();
    examine(&verify(out, &[key().public()], NOW_MS).unwrap()).unwrap()
}

/// People who each eat of one or two of the five cuisines, by the index of the item.
fn people() -> Vec<PersonHistory> {
    let choice = |person: usize, at: usize| PersonChoice {
        item: noctule_core::base::ItemId::new(Town::item((person + 5 * at) % 60)).unwrap(),
        context: Some(ContextId::new(format!("part-{}", at % 3)).unwrap()),
        weight: 1.0,
    };
    let person = |number| PersonHistory {
        choices: (0..6).map(|at| choice(number, at)).collect(),
        place: None,
    };
    (0..8).map(person).collect()
}

/// Checks drafted from the release of `input`.
fn suggested(input: &PackInput, scratch: &Path) -> Checks {
    let out = scratch.join("drafted-from");
    pack(input, &key(), &out).unwrap();
    let verified = verify(&out, &[key().public()], NOW_MS).unwrap();
    suggest(&verified, &people(), SuggestSettings::default()).unwrap()
}

/// What does not depend on the machine and on what else it does.
fn without_budget(checks: &Checks) -> Checks {
    let others = checks.all().iter().filter(|check| check.level() != Level::Budget);
    Checks::new(others.cloned().collect()).unwrap()
}

fn failed(exam: &Exam, level: Level) -> Vec<&str> {
    let failed = exam.report.failed.iter().filter(|failure| failure.level == level);
    failed.map(|failure| failure.id.as_str()).collect()
}

/// A check that no slate of any release passes.
const IMPOSSIBLE: &str =
    r#"{"id":"impossible","level":"sanity","must_show":["item-0"],"must_not_show":["item-0"]}"#;
const EASY: &str = concat!(
    r#"{"id":"easy","level":"sanity","history":[{"item":"item-0","kind":"hidden"}],"#,
    r#""must_not_show":["item-0"]}"#
);

#[test]
fn each_level_passes_and_fails() {
    let scratch = tempfile::tempdir().unwrap();
    let drafts = suggested(&Town::default().input(), scratch.path());
    let levels = [Level::Sanity, Level::Invariance, Level::Regression, Level::Budget];
    for level in levels {
        assert!(drafts.all().iter().any(|check| check.level() == level), "no draft for {level}");
    }
    let failing = [
        r#"{"id":"same-score","level":"sanity","prefer":["item-1","item-2"],"history":[]}"#,
        r#"{"id":"turned","level":"sanity","prefer":["item-2","item-1"],"history":[]}"#,
        r#"{"id":"unknown","level":"sanity","must_not_show":["nowhere"]}"#,
        r#"{"id":"no-surface","level":"sanity","surface":"attic","must_not_show":["item-1"]}"#,
        concat!(
            r#"{"id":"taste","level":"invariance","history":[{"item":"item-1","kind":"chosen"}],"#,
            r#""changed_history":[{"item":"item-2","kind":"chosen"}],"tolerance":0.001}"#
        ),
        concat!(
            r#"{"id":"top","level":"invariance","history":[{"item":"item-1","kind":"chosen"}],"#,
            r#""changed_history":[{"item":"item-2","kind":"chosen"}],"same_top":5}"#
        ),
        r#"{"id":"golden","level":"regression","scores":{"item-1":1000},"tolerance":1}"#,
        r#"{"id":"slow","level":"budget","slate_ms_max":0.000001}"#,
    ];
    let mut input = Town::default().input();
    input.checks = Some(checks(&failing));
    let exam = exam_of(&input, &scratch.path().join("failing")).unwrap();
    // One of the two turns of a pair holds, the other does not.
    assert_eq!(failed(&exam, Level::Sanity).len(), 3, "{:?}", exam.report);
    assert_eq!(failed(&exam, Level::Invariance), ["taste", "top"]);
    assert_eq!(failed(&exam, Level::Regression), ["golden"]);
    assert_eq!(failed(&exam, Level::Budget), ["slow"]);
    let unknown = exam.report.failed.iter().find(|failure| failure.id == "unknown").unwrap();
    assert!(unknown.reason.contains("nowhere") && unknown.reason.contains("catalogue"));
}

#[test]
fn suggested_checks_are_passed_by_their_release_and_failed_by_spoiled_models() {
    let scratch = tempfile::tempdir().unwrap();
    let good = Town::default().input();
    let drafts = without_budget(&suggested(&good, scratch.path()));
    let sits = |name: &str, input: &PackInput| {
        let input = PackInput { checks: Some(drafts.clone()), ..input.clone() };
        exam_of(&input, &scratch.path().join(name)).unwrap()
    };
    let exam = sits("good", &good);
    assert!(exam.report.is_passed(), "{:?}", exam.report);

    let mut zeroed = good.clone();
    zeroed.ranker.as_mut().unwrap().weight.fill(0.0);
    let exam = sits("zeroed", &zeroed);
    assert!(
        !failed(&exam, Level::Sanity).is_empty() && !failed(&exam, Level::Regression).is_empty()
    );

    let mut shuffled = good.clone();
    shuffled.popularity.reverse();
    shuffled.context_popularity.iter_mut().for_each(|shares| shares.reverse());
    assert!(!failed(&sits("shuffled", &shuffled), Level::Regression).is_empty());

    // Every second vector: item and user turned round together would give the same products.
    let mut negated = good.clone();
    let rows = negated.embedding.as_mut().unwrap();
    let dimensions = rows.dimensions;
    for row in rows.values.chunks_mut(dimensions).step_by(2) {
        row.iter_mut().for_each(|value| *value = -*value);
    }
    let exam = sits("negated", &negated);
    assert!(
        !failed(&exam, Level::Sanity).is_empty() && !failed(&exam, Level::Regression).is_empty()
    );

    let mut mirrored = good;
    mirrored.embedding.as_mut().unwrap().values.iter_mut().for_each(|value| *value = -*value);
    let exam = sits("mirrored", &mirrored);
    assert!(exam.report.is_passed(), "the same model in a mirror: {:?}", exam.report);
}

#[test]
fn the_same_people_and_seed_give_the_same_drafts() {
    let scratch = tempfile::tempdir().unwrap();
    let input = Town::default().input();
    let first = without_budget(&suggested(&input, scratch.path()));
    let out = scratch.path().join("drafted-from");
    let verified = verify(&out, &[key().public()], NOW_MS).unwrap();
    let again = suggest(&verified, &people(), SuggestSettings::default()).unwrap();
    assert_eq!(first, without_budget(&again));
    let other = SuggestSettings { seed: 2, ..SuggestSettings::default() };
    assert_ne!(first, without_budget(&suggest(&verified, &people(), other).unwrap()));
    let nobody = suggest(&verified, &[], SuggestSettings::default());
    assert!(nobody.unwrap_err().to_string().starts_with("people: "));
}

/// A phone with version 1, and version 2 with these checks packed beside it.
fn offered(scratch: &Path, lines: &[&str]) -> (Phone, std::path::PathBuf) {
    let phone = Phone::with(&Town::default(), scratch);
    let mut input = Town { version: 2, ..Town::default() }.input();
    input.checks = Some(checks(lines));
    let out = scratch.join("2");
    pack(&input, &key(), &out).unwrap();
    (phone, out)
}

fn exam(phone: &Phone) -> ExamReport {
    phone.status().unwrap().exam.unwrap()
}

#[test]
fn a_release_that_fails_its_exam_is_refused_and_the_one_before_it_serves_on() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, release) = offered(scratch.path(), &[EASY, IMPOSSIBLE]);
    assert_eq!(phone.status().unwrap().exam, None, "version 1 has no checks");
    phone.whole_night();
    let before = phone.slates(3);
    match phone.install_release(&release) {
        Err(Error::ReleaseRefused { file, refusal }) => {
            assert_eq!(file, CHECKS_FILE);
            let Refusal::ExamFailed { failed: 1, total: 2, first } = refusal else {
                panic!("{refusal}");
            };
            assert!(first.starts_with("impossible: "), "{first}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(phone.slates(3), before);
    let report = exam(&phone);
    assert_eq!((report.release.as_str(), report.passed), ("town@2", 1));
    let names: Vec<_> = std::fs::read_dir(phone.directory().join("releases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["town@1"], "the copy of what was refused is gone");
    let phone = phone.reopen();
    assert_eq!(exam(&phone), report);
    assert_eq!(phone.status().unwrap().release.as_deref(), Some("town@1"));
    phone.whole_night();

    let better = Town { version: 3, ..Town::default() };
    let mut input = better.input();
    input.checks = Some(checks(&[EASY]));
    let out = scratch.path().join("3");
    pack(&input, &key(), &out).unwrap();
    phone.install_release(&out).unwrap();
    let report = exam(&phone);
    assert_eq!((report.release.as_str(), report.passed, report.is_passed()), ("town@3", 1, true));
    phone.whole_night();
    check_whole(&phone.slate("home", 0), 10);

    let without = Town { version: 4, ..Town::default() }.pack(scratch.path());
    phone.install_release(&without).unwrap();
    assert_eq!(phone.status().unwrap().exam, None);
}

#[test]
fn tool_and_device_come_to_the_same_verdict() {
    let scratch = tempfile::tempdir().unwrap();
    let good = Town { version: 2, ..Town::default() }.input();
    // Another model than the one the checks were drafted from: some hold, some do not.
    let drafts = without_budget(&suggested(&Town::default().input(), scratch.path()));
    let input = PackInput { checks: Some(drafts), ..good };
    let out = scratch.path().join("other");
    let tool = exam_of(&input, &out).unwrap().report;
    assert!(!tool.is_passed() && tool.passed > 0, "{tool:?}");
    let phone = Phone::with(&Town::default(), scratch.path());
    assert!(phone.install_release(&out).is_err());
    let device = exam(&phone);
    assert_eq!(ExamReport { millis: 0, ..device }, ExamReport { millis: 0, ..tool });
}

#[test]
fn checks_from_a_file_can_be_put_to_any_release() {
    let scratch = tempfile::tempdir().unwrap();
    let release = Town::default().pack(scratch.path());
    let verified = verify(&release, &[key().public()], NOW_MS).unwrap();
    assert_eq!(examine(&verified).unwrap(), None);
    let exam = examine_with(&verified, checks(&[EASY, IMPOSSIBLE])).unwrap();
    assert_eq!((exam.report.passed, exam.report.total()), (1, 2));
}

fn upload(phone: &Phone) -> UploadRequest {
    match phone.next_transfer(noctule_core::upload::Network::Unmetered).unwrap() {
        Transfer::Upload(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_report_travels_with_the_feedback_also_when_the_release_was_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let many: Vec<String> =
        (0..20).map(|number| IMPOSSIBLE.replace("impossible", &format!("i{number:02}"))).collect();
    let mut lines_of: Vec<&str> = many.iter().map(String::as_str).collect();
    lines_of.push(EASY);
    let (phone, release) = offered(scratch.path(), &lines_of);
    phone.record(&[event("like", "item-1")]).unwrap();
    assert!(lines(&upload(&phone))[0].get("exam").is_none());
    phone.install_release(&release).unwrap_err();
    let header = &lines(&upload(&phone))[0];
    let exam = &header["exam"];
    assert_eq!(exam["release"], "town@2");
    assert_eq!((&exam["passed"], &exam["failed"]), (&json!(1), &json!(20)));
    let ids: Vec<String> = (0..16).map(|number| format!("i{number:02}")).collect();
    assert_eq!(exam["failed_ids"], json!(ids));
    assert_eq!(exam["not_measured"], 0);
}

#[test]
fn the_report_of_a_phone_becomes_a_row_of_the_collectors_parquet() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, release) = offered(scratch.path(), &[EASY, IMPOSSIBLE]);
    phone.install_release(&release).unwrap_err();
    phone.record(&[event("like", "item-1"), event("click", "item-2")]).unwrap();
    let output = scratch.path().join("feedback");
    let settings = Settings::new(([127, 0, 0, 1], 0).into(), &output);
    let collector = Collector::start(settings).unwrap();
    let request = upload(&phone);
    let mut post = ureq::post(format!("http://{}{}", collector.address(), request.path));
    for (name, value) in &request.headers {
        post = post.header(*name, *value);
    }
    let body = post.send(&request.body[..]).unwrap().body_mut().read_to_vec().unwrap();
    let answer = TransferOutcome::Answer { status: 200, body, retry_after_s: None };
    phone.transfer_finished(&request.id, &answer).unwrap();
    assert_eq!(phone.status().unwrap().pending_events, 0);
    collector.stop().unwrap();

    let exams = exam_column(&output);
    let [Some(text), None] = exams.as_slice() else { panic!("{exams:?}") };
    let stored: ExamSummary = serde_json::from_str(text).unwrap();
    assert_eq!(stored, ExamSummary::from(&exam(&phone)));
    assert_eq!((stored.release.as_str(), stored.failed_ids), ("town@2", vec!["impossible".into()]));
}

/// The column `exam` of the only file below `output`, row by row.
fn exam_column(output: &Path) -> Vec<Option<String>> {
    let mut folder = output.join("app=town");
    while folder.is_dir() {
        folder = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    }
    let reader = SerializedFileReader::new(std::fs::File::open(folder).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let exam = |row: Row| {
        let mut columns = row.into_columns().into_iter();
        match columns.find(|(name, _)| name == "exam").unwrap().1 {
            Field::Str(text) => Some(text),
            _ => None,
        }
    };
    rows.map(|row| exam(row.unwrap())).collect()
}
