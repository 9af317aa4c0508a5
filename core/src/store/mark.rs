//! What the file that carries the directory's lock says of the database: how far recording was, and
//! whether SQLite has found it damaged.
//!
//! SQLite takes of a write-ahead log what its checksums vouch for and drops the rest without a
//! word, so that one flipped bit costs every transaction behind it. The number of the last event is
//! therefore kept here, too: what the database then knows less of was lost, is counted, and its
//! numbers are not used again.
//!
//! All of it is written without waiting for the drive unless it says otherwise, and what cannot be
//! written is not: then a loss goes unnoticed, which is no reason to refuse an event.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use super::Store;

/// Bytes of a mark: the number and its complement, each as eight bytes, the least first.
const LENGTH: usize = 16;
/// Where the byte is that is 1 while the database is under suspicion.
const SUSPICION: u64 = LENGTH as u64;

impl Store {
    /// The last number that was marked; 0 when there is none, or none that can be read.
    pub fn mark(&self) -> u64 {
        self.with_lock_file(read).flatten().unwrap_or(0)
    }

    /// Marks that recording is at `sequence`.
    pub fn set_mark(&self, sequence: u64) {
        self.with_lock_file(|file| write(file, sequence).ok());
    }

    /// Marks that nothing is recorded, also for a loss of power: for a caller to whom an older mark
    /// would be wrong, and not just behind.
    pub fn remove_mark(&self) {
        self.with_lock_file(|file| write(file, 0).and_then(|()| file.sync_data()).ok());
    }
}

/// The number that was marked, if that can be read: who has marked one was a profile of ours.
pub(super) fn read(file: &File) -> Option<u64> {
    let mut bytes = [0; LENGTH];
    read_at(file, 0, &mut bytes).ok()?;
    let both = u128::from_le_bytes(bytes);
    let (sequence, complement) = (both as u64, (both >> 64) as u64);
    (sequence == !complement && i64::try_from(sequence).is_ok()).then_some(sequence)
}

/// Marks a number.
pub(super) fn write(file: &File, sequence: u64) -> std::io::Result<()> {
    let both = u128::from(sequence) | (u128::from(!sequence) << 64);
    write_at(file, 0, &both.to_le_bytes())
}

/// Whether SQLite has found the database damaged since it was last looked through.
pub(super) fn is_suspect(file: &File) -> bool {
    let mut byte = [0];
    read_at(file, SUSPICION, &mut byte).is_ok_and(|()| byte == [1])
}

/// Notes whether the database has to be looked through by whoever opens it next.
pub(super) fn suspect(file: &File, is_suspect: bool) {
    // In front of it there is a mark, or what reads as none.
    let _ = write_at(file, SUSPICION, &[u8::from(is_suspect)]);
}

fn read_at(mut file: &File, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

fn write_at(mut file: &File, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_outlives_the_store_and_a_flipped_bit_makes_it_none() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        assert_eq!(store.mark(), 0);
        store.set_mark(0x0102_0304_0506);
        drop(store);
        let path = scratch.path().join("noctule.lock");
        let bytes = std::fs::read(&path).unwrap();
        let mark = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read(&File::open(&path).unwrap())
        };
        for bit in 0..8 * LENGTH {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(mark(&flipped), None, "bit {bit}");
        }
        assert_eq!(mark(&bytes), Some(0x0102_0304_0506));
        let store = Store::open(scratch.path()).unwrap();
        assert_eq!(store.mark(), 0x0102_0304_0506);
        store.remove_mark();
        assert_eq!(store.mark(), 0);
    }
}
