//! A short run of every target, and the harness shown to find what it is there for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use noctule_fuzz::targets::TARGETS;
use noctule_fuzz::{Kind, Settings, Shape, Summary, Target, replay, run};

fn short(target: &Target, executions: u64) -> Summary {
    let directory = tempfile::tempdir().unwrap();
    let findings = directory.path().to_path_buf();
    run(target, &Settings { executions, seed: 1, time_max: None, findings }).unwrap()
}

#[test]
fn a_short_run_of_every_target_finds_nothing() {
    for target in &TARGETS {
        let summary = short(target, 20_000);
        assert_eq!(summary.findings, [], "{}", target.name);
        assert!(summary.answers > 5, "{}: {} answers only", target.name, summary.answers);
    }
}

#[test]
fn what_was_found_once_finds_nothing_any_more() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let replayed = TARGETS.iter().map(|target| {
        let (findings, count) = replay(target, &corpus).unwrap();
        assert_eq!(findings, [], "{}", target.name);
        count
    });
    let files = std::fs::read_dir(&corpus).unwrap().count();
    assert_eq!(replayed.sum::<usize>(), files, "a file of the corpus has the name of no target");
}

#[test]
fn every_seed_is_accepted() {
    for target in &TARGETS {
        let seeds = (target.seeds)();
        let first = (target.execute)(&seeds[0]);
        let spoilt = (target.execute)(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff");
        assert_ne!(first, spoilt, "{}", target.name);
    }
}

/// A parser that does what `execute` does.
fn wrong(execute: fn(&[u8]) -> u64) -> Target {
    let seeds = || vec![b"a".to_vec()];
    let (shape, tokens) = (Shape::Plain, &["b"][..]);
    Target { name: "wrong", execute, seeds, shape, tokens, bytes_max: 1_000, declared_bytes: 1_000 }
}

#[test]
fn a_panic_is_found() {
    let panics = wrong(|bytes| {
        assert!(!bytes.starts_with(b"b"), "as it should be here");
        0
    });
    let findings = short(&panics, 100_000).findings;
    assert!(findings.iter().any(|finding| finding.input.starts_with(b"b")));
    assert!(findings.iter().all(|finding| finding.kind == Kind::Panic));
}

#[test]
fn more_memory_than_twice_what_is_declared_is_found() {
    let greedy = wrong(|bytes| vec![0_u8; bytes.len() * 100].len() as u64);
    let findings = short(&greedy, 100_000).findings;
    assert!(!findings.is_empty());
    for finding in findings {
        assert_eq!(finding.kind, Kind::Memory(finding.input.len() * 100));
        assert!(finding.input.len() * 100 > 2_000);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let answers = |_| short(&TARGETS[0], 2_000).answers;
    assert_eq!(answers(0), answers(1));
}
