//! A release with everything a night needs of it.

use std::path::Path;

use super::ItemTensors;
use crate::base::{Error, Refusal, Result};
use crate::model::Recommender;
use crate::ranking::Feature;
use crate::release::{ITEMS_FILE, OpenRelease, Policy};

/// An installed release, its tensors mapped and its model in memory.
#[derive(Debug)]
pub struct LoadedRelease {
    /// Manifest and catalogue.
    pub release: OpenRelease,
    /// SHA-256 of the manifest, which names every byte of the release.
    pub manifest_sha256: String,
    /// The item side.
    pub items: ItemTensors,
    /// The model with the features of its ranker; none for the architecture without one.
    pub model: Option<(Recommender, Vec<Feature>)>,
}

impl LoadedRelease {
    /// Opens the release in `directory` whose manifest has this digest.
    ///
    /// # Errors
    /// As [`OpenRelease::open`], [`ItemTensors::open`] and [`Recommender::read`];
    /// [`Error::Model`] when the ranker needs a feature that this library does not know.
    pub fn open(directory: &Path, manifest_sha256: &str) -> Result<Self> {
        let release = OpenRelease::open(directory, manifest_sha256)?;
        let items = ItemTensors::open(&release)?;
        let model = match release.model_path() {
            None => None,
            Some(path) => {
                let total = release.catalogue().len();
                let contexts = release.manifest().plan.contexts.len();
                let model = Recommender::read(&path, release.architecture(), total, contexts)?;
                let names = model.ranker_features.iter();
                let features = names.map(|name| Feature::named(name)).collect::<Result<_>>()?;
                Some((model, features))
            }
        };
        Ok(Self { release, manifest_sha256: manifest_sha256.to_owned(), items, model })
    }

    /// Checks that the codes lie as near to the vectors as [`crate::scoring::top_k`] relies on for
    /// its exact result. Reads both once: for the moment of installation.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] when a code does not fit its vector.
    pub fn verify_codes(&self) -> Result<()> {
        let Some(matrix) = self.items.matrix()? else { return Ok(()) };
        matrix.verify().map_err(|error| {
            let reason = error.to_string();
            Error::refused(ITEMS_FILE, Refusal::Field { field: "codes".into(), reason })
        })
    }

    /// What makes the slates when the experiment asks for `wanted`: a release without a model
    /// falls back to its baseline.
    #[must_use]
    pub fn policy(&self, wanted: Policy) -> Policy {
        if self.model.is_some() { wanted } else { Policy::Baseline }
    }

    /// The model, or a typed error for a release without one.
    ///
    /// # Errors
    /// [`Error::Model`].
    pub fn model(&self) -> Result<&(Recommender, Vec<Feature>)> {
        let missing = || Error::Model { reason: "the release has no model".into() };
        self.model.as_ref().ok_or_else(missing)
    }
}
