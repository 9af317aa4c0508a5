//! The places of all fields, for writer and reader. All integers are little-endian.

use crate::base::checksum::crc32_of;

/// The first bytes of a file.
pub(super) const MAGIC: &[u8; 8] = b"noctslat";
/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// Bytes of the head.
pub(super) const HEAD: usize = 40;
/// Bytes of the record of a slate.
pub(super) const SLATE: usize = 72;
/// Bytes of the record of a slot.
pub(super) const SLOT: usize = 40;
/// Bytes of the record of a reason.
pub(super) const REASON: usize = 16;

/// Where the checksum stands, four bytes that it does not cover.
pub(super) const CHECKSUM_AT: usize = 16;

/// Places in the head.
pub(super) mod head {
    pub(crate) const VERSION: usize = 8;
    pub(crate) const LENGTH: usize = 12;
    pub(crate) const SLATES: usize = 20;
    pub(crate) const SLOTS: usize = 24;
    pub(crate) const REASONS: usize = 28;
    pub(crate) const TEXT: usize = 32;
    pub(crate) const ZERO: usize = 36;
}

/// Places in the record of a slate.
pub(super) mod slate {
    pub(crate) const MADE_MS: usize = 0;
    pub(crate) const STALE_AFTER_MS: usize = 8;
    pub(crate) const GENERATION: usize = 16;
    pub(crate) const SURFACE: usize = 24;
    pub(crate) const CONTEXT: usize = 32;
    pub(crate) const RELEASE: usize = 40;
    pub(crate) const ARM: usize = 48;
    /// The first, and behind it how many.
    pub(crate) const FIRST_SLOT: usize = 56;
    pub(crate) const AT_NIGHT: usize = 64;
    pub(crate) const POLICY: usize = 65;
    pub(crate) const DAYS: usize = 66;
    pub(crate) const ZERO: usize = 67;
    pub(crate) const FROM: usize = 68;
    pub(crate) const UNTIL: usize = 70;
}

/// Places in the record of a slot.
pub(super) mod slot {
    pub(crate) const PROPENSITY: usize = 0;
    pub(crate) const ITEM: usize = 8;
    pub(crate) const TITLE: usize = 16;
    pub(crate) const SCORE: usize = 24;
    /// The first, and behind it how many.
    pub(crate) const FIRST_REASON: usize = 28;
    pub(crate) const PUBLISHED_AT: usize = 36;
}

/// Places in the record of a reason.
pub(super) mod reason {
    pub(crate) const KIND: usize = 0;
    pub(crate) const CONTRIBUTION: usize = 4;
    pub(crate) const TEXT: usize = 8;
}

/// CRC-32 (IEEE) over all bytes but its own four.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let (before, rest) = bytes.split_at(CHECKSUM_AT.min(bytes.len()));
    crc32_of(&[before, rest.get(4..).unwrap_or_default()])
}
