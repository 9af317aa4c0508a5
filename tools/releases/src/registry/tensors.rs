//! How much the values of two releases' tensors differ, row by row.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use noctule_core::release::{Dtype, Manifest, TensorEntry, TensorInfo, TensorLayout};
use serde::Serialize;

use super::Registry;
use super::diff::changes;
use super::fetch::safe;
use super::state::Version;
use crate::staging::Staging;
use crate::{Error, Result};

/// Bytes of the pieces in which rows are compared, at least one value.
const PIECE_BYTES: u64 = 1 << 16;

/// How one tensor differs.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TensorDiff {
    /// Dtype and shape of the old one (`F32 [40, 8]`); none when it was not there.
    pub old: Option<String>,
    /// Dtype and shape of the new one; none when it has gone.
    pub new: Option<String>,
    /// Rows of both that are compared: those that both have.
    pub rows: u64,
    /// Rows of which any byte differs, and rows that one of them has not.
    pub rows_changed: u64,
    /// Greatest absolute change of a value; none for dtypes whose values are not read.
    pub max_change: Option<f64>,
    /// Mean absolute change over all values compared.
    pub mean_change: Option<f64>,
}

/// The tensors that differ, by `file/name`.
pub(super) fn diff(
    registry: &Registry,
    old: (&Manifest, &Version),
    new: (&Manifest, &Version),
) -> Result<BTreeMap<String, TensorDiff>> {
    let staging = Staging::beside(&std::env::temp_dir().join("noctule-diff"))?;
    let mut found = BTreeMap::new();
    for (file, (before, after)) in changes(&old.1.files, &new.1.files) {
        let none = BTreeMap::new();
        let old_tensors = old.0.tensors.get(file).unwrap_or(&none);
        let new_tensors = new.0.tensors.get(file).unwrap_or(&none);
        if old_tensors.is_empty() && new_tensors.is_empty() {
            continue;
        }
        let mut containers = None;
        if let (Some(before), Some(after)) = (before, after) {
            let paths = [format!("old-{}", safe(file)?), format!("new-{}", safe(file)?)];
            let [old, new] = paths.map(|name| staging.path.join(name));
            registry.download(before, &old)?;
            registry.download(after, &new)?;
            containers = Some((Container::open(old, file)?, Container::open(new, file)?));
        }
        let names = old_tensors.keys().chain(new_tensors.keys());
        let names: std::collections::BTreeSet<&String> = names.collect();
        for name in names {
            let both = (old_tensors.get(name), new_tensors.get(name));
            let containers = containers.as_ref();
            let diff = compare(name, both, containers)?;
            if both.0 != both.1 || diff.rows_changed > 0 {
                found.insert(format!("{}/{name}", file.trim_end_matches(".safetensors")), diff);
            }
        }
    }
    Ok(found)
}

/// A tensor file on disk.
struct Container {
    path: PathBuf,
    layout: TensorLayout,
}

impl Container {
    fn open(path: PathBuf, file: &str) -> Result<Self> {
        let layout = TensorLayout::read_container(&path, file)?;
        Ok(Self { path, layout })
    }

    fn reader(&self, tensor: &TensorInfo) -> Result<impl Read> {
        let path: &Path = &self.path;
        let mut file = File::open(path).map_err(Error::file(path, "opening"))?;
        let sought = file.seek(SeekFrom::Start(tensor.begin));
        sought.map_err(Error::file(path, "reading"))?;
        Ok(BufReader::new(file))
    }
}

fn compare(
    name: &str,
    entries: (Option<&TensorEntry>, Option<&TensorEntry>),
    containers: Option<&(Container, Container)>,
) -> Result<TensorDiff> {
    let shown = |entry: Option<&TensorEntry>| {
        entry.map(|entry| format!("{} {:?}", entry.dtype, entry.shape))
    };
    let diff = TensorDiff { old: shown(entries.0), new: shown(entries.1), ..TensorDiff::default() };
    let rows = |entry: Option<&TensorEntry>| {
        entry.map_or(0, |entry| entry.shape.first().copied().unwrap_or(1))
    };
    let (old_rows, new_rows) = (rows(entries.0), rows(entries.1));
    let apart = TensorDiff { rows_changed: old_rows.max(new_rows), ..diff.clone() };
    let (Some((old, new)), (Some(_), Some(_))) = (containers, entries) else { return Ok(apart) };
    let (Some(before), Some(after)) = (old.layout.get(name), new.layout.get(name)) else {
        return Ok(apart);
    };
    // Rows of another kind or width cannot be laid side by side.
    let widths = (before.shape.get(1..), after.shape.get(1..));
    if before.dtype != after.dtype || widths.0 != widths.1 {
        return Ok(apart);
    }
    let shared = old_rows.min(new_rows);
    let width: u64 = before.shape.iter().skip(1).product();
    let row_bytes = width.saturating_mul(before.dtype.bytes());
    let mut sums = Sums::new(before.dtype);
    let (mut left, mut right) = (old.reader(before)?, new.reader(after)?);
    let mut changed = 0;
    for _ in 0..if row_bytes == 0 { 0 } else { shared } {
        let same = sums.row(&mut left, &mut right, row_bytes);
        let same = same.map_err(Error::file(&new.path, "reading"))?;
        changed += u64::from(!same);
    }
    let rows_changed = changed + old_rows.abs_diff(new_rows);
    let (max_change, mean_change) = sums.result();
    Ok(TensorDiff { rows: shared, rows_changed, max_change, mean_change, ..diff })
}

/// Absolute changes, added up.
struct Sums {
    dtype: Dtype,
    max: f64,
    sum: f64,
    values: u64,
    pieces: (Vec<u8>, Vec<u8>),
}

impl Sums {
    fn new(dtype: Dtype) -> Self {
        Self { dtype, max: 0.0, sum: 0.0, values: 0, pieces: (Vec::new(), Vec::new()) }
    }

    /// Compares the next `bytes` bytes of both; true when they are the same.
    fn row(
        &mut self,
        old: &mut impl Read,
        new: &mut impl Read,
        bytes: u64,
    ) -> std::io::Result<bool> {
        let (mut left, mut same) = (bytes, true);
        while left > 0 {
            let piece = left.min(PIECE_BYTES) as usize;
            self.pieces.0.resize(piece, 0);
            self.pieces.1.resize(piece, 0);
            old.read_exact(&mut self.pieces.0)?;
            new.read_exact(&mut self.pieces.1)?;
            if self.pieces.0 != self.pieces.1 {
                same = false;
                self.add();
            }
            self.values += piece as u64 / self.dtype.bytes();
            left -= piece as u64;
        }
        Ok(same)
    }

    fn add(&mut self) {
        let width = self.dtype.bytes() as usize;
        let pairs = self.pieces.0.chunks_exact(width).zip(self.pieces.1.chunks_exact(width));
        for (old, new) in pairs.filter(|(old, new)| old != new) {
            if let (Some(old), Some(new)) = (value(self.dtype, old), value(self.dtype, new)) {
                let change = (new - old).abs();
                self.max = self.max.max(change);
                self.sum += change;
            }
        }
    }

    fn result(&self) -> (Option<f64>, Option<f64>) {
        let zero = vec![0; self.dtype.bytes() as usize];
        if value(self.dtype, &zero).is_none() || self.values == 0 {
            return (None, None);
        }
        (Some(self.max), Some(self.sum / self.values as f64))
    }
}

/// One value, for the dtypes that releases use.
fn value(dtype: Dtype, bytes: &[u8]) -> Option<f64> {
    match dtype {
        Dtype::F32 => Some(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
        Dtype::F64 => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        Dtype::BF16 => {
            let bits = u16::from_le_bytes(bytes.try_into().ok()?);
            Some(f64::from(f32::from_bits(u32::from(bits) << 16)))
        }
        Dtype::F16 => Some(half(u16::from_le_bytes(bytes.try_into().ok()?))),
        Dtype::I8 => Some(f64::from(i8::from_le_bytes(bytes.try_into().ok()?))),
        Dtype::U8 => Some(f64::from(*bytes.first()?)),
        Dtype::I16 => Some(f64::from(i16::from_le_bytes(bytes.try_into().ok()?))),
        Dtype::I32 => Some(f64::from(i32::from_le_bytes(bytes.try_into().ok()?))),
        _ => None,
    }
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read_as_the_standard_has_them() {
        for (bits, value) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x0001, 2_f64.powi(-24)),
            (0x3555, 0.333_251_953_125),
            (0x7C00, f64::INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7E00).is_nan());
    }
}
