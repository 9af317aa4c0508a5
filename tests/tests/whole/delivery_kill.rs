//! A kill at any byte of fetching, installing and activating: the phone serves from the old release
//! or the new, and no verified byte is fetched twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::delivery::CHUNK_BYTES;
use noctule_core::release::check_installed;
use noctule_tests::phone::check_whole;
use noctule_tests::server::Server;
use noctule_tests::town::{DAY_MS, NOW_MS, SURFACES};
use noctule_tests::volume::copy_tree;
use noctule_tests::{Phone, Repository, Town};

const SEED: u64 = 20_261_125;
/// Kills; `NOCTULE_DELIVERY_KILLS` asks for more.
const KILLS: u64 = 500;
/// After this long a child counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    directory: PathBuf,
    pub(crate) pristine: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) repository: Repository,
    pub(crate) server: Server,
    pub(crate) now_ms: i64,
}

impl Stage {
    /// A phone with the first release, kept aside, and a second one on offer.
    pub(crate) fn new(scratch: &Path) -> Self {
        let town = |version| Town { items: 30_000, contexts: 2, version, ..Town::default() };
        let mut repository = Repository::new(&scratch.join("repository"));
        repository.publish(&town(1).pack(scratch), 100);
        let server = Server::start(repository.folder());
        let root = repository.folder().join("metadata/1.root.json");
        let (directory, pristine) = (scratch.join("profile"), scratch.join("pristine"));
        let now_ms = NOW_MS;
        let mut stage = Self { directory, pristine, root, repository, server, now_ms };
        let mut child = stage.child(u64::MAX);
        assert!(child.wait().unwrap().success());
        copy_tree(&stage.directory, &stage.pristine);
        stage.repository.publish(&town(2).pack(scratch), 100);
        stage.now_ms += DAY_MS;
        stage
    }

    fn child(&self, end: u64) -> Child {
        Command::new(env!("CARGO_BIN_EXE_noctule-tests-child"))
            .arg("deliver")
            .arg(&self.directory)
            .arg(self.server.address().to_string())
            .arg(&self.root)
            .args([self.now_ms.to_string(), end.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Length of each part and of each complete file of what is on its way, by name.
    fn here(&self) -> BTreeMap<String, (u64, bool)> {
        let mut here = BTreeMap::new();
        let Ok(entries) = std::fs::read_dir(self.directory.join("releases")) else { return here };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // The new release also counts when it has its name already and is not active yet.
            let counts = name.starts_with(".incoming-") || name == "town@2";
            if !counts || !path.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(&path).unwrap() {
                let file = file.unwrap();
                let complete = !name.ends_with(".parts");
                let length = file.metadata().unwrap().len();
                here.insert(file.file_name().into_string().unwrap(), (length, complete));
            }
        }
        here
    }

    /// Panics when a byte that was verified before the child ran was fetched by it.
    fn check_fetched(
        &self,
        before: &BTreeMap<String, (u64, bool)>,
        files: &BTreeMap<String, String>,
    ) {
        // Also what the child asked for just before its end.
        self.server.settle();
        for served in self.server.take_served() {
            let Some(sha256) = served.path.strip_prefix("blobs/") else { continue };
            let Some(name) = files.get(sha256) else { continue };
            let Some((length, complete)) = before.get(name) else { continue };
            assert!(!complete, "{name} was complete: {served:?}");
            let verified = length / CHUNK_BYTES * CHUNK_BYTES;
            assert!(served.offset >= verified, "{verified} bytes of {name}: {served:?}");
        }
    }

    /// Opens what the killed child left; gives the active version.
    fn check(&self) -> u64 {
        let root = self.repository.root();
        let phone = Phone::following_at(&self.directory, &root, self.now_ms);
        let releases = phone.releases().unwrap();
        let active = releases.active.unwrap();
        let home = self.directory.join("releases").join(active.release.to_string());
        check_installed(&home, &active.manifest_sha256).unwrap();
        if active.release.version == 2 {
            let previous = releases.previous.unwrap();
            let home = self.directory.join("releases").join(previous.release.to_string());
            check_installed(&home, &previous.manifest_sha256).unwrap();
        }
        let slates = phone.slates(2);
        let made_by = slates[0].release.clone();
        for slate in slates {
            let length = SURFACES.iter().find(|(name, _)| *name == slate.surface.as_str());
            check_whole(&slate, length.unwrap().1);
            assert_eq!(slate.release, made_by, "slates of two releases");
        }
        active.release.version
    }
}

/// Waits until the child ends, or kills it after `life`; gives whether it ended by itself.
fn end(child: &mut Child, life: Duration) -> bool {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert_ne!(status.code(), Some(101), "the child panicked");
            return status.success();
        }
        assert!(begun.elapsed() < PATIENCE, "the child hangs");
        if begun.elapsed() >= life {
            child.kill().unwrap();
            child.wait().unwrap();
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn a_kill_at_any_byte_of_a_delivery_leaves_the_old_release_or_the_new() {
    let scratch = tempfile::tempdir().unwrap();
    let stage = Stage::new(scratch.path());
    let files = stage.repository.files();
    let total: u64 = files
        .keys()
        .map(|sha256| std::fs::metadata(stage.repository.blob(sha256)).unwrap().len())
        .sum();
    let kills = std::env::var("NOCTULE_DELIVERY_KILLS").ok();
    let kills = kills.map_or(KILLS, |text| text.parse().expect("a number"));
    let mut random = SeededRandom::new(Seed(SEED));
    let (mut by_byte, mut by_time, mut finished) = (0, 0, 0);
    let _ = stage.server.take_served();
    while by_byte + by_time < kills {
        let before = stage.here();
        let at_byte = random.chance(0.6);
        let end_at = if at_byte { random.below(total as usize / 2) as u64 } else { u64::MAX };
        let life = if at_byte { PATIENCE } else { Duration::from_millis(random.below(150) as u64) };
        let done = end(&mut stage.child(end_at), life);
        stage.check_fetched(&before, &files);
        let version = stage.check();
        if done {
            assert_eq!(version, 2, "it ended by itself");
            finished += 1;
        } else if at_byte {
            by_byte += 1;
        } else {
            by_time += 1;
        }
        if version == 2 {
            // From the begin.
            std::fs::remove_dir_all(&stage.directory).unwrap();
            copy_tree(&stage.pristine, &stage.directory);
        }
    }
    // The next try finishes.
    assert!(end(&mut stage.child(u64::MAX), PATIENCE));
    assert_eq!(stage.check(), 2);
    eprintln!(
        "{kills} kills, seed {SEED}: {by_byte} at a byte, {by_time} at a moment; {finished} \
         deliveries ended in between"
    );
}
