//! MLflow: a release as a version of a registered model, over MLflow's REST interface 2.0.
//!
//! | here | there |
//! |---|---|
//! | line | registered model, and the experiment `noctule/<line>` |
//! | version | model version with the tag `noctule.version`, and one run |
//! | files, manifest, signature | artifacts of the run, below `release/` |
//! | lineage | parameters of the run; `metrics` also as metrics |
//! | tags, aliases | tags of the model version, aliases of the model |
//!
//! Artifacts go through the server's proxy (`mlflow-artifacts:`), so that one address is enough.

mod client;
mod export;
mod import;
mod metrics;
mod sign_in;

pub use export::Exported;
pub use import::Imported;
pub use sign_in::SignIn;

/// An MLflow server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address, `http://` or `https://`.
    pub uri: String,
    /// Who asks it.
    pub sign_in: SignIn,
}

impl Server {
    /// A server that lets everybody in.
    #[must_use]
    pub fn open(uri: &str) -> Self {
        Self { uri: uri.to_owned(), sign_in: SignIn::default() }
    }
}

/// Prefix of the tags that are ours.
const OURS: &str = "noctule.";
/// The version, as a tag: MLflow counts its own.
const VERSION_TAG: &str = "noctule.version";
/// SHA-256 of the manifest, as a tag.
const MANIFEST_TAG: &str = "noctule.manifest_sha256";
/// Folder of the release among the artifacts of its run.
const RELEASE_FOLDER: &str = "release";
