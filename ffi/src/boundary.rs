//! What the Kotlin bindings call beside UniFFI's functions: `ffi/bindgen/src/kotlin` says why.
//!
//! No code here is unsafe, but for the names of the functions, which nothing else may have. The
//! pointers are Kotlin's word, as in every function that UniFFI exports.

use std::mem::{offset_of, size_of};

use uniffi::{RustBuffer, RustCallStatus};

/// Kotlin writes and reads both as elements of eight bytes, as `uniffi::FfiSerialize` does.
const _: () = assert!(offset_of!(RustCallStatus, error_buf) == 8 && size_of::<RustBuffer>() == 24);

/// What this library exports, as a number: 64-bit FNV-1a of `ffi/surface.txt`.
///
/// Bindings have the number of the library that they were written from, whose metadata they made it
/// of, and refuse another. UniFFI's checksums, one function each, tell less: a field that a record
/// has more is none of theirs.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn noctule_surface() -> u64 {
    const { number_of(include_bytes!("../surface.txt")) }
}

const fn number_of(surface: &[u8]) -> u64 {
    let mut number: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < surface.len() {
        number = (number ^ surface[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    number
}

/// Makes `buffer` one of `size` bytes, all zero; `status` says when that fails.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn noctule_buffer_new(
    size: u64,
    buffer: &mut RustBuffer,
    status: &mut RustCallStatus,
) {
    *buffer = uniffi::ffi::uniffi_rustbuffer_alloc(size, status);
}

/// Frees what is in `buffer`, which is empty then; `status` says when it was none.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn noctule_buffer_free(buffer: &mut RustBuffer, status: &mut RustCallStatus) {
    uniffi::ffi::uniffi_rustbuffer_free(std::mem::take(buffer), status);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_surface_is_its_fnv_1a() {
        // Of the authors' test suite.
        assert_eq!(number_of(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(number_of(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_buffer_is_zero_and_empty_again_when_it_was_freed() {
        let mut status = RustCallStatus::default();
        let mut buffer = RustBuffer::new();
        noctule_buffer_new(5, &mut buffer, &mut status);
        assert_eq!(buffer.len(), 5);
        noctule_buffer_free(&mut buffer, &mut status);
        assert!(buffer.is_empty());
    }
}
