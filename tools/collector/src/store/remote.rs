//! Object stores by URL; in builds with the feature `cloud`.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::{Error, Result};

/// The store of `location`, set up from the environment (`AWS_ACCESS_KEY_ID` and its like).
#[cfg(feature = "cloud")]
pub(super) fn open(location: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let url = url::Url::parse(location)
        .map_err(|error| invalid(location, format!("is not a URL: {error}")))?;
    let kind = kind(location, url.scheme())?;
    let named = std::env::vars_os().filter_map(|(key, value)| {
        Some((key.into_string().ok()?.to_ascii_lowercase(), value.into_string().ok()?))
    });
    let settings = named.filter(|(key, _)| is_setting(kind, key));
    let (store, base) =
        object_store::parse_url_opts(&url, settings).map_err(Error::store(location, "open"))?;
    Ok((store.into(), base))
}

/// Refuses: this build knows folders only.
#[cfg(not(feature = "cloud"))]
pub(super) fn open(location: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let reason = "this build knows folders only: build noctule with --features cloud";
    Err(invalid(location, reason.into()))
}

fn invalid(location: &str, reason: String) -> Error {
    Error::InvalidSetting { setting: location.to_owned(), reason }
}

/// Whose object store a URL means, as the prefix of its settings in the environment.
#[cfg(any(feature = "cloud", test))]
fn kind(location: &str, scheme: &str) -> Result<&'static str> {
    match scheme {
        "s3" | "s3a" => Ok("aws_"),
        "gs" => Ok("google_"),
        "az" | "azure" | "abfs" | "abfss" => Ok("azure_"),
        _ => {
            let reason = "must be a folder or begin with file://, s3://, gs:// or az://";
            Err(invalid(location, reason.into()))
        }
    }
}

/// Whether the variable `key`, in lower case, is about a store of this kind. `object_store` would
/// take `TOKEN`, `REGION`, `TIMEOUT` as well, which mean other things to other programs, and would
/// send a foreign token to the store.
#[cfg(any(feature = "cloud", test))]
fn is_setting(kind: &str, key: &str) -> bool {
    // Azure's own name for where a machine gets its identity.
    key.starts_with(kind)
        || (kind == "azure_" && ["identity_endpoint", "msi_endpoint"].contains(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_other_programs_do_not_set_up_a_store() {
        assert!(is_setting("aws_", "aws_endpoint"));
        for key in ["token", "region", "bucket", "timeout", "google_bucket", "identity_endpoint"] {
            assert!(!is_setting("aws_", key), "{key}");
        }
        assert!(is_setting("azure_", "identity_endpoint"));
        assert!(kind("x://y", "http").is_err() && kind("s3://b/p", "s3").is_ok());
    }
}
