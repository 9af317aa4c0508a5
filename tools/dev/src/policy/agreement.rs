//! The committed file as a type.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::FILE;
use crate::error::{Error, Result};

/// The whole file. Every map goes from a name to the reason why it stands there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agreement {
    /// SPDX identifiers, with exceptions written out (`X WITH Y`).
    pub(super) licences: BTreeMap<String, String>,
    /// Where packages may come from, beside the workspace itself.
    pub(super) sources: BTreeMap<String, String>,
    /// Crates fixed to one exact version.
    pub(super) pins: BTreeMap<String, Pin>,
    /// Crates that may be there in several versions.
    pub(super) duplicates: BTreeMap<String, Duplicate>,
    pub(super) phones: Phones,
}

/// An exact requirement, such as `=2.0.1`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pin {
    pub(super) requirement: String,
    pub(super) reason: String,
}

/// The compatible series of a crate that are there side by side: `1`, `0.16`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Duplicate {
    pub(super) series: BTreeSet<String>,
    pub(super) reason: String,
}

/// What is linked into an app.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phones {
    /// Our package that the mobile libraries are built from.
    pub(super) package: String,
    /// The targets they are built for.
    pub(super) targets: BTreeSet<String>,
    /// The crates that our own manifests name.
    pub(super) direct: BTreeMap<String, String>,
    /// For each of those, the crates that are there because of it.
    pub(super) through: BTreeMap<String, BTreeSet<String>>,
}

impl Agreement {
    pub(super) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|source| Error::Json { what: FILE.to_owned(), source })
    }

    pub(super) fn to_text(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|source| Error::Json { what: FILE.to_owned(), source })?;
        Ok(text + "\n")
    }
}

#[cfg(test)]
impl Agreement {
    /// An agreement for tests: `licences` with reasons, the source `crates`, the rest empty.
    pub(super) fn with_licences(licences: &[&str]) -> Self {
        let reasons = |names: &[&str]| {
            names.iter().map(|name| ((*name).to_owned(), "because".to_owned())).collect()
        };
        Self {
            licences: reasons(licences),
            sources: reasons(&["crates"]),
            pins: BTreeMap::new(),
            duplicates: BTreeMap::new(),
            phones: Phones::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = Agreement::with_licences(&["MIT"]).to_text().unwrap();
        assert_eq!(Agreement::parse(&text).unwrap().to_text().unwrap(), text);
    }

    #[test]
    fn an_unknown_field_is_an_error_that_names_it() {
        let text = Agreement::with_licences(&[]).to_text().unwrap();
        let error = Agreement::parse(&text.replace("\"pins\"", "\"pinz\"")).unwrap_err();
        assert!(error.to_string().contains("pinz"), "{error}");
    }
}
