//! A look at every value of a tensor, in pieces of bounded size.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::digest::CHUNK_BYTES;
use super::dtype::Dtype;
use super::schema::Schema;
use super::tensors::{TensorInfo, TensorLayout};
use crate::base::{Error, Refusal, Result};

/// Checks that every floating-point value of the container at `path` is finite.
///
/// F8 tensors are not looked at: no architecture has them. Reads the file once, 256 KiB at a time.
///
/// # Errors
/// [`Error::ReleaseRefused`] for `file` with [`Refusal::NotFinite`]; [`Error::File`].
pub fn check_finite(path: &Path, file: &str, layout: &TensorLayout) -> Result<()> {
    let mut opened = File::open(path).map_err(Error::file(path, "opening"))?;
    for (name, info) in layout.iter() {
        let judge = |_, piece: &[u8]| Some((first_not_finite(info.dtype, piece)?, ()));
        let found = first(&mut opened, info, judge).map_err(Error::file(path, "reading"))?;
        if let Some((index, ())) = found {
            let tensor = name.to_owned();
            return Err(Error::refused(file, Refusal::NotFinite { tensor, index }));
        }
    }
    Ok(())
}

/// Checks that every value of the container at `path` is in the range that `schema` gives.
///
/// # Errors
/// [`Error::ReleaseRefused`] for `file`, with the tensor and the index; [`Error::File`].
pub(super) fn check_ranges(
    path: &Path,
    file: &str,
    layout: &TensorLayout,
    schema: &Schema,
) -> Result<()> {
    let mut opened = File::open(path).map_err(Error::file(path, "opening"))?;
    for needed in schema.of(file) {
        let Some(info) = layout.get(needed.name) else { continue };
        let range = needed.range(info.dtype);
        let judge = |first, piece: &[u8]| range.first_outside(first, piece);
        let found = first(&mut opened, info, judge).map_err(Error::file(path, "reading"))?;
        if let Some((index, reason)) = found {
            let field = format!("tensor {}[{index}]", needed.name);
            let reason = reason.to_owned();
            return Err(Error::refused(file, Refusal::Field { field, reason }));
        }
    }
    Ok(())
}

/// Index of the first value of the tensor that `judge` finds in a piece of it, and what it says;
/// it gets the index of the piece's first value.
fn first<R>(
    file: &mut File,
    info: &TensorInfo,
    judge: impl Fn(u64, &[u8]) -> Option<(usize, R)>,
) -> std::io::Result<Option<(u64, R)>> {
    file.seek(SeekFrom::Start(info.begin))?;
    let mut rest = info.end - info.begin;
    let mut index = 0;
    let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(rest).unwrap_or(CHUNK_BYTES))];
    while rest > 0 {
        // CHUNK_BYTES is a multiple of 8, so every piece holds whole values.
        let length = chunk.len().min(usize::try_from(rest).unwrap_or(CHUNK_BYTES));
        let piece = &mut chunk[..length];
        file.read_exact(piece)?;
        if let Some((at, said)) = judge(index, piece) {
            return Ok(Some((index + at as u64, said)));
        }
        index += length as u64 / info.dtype.bytes();
        rest -= length as u64;
    }
    Ok(None)
}

/// A value is NaN or infinite exactly when all bits of its exponent are set (IEEE 754).
fn first_not_finite(dtype: Dtype, chunk: &[u8]) -> Option<usize> {
    match dtype {
        Dtype::F32 => {
            let mut values = chunk.as_chunks::<4>().0.iter();
            values.position(|four| !f32::from_le_bytes(*four).is_finite())
        }
        Dtype::F64 => {
            let mut values = chunk.as_chunks::<8>().0.iter();
            values.position(|eight| !f64::from_le_bytes(*eight).is_finite())
        }
        Dtype::F16 => first_with_exponent(chunk, 0x7c00),
        Dtype::BF16 => first_with_exponent(chunk, 0x7f80),
        _ => None,
    }
}

fn first_with_exponent(chunk: &[u8], exponent: u16) -> Option<usize> {
    let mut values = chunk.as_chunks::<2>().0.iter();
    values.position(|two| u16::from_le_bytes(*two) & exponent == exponent)
}
