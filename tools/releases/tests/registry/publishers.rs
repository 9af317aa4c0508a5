//! Two publishers at once.

use std::path::PathBuf;
use std::process::Command;

use noctule_releases::registry::PublishOptions;

use crate::releases::{Workplace, open, signed};

pub(crate) const COMMITS: u64 = 50;
pub(crate) const FOLDER: &str = "NOCTULE_TEST_REGISTRY";
pub(crate) const LINE: &str = "NOCTULE_TEST_LINE";

/// Publishes `COMMITS` versions of `line`, sharing blobs with whoever publishes another line.
fn publish_all(place: &Workplace, registry: &std::path::Path, line: &str) {
    let registry = open(registry);
    for version in 1..=COMMITS {
        let release = place.release(line, version, version % 5);
        let alias = vec![format!("newest-{line}")];
        let options = PublishOptions { aliases: alias, percent: 5, ..PublishOptions::default() };
        registry.publish(&release, &signed(options)).unwrap();
    }
}

pub(crate) fn assert_all_there(folder: &std::path::Path) {
    let registry = open(folder);
    let state = registry.state().unwrap();
    for line in ["one", "two"] {
        let line_state = &state.lines[line];
        let versions: Vec<u64> = line_state.versions.keys().copied().collect();
        assert_eq!(versions, (1..=COMMITS).collect::<Vec<_>>(), "{line}");
        assert_eq!(line_state.aliases[&format!("newest-{line}")], COMMITS);
    }
    assert_eq!(state.number, 2 * COMMITS, "one commit for each publish");
    assert!(registry.examine().unwrap().findings.is_empty());
}

#[test]
fn two_threads_with_50_commits_each_lose_none() {
    let place = Workplace::new();
    let folder = place.path("registry");
    std::thread::scope(|scope| {
        for line in ["one", "two"] {
            let (place, folder) = (&place, &folder);
            scope.spawn(move || publish_all(place, folder, line));
        }
    });
    assert_all_there(&folder);
}

#[test]
fn two_processes_with_50_commits_each_lose_none() {
    let place = Workplace::new();
    let folder = place.path("registry");
    let children = ["one", "two"].map(|line| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["publishers::as_a_process", "--exact", "--ignored"]);
        command.env(FOLDER, &folder).env(LINE, line);
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    });
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_all_there(&folder);
}

#[test]
#[ignore = "the process that the test above starts twice"]
fn as_a_process() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    publish_all(&Workplace::new(), &folder, &std::env::var(LINE).unwrap());
}
