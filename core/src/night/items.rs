//! The item side of a release, mapped.

use std::path::Path;

use crate::base::{Error, Refusal, Result};
use crate::release::{Dtype, OpenRelease, TensorInfo};
use crate::scoring::{Codes, ItemMatrix, MappedFile, Vectors};

/// `items.safetensors` of an installed release: read through a memory map, never copied.
#[derive(Debug)]
pub struct ItemTensors {
    file: MappedFile,
    items: usize,
    contexts: usize,
    popularity: std::ops::Range<u64>,
    context_popularity: std::ops::Range<u64>,
    vectors: Option<Place>,
}

/// Where the vectors lie, and in which form.
#[derive(Debug)]
struct Place {
    dimensions: usize,
    codes: TensorInfo,
    scale: std::ops::Range<u64>,
    /// None when the codes are the vectors.
    embedding: Option<TensorInfo>,
}

impl ItemTensors {
    /// Maps the file of `release`.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::ReleaseRefused`] when a tensor is missing.
    pub fn open(release: &OpenRelease) -> Result<Self> {
        let layout = release.items_layout();
        let range = |name: &str| match layout.get(name) {
            Some(tensor) => Ok(tensor.begin..tensor.end),
            None => {
                let refusal = Refusal::MissingTensor { tensor: name.to_owned() };
                Err(Error::refused(file_name(&release.items_path()), refusal))
            }
        };
        let vectors = match (release.architecture().dimensions(), layout.get("codes")) {
            (Some(dimensions), Some(codes)) => Some(Place {
                dimensions,
                codes: codes.clone(),
                scale: range("scale")?,
                embedding: layout.get("embedding").cloned(),
            }),
            _ => None,
        };
        Ok(Self {
            file: MappedFile::open(&release.items_path())?,
            items: release.catalogue().len(),
            contexts: release.manifest().plan.contexts.len(),
            popularity: range("popularity")?,
            context_popularity: range("context_popularity")?,
            vectors,
        })
    }

    /// Share of all choices, by item.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the tensor does not lie in the file.
    pub fn popularity(&self) -> Result<&[f32]> {
        self.file.f32_values("popularity", self.popularity.clone(), self.items)
    }

    /// Share of the choices within context `context`, by item.
    ///
    /// # Errors
    /// As [`Self::popularity`]; [`Error::InvalidInput`] for a context the release does not have.
    pub fn context_popularity(&self, context: usize) -> Result<&[f32]> {
        let count = self.items * self.contexts;
        let all =
            self.file.f32_values("context_popularity", self.context_popularity.clone(), count)?;
        all.get(context * self.items..(context + 1) * self.items)
            .ok_or_else(|| Error::invalid("context", "is not one of the release"))
    }

    /// The file that all of this is mapped from.
    #[must_use]
    pub fn file(&self) -> &MappedFile {
        &self.file
    }

    /// The items' vectors, where the architecture has some.
    ///
    /// # Errors
    /// As [`Self::popularity`].
    pub fn matrix(&self) -> Result<Option<ItemMatrix<'_>>> {
        let Some(Place { dimensions, codes, scale, embedding }) = &self.vectors else {
            return Ok(None);
        };
        let (n, d) = (self.items, *dimensions);
        let scales = self.file.f32_values("scale", scale.clone(), n)?;
        let place = codes.begin..codes.end;
        // The schema lets no other dtypes through.
        let half = n * d.div_ceil(2);
        let codes = match codes.dtype {
            Dtype::U8 if codes.shape.len() == 3 => {
                let (high, low) = self.file.u8_values("codes", place, 2 * half)?.split_at(half);
                Codes::Planes { high, low }
            }
            Dtype::U8 => Codes::Int4(self.file.u8_values("codes", place, half)?),
            _ => Codes::Int8(self.file.i8_values("codes", place, n * d)?),
        };
        let halves =
            |info: &TensorInfo| self.file.u16_values("embedding", info.begin..info.end, n * d);
        let vectors = match embedding {
            None => Vectors::Coded,
            Some(info) => match info.dtype {
                Dtype::F16 => Vectors::F16(halves(info)?),
                Dtype::BF16 => Vectors::Bf16(halves(info)?),
                _ => {
                    let place = info.begin..info.end;
                    Vectors::F32(self.file.f32_values("embedding", place, n * d)?)
                }
            },
        };
        ItemMatrix::stored(codes, scales, vectors, d).map(Some)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
