//! One collector at a time makes Parquet: the one that holds the lease.
//!
//! `_lease/<number>.json` is made where there is none, and the highest number counts. The lease
//! only keeps two from doing the same work: should both do it, because one has slept or a clock is
//! wrong, both make the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::place::{Place, number_of};
use super::state::{encode, read};
use crate::error::Result;

const LEASES: &str = "_lease";

/// Older leases that are kept, so that who has slept for a moment makes none of a number that was
/// there.
const KEPT: u64 = 16;

/// A lease that would end later than this is of a wrong clock.
const LONGEST_MS: i64 = 86_400_000;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    holder: String,
    until_ms: i64,
}

/// The lease as one collector sees it.
#[derive(Debug)]
pub(crate) struct Lease {
    place: Place,
    me: String,
    length_ms: i64,
}

impl Lease {
    pub(crate) fn new(place: Place, me: &str, length: Duration) -> Self {
        let length_ms = i64::try_from(length.as_millis()).unwrap_or(LONGEST_MS).min(LONGEST_MS);
        Self { place, me: me.to_owned(), length_ms }
    }

    /// Takes or prolongs the lease; whether this collector holds it.
    pub(crate) fn take(&self, now_ms: i64) -> Result<bool> {
        let Some((number, held)) = self.last()? else {
            return self.make(1, now_ms + self.length_ms);
        };
        if let Some(held) = held {
            let left = held.until_ms.saturating_sub(now_ms);
            let is_mine = held.holder == self.me;
            if is_mine && left > self.length_ms / 2 {
                return Ok(true);
            }
            if !is_mine && (1..=LONGEST_MS).contains(&left) {
                return Ok(false);
            }
        }
        self.make(number + 1, now_ms + self.length_ms)
    }

    /// Gives the lease back, if this collector holds it.
    pub(crate) fn give_back(&self) -> Result<()> {
        match self.last()? {
            Some((number, Some(held))) if held.holder == self.me => {
                self.make(number + 1, 0).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// The lease of the highest number; its text is none when it is gone or is no lease.
    fn last(&self) -> Result<Option<(u64, Option<Held>)>> {
        let found = self.place.list(LEASES)?;
        let last = found.iter().filter_map(|found| number_of(&found.path, ".json")).max();
        let Some(number) = last else { return Ok(None) };
        Ok(Some((number, read(&self.place, &path(number)).unwrap_or(None))))
    }

    fn make(&self, number: u64, until_ms: i64) -> Result<bool> {
        let held = Held { holder: self.me.clone(), until_ms };
        if !self.place.put_new(&path(number), encode(&held)?)? {
            // Another's, or this one, whose acknowledgement got lost.
            let there = read::<Held>(&self.place, &path(number)).unwrap_or(None);
            if there.is_none_or(|there| there != held) {
                return Ok(false);
            }
        }
        let mut is_last = true;
        for found in self.place.list(LEASES)? {
            let other = number_of(&found.path, ".json").unwrap_or(0);
            is_last &= other <= number;
            if other + KEPT < number {
                self.place.delete(&found.path)?;
            }
        }
        Ok(is_last)
    }
}

fn path(number: u64) -> String {
    format!("{LEASES}/{number:012}.json")
}
