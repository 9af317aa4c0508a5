//! The device's secret on disk.

use rusqlite::Transaction;

use super::Secret;
use crate::base::Result;
use crate::store::meta;

/// Key of the secret among the values of which there is one; erasing removes it.
pub const KEY: &str = "private_answers";

/// The secret, made when it is needed for the first time. One of another length is replaced: what
/// was told before stays told, and is told anew when it is asked again.
///
/// # Errors
/// [`crate::base::Error::Storage`], [`crate::base::Error::StorageFull`].
pub fn secret(transaction: &Transaction<'_>) -> Result<Secret> {
    let known = meta::get(transaction, KEY)?.and_then(|bytes| bytes.try_into().ok());
    if let Some(known) = known {
        return Ok(Secret(known));
    }
    let secret = Secret::generate();
    meta::put(transaction, KEY, &secret.0)?;
    Ok(secret)
}
