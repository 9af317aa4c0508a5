//! A disk that is full for a while: nothing acknowledged is lost, and the collector heals itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use crate::fixture::{agent, batch, identities, settings};

const CHILD_FOLDER: &str = "NOCTULE_COLLECTOR_FULL_FOLDER";
/// Mounts a small file system on `full`, fills it, and serves from it; gives the room back when the
/// file `room` appears, and copies what was written to `copy` when `stop` does.
const SCRIPT: &str = r#"
cd "$1" && mount -t tmpfs -o size=3m tmpfs full || exit 77
head -c 2600k /dev/zero > full/filler
CHILD --exact full::child_on_a_small_disk & child=$!
while [ ! -e room ]; do sleep 0.02; done; rm full/filler
while [ ! -e stop ]; do sleep 0.02; done
kill -9 $child; wait $child; cp -r full/output copy && touch copied
"#;

/// The body of the child process.
#[test]
fn child_on_a_small_disk() {
    let Some(folder) = env::var_os(CHILD_FOLDER) else { return };
    let folder = Path::new(&folder);
    let collector =
        noctule_collector::Collector::start(settings(&folder.join("full/output"))).unwrap();
    fs::write(folder.join("port.tmp"), collector.address().port().to_string()).unwrap();
    fs::rename(folder.join("port.tmp"), folder.join("port")).unwrap();
    loop {
        thread::park();
    }
}

/// Waits until `holds`, for at most a minute.
fn wait_for<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The child in a mount namespace of its own; none where the system permits no such thing.
fn start(folder: &Path) -> Option<Child> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount"]);
        command
    };
    let mut probe = unshare();
    probe.args(["sh", "-c", "mount -t tmpfs tmpfs /mnt"]).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mounts are permitted here");
        return None;
    }
    fs::create_dir(folder.join("full")).unwrap();
    let program = env::current_exe().unwrap();
    let mut command = unshare();
    command.args(["sh", "-c", &SCRIPT.replace("CHILD", "\"$0\"")]).arg(program).arg(folder);
    Some(command.env(CHILD_FOLDER, folder).stdout(Stdio::null()).spawn().unwrap())
}

#[test]
fn a_full_disk_turns_health_red_and_room_turns_it_green_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut child) = start(folder.path()) else { return };
    let port = wait_for("the child does not start", || {
        fs::read_to_string(folder.path().join("port")).ok()?.parse().ok()
    });
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let agent = agent();
    let health = || {
        let answer = agent.get(format!("http://{address}/healthz")).call().unwrap();
        answer.status().as_u16()
    };
    assert_eq!(health(), 200);
    let mut acknowledged: Vec<u128> = Vec::new();
    let refused = (1..=100u128).find_map(|installation| {
        let answer = batch("town", installation, 1, 1..=400).send(&agent, address);
        if answer.status == 200 {
            acknowledged.push(installation);
        }
        (answer.status != 200).then_some(answer)
    });
    let refused = refused.expect("the disk was never full");
    assert_eq!((refused.status, refused.retry_after.as_deref()), (503, Some("60")));
    assert_eq!(health(), 503, "red with the first refusal");
    fs::write(folder.path().join("room"), "").unwrap();
    // Nobody sends anything meanwhile.
    wait_for("it does not heal", || (health() == 200).then_some(()));
    for installation in 101..=105 {
        batch("town", installation, 1, 1..=400).acknowledged(&agent, address);
        acknowledged.push(installation);
    }
    fs::write(folder.path().join("stop"), "").unwrap();
    assert!(child.wait().unwrap().success());
    assert!(folder.path().join("copied").exists());
    let output = folder.path().join("copy");
    crate::fixture::start(&output).stop().unwrap();
    let stored = identities(&output);
    for installation in &acknowledged {
        let own = crate::fixture::uuid(*installation);
        let rows = stored.iter().filter(|row| row.1 == own).count();
        assert_eq!(rows, 400, "installation {installation}");
    }
    assert!(acknowledged.len() >= 5);
}
