//! Who this installation is: random, and tied to nothing else.

use rusqlite::Transaction;
use uuid::Uuid;

use super::{meta, pseudonyms};
use crate::base::{Error, Result, Seed};

/// Key of [`Identity::assignment`] among the values of which there is one.
pub const ASSIGNMENT: &str = "assignment";
/// Key of [`Identity::seed`] there.
pub const SEED: &str = "seed";

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The pseudonym of an installation, and what decides its arms and its random draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Sent with feedback; replaced when the user's data is erased, and when it rotates.
    pub installation: Uuid,
    /// Since when, Unix milliseconds.
    pub since_ms: i64,
    /// Hashed for arms and roll-outs, so that they outlive a pseudonym. Never leaves the device.
    pub assignment: Uuid,
    /// Never leaves the device.
    pub seed: u64,
}

impl Identity {
    /// A new identity: from the system's random numbers, or from `fixed` for a simulation.
    #[must_use]
    pub fn generate(fixed: Option<u64>, now_ms: i64) -> Self {
        let since_ms = now_ms;
        let Some(fixed) = fixed else {
            let seed = Uuid::new_v4().as_u64_pair();
            let (installation, assignment) = (Uuid::new_v4(), Uuid::new_v4());
            return Self { installation, since_ms, assignment, seed: seed.0 ^ seed.1 };
        };
        let seed = Seed(fixed).derive(&["identity", "seed"]).0;
        let assignment = drawn(fixed, &["identity"]);
        Self { installation: pseudonym(Some(fixed), "first"), since_ms, assignment, seed }
    }

    /// The stored identity; the first call stores a new one.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
    pub fn load_or_create(
        transaction: &Transaction<'_>,
        fixed: Option<u64>,
        now_ms: i64,
    ) -> Result<Self> {
        let assignment = meta::get(transaction, ASSIGNMENT)?;
        let Some((assignment, current)) = assignment.zip(pseudonyms::current(transaction)?) else {
            let identity = Self::generate(fixed, now_ms);
            identity.save(transaction)?;
            return Ok(identity);
        };
        let assignment = Uuid::from_slice(&assignment)
            .map_err(|error| Error::damaged("the value assignment", error.to_string()))?;
        let pseudonyms::Pseudonym { installation, since_ms, .. } = current;
        Ok(Self { installation, since_ms, assignment, seed: meta::number(transaction, SEED)? })
    }

    /// Replaces the stored identity with all its pseudonyms.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`].
    pub fn save(&self, transaction: &Transaction<'_>) -> Result<()> {
        pseudonyms::remove_all(transaction)?;
        pseudonyms::add(transaction, self.installation, self.since_ms)?;
        meta::put(transaction, ASSIGNMENT, self.assignment.as_bytes())?;
        meta::put_number(transaction, SEED, self.seed)
    }

    /// Whether the pseudonym is `days` old at `now_ms`, or from a day that has not come yet: then
    /// the clock was ahead, and nothing tells how old it is.
    #[must_use]
    pub fn is_old(&self, days: u32, now_ms: i64) -> bool {
        let age_ms = now_ms.saturating_sub(self.since_ms);
        age_ms >= i64::from(days).saturating_mul(DAY_MS) || age_ms < -DAY_MS
    }

    /// Takes another pseudonym for the events that come; the older one stays for those that were
    /// recorded under it.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`].
    pub fn rotate(
        &self,
        transaction: &Transaction<'_>,
        fixed: Option<u64>,
        now_ms: i64,
    ) -> Result<Self> {
        let installation = pseudonym(fixed, &now_ms.to_string());
        pseudonyms::add(transaction, installation, now_ms)?;
        Ok(Self { installation, since_ms: now_ms, ..*self })
    }
}

/// A pseudonym; one that is repeatable is drawn by `name`.
fn pseudonym(fixed: Option<u64>, name: &str) -> Uuid {
    fixed.map_or_else(Uuid::new_v4, |fixed| drawn(fixed, &["pseudonym", name]))
}

fn drawn(fixed: u64, what: &[&str]) -> Uuid {
    let part = |name: &str| {
        let path: Vec<&str> = what.iter().copied().chain([name]).collect();
        Seed(fixed).derive(&path).0
    };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&part("high").to_le_bytes());
    bytes[8..].copy_from_slice(&part("low").to_le_bytes());
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a_rotation_changes_the_pseudonym_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        for fixed in [None, Some(7)] {
            let first = Identity::generate(fixed, 5);
            store.write("test", |t| first.save(t)).unwrap();
            let second = store.write("test", |t| first.rotate(t, fixed, 9)).unwrap();
            assert_ne!(first.installation, second.installation);
            let expected = Identity { installation: second.installation, since_ms: 9, ..first };
            assert_eq!(second, expected);
            let load = |t: &Transaction<'_>| Identity::load_or_create(t, None, 99);
            assert_eq!(store.write("test", load).unwrap(), second);
        }
    }

    #[test]
    fn a_pseudonym_is_old_after_its_days_and_when_the_clock_was_ahead() {
        let identity = Identity::generate(Some(1), 100 * DAY_MS);
        let is_old = |now_ms| identity.is_old(30, now_ms);
        assert!(!is_old(100 * DAY_MS) && !is_old(130 * DAY_MS - 1) && !is_old(99 * DAY_MS));
        assert!(is_old(130 * DAY_MS) && is_old(99 * DAY_MS - 1) && is_old(i64::MIN));
    }
}
