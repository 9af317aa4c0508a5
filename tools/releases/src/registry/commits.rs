//! One commit after another: each is a new object, so that of two at once only one comes through.

use std::time::Duration;

use super::Registry;
use super::state::{STATE_FORMAT, State};
use crate::{Error, Result};

/// Folder of the states.
pub(super) const STATES: &str = "registry/state";

/// Bytes of one state: about 1,000 bytes a version.
const STATE_BYTES_MAX: u64 = 256 << 20;

/// Attempts at one commit before it is given up: each lost one means that another came through.
const ATTEMPTS_MAX: u32 = 1_000;

/// Longest pause between two attempts, milliseconds.
const PAUSE_MS_MAX: u64 = 50;

impl Registry {
    /// The newest state; an empty one before the first commit.
    ///
    /// # Errors
    /// [`Error::Store`], and [`Error::Damaged`] when it cannot be read as one.
    pub fn state(&self) -> Result<State> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(newest) = self.state_numbers()?.last().copied() else {
                return Ok(State { format: STATE_FORMAT, ..State::default() });
            };
            // Gone only when others made so many commits meanwhile that it was swept away.
            if let Some(state) = self.state_of(newest)? {
                return Ok(state);
            }
        }
        Err(self.contended())
    }

    /// Makes sure that this place can hold a registry: it can be written to, and an object is made
    /// only where there is none. Done before the first commit, too.
    ///
    /// # Errors
    /// [`Error::Unconditional`], [`Error::Store`].
    pub fn check_place(&self) -> Result<()> {
        self.place.check_put_new(&format!("registry/trial-{}", random_id()?))
    }

    /// Numbers of the states that are kept, in order.
    pub(super) fn state_numbers(&self) -> Result<Vec<u64>> {
        let names = self.place.list(STATES)?;
        let number = |name: &str| name.strip_suffix(".json")?.parse().ok();
        let mut numbers: Vec<u64> = names.iter().filter_map(|(name, _)| number(name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The state of this number, or none.
    pub(super) fn state_of(&self, number: u64) -> Result<Option<State>> {
        let path = path_of(number);
        let Some(bytes) = self.place.get(&path, STATE_BYTES_MAX)? else { return Ok(None) };
        let wrong = |reason| Error::damaged(format!("{}/{path}", self.place.shown()), reason);
        let state: State =
            serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if state.format != STATE_FORMAT || state.number != number {
            let (format, found) = (state.format, state.number);
            return Err(wrong(format!("has format {format} and the number {found}")));
        }
        Ok(Some(state))
    }

    /// Applies `change` to the newest state and writes the next one; starts again from the newest
    /// when another commit came between. A change that changes nothing is no commit.
    ///
    /// # Errors
    /// What `change` refuses, [`Error::Store`], [`Error::Contended`].
    pub(super) fn commit<T>(
        &self,
        what: &str,
        mut change: impl FnMut(&mut State) -> Result<T>,
    ) -> Result<(State, T)> {
        for attempt in 0..ATTEMPTS_MAX {
            let before = self.state()?;
            if before.number == 0 {
                self.check_place()?;
            }
            let mut state = before.clone();
            let answer = change(&mut state)?;
            if state == before {
                return Ok((state, answer));
            }
            state.number += 1;
            state.after = std::mem::replace(&mut state.id, random_id()?);
            state.at_ms = self.now_ms();
            state.by.clone_from(&self.publisher);
            what.clone_into(&mut state.what);
            if self.write_state(&state)? {
                return Ok((state, answer));
            }
            pause(attempt)?;
        }
        Err(self.contended())
    }

    /// Writes `state` unless its number is taken; true when it counts.
    fn write_state(&self, state: &State) -> Result<bool> {
        let path = path_of(state.number);
        let wrong = |error: serde_json::Error| Error::damaged(&path, error.to_string());
        let mut bytes = serde_json::to_vec_pretty(state).map_err(wrong)?;
        bytes.push(b'\n');
        if !self.place.put_new(&path, bytes)? {
            // When an answer gets lost the request is made again, and finds what it made itself.
            let there = self.state_of(state.number)?;
            if there.is_none_or(|there| there.id != state.id) {
                return Ok(false);
            }
        }
        // A number that was free because its state was swept away long ago makes no commit: what
        // stands behind it then does not follow from it.
        let numbers = self.state_numbers()?;
        if numbers.last().is_some_and(|newest| *newest > state.number) {
            let next = self.state_of(state.number + 1)?;
            if next.is_none_or(|next| next.after != state.id) {
                self.place.delete(&path)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn contended(&self) -> Error {
        Error::Contended { place: self.place.shown().to_owned(), attempts: ATTEMPTS_MAX }
    }
}

pub(super) fn path_of(number: u64) -> String {
    format!("{STATES}/{number:020}.json")
}

fn random_id() -> Result<String> {
    Ok(format!("{:016x}", getrandom::u64().map_err(Error::Random)?))
}

/// Waits for a random time that grows with the attempts, so that losers do not meet again.
fn pause(attempt: u32) -> Result<()> {
    let most = (2_u64 << attempt.min(10)).min(PAUSE_MS_MAX);
    let random = getrandom::u64().map_err(Error::Random)?;
    std::thread::sleep(Duration::from_millis(random % most));
    Ok(())
}
