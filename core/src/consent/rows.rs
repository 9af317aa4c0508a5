//! Consent on disk.

use rusqlite::{Connection, Transaction};

use super::DataConsent;
use crate::base::{Error, Result};
use crate::store::{blob, meta, pseudonyms};

/// Version of the stored byte.
const FORMAT: u8 = 1;
/// Key of the consent among the values of which there is one.
pub const KEY: &str = "consent";

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Nothing: the profile is new.
    Nothing,
    /// This.
    Known(DataConsent),
    /// Something that cannot be read, or nothing although the profile is not new.
    Unreadable,
}

/// The stored consent.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`].
pub fn load(connection: &Connection) -> Result<Stored> {
    let Some(bytes) = meta::get(connection, KEY)? else {
        let is_new = pseudonyms::current(connection)?.is_none();
        return Ok(if is_new { Stored::Nothing } else { Stored::Unreadable });
    };
    Ok(decode(&bytes).map_or(Stored::Unreadable, Stored::Known))
}

/// The consent of such bytes.
///
/// # Errors
/// [`Error::Damaged`].
pub fn decode(bytes: &[u8]) -> Result<DataConsent> {
    let byte = blob::decode("the consent", FORMAT, bytes)?;
    of_byte(byte).ok_or_else(|| Error::damaged("the consent", format!("{byte} is none")))
}

/// Replaces the stored consent.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn save(transaction: &Transaction<'_>, consent: DataConsent) -> Result<()> {
    let byte: u8 = match consent {
        DataConsent::NotGiven => 0,
        DataConsent::OnDevice => 1,
        DataConsent::Full => 2,
    };
    meta::put(transaction, KEY, &blob::encode("the consent", FORMAT, &byte)?)
}

fn of_byte(byte: u8) -> Option<DataConsent> {
    match byte {
        0 => Some(DataConsent::NotGiven),
        1 => Some(DataConsent::OnDevice),
        2 => Some(DataConsent::Full),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Identity, Store};

    #[test]
    fn a_consent_comes_back_and_every_flipped_bit_of_it_is_none() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        assert_eq!(store.read(load).unwrap(), Stored::Nothing);
        for consent in [DataConsent::NotGiven, DataConsent::OnDevice, DataConsent::Full] {
            store.write("test", |t| save(t, consent)).unwrap();
            assert_eq!(store.read(load).unwrap(), Stored::Known(consent));
            let bytes = store.read(|c| meta::get(c, KEY)).unwrap().unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                store.write("test", |t| meta::put(t, KEY, &flipped)).unwrap();
                assert_eq!(store.read(load).unwrap(), Stored::Unreadable, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_consent_that_is_gone_from_a_profile_in_use_is_unreadable() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        store.write("test", |t| Identity::generate(None, 0).save(t)).unwrap();
        assert_eq!(store.read(load).unwrap(), Stored::Unreadable);
    }
}
