//! An index of the older file's blocks by a rolling hash.
//!
//! The hash is a polynomial over the bytes modulo 2^64 (Karp and Rabin, 1987), so that it moves
//! on by one byte in constant time.

use super::pages::Pages;
use crate::Result;

/// Bytes that are hashed together: small enough to lie whole in a row of 64 codes, wherever it is.
pub(super) const BLOCK_BYTES: usize = 32;
/// Blocks of the index: two slots of 8 bytes each make 256 MiB at most.
const BLOCKS_MAX: u64 = 1 << 24;
/// The polynomial's base: odd, so that no byte is lost.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
/// BASE to the power of BLOCK_BYTES - 1: the factor of the byte that leaves.
const LEAVING: u64 = BASE.wrapping_pow(BLOCK_BYTES as u32 - 1);
/// Bytes of the older file that are read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// The hash of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rolling(u64);

impl Rolling {
    /// Of the first block of `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let hash = bytes[..BLOCK_BYTES]
            .iter()
            .fold(0_u64, |hash, byte| hash.wrapping_mul(BASE).wrapping_add(u64::from(*byte) + 1));
        Self(hash)
    }

    /// Of the block one byte later.
    pub(super) fn roll(self, leaving: u8, entering: u8) -> Self {
        let rest = self.0.wrapping_sub((u64::from(leaving) + 1).wrapping_mul(LEAVING));
        Self(rest.wrapping_mul(BASE).wrapping_add(u64::from(entering) + 1))
    }

    /// A slot's number before it is cut to the table, and the tag that stands in the slot.
    fn place(self) -> (usize, u64) {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        ((mixed >> 32) as usize, mixed & 0xffff_ffff)
    }
}

/// Where blocks of the older file stand, the first of each content.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Tag in the upper half, number of the block plus one in the lower; zero is empty.
    slots: Vec<u64>,
    /// Bytes between two blocks of the index.
    stride: u64,
}

impl Blocks {
    /// Of all that `old` holds.
    pub(super) fn of(old: &mut Pages) -> Result<Self> {
        let length = old.length();
        let stride = (BLOCK_BYTES as u64).max(length.div_ceil(BLOCKS_MAX).next_power_of_two());
        let capacity = (2 * length.div_ceil(stride)).next_power_of_two().max(2);
        let mut blocks = Self { slots: vec![0; capacity as usize], stride };
        let mut piece = vec![0; PIECE_BYTES];
        let mut begin = 0;
        while begin < length {
            let count = (length - begin).min(PIECE_BYTES as u64) as usize;
            old.read(begin, &mut piece[..count])?;
            let mut at = 0;
            while at + BLOCK_BYTES <= count {
                let number = (begin + at as u64) / stride;
                blocks.insert(Rolling::of(&piece[at..]), number);
                at += stride as usize;
            }
            begin += count as u64;
        }
        Ok(blocks)
    }

    /// Offset in the older file of a block that seems to be the one with this hash.
    pub(super) fn find(&self, hash: Rolling) -> Option<u64> {
        let (slot, tag) = hash.place();
        let found = self.slots[self.slot_of(slot, tag)];
        (found != 0).then(|| ((found & 0xffff_ffff) - 1) * self.stride)
    }

    fn insert(&mut self, hash: Rolling, number: u64) {
        let (slot, tag) = hash.place();
        let slot = self.slot_of(slot, tag);
        if self.slots[slot] == 0 {
            self.slots[slot] = tag << 32 | (number + 1);
        }
    }

    /// The slot with this tag, or the empty one where it would be. Half of the slots are empty.
    fn slot_of(&self, slot: usize, tag: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = slot & mask;
        while self.slots[slot] != 0 && self.slots[slot] >> 32 != tag {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolled_hash_is_that_of_the_block_it_came_to() {
        let bytes: Vec<u8> = (0..200_u32).map(|at| (at * at % 251) as u8).collect();
        let mut hash = Rolling::of(&bytes);
        for at in 0..bytes.len() - BLOCK_BYTES {
            hash = hash.roll(bytes[at], bytes[at + BLOCK_BYTES]);
            assert_eq!(hash, Rolling::of(&bytes[at + 1..]));
        }
    }
}
