//! A disk that is full at each write of fetching, installing, activating and the night.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use noctule_tests::Town;
use noctule_tests::town::NOW_MS;

use crate::delivery_kill::Stage;

/// The releases of these tests.
fn town(version: u64) -> Town {
    Town { items: 30_000, contexts: 2, version, ..Town::default() }
}

/// Runs the child in a mount namespace of its own; gives what it said, or none where the system
/// permits no such thing.
pub(crate) fn in_namespace(arguments: &[&OsStr]) -> Option<String> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount"]);
        command
    };
    let probe = unshare().arg("true").stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no namespaces are permitted here");
        return None;
    }
    let child = env!("CARGO_BIN_EXE_noctule-tests-child");
    let output = unshare().arg(child).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    eprint!("{said}");
    if said.starts_with("skipped") {
        return None;
    }
    assert!(said.ends_with("done\n"), "{said}{complained}");
    Some(said)
}

fn deliver(with_delta: bool) -> Option<String> {
    let scratch = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(scratch.path());
    if with_delta {
        let (old, new) = (scratch.path().join("1"), scratch.path().join("2"));
        let _ = stage.repository.publish_delta(&old, &new);
    }
    let address = stage.server.address().to_string();
    let (volume, now_ms) = (scratch.path().join("volume"), stage.now_ms.to_string());
    in_namespace(&[
        "full-fetch".as_ref(),
        volume.as_os_str(),
        stage.pristine.as_os_str(),
        address.as_ref(),
        stage.root.as_os_str(),
        now_ms.as_ref(),
    ])
}

fn assert_said(said: Option<&String>, actions: &[&str]) {
    let Some(said) = said else { return };
    for action in actions {
        assert!(said.contains(action), "{action} is missing:\n{said}");
    }
}

#[test]
fn a_disk_full_at_each_write_of_a_fetch_keeps_the_old_release_until_there_is_room() {
    let said = deliver(false);
    let told = "transfer_finished: noting how delivery stands";
    assert_said(said.as_ref(), &["record: ", "the app's client", told]);
}

#[test]
fn a_disk_full_at_each_write_of_a_delta_keeps_the_old_release_until_there_is_room() {
    let said = deliver(true);
    assert_said(said.as_ref(), &["record: ", "the app's client", "next_fetch: writing"]);
}

#[test]
fn a_disk_full_at_each_write_of_an_installation_keeps_the_old_release_until_there_is_room() {
    let scratch = tempfile::tempdir().unwrap();
    let (first, second) = (town(1).pack(scratch.path()), town(2).pack(scratch.path()));
    let (volume, now_ms) = (scratch.path().join("volume"), NOW_MS.to_string());
    let said = in_namespace(&[
        "full-install".as_ref(),
        volume.as_os_str(),
        first.as_os_str(),
        second.as_os_str(),
        now_ms.as_ref(),
    ]);
    assert_said(said.as_ref(), &["record: ", "install: writing"]);
}
