//! Handles of both objects, made, cloned, used, closed and freed by all threads at once.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use noctule_core::base::{Seed, SeededRandom};
use noctule_ffi::RecommenderError;

use crate::boundary::{Profile, Token};
use crate::{click, config, home};

const PROFILES: usize = 4;
const TOKENS: usize = 8;

/// What many threads share: places for handles, and what was promised over them.
struct Table {
    profiles: [RwLock<Option<Profile>>; PROFILES],
    tokens: [RwLock<Option<Token>>; TOKENS],
    directories: Vec<PathBuf>,
    recorded: [AtomicU64; PROFILES],
}

/// What happened; two fields that are equal when nothing was lost or doubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Races run.
    pub rounds: u64,
    /// Profiles that were opened.
    pub opened: u64,
    /// Calls that were refused with a typed error, as they should be.
    pub refused: u64,
    /// Events that a receipt was given for.
    pub acknowledged: u64,
    /// Events that the profiles say they have recorded.
    pub recorded: u64,
}

/// Runs `rounds` races in `threads` threads on new profiles in `scratch`.
///
/// # Panics
/// When a call fails in a way that it should not, and when a profile is still held in the end.
#[must_use]
pub fn run(scratch: &Path, threads: u64, rounds: u64, seed: u64) -> Told {
    let table = Table {
        profiles: Default::default(),
        tokens: Default::default(),
        directories: (0..PROFILES).map(|at| scratch.join(format!("profile-{at}"))).collect(),
        recorded: Default::default(),
    };
    let mut told = std::thread::scope(|scope| {
        let start = |thread: u64| {
            let (table, share) = (&table, rounds / threads + u64::from(thread < rounds % threads));
            let random = SeededRandom::new(Seed(seed).derive(&["races", &thread.to_string()]));
            scope.spawn(move || races(table, share, random))
        };
        let all: Vec<_> = (0..threads).map(start).collect();
        let told = all.into_iter().map(|thread| thread.join().unwrap());
        told.fold(Told::default(), |a, b| Told {
            rounds: a.rounds + b.rounds,
            opened: a.opened + b.opened,
            refused: a.refused + b.refused,
            ..a
        })
    });
    told.acknowledged = table.recorded.iter().map(|count| count.load(Ordering::SeqCst)).sum();
    let Table { profiles, directories, .. } = table;
    // The last handles go; a directory that is still held cannot be opened.
    drop(profiles);
    for directory in &directories {
        let profile = Profile::open(config(directory, None)).expect("no handle holds it any more");
        told.recorded += profile.status().unwrap().recorded;
    }
    told
}

fn races(table: &Table, rounds: u64, mut random: SeededRandom) -> Told {
    let mut told = Told { rounds, ..Told::default() };
    for _ in 0..rounds {
        let (dice, at) = (random.below(100), random.below(TOKENS));
        if dice < 40 {
            with_profile(table, at % PROFILES, dice, &mut told);
        } else {
            with_token(&table.tokens[at], dice);
        }
    }
    told
}

fn with_profile(table: &Table, at: usize, dice: usize, told: &mut Told) {
    let place = &table.profiles[at];
    if (3..5).contains(&dice) {
        return drop(put(place, None));
    }
    match held(place).filter(|_| dice >= 3) {
        Some(profile) => with_open(table, at, dice, &profile, told),
        // Also where one is open, or being opened by another thread.
        None => match Profile::open(config(&table.directories[at], None)) {
            Ok(profile) => {
                told.opened += 1;
                drop(put(place, Some(profile)));
            }
            Err(RecommenderError::AlreadyRunning { .. }) => told.refused += 1,
            Err(error) => panic!("{error:?}"),
        },
    }
}

fn with_open(table: &Table, at: usize, dice: usize, profile: &Profile, told: &mut Told) {
    let answer = match dice {
        5 | 6 => {
            profile.close();
            // It stays closed, whoever asks: nothing opens a handle again.
            assert_eq!(profile.status().unwrap_err(), RecommenderError::Closed);
            drop(put(&table.profiles[at], None));
            Ok(())
        }
        7..16 => profile.record(vec![click()]).map(|receipt| {
            assert!(receipt.stored);
            table.recorded[at].fetch_add(1, Ordering::SeqCst);
        }),
        16..20 => {
            let token = held(&table.tokens[at]).unwrap_or_default();
            profile.run_night(&token).map(drop)
        }
        20..26 => profile.status().map(drop),
        _ => profile.recommend(home()).map(drop),
    };
    match answer {
        Ok(()) => {}
        Err(RecommenderError::Closed | RecommenderError::AlreadyRunning { .. }) => {
            told.refused += 1;
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn with_token(place: &RwLock<Option<Token>>, dice: usize) {
    match dice {
        40..55 => drop(put(place, Some(Token::new()))),
        55..60 => drop(put(place, None)),
        _ => {
            let Some(token) = held(place) else { return };
            match dice {
                60..65 => token.cancel(),
                65..70 => token.cancel_because("the battery is low"),
                _ => {
                    let before = token.is_cancelled();
                    let again = token.clone();
                    drop(token);
                    // Cancelling is final.
                    assert!(!before || again.is_cancelled());
                }
            }
        }
    }
}

/// A handle of one's own on what is in `place`.
fn held<T: Clone>(place: &RwLock<Option<T>>) -> Option<T> {
    place.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Puts `value` there and gives what was there, to be freed with no lock held.
fn put<T>(place: &RwLock<Option<T>>, value: Option<T>) -> Option<T> {
    std::mem::replace(&mut *place.write().unwrap_or_else(PoisonError::into_inner), value)
}
