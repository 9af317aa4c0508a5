//! The trusted metadata in the profile's database.

use rusqlite::{Connection, Transaction};

use super::TrustedSet;
use crate::base::Result;
use crate::store::meta;

/// Key of the stored set.
const KEY: &str = "trust";

/// What the device trusts: what is stored, as far as it goes back to the root that the app was
/// built with, or else that root.
///
/// An app that comes with a newer root of another line (or with one whose way the device has not
/// gone yet) starts there, and keeps of the stored metadata what that root's keys signed.
///
/// # Errors
/// [`crate::base::Error::Storage`]; [`crate::base::Error::Damaged`] when what is stored does not
/// decode; [`crate::base::Error::TrustRefused`] when `root` is no good root.
pub fn load(connection: &Connection, root: &[u8]) -> Result<TrustedSet> {
    let mut own = TrustedSet::from_root(root)?;
    let Some(blob) = meta::get(connection, KEY)? else { return Ok(own) };
    let stored = TrustedSet::decode(&blob)?;
    if stored.descends_from(root) {
        return Ok(stored);
    }
    own.adopt(stored);
    Ok(own)
}

/// Stores `set`.
///
/// # Errors
/// [`crate::base::Error::Storage`], [`crate::base::Error::StorageFull`].
pub fn save(transaction: &Transaction<'_>, set: &TrustedSet) -> Result<()> {
    meta::put(transaction, KEY, &set.encode()?)
}
