//! The item side of a release, mapped.

use std::path::Path;

use crate::base::{Error, Refusal, Result};
use crate::release::OpenRelease;
use crate::scoring::{ItemMatrix, MappedFile};

/// `items.safetensors` of an installed release: read through a memory map, never copied.
#[derive(Debug)]
pub struct ItemTensors {
    file: MappedFile,
    items: usize,
    contexts: usize,
    popularity: std::ops::Range<u64>,
    context_popularity: std::ops::Range<u64>,
    vectors: Option<Vectors>,
}

#[derive(Debug)]
struct Vectors {
    dimensions: usize,
    codes: std::ops::Range<u64>,
    scale: std::ops::Range<u64>,
    embedding: std::ops::Range<u64>,
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
        let vectors = match layout.get("embedding") {
            None => None,
            Some(tensor) => Some(Vectors {
                dimensions: tensor.shape.get(1).map_or(0, |size| *size as usize),
                codes: range("codes")?,
                scale: range("scale")?,
                embedding: range("embedding")?,
            }),
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

    /// The items' vectors, where the architecture has some.
    ///
    /// # Errors
    /// As [`Self::popularity`].
    pub fn matrix(&self) -> Result<Option<ItemMatrix<'_>>> {
        let Some(vectors) = &self.vectors else { return Ok(None) };
        let count = self.items * vectors.dimensions;
        let codes = self.file.i8_values("codes", vectors.codes.clone(), count)?;
        let scales = self.file.f32_values("scale", vectors.scale.clone(), self.items)?;
        let exact = self.file.f32_values("embedding", vectors.embedding.clone(), count)?;
        ItemMatrix::new(codes, scales, exact, vectors.dimensions).map(Some)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
