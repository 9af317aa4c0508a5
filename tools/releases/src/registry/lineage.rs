//! Where a release came from: its parents, as far as the registry knows them.

use std::collections::BTreeMap;

use noctule_core::release::ReleaseName;
use serde::Serialize;

use super::State;
use super::reference::Reference;
use crate::Result;

/// The key of a release's lineage that names its parent: `town@2`, or the SHA-256 of a manifest.
pub const PARENT: &str = "parent";

/// A release or one that it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ancestor {
    /// Name and version, or what the child calls it when the registry does not know it.
    pub release: String,
    /// Whether the registry has it.
    pub known: bool,
    /// SHA-256 of its manifest.
    pub manifest_sha256: Option<String>,
    /// What its manifest says.
    pub lineage: BTreeMap<String, String>,
}

impl State {
    /// The release and its parents, youngest first. A parent that comes again ends the chain.
    ///
    /// # Errors
    /// [`crate::Error::NotInRegistry`] for the release itself.
    pub fn lineage(&self, reference: &Reference) -> Result<Vec<Ancestor>> {
        let (release, _) = self.resolve(reference)?;
        let mut chain: Vec<Ancestor> = Vec::new();
        let mut next = Some(release.to_string());
        while let Some(text) = next {
            let found = self.named(&text);
            let name = found.as_ref().map_or_else(|| text.clone(), |(name, _)| name.to_string());
            if chain.iter().any(|seen| seen.release == name) {
                break;
            }
            let version = found.map(|(_, version)| version);
            next = version.and_then(|version| version.lineage.get(PARENT).cloned());
            chain.push(Ancestor {
                release: name,
                known: version.is_some(),
                manifest_sha256: version.map(|version| version.manifest.sha256.clone()),
                lineage: version.map(|version| version.lineage.clone()).unwrap_or_default(),
            });
        }
        Ok(chain)
    }

    fn named(&self, text: &str) -> Option<(ReleaseName, &super::Version)> {
        match text.parse::<Reference>() {
            Ok(reference) => self.resolve(&reference).ok(),
            Err(_) => self.by_manifest(text),
        }
    }
}
