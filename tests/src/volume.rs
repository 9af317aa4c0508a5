//! What a process in a mount namespace of its own does to its profile's volume: fills it, and makes
//! parts of it read-only. Started under `unshare --map-root-user --mount`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use noctule_core::base::{
    Budget, CancelToken, Clock, Error, Network, NoProgress, Result, Transfer,
};
use noctule_core::delivery::CHUNK_BYTES;

use crate::Phone;
use crate::phone::{check_whole, event};
use crate::server::fetch;
use crate::town::{DAY_MS, SURFACES};

/// Bytes of the volume: some releases of the tests, and room for a database.
const VOLUME: &str = "size=24m";
/// Bytes that become free after each failure.
const STEP_BYTES: u64 = 8 * 1_024;

fn mount(arguments: &[&str]) -> bool {
    Command::new("mount").args(arguments).status().is_ok_and(|status| status.success())
}

/// Makes an empty volume at `directory`; gives whether that is permitted here.
#[must_use]
pub fn mount_volume(directory: &Path) -> bool {
    fs::create_dir_all(directory).unwrap();
    mount(&["-t", "tmpfs", "-o", VOLUME, "tmpfs", directory.to_str().unwrap()])
}

/// Makes `directory` read-only until [`writable`]; gives whether that is permitted here.
#[must_use]
pub fn read_only(directory: &Path) -> bool {
    let path = directory.to_str().unwrap();
    mount(&["--bind", path, path]) && mount(&["-o", "remount,bind,ro", path])
}

/// Ends [`read_only`].
pub fn writable(directory: &Path) {
    let output = Command::new("umount").arg("--lazy").arg(directory).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A volume without room, and what was said of that.
pub struct FullVolume {
    filler: File,
    filled: u64,
    /// How often each action was refused for want of room.
    pub refused: BTreeMap<String, u32>,
}

impl FullVolume {
    /// Fills the volume of `directory`.
    #[must_use]
    pub fn fill(directory: &Path) -> Self {
        let mut filler = File::create(directory.join("filler")).unwrap();
        let mut filled = 0;
        while let Ok(count) = filler.write(&[0; 4_096]) {
            filled += count as u64;
        }
        Self { filler, filled, refused: BTreeMap::new() }
    }

    /// Frees a little.
    pub fn give(&mut self) {
        assert!(self.filled > 0, "everything is free, and it still says: {:?}", self.refused);
        self.filled = self.filled.saturating_sub(STEP_BYTES);
        self.filler.set_len(self.filled).unwrap();
    }

    /// The value; none when there was no room for the action, in which case a little is freed.
    /// Every other error ends the test.
    pub fn try_it<T>(&mut self, what: &str, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Error::StorageFull { action }) => {
                *self.refused.entry(format!("{what}: {action}")).or_default() += 1;
                self.give();
                None
            }
            Err(error) => panic!("{what} on a full disk: {error:?}"),
        }
    }
}

/// Every slate is whole and all are of one release.
pub fn check_slates(phone: &Phone, contexts: usize) {
    let slates = phone.slates(contexts);
    let made_by = slates[0].release.clone();
    for slate in slates {
        let length = SURFACES.iter().find(|(name, _)| *name == slate.surface.as_str());
        check_whole(&slate, length.unwrap().1);
        assert_eq!(slate.release, made_by, "slates of two releases");
    }
}

/// The profile on a full volume: how it is opened, and what it has acknowledged.
pub struct Life<'a> {
    /// Opens the profile at a time.
    pub open: &'a dyn Fn(i64) -> Result<Phone>,
    /// The volume.
    pub volume: FullVolume,
    /// Events that were acknowledged.
    pub recorded: u64,
    /// Contexts of the plan.
    pub contexts: usize,
}

impl Life<'_> {
    /// Calls `step` until it says that it is done, with a little more room each time; in between
    /// the app records, serves and starts anew.
    pub fn live(
        &mut self,
        mut phone: Phone,
        step: &mut dyn FnMut(&Phone, &mut FullVolume) -> bool,
    ) -> Phone {
        for round in 0.. {
            let recorded = phone.record(&[event("like", "item-1")]);
            self.recorded += u64::from(self.volume.try_it("record", recorded).is_some());
            check_slates(&phone, self.contexts);
            if step(&phone, &mut self.volume) {
                break;
            }
            if round % 3 == 2 {
                phone = self.reopen(phone);
            }
        }
        assert_eq!(phone.status().unwrap().recorded, self.recorded, "acknowledged and lost");
        phone
    }

    fn reopen(&mut self, phone: Phone) -> Phone {
        let now_ms = phone.clock.now_ms();
        drop(phone);
        loop {
            if let Some(phone) = self.volume.try_it("open", (self.open)(now_ms)) {
                check_slates(&phone, self.contexts);
                return phone;
            }
        }
    }

    /// A night of the next day; it publishes what it has room for.
    pub fn night(&mut self, phone: Phone) -> Phone {
        phone.clock.set(phone.clock.now_ms() + DAY_MS);
        self.live(phone, &mut |phone, volume| {
            let night = phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress);
            volume.try_it("night", night).is_some_and(|report| report.remaining == 0)
        })
    }
}

/// The app's part of a delivery on a full volume.
pub struct Deliverer {
    address: SocketAddr,
    /// Bytes of each file that were verified.
    verified: BTreeMap<PathBuf, u64>,
}

impl Deliverer {
    /// Fetches from `address`.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, verified: BTreeMap::new() }
    }

    /// Fetches until there is nothing more, or no room; gives whether all is done.
    pub fn step(&mut self, phone: &Phone, volume: &mut FullVolume) -> bool {
        loop {
            let Some(next) = volume.try_it("next_fetch", phone.next_fetch(Network::Unmetered))
            else {
                return false;
            };
            match next {
                Transfer::Fetch(request) => {
                    let is_blob = request.path.starts_with("blobs/");
                    let verified = self.verified.entry(request.destination.clone()).or_default();
                    assert!(!is_blob || request.offset >= *verified, "{verified}: {request:?}");
                    let outcome = fetch(self.address, &request, &mut |_| {});
                    if is_blob {
                        let have = fs::metadata(&request.destination).map_or(0, |m| m.len());
                        let whole = have == request.offset + request.length_max;
                        *verified = if whole { have } else { have / CHUNK_BYTES * CHUNK_BYTES };
                    }
                    let finished = phone.transfer_finished(&request.id, &outcome);
                    if volume.try_it("transfer_finished", finished).is_none() {
                        return false;
                    }
                }
                // The client found no room; its pause passes.
                Transfer::Wait { until_ms } => {
                    *volume.refused.entry("the app's client".to_owned()).or_default() += 1;
                    volume.give();
                    phone.clock.set(until_ms);
                    return false;
                }
                Transfer::Done => return true,
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Copies a directory with all that is in it.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
