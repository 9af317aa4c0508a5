//! The tensors of a catalogue file: found in its layout, read value by value.

use std::ops::Range;

use crate::base::{Dtype, Refusal, TensorInfo, TensorLayout};

/// Dtypes of a tensor of unsigned numbers whose width is the packer's choice.
pub(super) const UNSIGNED: &[Dtype] = &[Dtype::U8, Dtype::U16, Dtype::U32];

/// Numbers looked at before it is decided whether one of them is bad.
const NUMBERS_TOGETHER: usize = 256;

/// One tensor. Reading is checked at every access: what the file holds is never trusted.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: String,
    /// Number of rows, the first size of the shape.
    pub(super) rows: usize,
    dtype: Dtype,
    range: Range<usize>,
}

impl Part {
    /// The bytes of the tensor; none when `file` does not reach so far.
    pub(super) fn bytes<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        file.get(self.range.clone()).unwrap_or_default()
    }

    /// The unsigned number at `index`.
    #[inline]
    pub(super) fn uint(&self, file: &[u8], index: usize) -> Option<u64> {
        let bytes = self.bytes(file);
        match self.dtype {
            Dtype::U8 => bytes.get(index).map(|byte| u64::from(*byte)),
            Dtype::U16 => bytes.as_chunks().0.get(index).map(|b| u16::from_le_bytes(*b).into()),
            Dtype::U32 => bytes.as_chunks().0.get(index).map(|b| u32::from_le_bytes(*b).into()),
            _ => bytes.as_chunks().0.get(index).map(|b| u64::from_le_bytes(*b)),
        }
    }

    /// Copies the unsigned numbers from row `first` on to `values`, as many as there are; gives
    /// their number.
    pub(super) fn read(&self, file: &[u8], first: usize, values: &mut [u32]) -> usize {
        let bytes = self.bytes(file);
        match self.dtype {
            Dtype::U8 => copy::<1>(bytes, first, values, |[byte]| byte.into()),
            Dtype::U16 => copy(bytes, first, values, |bytes| u16::from_le_bytes(bytes).into()),
            _ => copy(bytes, first, values, u32::from_le_bytes),
        }
    }

    /// The number at `index`.
    pub(super) fn number(&self, file: &[u8], index: usize) -> Option<f64> {
        self.bytes(file).as_chunks().0.get(index).map(|bytes| f64::from_le_bytes(*bytes))
    }

    /// The sum of the unsigned numbers in `rows`, at most 64 of them.
    pub(super) fn sum(&self, file: &[u8], rows: Range<usize>) -> Option<u64> {
        let bytes = self.bytes(file);
        let width = self.dtype.bytes() as usize;
        let piece = bytes.get(rows.start.checked_mul(width)?..rows.end.checked_mul(width)?)?;
        Some(match self.dtype {
            Dtype::U8 => u64::from(piece.iter().map(|byte| u32::from(*byte)).sum::<u32>()),
            Dtype::U16 => {
                let values = piece.as_chunks().0.iter();
                u64::from(values.map(|b| u32::from(u16::from_le_bytes(*b))).sum::<u32>())
            }
            _ => piece.as_chunks().0.iter().map(|b| u64::from(u32::from_le_bytes(*b))).sum(),
        })
    }

    /// Checks that no unsigned number is greater than `limit`.
    pub(super) fn check_at_most(&self, file: &[u8], limit: u64) -> Result<(), Refusal> {
        // Pieces without a branch in them, so that the compiler makes vectors of it.
        let bytes = self.bytes(file);
        let greatest = match self.dtype {
            Dtype::U8 => bytes.iter().fold(0, |most: u8, b| most.max(*b)).into(),
            Dtype::U16 => {
                let values = bytes.as_chunks().0.iter();
                values.fold(0, |most: u16, b| most.max(u16::from_le_bytes(*b))).into()
            }
            Dtype::U32 => {
                let values = bytes.as_chunks().0.iter();
                values.fold(0, |most: u32, b| most.max(u32::from_le_bytes(*b))).into()
            }
            _ => u64::MAX,
        };
        if greatest <= limit {
            return Ok(());
        }
        let values = (0..self.rows).map(|row| (row, self.uint(file, row).unwrap_or(u64::MAX)));
        match values.into_iter().find(|(_, value)| *value > limit) {
            Some((row, value)) => Err(self.refuse(row, format!("is {value}, at most {limit}"))),
            None => Ok(()),
        }
    }

    /// Checks that every number is finite.
    pub(super) fn check_finite(&self, file: &[u8]) -> Result<(), Refusal> {
        match self.first_number(file, |number| !number.is_finite()) {
            Some(index) => {
                Err(Refusal::NotFinite { tensor: self.name.clone(), index: index as u64 })
            }
            None => Ok(()),
        }
    }

    /// The row of the first number that is `bad`: looked at in blocks without a branch in them.
    pub(super) fn first_number(&self, file: &[u8], bad: impl Fn(f64) -> bool) -> Option<usize> {
        let values = self.bytes(file).as_chunks().0;
        let bad = |bytes: &[u8; 8]| bad(f64::from_le_bytes(*bytes));
        let any = |block: &[[u8; 8]]| block.iter().fold(false, |any, value| any | bad(value));
        let begin = values.chunks(NUMBERS_TOGETHER).position(any)? * NUMBERS_TOGETHER;
        values[begin..].iter().position(bad).map(|at| begin + at)
    }

    /// A refusal of what stands in `row`.
    pub(super) fn refuse(&self, row: usize, reason: impl Into<String>) -> Refusal {
        Refusal::Field { field: self.place(row), reason: reason.into() }
    }

    /// What stands in `row`, as refusals name it.
    pub(super) fn place(&self, row: usize) -> String {
        format!("tensor {}[{row}]", self.name)
    }
}

/// Copies values of `N` bytes from the one at `first` on.
fn copy<const N: usize>(
    bytes: &[u8],
    first: usize,
    values: &mut [u32],
    value: impl Fn([u8; N]) -> u32,
) -> usize {
    let from_there = bytes.as_chunks().0.get(first..).unwrap_or_default();
    for (to, from) in values.iter_mut().zip(from_there) {
        *to = value(*from);
    }
    values.len().min(from_there.len())
}

/// Takes the tensors of a catalogue out of a layout, one by one.
pub(super) struct Parts<'a> {
    layout: &'a TensorLayout,
    taken: Vec<String>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(layout: &'a TensorLayout) -> Self {
        Self { layout, taken: Vec::new() }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.layout.get(name).is_some()
    }

    /// The tensor `name`: one of `dtypes`, of one dimension.
    pub(super) fn take(&mut self, name: String, dtypes: &[Dtype]) -> Result<Part, Refusal> {
        self.take_wide(name, dtypes, &[])
    }

    /// The same, of `rows` values.
    pub(super) fn take_rows(
        &mut self,
        name: String,
        dtypes: &[Dtype],
        rows: usize,
    ) -> Result<Part, Refusal> {
        let part = self.take(name, dtypes)?;
        if part.rows == rows {
            return Ok(part);
        }
        let (expected, found) = (vec![rows as u64], vec![part.rows as u64]);
        Err(Refusal::WrongShape { tensor: part.name, expected, found })
    }

    /// The tensor `name`: one of `dtypes`, its shape any number of rows of the shape `row`.
    pub(super) fn take_wide(
        &mut self,
        name: String,
        dtypes: &[Dtype],
        row: &[u64],
    ) -> Result<Part, Refusal> {
        let Some(info) = self.layout.get(&name) else {
            return Err(Refusal::MissingTensor { tensor: name });
        };
        if !dtypes.contains(&info.dtype) {
            let names: Vec<&str> = dtypes.iter().map(|dtype| dtype.name()).collect();
            let (expected, found) = (names.join(" or "), info.dtype.to_string());
            return Err(Refusal::WrongDtype { tensor: name, expected, found });
        }
        let rows = info.shape.split_first().filter(|(_, rest)| *rest == row);
        let Some((rows, _)) = rows else {
            let expected = [&[0], row].concat();
            return Err(Refusal::WrongShape { tensor: name, expected, found: info.shape.clone() });
        };
        let part = part(&name, info, *rows)?;
        self.taken.push(name);
        Ok(part)
    }

    /// Checks that nothing is left.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        self.taken.sort_unstable();
        let is_taken = |name: &str| self.taken.binary_search_by(|t| t.as_str().cmp(name)).is_ok();
        match self.layout.iter().find(|(name, _)| !is_taken(name)) {
            Some((name, _)) => {
                let reason = "does not belong to a catalogue";
                Err(Refusal::TensorName { name: name.to_owned(), reason })
            }
            None => Ok(()),
        }
    }
}

fn part(name: &str, info: &TensorInfo, rows: u64) -> Result<Part, Refusal> {
    if !info.begin.is_multiple_of(info.dtype.bytes()) {
        let reason = format!("begins at byte {}, not aligned to {}", info.begin, info.dtype);
        return Err(Refusal::Field { field: format!("tensor {name}"), reason });
    }
    let bounds = [info.begin, info.end, rows].map(usize::try_from);
    let [Ok(begin), Ok(end), Ok(rows)] = bounds else {
        let (tensor, begin, end) = (name.to_owned(), info.begin, info.end);
        return Err(Refusal::Layout { tensor, begin, end });
    };
    Ok(Part { name: name.to_owned(), rows, dtype: info.dtype, range: begin..end })
}
