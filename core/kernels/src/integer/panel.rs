//! Rows of a block laid out so that many queries can be multiplied with them.

#[cfg(target_arch = "x86_64")]
use super::BLOCK;
use super::STREAMS;

/// Queries that a kernel takes at once.
pub const QUERIES: usize = 4;

/// Four consecutive codes of each of eight rows, each code moved to 0..255.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Lane(pub(super) [u8; 4 * Self::ROWS]);

#[cfg(target_arch = "x86_64")]
impl Lane {
    /// Rows of a stream whose words lie side by side.
    pub(super) const ROWS: usize = 8;
}

/// The same of sixteen rows.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct WideLane([u8; 4 * Self::ROWS]);

#[cfg(target_arch = "x86_64")]
impl WideLane {
    /// Rows of a stream whose words lie side by side.
    pub(super) const ROWS: usize = 16;
}

/// The rows of a block: of each stream the same number, at most a block.
#[derive(Debug)]
pub struct Panel {
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
    /// In the same order.
    #[cfg(target_arch = "x86_64")]
    WideLanes(Vec<WideLane>),
}

/// Words of four codes in rows of `dimensions`, filled up to an even number as those of a query
/// are.
#[cfg(target_arch = "x86_64")]
pub(super) fn words(dimensions: usize) -> usize {
    dimensions.div_ceil(4).next_multiple_of(2)
}

impl Panel {
    pub(super) fn rows() -> Self {
        Self { count: 0, layout: Layout::Rows(Default::default()) }
    }

    /// For rows of `dimensions` codes.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn lanes(dimensions: usize) -> Self {
        let count = BLOCK / Lane::ROWS * words(dimensions) * STREAMS;
        Self { count: 0, layout: Layout::Lanes(vec![Lane([0; 4 * Lane::ROWS]); count]) }
    }

    /// The same in wide lanes.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn wide_lanes(dimensions: usize) -> Self {
        let count = BLOCK / WideLane::ROWS * words(dimensions) * STREAMS;
        let lanes = vec![WideLane([0; 4 * WideLane::ROWS]); count];
        Self { count: 0, layout: Layout::WideLanes(lanes) }
    }
}

#[cfg(target_arch = "x86_64")]
const _: () = assert!(BLOCK.is_multiple_of(Lane::ROWS) && BLOCK.is_multiple_of(WideLane::ROWS));
