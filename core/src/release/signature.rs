//! The detached signature of a manifest: Ed25519 (RFC 8032) over its exact bytes.

use ed25519_dalek::{SIGNATURE_LENGTH, Signature, VerifyingKey};

use super::manifest::SIGNATURE_FILE;
use crate::base::{Error, Refusal, Result};

/// Checks that one of `keys` signed `manifest`; `signature` is the content of `manifest.sig`, if
/// the file is there.
///
/// Verification is strict: signatures of small order and non-canonical ones are refused, so no
/// two signatures of one text and key are both good.
///
/// # Errors
/// [`Error::ReleaseRefused`] with [`Refusal::NotSigned`] or [`Refusal::WrongSignature`] (also when
/// `keys` is empty); [`Error::InvalidInput`] when a trusted key is not a point of the curve.
pub fn verify(manifest: &[u8], signature: Option<&[u8]>, keys: &[[u8; 32]]) -> Result<()> {
    let refused = |refusal| Error::refused(SIGNATURE_FILE, refusal);
    let bytes = signature.ok_or_else(|| refused(Refusal::NotSigned))?;
    let bytes: &[u8; SIGNATURE_LENGTH] =
        bytes.try_into().map_err(|_| refused(Refusal::WrongSignature))?;
    let signature = Signature::from_bytes(bytes);
    let mut verified = false;
    for (index, key) in keys.iter().enumerate() {
        let key = VerifyingKey::from_bytes(key).map_err(|_| {
            Error::invalid(format!("trusted_keys[{index}]"), "is not an Ed25519 public key")
        })?;
        verified |= key.verify_strict(manifest, &signature).is_ok();
    }
    if verified { Ok(()) } else { Err(refused(Refusal::WrongSignature)) }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    fn refusal(result: Result<()>) -> Refusal {
        match result {
            Err(Error::ReleaseRefused { refusal, .. }) => refusal,
            other => panic!("{other:?}"),
        }
    }

    /// RFC 8032, section 7.1, test 3.
    #[test]
    fn the_standards_own_vector_verifies() {
        let key = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
        let signature = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                         18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
        let bytes = |hex: &str| -> Vec<u8> {
            let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
            digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect()
        };
        let key: [u8; 32] = bytes(key).try_into().unwrap();
        let signature = bytes(signature);
        assert!(verify(&[0xaf, 0x82], Some(&signature), &[key]).is_ok());
        let other = verify(&[0xaf, 0x83], Some(&signature), &[key]);
        assert_eq!(refusal(other), Refusal::WrongSignature);
    }

    #[test]
    fn any_trusted_key_will_do_and_no_other() {
        let (ours, theirs) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let signature = ours.sign(b"text").to_bytes();
        let keys = [theirs.verifying_key().to_bytes(), ours.verifying_key().to_bytes()];
        assert!(verify(b"text", Some(&signature), &keys).is_ok());
        let result = verify(b"text", Some(&signature), &keys[..1]);
        assert_eq!(refusal(result), Refusal::WrongSignature);
    }

    #[test]
    fn no_signature_no_key_and_a_short_signature_are_refused() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let (signature, public) = (key.sign(b"text").to_bytes(), key.verifying_key().to_bytes());
        assert_eq!(refusal(verify(b"text", None, &[public])), Refusal::NotSigned);
        assert_eq!(refusal(verify(b"text", Some(&signature), &[])), Refusal::WrongSignature);
        let short = verify(b"text", Some(&signature[..63]), &[public]);
        assert_eq!(refusal(short), Refusal::WrongSignature);
    }

    #[test]
    fn the_key_of_small_order_that_signs_everything_is_refused() {
        // The neutral element with a zero scalar satisfies the unchecked equation for any text.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let result = verify(b"text", Some(&signature), &[identity]);
        assert_eq!(refusal(result), Refusal::WrongSignature);
    }

    #[test]
    fn a_trusted_key_that_is_no_key_is_named() {
        let not_a_point = {
            let mut key = [0; 32];
            key[0] = 2;
            key
        };
        let result = verify(b"text", Some(&[0; 64]), &[not_a_point]);
        assert!(
            matches!(result, Err(Error::InvalidInput { field, .. }) if field == "trusted_keys[0]")
        );
    }
}
