//! Opening an installed release: what is cheap to check is checked again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::integrity::{Fingerprint, read_manifest};
use super::manifest::{CATALOGUE_FILE, ITEMS_FILE, MODEL_FILE};
use super::schema::{self, Schema};
use super::tensors::TensorLayout;
use super::verify::check_files;
use super::{Architecture, Manifest};
use crate::base::{Error, Refusal, Result};
use crate::catalogue::Catalogue;

/// The layouts of a release's tensor files, which agree with its manifest and architecture.
#[derive(Debug)]
struct Containers {
    /// By file, without the catalogue's.
    layouts: BTreeMap<String, TensorLayout>,
    schema: Schema,
}

impl Containers {
    /// Reads the header of every tensor file of the release in `directory`.
    fn read(directory: &Path, manifest: &Manifest) -> Result<Self> {
        let mut layouts = BTreeMap::new();
        for file in manifest.tensors.keys() {
            let layout = TensorLayout::read_container(&directory.join(file), file)?;
            layouts.insert(file.clone(), layout);
        }
        let schema = Schema::of_manifest(manifest)?;
        layouts.remove(CATALOGUE_FILE);
        for (file, layout) in &layouts {
            schema::check_layout(file, layout, manifest, &schema)?;
        }
        Ok(Self { layouts, schema })
    }
}

/// Maps the catalogue of the release in `directory` and checks that its columns are those of the
/// manifest and that it has one row for each row of the tensors.
pub(super) fn open_catalogue(
    directory: &Path,
    manifest: &Manifest,
    schema: &Schema,
) -> Result<Catalogue> {
    let refused = |refusal| Error::refused(CATALOGUE_FILE, refusal);
    let path = directory.join(CATALOGUE_FILE);
    let layout = TensorLayout::read_container(&path, CATALOGUE_FILE)?;
    schema::check_entries(CATALOGUE_FILE, &layout, manifest).map_err(refused)?;
    let catalogue = Catalogue::open(&path, CATALOGUE_FILE)?;
    if catalogue.len() as u64 == schema.items {
        return Ok(catalogue);
    }
    let (expected, found) = (schema.items.to_string(), catalogue.len().to_string());
    let refusal = Refusal::Incompatible { what: "the number of rows", expected, found };
    Err(Error::refused(CATALOGUE_FILE, refusal))
}

/// The same, and checks every row; gives the number of items.
pub(super) fn check_catalogue(
    directory: &Path,
    manifest: &Manifest,
    schema: &Schema,
) -> Result<usize> {
    let catalogue = open_catalogue(directory, manifest, schema)?;
    catalogue.check()?;
    Ok(catalogue.len())
}

/// An installed release, open: its manifest in memory, its catalogue mapped, its tensors on disk.
#[derive(Debug)]
pub struct OpenRelease {
    directory: PathBuf,
    manifest: Manifest,
    catalogue: Catalogue,
    items_layout: TensorLayout,
    model_layout: Option<TensorLayout>,
    fingerprint: Fingerprint,
}

impl OpenRelease {
    /// Opens the release in `directory` whose manifest has the SHA-256 `manifest_sha256`, as
    /// [`super::stage`] gave it.
    ///
    /// Checks that digest, the length of every file and the layout of the tensors, and maps the
    /// catalogue; values were checked when it was installed, and hashes are by
    /// [`super::check_installed`].
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] when the manifest is another, or a file is missing, cut or
    /// changed in its layout; [`Error::DirectoryMissing`]; [`Error::File`].
    pub fn open(directory: &Path, manifest_sha256: &str) -> Result<Self> {
        let manifest = read_manifest(directory, manifest_sha256)?;
        check_files(directory, &manifest)?;
        let fingerprint = Fingerprint::of(directory, &manifest)?;
        let mut containers = Containers::read(directory, &manifest)?;
        let catalogue = open_catalogue(directory, &manifest, &containers.schema)?;
        let items_layout = containers.layouts.remove(ITEMS_FILE).unwrap_or_default();
        let model_layout = containers.layouts.remove(MODEL_FILE);
        let directory = directory.to_path_buf();
        Ok(Self { directory, manifest, catalogue, items_layout, model_layout, fingerprint })
    }

    /// Whether the names still lead to the files that were opened, unchanged as far as lengths and
    /// times show: a release that was installed anew is to be opened anew.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let now = Fingerprint::of(&self.directory, &self.manifest);
        now.is_ok_and(|now| now == self.fingerprint)
    }

    /// Where it lies.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its architecture.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.manifest.architecture
    }

    /// Its items.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// `items.safetensors`, to be mapped.
    #[must_use]
    pub fn items_path(&self) -> PathBuf {
        self.directory.join(ITEMS_FILE)
    }

    /// Where each tensor lies in `items.safetensors`.
    #[must_use]
    pub fn items_layout(&self) -> &TensorLayout {
        &self.items_layout
    }

    /// `model.safetensors`, where the architecture has one.
    #[must_use]
    pub fn model_path(&self) -> Option<PathBuf> {
        self.model_layout.as_ref().map(|_| self.directory.join(MODEL_FILE))
    }

    /// Where each tensor lies in `model.safetensors`.
    #[must_use]
    pub fn model_layout(&self) -> Option<&TensorLayout> {
        self.model_layout.as_ref()
    }
}
