//! A short run of every target, and the harness shown to find what it is there for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use noctule_fuzz::targets::TARGETS;
use noctule_fuzz::{Kind, Settings, Shape, Summary, Target, run};

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
fn every_seed_is_accepted() {
    for target in &TARGETS {
        let seeds = (target.seeds)();
        let first = (target.execute)(&seeds[0]);
        let spoilt = (target.execute)(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff");
        assert_ne!(first, spoilt, "{}", target.name);
    }
}

const WRONG: Target = Target {
    name: "wrong",
    execute: |bytes| {
        assert!(!bytes.starts_with(b"b"), "as it should be here");
        let held = vec![0_u8; bytes.len() * 100];
        held.len() as u64
    },
    seeds: || vec![b"a".to_vec()],
    shape: Shape::Plain,
    tokens: &["b"],
    bytes_max: 1_000,
    declared_bytes: 1_000,
};

#[test]
fn a_panic_and_too_much_memory_are_found() {
    let kinds: Vec<Kind> =
        short(&WRONG, 100_000).findings.into_iter().map(|finding| finding.kind).collect();
    assert!(kinds.contains(&Kind::Panic), "{kinds:?}");
    assert!(kinds.iter().any(|kind| matches!(kind, Kind::Memory(_))), "{kinds:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let answers = |_| short(&TARGETS[0], 2_000).answers;
    assert_eq!(answers(0), answers(1));
}
