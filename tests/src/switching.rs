//! A phone that does nothing but change releases, to be killed at it.

use std::path::Path;

use noctule_core::base::{Budget, CancelToken, Clock, Error, NoProgress, Seed, SeededRandom};
use noctule_releases::{SecretKey, pack};

use crate::phone::event;
use crate::town::KEY_SEED;
use crate::{Phone, Town};

/// Every so many versions one cannot fold in whoever chose something.
pub const FAILING_EVERY: u64 = 4;

/// Packs version `version` into `parent/<version>`.
pub fn pack_version(parent: &Path, version: u64) {
    let town = Town { version, ..Town::default() };
    let mut input = town.input();
    if version.is_multiple_of(FAILING_EVERY) {
        input.architecture = Town::without_solution();
    }
    let out = parent.join(version.to_string());
    pack(&input, &SecretKey::from_seed(&KEY_SEED), &out).unwrap();
}

/// Installs, lives through nights, goes back, is halted, until it is killed. Says what it begins.
pub fn switch(phone: &Phone, releases: &Path, seed: u64) -> ! {
    let mut random = SeededRandom::new(Seed(seed));
    phone.record(&[event("like", "item-1")]).unwrap();
    loop {
        phone.clock.set(phone.clock.now_ms() + 60_000);
        match random.below(10) {
            0..4 => install(phone, releases),
            4..8 => night(phone),
            8 => {
                println!("begin rollback");
                match phone.rollback() {
                    Ok(_) | Err(Error::NoPreviousRelease) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            _ => {
                println!("begin halt");
                if let Some(active) = phone.releases().unwrap().active {
                    phone.halt(&active.manifest_sha256, "a test").unwrap();
                }
            }
        }
        let slates = phone.slates(Town::default().contexts);
        println!("served {}", slates.len());
    }
}

/// The lowest version that this phone takes.
pub fn install(phone: &Phone, releases: &Path) {
    println!("begin install");
    for version in 1.. {
        let next = releases.join(version.to_string());
        assert!(next.exists(), "version {version} was not packed");
        match phone.install_release(&next) {
            Ok(_) => return,
            // Older than one that was active, or given up.
            Err(Error::ReleaseRefused { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A night; one that the release spoils is no surprise.
pub fn night(phone: &Phone) {
    println!("begin night");
    match phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress) {
        Ok(_) | Err(Error::Model { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}
