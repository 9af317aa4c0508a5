//! aarch64: NEON, which every such processor of a phone has, with dot products (`sdot`, most since
//! 2018) and with products of small matrices (`smmla`, most since 2022).
//!
//! The intrinsics of the last two are not stable in Rust: their instructions stand here as
//! assembly, one in each function.

mod panel;
mod planes;
mod reach;
mod rows;

pub(super) use panel::scan as scan_i8mm;
pub(super) use planes::{dot_planes, join_planes};
pub(super) use reach::reaching;
pub(super) use rows::{scan_int4, scan_int4_dotprod, scan_int8, scan_int8_dotprod};

use std::arch::aarch64::{int8x16_t, int32x4_t};
use std::arch::asm;

/// Codes of a register.
const WIDTH: usize = 16;
/// Rows taken at once.
const GROUP: usize = 4;

/// Adds the products of 16 codes to `sum`, four to each lane.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the processor has the instruction, which reads and writes these registers only.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// Adds to lane 2i + j of `sum` the dot product of the i-th eight codes of `a` and the j-th of `b`.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn smmla(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the processor has the instruction, which reads and writes these registers only.
    unsafe {
        asm!(
            "smmla {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}
