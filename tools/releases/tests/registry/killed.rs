//! A publisher that is killed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use noctule_releases::registry::{GcOptions, PublishOptions};

use crate::releases::{Workplace, at, key, open, signed};

const FOLDER: &str = "NOCTULE_TEST_KILLED_REGISTRY";
const RELEASES: &str = "NOCTULE_TEST_KILLED_RELEASES";
const VERSIONS: u64 = 40;

/// Publishes what lies in a folder, version after version.
#[test]
#[ignore = "the process that the test below kills"]
fn as_a_process() {
    let registry = open(&PathBuf::from(std::env::var_os(FOLDER).unwrap()));
    let releases = PathBuf::from(std::env::var_os(RELEASES).unwrap());
    for version in 1..=VERSIONS {
        let release = releases.join(format!("town-{version}-{version}"));
        let options = PublishOptions { aliases: vec!["newest".into()], ..Default::default() };
        registry.publish(&release, &signed(options)).unwrap();
    }
}

#[test]
fn a_killed_publish_leaves_the_registry_readable_and_a_repeat_finishes() {
    let place = Workplace::new();
    for version in 1..=VERSIONS {
        place.release("town", version, version);
    }
    let folder = place.path("registry");
    let (mut kills, mut finished) = (0, false);
    for round in 0..60 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["killed::as_a_process", "--exact", "--ignored"]);
        command.env(FOLDER, &folder).env(RELEASES, place.path(""));
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        // Spread over the time in which it publishes; the moments need not be the same ones.
        std::thread::sleep(Duration::from_millis(20 + round * 7));
        finished = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        kills += u32::from(!finished);
        let registry = open(&folder);
        let health = registry.examine().unwrap();
        assert!(health.findings.is_empty(), "after {kills} kills: {:?}", health.findings);
        if finished {
            break;
        }
    }
    assert!(kills > 0, "the first run was too quick to be killed");
    if !finished {
        let registry = open(&folder);
        for version in 1..=VERSIONS {
            let release = place.release("town", version, version);
            let aliases = vec!["newest".to_owned()];
            let options = signed(PublishOptions { aliases, ..Default::default() });
            registry.publish(&release, &options).unwrap();
        }
    }
    let registry = open(&folder);
    let state = registry.state().unwrap();
    assert_eq!(state.lines["town"].versions.len() as u64, VERSIONS);
    registry.fetch(&at("town@newest"), &[key().public()], &place.path("out")).unwrap();
    let rests = GcOptions { grace: Duration::ZERO, keep: 100, dry_run: false };
    let far = open(&folder).at_time(i64::MAX / 2);
    far.collect_garbage(&rests).unwrap();
    assert!(open(&folder).examine().unwrap().findings.is_empty());
}
