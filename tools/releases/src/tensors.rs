//! Writing and reading tensors as safetensors, one piece at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use noctule_core::base::limits::RELEASE_BYTES_MAX;
use noctule_core::release::{Dtype, TensorEntry, TensorInfo, TensorLayout};
use noctule_core::scoring::{bf16_to_f32, f16_to_f32};
use safetensors::tensor::{Metadata, TensorInfo as HeaderEntry};

use crate::{Error, Result};

/// Values of a tensor to be written.
pub(crate) enum Values<'a> {
    F32(&'a [f32]),
    /// Half precision, by its bits.
    F16(&'a [u16]),
    /// Bfloat16, by its bits.
    Bf16(&'a [u16]),
    I8(&'a [i8]),
    U8(&'a [u8]),
}

impl Values<'_> {
    fn dtype(&self) -> safetensors::Dtype {
        match self {
            Self::F32(_) => safetensors::Dtype::F32,
            Self::F16(_) => safetensors::Dtype::F16,
            Self::Bf16(_) => safetensors::Dtype::BF16,
            Self::I8(_) => safetensors::Dtype::I8,
            Self::U8(_) => safetensors::Dtype::U8,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::F32(values) => 4 * values.len(),
            Self::F16(bits) | Self::Bf16(bits) => 2 * bits.len(),
            Self::I8(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        match self {
            Self::F32(values) => values.iter().try_for_each(|v| out.write_all(&v.to_le_bytes())),
            Self::F16(bits) | Self::Bf16(bits) => {
                bits.iter().try_for_each(|v| out.write_all(&v.to_le_bytes()))
            }
            Self::I8(values) => values.iter().try_for_each(|v| out.write_all(&v.to_le_bytes())),
            Self::U8(values) => out.write_all(values),
        }
    }
}

/// A tensor to be written.
pub(crate) struct Tensor<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values<'a>,
}

impl<'a> Tensor<'a> {
    pub(crate) fn f32(name: impl Into<Cow<'a, str>>, shape: &[usize], values: &'a [f32]) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), values: Values::F32(values) }
    }

    pub(crate) fn f16(name: impl Into<Cow<'a, str>>, shape: &[usize], bits: &'a [u16]) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), values: Values::F16(bits) }
    }

    pub(crate) fn bf16(name: impl Into<Cow<'a, str>>, shape: &[usize], bits: &'a [u16]) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), values: Values::Bf16(bits) }
    }

    pub(crate) fn u8(name: impl Into<Cow<'a, str>>, shape: &[usize], values: &'a [u8]) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), values: Values::U8(values) }
    }

    pub(crate) fn i8(name: impl Into<Cow<'a, str>>, shape: &[usize], values: &'a [i8]) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), values: Values::I8(values) }
    }
}

/// Writes `tensors` to a new file and gives their entries in the manifest.
///
/// Wide values come first and the header is padded to 8 bytes, so that every value is aligned in
/// a memory map.
pub(crate) fn write_tensors(
    path: &Path,
    mut tensors: Vec<Tensor<'_>>,
) -> Result<BTreeMap<String, TensorEntry>> {
    tensors.sort_by(|a, b| b.values.dtype().cmp(&a.values.dtype()).then(a.name.cmp(&b.name)));
    let (mut header, mut entries, mut offset) = (Vec::new(), BTreeMap::new(), 0);
    for Tensor { name, shape, values } in &tensors {
        let (begin, dtype) = (offset, values.dtype());
        offset += values.bytes();
        let data_offsets = (begin, offset);
        header.push((
            name.clone().into_owned(),
            HeaderEntry { dtype, shape: shape.clone(), data_offsets },
        ));
        let shape = shape.iter().map(|size| *size as u64).collect();
        entries.insert(name.clone().into_owned(), TensorEntry { dtype: dtype.to_string(), shape });
    }
    let encoded = Metadata::new(None, header).map_err(|error| error.to_string());
    let encoded = encoded.and_then(|m| serde_json::to_vec(&m).map_err(|error| error.to_string()));
    let mut header = encoded.map_err(|reason| Error::part(path.display().to_string(), reason))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let file = File::create_new(path).map_err(Error::file(path, "making"))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    let mut write = || {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        tensors.iter().try_for_each(|tensor| tensor.values.write(&mut out))?;
        out.flush()?;
        out.get_ref().sync_all()
    };
    write().map_err(Error::file(path, "writing"))?;
    Ok(entries)
}

/// A container whose F32, F16 and BF16 tensors are read by name.
pub(crate) struct Source<'a> {
    path: &'a Path,
    file: &'a str,
    layout: TensorLayout,
}

impl<'a> Source<'a> {
    /// Opens the container at `path`, which errors call `file`; `known` are the names it may hold.
    pub(crate) fn open(path: &'a Path, file: &'a str, known: &[&str]) -> Result<Self> {
        let layout = TensorLayout::read_container(path, file)?;
        if let Some((name, _)) = layout.iter().find(|(name, _)| !known.contains(name)) {
            let reason = format!("is not one of the tensors of a release: {}", known.join(", "));
            return Err(Error::part(format!("{file}: tensor {name:?}"), reason));
        }
        Ok(Self { path, file, layout })
    }

    /// The shape of tensor `name`, if it is there.
    pub(crate) fn shape(&self, name: &str) -> Option<&[u64]> {
        self.layout.get(name).map(|info| info.shape.as_slice())
    }

    /// The values of tensor `name`, row-major; none when it is not there.
    pub(crate) fn values(&self, name: &str) -> Result<Option<Vec<f32>>> {
        let Some(TensorInfo { dtype, begin, end, .. }) = self.layout.get(name) else {
            return Ok(None);
        };
        let place = || format!("{}: tensor {name}", self.file);
        if !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            let reason = format!("has dtype {dtype}, F32, F16 or BF16 is needed");
            return Err(Error::part(place(), reason));
        }
        if end - begin > RELEASE_BYTES_MAX {
            let reason = format!("is larger than a release, {RELEASE_BYTES_MAX} bytes");
            return Err(Error::part(place(), reason));
        }
        read_values(self.path, *dtype, *begin, *end).map(Some)
    }

    /// The values of tensor `name` of exactly `shape`; none when it is not there.
    pub(crate) fn of_shape(&self, name: &str, shape: &[usize]) -> Result<Option<Vec<f32>>> {
        let Some(found) = self.shape(name) else { return Ok(None) };
        if !found.iter().copied().eq(shape.iter().map(|size| *size as u64)) {
            let reason = format!("has shape {found:?}, {shape:?} is needed");
            return Err(Error::part(format!("{}: tensor {name}", self.file), reason));
        }
        self.values(name)
    }
}

/// The values of `dtype`, one of F16, BF16, F32 and F64, in the bytes `begin` to `end` of a file;
/// those of F64 are rounded, and infinite where F32 has none as large.
pub(crate) fn read_values(path: &Path, dtype: Dtype, begin: u64, end: u64) -> Result<Vec<f32>> {
    let failed = |error| Error::file(path, "reading")(error);
    let mut file = File::open(path).map_err(Error::file(path, "opening"))?;
    file.seek(SeekFrom::Start(begin)).map_err(failed)?;
    let size = dtype.bytes() as usize;
    let count = (end - begin) as usize / size;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut values = Vec::with_capacity(count);
    let mut bytes = [0; 8];
    for _ in 0..count {
        reader.read_exact(&mut bytes[..size]).map_err(failed)?;
        values.push(as_f32(dtype, bytes));
    }
    Ok(values)
}

/// The value of `dtype` that `bytes` begin with.
fn as_f32(dtype: Dtype, bytes: [u8; 8]) -> f32 {
    let half = u16::from_le_bytes([bytes[0], bytes[1]]);
    match dtype {
        Dtype::F16 => f16_to_f32(half),
        Dtype::BF16 => bf16_to_f32(half),
        Dtype::F64 => f64::from_le_bytes(bytes) as f32,
        _ => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
    }
}
