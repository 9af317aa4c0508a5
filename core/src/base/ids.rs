//! Identifiers, checked where they enter.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::limits::ID_BYTES_MAX;
use super::{Error, Result};

/// Refuses what no identifier may hold: nothing, more than [`ID_BYTES_MAX`] bytes, control
/// characters (which would break lines in logs, URLs and newline-delimited files).
fn check(kind: &'static str, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(kind, "is empty"));
    }
    if text.len() > ID_BYTES_MAX {
        let reason = format!("is {} bytes long, at most {ID_BYTES_MAX} are allowed", text.len());
        return Err(Error::invalid(kind, reason));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(kind, "holds a control character"));
    }
    Ok(())
}

/// Bytes of an app's name.
const APP_BYTES_MAX: usize = 64;

/// Refuses what is no app's name: it becomes a folder's name in the collector's output, so it is 1
/// to 64 of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`, and does not begin with a dot.
///
/// ```
/// use noctule_core::base::ids::check_app;
/// assert!(check_app("app", "com.example.town").is_ok());
/// assert!(check_app("app", "../town").is_err());
/// ```
///
/// # Errors
/// [`Error::InvalidInput`] for `field`.
pub fn check_app(field: &str, app: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let length = 1..=APP_BYTES_MAX;
    if length.contains(&app.len()) && !app.starts_with('.') && app.chars().all(plain) {
        return Ok(());
    }
    let rule = "use a-z, A-Z, 0-9, '.', '_' and '-', at most 64, not a dot first";
    Err(Error::invalid(field, format!("is no app's name: {rule}")))
}

macro_rules! identifier {
    ($name:ident, $kind:literal, $doc:literal) => {
        #[doc = $doc]
        ///
        /// Cheap to clone. 1 to 128 bytes of UTF-8 without control characters; compared byte by
        /// byte, so two Unicode normal forms are two identifiers.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and wraps `text`.
            ///
            /// # Errors
            /// [`Error::InvalidInput`] when it is empty, too long or holds control characters.
            pub fn new(text: impl AsRef<str>) -> Result<Self> {
                check($kind, text.as_ref())?;
                Ok(Self(Arc::from(text.as_ref())))
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.to_string()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

identifier!(ItemId, "item", "The app's own name of an item, the same in every release.");
identifier!(SurfaceId, "surface", "A place in the app that shows a slate (`home`).");
identifier!(ContextId, "context", "The circumstances a slate is made for (`breakfast`).");

/// The identity of a feedback event: a UUID of version 7 (RFC 9562), fixed when it is recorded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub uuid::Uuid);

impl EventId {
    /// A new id; ids made later sort later.
    #[must_use]
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_not_empty_not_endless_and_has_no_control_characters() {
        assert!(ItemId::new("café-7").is_ok());
        assert!(ItemId::new("x".repeat(ID_BYTES_MAX)).is_ok());
        for bad in [String::new(), "x".repeat(ID_BYTES_MAX + 1), "a\nb".into(), "a\0".into()] {
            assert!(matches!(ItemId::new(&bad), Err(Error::InvalidInput { .. })), "{bad:?}");
        }
    }

    #[test]
    fn reading_json_applies_the_same_check() {
        assert!(serde_json::from_str::<SurfaceId>("\"home\"").is_ok());
        assert!(serde_json::from_str::<SurfaceId>("\"\"").is_err());
    }
}
