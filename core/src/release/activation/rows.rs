//! Where [`Activation`] is kept.

use rusqlite::{Connection, Transaction};

use super::Activation;
use crate::base::{Error, Result};
use crate::store::{blob, meta};

/// Key of the stored state.
const KEY: &str = "activation";
/// Version of [`Activation`] on disk.
const FORMAT: u8 = 1;

/// The stored state; one that is damaged or was never written begins anew, since no damage may keep
/// a release from being served. See [`damage`].
///
/// # Errors
/// [`Error::Storage`].
pub fn load(connection: &Connection) -> Result<Activation> {
    match read(connection) {
        Err(Error::Damaged { .. }) => Ok(Activation::default()),
        other => other,
    }
}

/// What is wrong with the stored state, if anything.
///
/// # Errors
/// [`Error::Storage`].
pub fn damage(connection: &Connection) -> Result<Option<Error>> {
    match read(connection) {
        Ok(_) => Ok(None),
        Err(error @ Error::Damaged { .. }) => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

fn read(connection: &Connection) -> Result<Activation> {
    match meta::get(connection, KEY)? {
        Some(bytes) => blob::decode(KEY, FORMAT, &bytes),
        None => Ok(Activation::default()),
    }
}

/// Stores `activation`.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn save(transaction: &Transaction<'_>, activation: &Activation) -> Result<()> {
    meta::put(transaction, KEY, &blob::encode(KEY, FORMAT, activation)?)
}

/// Changes the probation of the active release, if it is on one, and stores that. Gives what
/// `change` gives.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn on_probation<T>(
    transaction: &Transaction<'_>,
    change: impl FnOnce(&mut super::Probation) -> T,
) -> Result<Option<T>> {
    let mut activation = load(transaction)?;
    let Some(probation) = &mut activation.probation else { return Ok(None) };
    let value = change(probation);
    save(transaction, &activation)?;
    Ok(Some(value))
}
