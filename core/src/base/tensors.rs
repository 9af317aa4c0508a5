//! The pre-check in front of every safetensors file: its header alone decides what is read.
//!
//! Stricter than the format's own reader where that one is generous: duplicate names, unknown
//! fields, endless headers and empty tensors of absurd shapes are refused, in memory bounded by
//! [`TENSOR_HEADER_BYTES_MAX`].

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::dtype::Dtype;
use super::json::{self, UniqueMap};
use super::limits::{TENSOR_HEADER_BYTES_MAX, TENSOR_RANK_MAX, TENSORS_MAX};
use super::{Error, Refusal, Result};

/// Bytes of the header's length, a little-endian u64 at the begin of the file.
const LENGTH_BYTES: u64 = 8;
/// Characters of a tensor's name that a refusal repeats.
const NAME_CHARACTERS_SHOWN: usize = 64;
/// Bytes of a tensor's name.
const NAME_BYTES_MAX: usize = 128;

/// Where a tensor lies in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Type of its values.
    pub dtype: Dtype,
    /// Its shape; empty for a single value.
    pub shape: Vec<u64>,
    /// Offset of its first byte from the begin of the file.
    pub begin: u64,
    /// Offset of the byte behind its last.
    pub end: u64,
}

impl TensorInfo {
    /// Number of values.
    #[must_use]
    pub fn values(&self) -> u64 {
        (self.end - self.begin) / self.dtype.bytes()
    }
}

/// The tensors of one safetensors file, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TensorLayout {
    tensors: BTreeMap<String, TensorInfo>,
}

impl TensorLayout {
    /// Reads and checks the header of the container at `path`, which refusals call `file`.
    ///
    /// What holds afterwards: at most [`TENSORS_MAX`] tensors of known dtype and of rank up to
    /// [`TENSOR_RANK_MAX`], whose bytes follow each other without overlap or gap up to the end of
    /// the file. Names are any text; [`Self::check_names`] is stricter.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, [`Error::ReleaseRefused`] when it is no such file.
    pub fn read_container(path: &Path, file: &str) -> Result<Self> {
        let refused = |refusal| Error::refused(file, refusal);
        let mut opened = File::open(path).map_err(Error::file(path, "opening"))?;
        let length = opened.metadata().map_err(Error::file(path, "reading"))?.len();
        let mut prefix = [0; LENGTH_BYTES as usize];
        if length < LENGTH_BYTES {
            return Err(refused(Refusal::Truncated { have: length, need: LENGTH_BYTES }));
        }
        opened.read_exact(&mut prefix).map_err(Error::file(path, "reading"))?;
        let data_begin = data_begin(prefix, length).map_err(refused)?;
        // Bounded by the limit of a header, so it fits the address space of every device.
        let mut header = vec![0; (data_begin - LENGTH_BYTES) as usize];
        opened.read_exact(&mut header).map_err(Error::file(path, "reading"))?;
        Self::from_header(&header, data_begin, length).map_err(refused)
    }

    /// Checks the header at the begin of `bytes`, a whole container, as [`Self::read_container`]
    /// does that of a file.
    ///
    /// # Errors
    /// The reason why it is no container.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let length = bytes.len() as u64;
        let Some((prefix, _)) = bytes.split_first_chunk() else {
            return Err(Refusal::Truncated { have: length, need: LENGTH_BYTES });
        };
        let data_begin = data_begin(*prefix, length)?;
        // It lies in `bytes`, so it fits.
        let header = &bytes[LENGTH_BYTES as usize..data_begin as usize];
        Self::from_header(header, data_begin, length)
    }

    /// The layout that `header` describes in a file of `length` bytes with data from `data_begin`.
    fn from_header(header: &[u8], data_begin: u64, length: u64) -> Result<Self, Refusal> {
        let mut refusal = None;
        let mut deserializer = serde_json::Deserializer::from_slice(header);
        let read = Header { refusal: &mut refusal }.deserialize(&mut deserializer);
        let read = read.and_then(|tensors| deserializer.end().map(|()| tensors));
        let mut tensors = read.map_err(|error| match refusal {
            Some(refusal) => refusal,
            None => json::refusal(header, &error),
        })?;
        check_offsets(&tensors, length - data_begin)?;
        for info in tensors.values_mut() {
            info.begin += data_begin;
            info.end += data_begin;
        }
        Ok(Self { tensors })
    }

    /// The tensor called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// The tensors in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        self.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }

    /// Number of tensors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there is no tensor.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Checks that every name is 1 to 128 of `[A-Za-z0-9._-]`, without a dot at the begin.
    ///
    /// # Errors
    /// [`Refusal::TensorName`] for the first that is not.
    pub fn check_names(&self) -> Result<(), Refusal> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        for name in self.tensors.keys() {
            let reason = if name.is_empty() || name.len() > NAME_BYTES_MAX {
                "must be 1 to 128 bytes long"
            } else if name.starts_with('.') || !name.bytes().all(allowed) {
                "may hold A-Z, a-z, 0-9, '.', '_' and '-' only, and no dot first"
            } else {
                continue;
            };
            return Err(Refusal::TensorName { name: shortened(name), reason });
        }
        Ok(())
    }
}

/// Where the data of a container of `length` bytes begin that itself begins with `prefix`.
fn data_begin(prefix: [u8; LENGTH_BYTES as usize], length: u64) -> Result<u64, Refusal> {
    let header_bytes = u64::from_le_bytes(prefix);
    if header_bytes > TENSOR_HEADER_BYTES_MAX {
        let (what, limit) = ("length of the header", TENSOR_HEADER_BYTES_MAX);
        return Err(Refusal::TooLarge { what, found: header_bytes, limit });
    }
    let begin = LENGTH_BYTES + header_bytes;
    if begin > length {
        return Err(Refusal::Truncated { have: length, need: begin });
    }
    Ok(begin)
}

/// The begin of a container that comes in pieces: kept until its header is whole.
#[derive(Debug)]
pub struct Beginning {
    /// Length of the file.
    length: u64,
    /// What came so far, no byte behind the header.
    bytes: Vec<u8>,
}

impl Beginning {
    /// Of a file of `length` bytes.
    pub fn new(length: u64) -> Self {
        Self { length, bytes: Vec::new() }
    }

    /// Takes the next piece of the file; gives the layout once the header is whole.
    ///
    /// # Errors
    /// As [`TensorLayout::read_container`].
    pub fn take(&mut self, piece: &[u8]) -> Result<Option<TensorLayout>, Refusal> {
        let rest = self.keep(piece, LENGTH_BYTES);
        let Some(prefix) = self.bytes.first_chunk() else { return Ok(None) };
        let begin = data_begin(*prefix, self.length)?;
        self.keep(rest, begin);
        if (self.bytes.len() as u64) < begin {
            return Ok(None);
        }
        TensorLayout::from_header(&self.bytes[LENGTH_BYTES as usize..], begin, self.length)
            .map(Some)
    }

    /// Keeps what is needed of `piece` to have `until` bytes; gives the rest of it.
    fn keep<'a>(&mut self, piece: &'a [u8], until: u64) -> &'a [u8] {
        let needed = until.saturating_sub(self.bytes.len() as u64);
        let count = usize::try_from(needed).map_or(piece.len(), |needed| needed.min(piece.len()));
        let (kept, rest) = piece.split_at(count);
        self.bytes.extend_from_slice(kept);
        rest
    }

    /// The refusal of a file that ended before its header did.
    pub fn truncated(&self) -> Refusal {
        Refusal::Truncated { have: self.length, need: LENGTH_BYTES }
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(NAME_CHARACTERS_SHOWN).collect()
}

/// Checks that the tensors, relative to the data section of `data_bytes`, fill it exactly.
fn check_offsets(tensors: &BTreeMap<String, TensorInfo>, data_bytes: u64) -> Result<(), Refusal> {
    let mut ordered: Vec<_> = tensors.iter().collect();
    super::order::sort_by_key(&mut ordered, |(_, info)| (info.begin, info.end));
    let mut expected = 0;
    for (name, info) in ordered {
        if info.begin != expected || info.end > data_bytes {
            let (tensor, begin, end) = (shortened(name), info.begin, info.end);
            return Err(Refusal::Layout { tensor, begin, end });
        }
        expected = info.end;
    }
    if expected != data_bytes {
        let reason = format!("{} bytes behind the last tensor", data_bytes - expected);
        return Err(Refusal::UnknownFormat { expected: "safetensors", reason });
    }
    Ok(())
}

/// One entry of the header as it stands there; offsets count from the data section.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    #[serde(deserialize_with = "json::up_to::<TENSOR_RANK_MAX, _, _>")]
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

impl Entry {
    fn check(self, name: &str) -> Result<TensorInfo, Refusal> {
        let Some(dtype) = Dtype::from_name(&self.dtype) else {
            let reason = format!("tensor {:?} has {:?}", shortened(name), shortened(&self.dtype));
            return Err(Refusal::UnknownFormat { expected: "a known dtype", reason });
        };
        let rank = self.shape.len();
        if rank > TENSOR_RANK_MAX {
            // Counted up to one beyond the limit.
            let (found, limit) = (rank as u64, TENSOR_RANK_MAX as u64);
            return Err(Refusal::TooLarge { what: "rank of a tensor", found, limit });
        }
        // Sizes of 0 count as 1 here: what no memory could hold is refused even where it is empty.
        let checked = self.shape.iter().try_fold(dtype.bytes(), |product, size| {
            product.checked_mul((*size).max(1)).filter(|bytes| *bytes <= i64::MAX as u64)
        });
        let [begin, end] = self.data_offsets;
        let Some(bytes) = checked else {
            let what = "size of a tensor in bytes";
            return Err(Refusal::TooLarge { what, found: u64::MAX, limit: i64::MAX as u64 });
        };
        let bytes = if self.shape.contains(&0) { 0 } else { bytes };
        if begin.checked_add(bytes) != Some(end) {
            return Err(Refusal::Layout { tensor: shortened(name), begin, end });
        }
        Ok(TensorInfo { dtype, shape: self.shape, begin, end })
    }
}

/// Reads the header's object entry by entry and stops at the first that is refused.
struct Header<'a> {
    refusal: &'a mut Option<Refusal>,
}

impl<'de> DeserializeSeed<'de> for Header<'_> {
    type Value = BTreeMap<String, TensorInfo>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Header<'_> {
    type Value = BTreeMap<String, TensorInfo>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let slot = self.refusal;
        let mut refuse = |refusal| {
            *slot = Some(refusal);
            A::Error::custom("refused")
        };
        let mut tensors = BTreeMap::new();
        let mut metadata_seen = false;
        while let Some(name) = map.next_key::<String>()? {
            let is_metadata = name == "__metadata__";
            if tensors.contains_key(&name) || (is_metadata && metadata_seen) {
                let (name, reason) = (shortened(&name), "is there twice");
                return Err(refuse(Refusal::TensorName { name, reason }));
            }
            if is_metadata {
                metadata_seen = true;
                map.next_value::<UniqueMap<String>>()?;
                continue;
            }
            if tensors.len() == TENSORS_MAX {
                let (found, limit) = (TENSORS_MAX as u64 + 1, TENSORS_MAX as u64);
                let what = "number of tensors";
                return Err(refuse(Refusal::TooLarge { what, found, limit }));
            }
            let info = map.next_value::<Entry>()?.check(&name).map_err(&mut refuse)?;
            tensors.insert(name, info);
        }
        Ok(tensors)
    }
}
