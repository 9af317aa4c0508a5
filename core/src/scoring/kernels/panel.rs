//! Rows of a block laid out so that many queries can be multiplied with them.

use super::{BLOCK, STREAMS};

/// Rows of a stream whose words lie side by side.
pub(super) const GROUP: usize = 8;

/// Four consecutive codes of each of eight rows, each code moved to 0..255.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Lane(pub(super) [u8; 4 * GROUP]);

/// The rows of a block: of each stream the same number, at most [`BLOCK`].
#[derive(Debug)]
pub(in crate::scoring) struct Panel {
    /// Rows of each stream.
    pub(super) count: usize,
    pub(super) layout: Layout,
}

#[derive(Debug)]
pub(super) enum Layout {
    /// As they lie in the matrix, by stream.
    Rows([Vec<i8>; STREAMS]),
    /// Lane (g w + i) s + k holds word i, of w, of group g of stream k, of s.
    #[cfg(target_arch = "x86_64")]
    Lanes(Vec<Lane>),
}

impl Panel {
    pub(super) fn rows() -> Self {
        Self { count: 0, layout: Layout::Rows(Default::default()) }
    }

    /// For rows of `dimensions` codes.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn lanes(dimensions: usize) -> Self {
        let words = dimensions.div_ceil(4).next_multiple_of(2);
        let lanes = vec![Lane([0; 4 * GROUP]); BLOCK / GROUP * words * STREAMS];
        Self { count: 0, layout: Layout::Lanes(lanes) }
    }
}

const _: () = assert!(BLOCK.is_multiple_of(GROUP));
