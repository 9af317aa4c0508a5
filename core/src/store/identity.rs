//! Who this installation is: random, and tied to nothing else.

use rusqlite::Transaction;
use uuid::Uuid;

use super::meta;
use crate::base::{Error, Result, Seed};

const INSTALLATION: &str = "installation";
const SEED: &str = "seed";

/// The pseudonym of an installation, and the seed of its random draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Sent with feedback; replaced when the user's data is erased.
    pub installation: Uuid,
    /// Never leaves the device.
    pub seed: u64,
}

impl Identity {
    /// A new identity: from the system's random numbers, or from `fixed` for a simulation.
    #[must_use]
    pub fn generate(fixed: Option<u64>) -> Self {
        let Some(fixed) = fixed else {
            let seed = Uuid::new_v4().as_u64_pair();
            return Self { installation: Uuid::new_v4(), seed: seed.0 ^ seed.1 };
        };
        let part = |name: &str| Seed(fixed).derive(&["identity", name]).0;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&part("high").to_le_bytes());
        bytes[8..].copy_from_slice(&part("low").to_le_bytes());
        let installation = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Self { installation, seed: part("seed") }
    }

    /// The stored identity; the first call stores a new one.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
    pub fn load_or_create(transaction: &Transaction<'_>, fixed: Option<u64>) -> Result<Self> {
        let Some(bytes) = meta::get(transaction, INSTALLATION)? else {
            let identity = Self::generate(fixed);
            identity.save(transaction)?;
            return Ok(identity);
        };
        let installation = Uuid::from_slice(&bytes)
            .map_err(|error| Error::damaged("the installation's pseudonym", error.to_string()))?;
        Ok(Self { installation, seed: meta::number(transaction, SEED)? })
    }

    /// Replaces the stored identity.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`].
    pub fn save(&self, transaction: &Transaction<'_>) -> Result<()> {
        meta::put(transaction, INSTALLATION, self.installation.as_bytes())?;
        meta::put_number(transaction, SEED, self.seed)
    }
}
