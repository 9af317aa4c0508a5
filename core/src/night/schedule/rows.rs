//! What the schedule has observed, on disk.

use bincode::{Decode, Encode};
use rusqlite::{Connection, Transaction};

use super::GoodHours;
use crate::base::{Error, Result};
use crate::store::{blob, meta};

/// Key of the observations among the values of which there is one.
pub const KEY: &str = "good_hours";
/// Version of [`Stored`].
const FORMAT: u8 = 1;

#[derive(Encode, Decode)]
struct Stored {
    good_hours: [u16; 24],
    /// The hour that was noted last, counted from 1970: each is noted once.
    last_hour: i64,
}

/// At which hours the device was seen charging and unused; what is damaged is observed anew.
///
/// # Errors
/// [`Error::Storage`].
pub fn good_hours(connection: &Connection) -> Result<GoodHours> {
    Ok(GoodHours(load(connection)?.good_hours))
}

/// Notes that the device charges unused in hour `hour` since 1970, at `minute` of the local day;
/// once for each hour, however often it is asked.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn note_good(transaction: &Transaction<'_>, hour: i64, minute: u32) -> Result<()> {
    let mut stored = load(transaction)?;
    if stored.last_hour == hour {
        return Ok(());
    }
    let mut hours = GoodHours(stored.good_hours);
    hours.note(minute);
    stored = Stored { good_hours: hours.0, last_hour: hour };
    meta::put(transaction, KEY, &blob::encode("the good hours", FORMAT, &stored)?)
}

/// The observations of such bytes.
///
/// # Errors
/// [`Error::Damaged`].
pub fn decode(bytes: &[u8]) -> Result<GoodHours> {
    Ok(GoodHours(read(bytes)?.good_hours))
}

fn read(bytes: &[u8]) -> Result<Stored> {
    blob::decode("the good hours", FORMAT, bytes)
}

fn load(connection: &Connection) -> Result<Stored> {
    let fresh = Stored { good_hours: [0; 24], last_hour: i64::MIN };
    let Some(bytes) = meta::get(connection, KEY)? else { return Ok(fresh) };
    match read(&bytes) {
        Err(Error::Damaged { .. }) => Ok(fresh),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn an_hour_is_noted_once_and_damage_begins_anew() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        store
            .write("test", |transaction| {
                for (hour, minute) in [(5, 120), (5, 130), (6, 180)] {
                    note_good(transaction, hour, minute)?;
                }
                Ok(())
            })
            .unwrap();
        let hours = store.read(good_hours).unwrap();
        assert_eq!((hours.0[2], hours.0[3]), (1, 1));
        store.write("test", |transaction| meta::put(transaction, KEY, b"x")).unwrap();
        assert_eq!(store.read(good_hours).unwrap(), GoodHours::default());
    }
}
