//! Integer dot products of queries with many rows: one portable implementation and faster ones
//! that are chosen when the program runs. All of them give the same integers.
//!
//! Rows come in blocks of up to [`BLOCK`] from each of [`STREAMS`] places of the matrix, for one
//! query or, laid out in a [`Panel`], for many.

mod kind;
#[cfg(target_arch = "aarch64")]
mod neon;
mod panel;
mod portable;
mod query;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use kind::Kernel;
pub use panel::{Panel, QUERIES};
pub use query::ScanQuery;

use kind::Kind;
use panel::Layout;
#[cfg(target_arch = "x86_64")]
use panel::{Lane, WideLane};

/// Places of the matrix that are read side by side.
pub const STREAMS: usize = 4;
/// Rows of each stream in a block. At 1,000,000 x 64 out of memory 64 took 2.6 ms, 16 took 2.8 and
/// 256 took 2.9.
pub const BLOCK: usize = 64;
/// What [`Kernel::reaching`] compares: all three in scan units.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// Scan units per unit of a sum.
    pub step: f32,
    /// How far a score can lie from its sum.
    pub slack: f32,
    /// What an upper end is compared with.
    pub floor: f32,
}

impl Reach {
    /// The upper end of a row's interval. Every kernel rounds after each of the three operations,
    /// as this does.
    #[inline]
    pub fn upper(self, scale: f32, sum: i32) -> f32 {
        scale * (self.step * sum as f32 + self.slack)
    }
}

/// The dot products of a block, by stream.
pub type Sums = [[i32; BLOCK]; STREAMS];

impl Kernel {
    /// Greatest absolute code of a query that is scanned row by row, or in a panel of `queries`.
    ///
    /// Finer codes make narrower intervals, of which fewer reach the floor.
    pub fn query_max(self, in_panel: bool) -> i8 {
        match self.kind() {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 if in_panel => query::PANEL_MAX_16_BITS,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => query::ROW_MAX_16_BITS,
            _ => {
                let _ = in_panel;
                query::MAX
            }
        }
    }

    /// Writes the dot products of `query` with `count` rows of each of four streams.
    ///
    /// Each stream holds `count` rows, at most [`BLOCK`], of the query's length; the rows' codes
    /// may be any i8. With up to 1,024 dimensions a sum is at most 2^24. Four streams keep more
    /// loads under way than one: out of memory, 1,000,000 x 64 took 2.6 ms instead of 4.6 on one
    /// machine, and were as fast on others.
    ///
    /// # Panics
    /// When the lengths are others than that, which no caller gives.
    pub fn scan(self, query: &ScanQuery, streams: [&[i8]; STREAMS], count: usize, sums: &mut Sums) {
        assert!(count <= BLOCK);
        assert!(streams.iter().all(|rows| rows.len() == count * query.codes.len()));
        // Each kind is made only where the processor has these features, the lengths
        // were checked above, and `ScanQuery` holds the codes in parts of one length.
        let taken = match self.kind() {
            Kind::Portable => 0,
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx2 => unsafe { x86::scan_int8(query, streams, count, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Vnni => unsafe { x86::scan_int8_vnni(query, streams, count, sums) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Kind::Neon => unsafe { neon::scan_int8(query, streams, count, sums) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Kind::DotProd | Kind::I8mm => unsafe {
                neon::scan_int8_dotprod(query, streams, count, sums)
            },
        };
        portable::scan_from(taken, &query.codes, streams, count, sums);
    }

    /// The same for rows of int4 codes, two a byte: of each stream the first so many rows as this
    /// gives back, which is none where a kernel does not read packed rows.
    ///
    /// # Panics
    /// As [`Self::scan`].
    pub fn scan_int4(
        self,
        query: &ScanQuery,
        streams: [&[u8]; STREAMS],
        count: usize,
        sums: &mut Sums,
    ) -> usize {
        assert!(count <= BLOCK);
        assert!(streams.iter().all(|rows| rows.len() == count * query.even.len()));
        // Each kind is made only where the processor has these features, the lengths
        // were checked above, and `ScanQuery` holds the codes in parts of one length.
        match self.kind() {
            Kind::Portable => {
                let _ = sums;
                0
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx2 => unsafe { x86::scan_int4(query, streams, count, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Vnni => unsafe {
                match x86::scan_packed(query, streams, count, sums) {
                    0 => x86::scan_int4_vnni(query, streams, count, sums),
                    taken => taken,
                }
            },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Kind::Neon => unsafe { neon::scan_int4(query, streams, count, sums) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Kind::DotProd | Kind::I8mm => unsafe {
                neon::scan_int4_dotprod(query, streams, count, sums)
            },
        }
    }

    /// A panel for rows of `dimensions` codes.
    pub fn panel(self, dimensions: usize) -> Panel {
        match self.kind() {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => Panel::lanes(dimensions),
            #[cfg(target_arch = "x86_64")]
            Kind::Vnni => Panel::wide_lanes(dimensions),
            _ => {
                let _ = dimensions;
                Panel::rows()
            }
        }
    }

    /// Lays out `count` rows of `dimensions` codes of each stream in a panel of [`Self::panel`].
    ///
    /// # Panics
    /// As [`Self::scan`].
    pub fn lay_out(
        self,
        streams: [&[i8]; STREAMS],
        dimensions: usize,
        count: usize,
        panel: &mut Panel,
    ) {
        assert!(count <= BLOCK);
        assert!(streams.iter().all(|rows| rows.len() == count * dimensions));
        panel.count = count;
        match &mut panel.layout {
            Layout::Rows(kept) => {
                for (kept, rows) in kept.iter_mut().zip(streams) {
                    kept.clear();
                    kept.extend_from_slice(rows);
                }
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only the kernel of AVX2 makes a panel of lanes, it has room for a block of
            // rows, and the lengths were checked above.
            Layout::Lanes(lanes) => unsafe { x86::lay_out(streams, dimensions, count, lanes) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the same for the kernel of AVX-512 and wide lanes.
            Layout::WideLanes(lanes) => unsafe {
                x86::lay_out_wide(streams, dimensions, count, lanes);
            },
        }
    }

    /// Asks for `values` to be brought into the caches while something else is computed.
    pub fn fetch_ahead<T>(values: &[T]) {
        #[cfg(target_arch = "x86_64")]
        for line in values.chunks(64 / size_of::<T>().clamp(1, 64)) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: every processor of this kind has SSE, and a hint reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = values;
    }

    /// Writes the dot products of each of `queries`, whose codes are at most
    /// [`Self::query_max`], with the rows of `panel` to the sums at its place; what stands there
    /// behind them means nothing.
    ///
    /// # Panics
    /// When the panel was made for another length or there are fewer sums, for no caller.
    pub fn scan_panel(self, queries: &[&ScanQuery], panel: &Panel, sums: &mut [Sums]) {
        assert!(queries.len() <= sums.len());
        match &panel.layout {
            Layout::Rows(rows) => {
                let streams = std::array::from_fn(|k| &rows[k][..]);
                self.scan_rows(queries, streams, panel.count, sums);
            }
            #[cfg(target_arch = "x86_64")]
            Layout::Lanes(lanes) => {
                for (query, sums) in queries.iter().zip(sums) {
                    assert_eq!(lanes.len(), BLOCK / Lane::ROWS * query.words.len() * STREAMS);
                    // SAFETY: only the kernel of AVX2 makes a panel of lanes, and it is one for
                    // queries of this length.
                    unsafe { x86::scan_panel(query, lanes, panel.count, sums) }
                }
            }
            #[cfg(target_arch = "x86_64")]
            Layout::WideLanes(lanes) => {
                let room = |query: &ScanQuery| BLOCK / WideLane::ROWS * query.words.len() * STREAMS;
                assert!(queries.iter().all(|query| lanes.len() == room(query)));
                // SAFETY: only the kernel of AVX-512 makes a panel of wide lanes, and it is one for
                // queries of this length.
                unsafe { x86::scan_wide_panel(queries, lanes, panel.count, sums) }
            }
        }
    }

    /// The dot products of many queries with rows as they lie.
    fn scan_rows(
        self,
        queries: &[&ScanQuery],
        streams: [&[i8]; STREAMS],
        count: usize,
        sums: &mut [Sums],
    ) {
        for (queries, sums) in queries.chunks(QUERIES).zip(sums.chunks_mut(QUERIES)) {
            #[cfg(target_arch = "aarch64")]
            if let (Kind::I8mm, [a, b, c, d]) = (self.kind(), queries) {
                let lengths = queries.iter().map(|query| count * query.codes.len());
                let fit = |length| streams.iter().all(|rows| rows.len() == length);
                assert!(count <= BLOCK && lengths.clone().all(fit) && sums.len() == QUERIES);
                // SAFETY: this kind is made only where the processor has I8MM, and the lengths were
                // checked above.
                let taken = unsafe { neon::scan_i8mm([a, b, c, d], streams, count, sums) };
                for (query, sums) in queries.iter().zip(sums) {
                    portable::scan_from(taken, &query.codes, streams, count, sums);
                }
                continue;
            }
            for (query, sums) in queries.iter().zip(sums) {
                self.scan(query, streams, count, sums);
            }
        }
    }

    /// The rows whose upper end, scale * (step * sum + slack), is not below `floor`: bit i for the
    /// i-th of at most [`BLOCK`] sums and scales.
    ///
    /// # Panics
    /// When there are more scales than that, which no caller gives.
    pub fn reaching(self, reach: Reach, sums: &[i32; BLOCK], scales: &[f32]) -> u64 {
        assert!(scales.len() <= BLOCK);
        match self.kind() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this kind is made only where the processor has AVX2.
            Kind::Avx2 => unsafe { x86::reaching(reach, sums, scales) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this kind is made only where the processor has AVX-512.
            Kind::Vnni => unsafe { x86::reaching_wide(reach, sums, scales) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: these kinds are made only where the processor has NEON.
            Kind::Neon | Kind::DotProd | Kind::I8mm => unsafe {
                neon::reaching(reach, sums, scales)
            },
            Kind::Portable => portable::reaching_from(0, reach, sums, scales),
        }
    }

    /// The dot product of two rows of codes of one length: `query` -127 to 127, `row` any i8.
    ///
    /// # Panics
    /// When the lengths differ, which they do for no caller.
    pub fn dot_product(self, query: &[i8], row: &[i8]) -> i32 {
        assert_eq!(query.len(), row.len());
        match self.kind() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: these kinds are made only where the processor has AVX2, and the lengths were
            // checked above.
            Kind::Avx2 | Kind::Vnni => unsafe { x86::dot_product(query, row) },
            _ => portable::dot_product(query, row),
        }
    }

    /// Writes the dot products of a query with `rows` of a matrix of codes in planes, the high one
    /// first, to the front of `dots`: byte k of a row's high plane has the high four bits of code
    /// 2k in its low four bits and those of code 2k + 1 in its high four bits, that of the low one
    /// the low ones of both.
    ///
    /// # Panics
    /// When a plane has not all of `rows`, or there is not room for as many, for no caller.
    pub fn dot_planes(self, query: &ScanQuery, planes: [&[u8]; 2], rows: &[u32], dots: &mut [i32]) {
        let width = query.even.len();
        let end = rows.iter().max().map_or(0, |last| (*last as usize + 1) * width);
        assert!(planes.iter().all(|plane| end <= plane.len()));
        let dots = &mut dots[..rows.len()];
        match self.kind() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: these kinds are made only where the processor has AVX2, and the lengths were
            // checked above.
            Kind::Avx2 | Kind::Vnni => unsafe { x86::dot_planes(query, planes, rows, dots) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: these kinds are made only where the processor has NEON, and the lengths were
            // checked above.
            Kind::Neon | Kind::DotProd | Kind::I8mm => unsafe {
                neon::dot_planes(query, planes, rows, dots);
            },
            Kind::Portable => {
                for (row, dot) in rows.iter().zip(dots) {
                    let row = *row as usize * width..(*row as usize + 1) * width;
                    let [high, low] = planes.map(|plane| &plane[row.clone()]);
                    *dot = portable::dot_planes_from(0, query, high, low);
                }
            }
        }
    }

    /// Writes the codes of two planes of bytes one after another, as [`Self::dot_planes`] reads
    /// them: two for each byte.
    ///
    /// # Panics
    /// When the lengths do not fit, for no caller.
    pub fn join_planes(self, high: &[u8], low: &[u8], codes: &mut [i8]) {
        assert!(high.len() == low.len() && codes.len() == 2 * high.len());
        match self.kind() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: these kinds are made only where the processor has AVX2, and the lengths were
            // checked above.
            Kind::Avx2 | Kind::Vnni => unsafe { x86::join_planes(high, low, codes) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: these kinds are made only where the processor has NEON, and the lengths were
            // checked above.
            Kind::Neon | Kind::DotProd | Kind::I8mm => unsafe {
                neon::join_planes(high, low, codes);
            },
            Kind::Portable => portable::join_planes_from(0, high, low, codes),
        }
    }
}

/// The last `W` codes of a query of at least `W`, zero where whole blocks of `W` counted before.
///
/// With it the last, partial block of a row is read as the row's last `W` bytes: no byte outside
/// the row is touched and none is counted twice.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn tail<const W: usize>(query: &[i8]) -> [i8; W] {
    let mut tail = [0; W];
    let rest = query.len() % W;
    tail[W - rest..].copy_from_slice(&query[query.len() - rest..]);
    tail
}
