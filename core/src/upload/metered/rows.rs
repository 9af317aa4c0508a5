//! What left over metered networks today, on disk.

use rusqlite::Transaction;

use super::UploadPolicy;
use crate::base::Result;
use crate::store::meta;

/// Key of the UTC day that the bytes are of.
const DAY: &str = "metered_day";
/// Key of the bytes.
const BYTES: &str = "metered_bytes";

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Counts `bytes` that are about to leave over a metered network at `now_ms`; false, and nothing
/// counted, when `policy` does not allow them today.
///
/// # Errors
/// [`crate::base::Error::Storage`], [`crate::base::Error::StorageFull`].
pub fn spend(
    transaction: &Transaction<'_>,
    policy: UploadPolicy,
    bytes: u64,
    now_ms: i64,
) -> Result<bool> {
    let today = now_ms.div_euclid(DAY_MS).cast_unsigned();
    // A number that is damaged counts as one of another day, and is written anew.
    let known = meta::number(transaction, DAY).is_ok_and(|day| day == today);
    let spent = if known { meta::number(transaction, BYTES).unwrap_or(0) } else { 0 };
    let bytes = spent.saturating_add(bytes);
    if bytes > policy.metered_bytes_a_day {
        return Ok(false);
    }
    meta::put_number(transaction, DAY, today)?;
    meta::put_number(transaction, BYTES, bytes)?;
    Ok(true)
}

/// Forgets what left: for erasing.
///
/// # Errors
/// [`crate::base::Error::Storage`].
pub fn forget(transaction: &Transaction<'_>) -> Result<()> {
    meta::remove(transaction, DAY)?;
    meta::remove(transaction, BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a_day_has_so_many_bytes_and_the_next_day_as_many_again() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let policy = UploadPolicy { metered_bytes_a_day: 100 };
        let spend = |bytes, now_ms| {
            store
                .write("spending", |transaction| spend(transaction, policy, bytes, now_ms))
                .unwrap()
        };
        assert!(spend(60, 5));
        assert!(!spend(41, DAY_MS - 1), "what does not fit is not counted");
        assert!(spend(40, DAY_MS - 1));
        assert!(!spend(1, DAY_MS - 1));
        assert!(!spend(101, DAY_MS), "it never fits");
        assert!(spend(100, DAY_MS));
        assert!(spend(100, -1), "a clock before 1970 is a day, too");
        assert!(!spend(u64::MAX, -1));
    }
}
