//! The device's secret on disk.

use rusqlite::{Connection, Transaction};

use super::Secret;
use super::budget::{Meter, Spent};
use crate::base::{Day, Error, Result};
use crate::release::PrivateBudget;
use crate::store::{blob, meta};

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

/// Key of what was spent of the budget; erasing removes it.
pub const SPENT: &str = "private_spent";

/// Version of its format.
const FORMAT: u8 = 1;
/// What it is called in errors.
const WHAT: &str = "the cost of private answers";

/// The meter of `budget` on the day of `now_ms`, UTC.
///
/// # Errors
/// [`crate::base::Error::Storage`].
pub fn meter(connection: &Connection, budget: PrivateBudget, now_ms: i64) -> Result<Meter> {
    let day = Day::at(now_ms, 0);
    Ok(match spent(connection) {
        Ok(spent) => Meter::new(budget, spent.unwrap_or_default(), day),
        // Nobody knows how much it was: no answer is told for free.
        Err(Error::Damaged { .. }) => Meter::exhausted(budget, day),
        Err(error) => return Err(error),
    })
}

/// Keeps what `meter` has counted.
///
/// # Errors
/// [`crate::base::Error::Storage`], [`crate::base::Error::StorageFull`].
pub fn save(transaction: &Transaction<'_>, meter: Meter) -> Result<()> {
    let Some(spent) = meter.into_spent() else { return Ok(()) };
    meta::put(transaction, SPENT, &blob::encode(WHAT, FORMAT, &spent)?)
}

fn spent(connection: &Connection) -> Result<Option<Spent>> {
    meta::get(connection, SPENT)?.map(|bytes| decode(&bytes)).transpose()
}

/// What was spent, as it is stored.
///
/// # Errors
/// [`crate::base::Error::Damaged`].
pub fn decode(bytes: &[u8]) -> Result<Spent> {
    blob::decode(WHAT, FORMAT, bytes)
}
