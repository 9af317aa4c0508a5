//! Whether a collector's answer is the collector's own.

use ed25519_dalek::{Signature, VerifyingKey};

use crate::base::digest;

/// Whether one of `keys` made `signature`, in hexadecimal digits, under `text`. Points of small
/// order and signatures that are not the canonical ones are refused (`verify_strict`).
pub(super) fn is_signed_by(keys: &[[u8; 32]], text: &str, signature: Option<&str>) -> bool {
    let signature = signature.and_then(digest::bytes_of_hex::<64>);
    let Some(signature) = signature.map(|bytes| Signature::from_bytes(&bytes)) else {
        return false;
    };
    keys.iter()
        .filter_map(|key| VerifyingKey::from_bytes(key).ok())
        .any(|key| key.verify_strict(text.as_bytes(), &signature).is_ok())
}
