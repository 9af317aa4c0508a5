//! Ed25519 keys as files of hexadecimal digits.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::str::FromStr;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use crate::{Error, Result};

/// Bytes of a key file that are read: 64 digits and some white space.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// A key that signs: releases, or what a collector acknowledges. Its memory is wiped when it is
/// dropped.
///
/// ```
/// use noctule_releases::SecretKey;
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("release.key");
/// let key = SecretKey::generate()?;
/// key.save(&path)?;
/// assert_eq!(SecretKey::load(&path)?.public(), key.public());
/// assert!(key.save(&path).is_err(), "a key is never overwritten");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A new key from the operating system's random numbers.
    ///
    /// # Errors
    /// [`Error::Random`] when it has none.
    pub fn generate() -> Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(Error::Random)?;
        Ok(Self::from_seed(&seed))
    }

    /// The key of `seed`: the same seed gives the same key, for simulations and tests.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads the key that [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`], and [`Error::NotAKey`] when it is not 64 hexadecimal digits.
    pub fn load(path: &Path) -> Result<Self> {
        let seed = parse_hex(&read(path)?);
        let seed = seed.map_err(|reason| Error::NotAKey { path: path.to_path_buf(), reason })?;
        Ok(Self::from_seed(&seed))
    }

    /// Writes the key to a new file that only its owner may read (mode 0600 where there are
    /// modes).
    ///
    /// # Errors
    /// [`Error::Exists`] when the file is there already, otherwise [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<()> {
        write_new(path, &hex(self.0.as_bytes()), true)
    }

    /// The key that devices trust.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The detached signature of `bytes`.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey of {}", self.public())
    }
}

/// The key that devices trust; written as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Reads the key that [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`], and [`Error::NotAKey`] when it is not a public key.
    pub fn load(path: &Path) -> Result<Self> {
        let key = read(path)?.parse::<Self>();
        key.map_err(|error| Error::NotAKey { path: path.to_path_buf(), reason: error.to_string() })
    }

    /// Writes the key to a new file.
    ///
    /// # Errors
    /// [`Error::Exists`] when the file is there already, otherwise [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<()> {
        write_new(path, &self.to_string(), false)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = parse_hex(text).map_err(|reason| Error::part("key", reason))?;
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        key.map(|_| Self(bytes)).ok_or_else(|| Error::part("key", "is not an Ed25519 public key"))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hex(text: &str) -> Result<[u8; 32], String> {
    let text = text.trim();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    let bytes: Option<Vec<u8>> =
        pairs.map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)).collect();
    match (text.len(), bytes.and_then(|bytes| bytes.try_into().ok())) {
        (64, Some(bytes)) => Ok(bytes),
        _ => Err("64 hexadecimal digits are needed".to_owned()),
    }
}

fn read(path: &Path) -> Result<String> {
    let file = File::open(path).map_err(Error::file(path, "opening"))?;
    let mut bytes = Vec::new();
    let read = file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(Error::file(path, "reading"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write_new(path: &Path, text: &str, secret: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let mut file = options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_path_buf() },
        _ => Error::file(path, "making")(error),
    })?;
    writeln!(file, "{text}").map_err(Error::file(path, "writing"))?;
    file.sync_all().map_err(Error::file(path, "flushing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 1.
    #[test]
    fn a_seed_gives_the_public_key_of_the_standard() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let key = SecretKey::from_seed(&parse_hex(seed).unwrap());
        assert_eq!(key.public().to_string(), public);
        assert_eq!(public.parse::<PublicKey>().unwrap(), key.public());
    }

    #[test]
    fn two_generated_keys_differ() {
        let (a, b) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        assert_ne!(a.public(), b.public());
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_key_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k");
        SecretKey::from_seed(&[1; 32]).save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k");
        let (first, second) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
        first.public().save(&path).unwrap();
        assert!(matches!(second.save(&path), Err(Error::Exists { .. })));
        assert!(matches!(second.public().save(&path), Err(Error::Exists { .. })));
        assert_eq!(PublicKey::load(&path).unwrap(), first.public());
    }

    #[test]
    fn a_file_that_holds_no_key_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k");
        for text in ["", "abc", &"g".repeat(64), &"0".repeat(65), &"é".repeat(32)] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(SecretKey::load(&path), Err(Error::NotAKey { .. })), "{text}");
            assert!(matches!(PublicKey::load(&path), Err(Error::NotAKey { .. })), "{text}");
        }
        std::fs::write(&path, format!("02{}", "0".repeat(62))).unwrap();
        assert!(matches!(PublicKey::load(&path), Err(Error::NotAKey { .. })));
        let absent = directory.path().join("absent");
        assert!(matches!(SecretKey::load(&absent), Err(Error::File { .. })));
    }

    #[test]
    fn a_secret_key_does_not_show_itself_in_debug_text() {
        let key = SecretKey::from_seed(&[1; 32]);
        assert!(!format!("{key:?}").contains(&hex(&[1; 32])));
    }
}
