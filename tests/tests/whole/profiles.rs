//! A profile directory that cannot be used is refused with its place and left as it is.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use noctule_core::base::{Budget, CancelToken, ContextId, Error, ItemId, NoProgress, SurfaceId};
use noctule_core::feedback::{EventKind, FeedbackEvent};
use noctule_core::serving::{EmptyReason, RecommendRequest};
use noctule_core::upload::{Network, Transfer, TransferOutcome};
use noctule_core::{Noctule, Result};
use noctule_tests::collector::lines;
use noctule_tests::phone::{check_whole, config, event};
use noctule_tests::town::{NOW_MS, SURFACES};
use noctule_tests::{Phone, Town};

const DATABASE: &str = "noctule.sqlite";

fn open(directory: &Path) -> Result<Phone> {
    Phone::open_at(directory, NOW_MS)
}

#[test]
fn a_missing_parent_directory_is_named_and_not_made() {
    let scratch = tempfile::tempdir().unwrap();
    let deep = scratch.path().join("no/profile");
    let opened = open(&deep);
    assert!(matches!(&opened, Err(Error::DirectoryMissing { path }) if *path == deep));
    assert!(!scratch.path().join("no").exists());
}

#[test]
fn a_file_in_place_of_the_directory_is_named_and_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("profile");
    std::fs::write(&path, "precious").unwrap();
    let opened = open(&path);
    assert!(matches!(&opened, Err(Error::File { path: named, .. }) if *named == path));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_directory_in_place_of_the_database_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join(DATABASE);
    std::fs::create_dir(&path).unwrap();
    let opened = open(scratch.path());
    assert!(matches!(&opened, Err(Error::File { path: named, .. }) if *named == path));
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_read_or_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("profile");
    drop(open(&path).unwrap());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
    if std::fs::read_dir(&path).is_ok() {
        eprintln!("skipped: this user may read everything");
    } else {
        let opened = open(&path);
        assert!(matches!(opened, Err(Error::File { .. })), "{opened:?}");
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
    assert!(open(&path).is_ok());
}

#[test]
fn a_file_that_is_not_sqlite_is_refused_and_kept() {
    let magic_only = b"SQLite format 3\0 and then nothing of the kind".repeat(40);
    for content in [b"not sql".as_slice(), &[7; 9_000], &magic_only] {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(DATABASE);
        std::fs::write(&path, content).unwrap();
        let opened = open(scratch.path());
        assert!(matches!(&opened, Err(Error::NotADatabase { path: named }) if *named == path));
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

/// Bytes 18 and 19 of the header are the journal's kind, 60 to 63 the schema's version
/// (<https://www.sqlite.org/fileformat.html>).
#[test]
fn a_newer_schema_is_refused_and_kept_byte_for_byte_in_either_journal_mode() {
    for journal in [1, 2] {
        let scratch = tempfile::tempdir().unwrap();
        drop(Phone::with(&Town::default(), scratch.path()));
        let profile = scratch.path().join("profile");
        let path = profile.join(DATABASE);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[18..20].fill(journal);
        bytes[60..64].copy_from_slice(&99u32.to_be_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let opened = open(&profile);
        assert!(matches!(opened, Err(Error::SchemaTooNew { found: 99, .. })), "{opened:?}");
        assert!(std::fs::read(&path).unwrap() == bytes, "changed in journal mode {journal}");
    }
}

fn holder(directory: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_noctule-tests-child"))
        .arg("hold")
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

#[test]
fn a_second_process_is_refused_until_the_first_is_gone_and_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(scratch.path());
    phone.record(&[event("like", "item-1")]).unwrap();
    drop(phone);
    let mut child = holder(scratch.path());
    let opened = open(scratch.path());
    let refused = matches!(&opened, Err(Error::DirectoryInUse { path }) if path == scratch.path());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(refused, "{opened:?}");
    assert_eq!(open(scratch.path()).unwrap().status().unwrap().recorded, 1);
}

#[test]
fn a_closed_handle_answers_every_call_with_closed_and_lets_go_of_the_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.close();
    phone.close();
    let answer = TransferOutcome::NoAnswer { reason: "closed".into() };
    let request = |surface| {
        let surface = SurfaceId::new(surface).unwrap();
        phone.recommend(&RecommendRequest::new(surface)).map(drop)
    };
    let night = || phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress).map(drop);
    let results = [
        request("home"),
        night(),
        phone.record(&[event("like", "item-1")]).map(drop),
        phone.install_release(&scratch.path().join("1")).map(drop),
        phone.set_place(None),
        phone.next_transfer(Network::Unmetered).map(drop),
        phone.transfer_finished("x", &answer),
        phone.status().map(drop),
        phone.erase(),
    ];
    for (call, result) in results.into_iter().enumerate() {
        assert!(matches!(result, Err(Error::Closed)), "call {call}: {result:?}");
    }
    assert!(open(phone.directory()).is_ok());
}

#[test]
fn a_plan_with_other_contexts_than_the_release_is_refused_and_serves_nothing_wrong() {
    let scratch = tempfile::tempdir().unwrap();
    let release = Town::default().pack(scratch.path());
    let (mut other, _) = config(&scratch.path().join("profile"), NOW_MS);
    let mut plan = Town::default().plan();
    plan.contexts.swap(0, 1);
    other.plan = Some(plan);
    let refused = |result: Result<()>| {
        let Err(Error::ReleaseRefused { refusal, .. }) = result else { panic!("{result:?}") };
        assert!(refusal.to_string().contains("the app's plan has the contexts"), "{refusal}");
    };
    let noctule = Noctule::open(other.clone()).unwrap();
    refused(noctule.install_release(&release).map(drop));
    assert_eq!(noctule.status().unwrap().release, None);
    drop(noctule);
    // The app's update brings the plan when the release is there already.
    let phone = Phone::open(&scratch.path().join("profile"));
    phone.install_release(&release).unwrap();
    drop(phone);
    let noctule = Noctule::open(other).unwrap();
    let night = noctule.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress);
    refused(night.map(drop));
}

#[test]
fn an_unknown_surface_or_context_is_an_empty_answer_with_its_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    assert_eq!(phone.slate("attic", 0).empty_reason, Some(EmptyReason::UnknownSurface));
    assert_eq!(phone.slate("home", 9).empty_reason, Some(EmptyReason::UnknownContext));
}

#[test]
fn one_bad_event_refuses_all_of_its_call_and_names_the_field() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let good = event("like", "item-1");
    let day = 24 * 3_600_000;
    let cases = [
        (FeedbackEvent { position: Some(-1), ..good.clone() }, "events[1].position"),
        (FeedbackEvent { at_ms: Some(NOW_MS + day + 1), ..good.clone() }, "events[1].at_ms"),
        (FeedbackEvent { at_ms: Some(-1), ..good.clone() }, "events[1].at_ms"),
        (FeedbackEvent { propensity: Some(1.5), ..good.clone() }, "events[1].propensity"),
        (FeedbackEvent { kind: EventKind::Dwell, ..good.clone() }, "events[1].dwell_ms"),
    ];
    for (bad, field) in cases {
        match phone.record(&[good.clone(), bad, good.clone()]) {
            Err(Error::InvalidInput { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
        assert_eq!(phone.status().unwrap().recorded, 0);
    }
    let receipt = phone.record(&[good.clone(), good]).unwrap();
    assert_eq!((receipt.first_sequence, receipt.last_sequence), (1, 2));
    assert_eq!(phone.record(&[]).unwrap().last_sequence, 0);
    assert_eq!(phone.reopen().status().unwrap().recorded, 2);
}

#[test]
fn an_event_about_an_unknown_item_is_stored_and_sent_and_does_not_disturb_the_night() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let unknown = FeedbackEvent {
        context: Some(ContextId::new("never-heard-of").unwrap()),
        ..FeedbackEvent::new(EventKind::Conversion, ItemId::new("not in any release").unwrap())
    };
    phone.record(&[unknown]).unwrap();
    phone.whole_night();
    for (surface, length) in SURFACES {
        check_whole(&phone.slate(surface, 0), length);
    }
    let Transfer::Upload(request) = phone.next_transfer(Network::Unmetered).unwrap() else {
        panic!("nothing to send");
    };
    let lines = lines(&request);
    assert_eq!(lines[1]["item"], "not in any release");
}
