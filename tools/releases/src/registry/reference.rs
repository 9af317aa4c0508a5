//! How people name a release: `town@3`, or `town@champion`.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// Characters of an alias, a key of a tag, the name of a line.
const NAME_BYTES_MAX: usize = 64;

/// A line and one of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The line.
    pub name: String,
    /// Which of its versions.
    pub target: Target,
}

/// A version by number or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This version.
    Version(u64),
    /// The version that the alias points at.
    Alias(String),
}

impl Reference {
    /// Version `version` of `name`.
    #[must_use]
    pub fn version(name: &str, version: u64) -> Self {
        Self { name: name.to_owned(), target: Target::Version(version) }
    }
}

impl FromStr for Reference {
    type Err = Error;

    /// Reads `NAME@VERSION` or `NAME@ALIAS`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |reason: &str| Error::reference(text, reason);
        let (name, target) = text
            .split_once('@')
            .ok_or_else(|| wrong("must read NAME@VERSION or NAME@ALIAS, as in town@3"))?;
        check_word(name).map_err(|reason| wrong(&format!("the name {reason}")))?;
        let target = if target.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = target.parse().map_err(|_| wrong("the version is not a number"))?;
            Target::Version(number)
        } else {
            check_alias(target).map_err(|reason| wrong(&format!("the alias {reason}")))?;
            Target::Alias(target.to_owned())
        };
        Ok(Self { name: name.to_owned(), target })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Version(number) => write!(f, "{}@{number}", self.name),
            Target::Alias(alias) => write!(f, "{}@{alias}", self.name),
        }
    }
}

/// Whether `text` can be the name of a line or the key of a tag, or why not.
pub(super) fn check_word(text: &str) -> Result<(), String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(fine) {
        return Err(format!("must be 1 to {NAME_BYTES_MAX} of A-Z, a-z, 0-9, '_', '-' and '.'"));
    }
    Ok(())
}

/// Whether `text` can be an alias: neither a version nor one of MLflow's own words.
pub(super) fn check_alias(text: &str) -> Result<(), String> {
    check_word(text)?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(text) || text.strip_prefix('v').is_some_and(digits) || text == "latest" {
        return Err("must not look like a version, nor be `latest`".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_and_an_alias_are_told_apart_and_shown_as_they_were_written() {
        let version: Reference = "town@3".parse().unwrap();
        assert_eq!(version, Reference::version("town", 3));
        let alias: Reference = "town@champion".parse().unwrap();
        assert_eq!(alias.target, Target::Alias("champion".into()));
        assert_eq!(
            (version.to_string(), alias.to_string()),
            ("town@3".into(), "town@champion".into())
        );
    }

    #[test]
    fn what_names_no_release_is_refused() {
        for text in ["town", "@3", "town@", "town@latest", "town@v3", "a@b@c", "t@é"] {
            assert!(matches!(text.parse::<Reference>(), Err(Error::Reference { .. })), "{text}");
        }
        assert!("town@99999999999999999999".parse::<Reference>().is_err());
    }
}
