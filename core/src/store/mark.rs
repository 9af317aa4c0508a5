//! How far recording was, told outside of the database.
//!
//! SQLite takes of a write-ahead log what its checksums vouch for and drops the rest without a
//! word, so that one flipped bit costs every transaction behind it. The number of the last event is
//! therefore kept in the file that carries the directory's lock, too: what the database then knows
//! less of was lost, is counted, and its numbers are not used again.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use super::Store;

/// Bytes of a mark: the number and its complement, each as eight bytes, the least first.
const LENGTH: usize = 16;

impl Store {
    /// The last number that was marked; 0 when there is none, or none that can be read.
    pub fn mark(&self) -> u64 {
        let read = |file: &File| read(file).ok().flatten();
        self.with_lock_file(read).flatten().unwrap_or(0)
    }

    /// Marks that recording is at `sequence`.
    ///
    /// It is written without waiting for the drive, and one that cannot be written is not: then a
    /// loss goes unnoticed, which is no reason to refuse an event. A caller for whom an older mark
    /// would be wrong, and not just behind, uses [`Self::remove_mark`].
    pub fn set_mark(&self, sequence: u64) {
        self.with_lock_file(|file| write(file, sequence).ok());
    }

    /// Marks that nothing is recorded, also for a loss of power. Errors are as in
    /// [`Self::set_mark`].
    pub fn remove_mark(&self) {
        self.with_lock_file(|file| write(file, 0).and_then(|()| file.sync_data()).ok());
    }
}

fn read(mut file: &File) -> std::io::Result<Option<u64>> {
    let mut bytes = [0; LENGTH];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut bytes)?;
    let both = u128::from_le_bytes(bytes);
    let (sequence, complement) = (both as u64, (both >> 64) as u64);
    Ok((sequence == !complement && i64::try_from(sequence).is_ok()).then_some(sequence))
}

fn write(mut file: &File, sequence: u64) -> std::io::Result<()> {
    let both = u128::from(sequence) | (u128::from(!sequence) << 64);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&both.to_le_bytes())
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
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, flipped).unwrap();
            assert_eq!(Store::open(scratch.path()).unwrap().mark(), 0, "bit {bit}");
        }
        std::fs::write(&path, bytes).unwrap();
        let store = Store::open(scratch.path()).unwrap();
        assert_eq!(store.mark(), 0x0102_0304_0506);
        store.remove_mark();
        assert_eq!(store.mark(), 0);
    }
}
