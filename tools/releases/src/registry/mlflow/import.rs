//! From MLflow to the registry.

use std::collections::BTreeMap;
use std::path::Path;

use noctule_core::base::limits::MANIFEST_BYTES_MAX;
use noctule_core::release::{MANIFEST_FILE, Manifest, SIGNATURE_FILE};
use serde::Serialize;

use super::client::{Client, ModelVersion};
use super::metrics::metrics;
use super::{MANIFEST_TAG, OURS, RELEASE_FOLDER, Server, VERSION_TAG};
use crate::registry::fetch::safe;
use crate::registry::reference::{check_alias, check_word};
use crate::registry::{PublishOptions, Published, Reference, Registry, Target};
use crate::staging::Staging;
use crate::{Error, PublicKey, Result};

/// Bytes of a signature.
const SIGNATURE_BYTES: u64 = 64;

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// What publishing it did.
    #[serde(flatten)]
    pub published: Published,
    /// MLflow's number of the model version.
    pub model_version: String,
    /// Aliases that it has now.
    pub aliases: Vec<String>,
}

impl Registry {
    /// Imports a release from an MLflow server, the same bytes as were exported, with
    /// tags and aliases. It is offered to nobody until it is rolled out here. Figures that others
    /// logged in its run become tags `metric.<name>`.
    ///
    /// The release is verified with `keys` as of the day on which it was made.
    ///
    /// # Errors
    /// [`Error::NotInRegistry`] when MLflow has no such version, [`Error::Http`], and those of
    /// [`Registry::publish`].
    pub fn import_from_mlflow(
        &self,
        reference: &Reference,
        keys: &[PublicKey],
        server: &Server,
    ) -> Result<Imported> {
        let client = Client::new(server)?;
        let there = find(&client, reference)?;
        let staging = Staging::beside(&std::env::temp_dir().join("noctule-import"))?;
        let directory = staging.path.as_path();
        let manifest = download(&client, &there, directory)?;
        if manifest.release.name != reference.name {
            let reason = format!("holds {} at MLflow", manifest.release);
            return Err(Error::reference(reference.to_string(), reason));
        }
        crate::verify(directory, keys, manifest.created_ms)?;
        let aliases = client.aliases(&reference.name)?.into_iter();
        let aliases = aliases
            .filter(|(alias, number)| *number == there.version && check_alias(alias).is_ok());
        let aliases: Vec<String> = aliases.map(|(alias, _)| alias).collect();
        let options = PublishOptions {
            keys: keys.to_vec(),
            aliases: aliases.clone(),
            tags: tags(&client, &there, &manifest)?,
            ..PublishOptions::default()
        };
        let published = self.publish_verified(directory, &manifest, &options)?;
        Ok(Imported { published, model_version: there.version, aliases })
    }
}

fn find(client: &Client, reference: &Reference) -> Result<ModelVersion> {
    let found = match &reference.target {
        Target::Alias(alias) => client.by_alias(&reference.name, alias)?,
        Target::Version(number) => {
            let number = number.to_string();
            let versions = client.versions(&reference.name)?;
            versions.into_iter().find(|it| it.tag(VERSION_TAG) == Some(&number))
        }
    };
    found.ok_or_else(|| Error::not_in_registry(format!("{reference} at MLflow")))
}

/// Copies the release: the manifest says which files, and how long each may be.
fn download(client: &Client, there: &ModelVersion, directory: &Path) -> Result<Manifest> {
    let path = directory.join(MANIFEST_FILE);
    let fetch = |name: &str, limit: u64| {
        client.fetch_file(&there.source, name, limit, &directory.join(name))
    };
    if !there.source.ends_with(RELEASE_FOLDER) {
        return Err(Error::Http {
            url: there.source.clone(),
            reason: "is no release that noctule exported".to_owned(),
        });
    }
    fetch(MANIFEST_FILE, MANIFEST_BYTES_MAX)?;
    let bytes = std::fs::read(&path).map_err(Error::file(&path, "reading"))?;
    let manifest = Manifest::parse(&bytes)?;
    let sha256 = noctule_core::release::sha256_hex(&bytes);
    if there.tag(MANIFEST_TAG).is_some_and(|expected| expected != sha256) {
        let reason = "is another manifest than the one that was exported";
        return Err(Error::damaged(format!("{}/{MANIFEST_FILE}", there.source), reason));
    }
    fetch(SIGNATURE_FILE, SIGNATURE_BYTES)?;
    for (name, file) in &manifest.files {
        fetch(safe(name)?, file.length)?;
    }
    Ok(manifest)
}

/// The tags that others set, and the figures that the manifest does not say itself.
fn tags(
    client: &Client,
    there: &ModelVersion,
    manifest: &Manifest,
) -> Result<BTreeMap<String, String>> {
    let set = there.tags.iter().filter(|(key, _)| !key.starts_with(OURS));
    let mut tags: BTreeMap<String, String> = set.cloned().collect();
    if !there.run_id.is_empty() {
        let own = metrics(&manifest.lineage);
        for (name, value) in client.metrics(&there.run_id)? {
            if !own.contains_key(&name) {
                tags.insert(format!("metric.{name}"), value);
            }
        }
    }
    tags.retain(|key, _| check_word(key).is_ok());
    Ok(tags)
}
