//! A fleet of simulated phones. Each is the real library on a directory of its own, with a clock
//! that stands where the simulation puts it, and each runs through the same days:
//!
//! ```text
//! evening before: install the release, take over the user's short history
//! every day:      03:00 night job -> showings (recommend, choice, record) -> 23:30 upload
//! at the end:     upload until nothing is left
//! ```

mod life;
mod outcome;
mod uplink;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::world::World;
use crate::{Error, Result};
use life::{Household, Life};

pub use outcome::{Acceptance, Example, FleetResult, Outcome, PhoneResult, Timings};
use uplink::Uplink;

/// How a fleet is run.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetSettings {
    /// Phones, at least 1 and at most [`World::phones`].
    pub phones: usize,
    /// Days, each with a night job before it, 1 to 3,650.
    pub nights: u32,
    /// Seed of the phones' pseudonyms and of everything their users do.
    pub seed: u64,
    /// Where each phone gets a directory `phone-NNNNN`; made where it is missing.
    pub directory: PathBuf,
    /// Base address of the collector (`http://127.0.0.1:8080`); without one nothing is uploaded.
    pub collector_url: Option<String>,
    /// The app's name, as in the release's manifest.
    pub app: String,
    /// The Ed25519 public keys that a release may be signed with.
    pub trusted_keys: Vec<[u8; 32]>,
    /// Directory of the release that every phone installs.
    pub release: PathBuf,
    /// Threads that phones are spread over, 1 to 256; changes no result.
    pub threads: usize,
    /// Whether the phones' directories stay when all is done.
    pub keep_directories: bool,
}

impl FleetSettings {
    fn check(&self, world: &dyn World) -> Result<()> {
        let counts = [
            ("phones", self.phones, world.phones()),
            ("nights", self.nights as usize, 3_650),
            ("threads", self.threads, 256),
        ];
        for (field, value, most) in counts {
            if value == 0 || value > most {
                let reason = format!("{value} is not between 1 and {most}");
                return Err(Error::setting(field, reason));
            }
        }
        Ok(())
    }
}

/// Hears how far a fleet has come.
pub trait FleetProgress: Sync {
    /// `done` of `total` nights of all phones together are over. Called from the fleet's threads,
    /// once a night and phone, not in order; must not block.
    fn report(&self, done: usize, total: usize);
}

impl<F: Fn(usize, usize) + Sync> FleetProgress for F {
    fn report(&self, done: usize, total: usize) {
        self(done, total);
    }
}

/// Runs `settings.phones` phones through `settings.nights` days of `world`.
///
/// Blocks until the last phone is done. The same world, settings and release give the same
/// showings, choices and counts, for any number of threads; only the timings differ.
///
/// # Errors
/// [`Error::Setting`], [`Error::File`] for a directory, [`Error::Phone`] when the library on a
/// phone refuses, [`Error::NotDelivered`] when the collector never takes a phone's feedback. With
/// several failures, that of the lowest phone that was reached; the others stop at their next
/// night.
pub fn run_fleet(
    world: &dyn World,
    settings: &FleetSettings,
    progress: &dyn FleetProgress,
) -> Result<FleetResult> {
    settings.check(world)?;
    std::fs::create_dir_all(&settings.directory)
        .map_err(Error::file(&settings.directory, "making the directory"))?;
    let (next, nights, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let lives: Mutex<Vec<(usize, Result<Life>)>> = Mutex::new(Vec::new());
    let total = settings.phones * settings.nights as usize;
    let worker = || {
        let uplink = settings.collector_url.as_deref().map(Uplink::new);
        let household = Household { world, settings, uplink: uplink.as_ref() };
        loop {
            let phone = next.fetch_add(1, Ordering::SeqCst);
            if phone >= settings.phones || failed.load(Ordering::SeqCst) {
                break;
            }
            let after_night = || {
                progress.report(nights.fetch_add(1, Ordering::SeqCst) + 1, total);
                !failed.load(Ordering::SeqCst)
            };
            let life = household.live(phone, &after_night);
            failed.fetch_or(life.is_err(), Ordering::SeqCst);
            let mut lives = lives.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            lives.push((phone, life));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..settings.threads.min(settings.phones) {
            scope.spawn(worker);
        }
        worker();
    });
    let mut lives = lives.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    lives.sort_by_key(|(phone, _)| *phone);
    let lives: Vec<Life> = lives.into_iter().map(|(_, life)| life).collect::<Result<_>>()?;
    outcome::summarise(world, settings, lives)
}

#[cfg(test)]
mod collector;
#[cfg(test)]
mod tests;
