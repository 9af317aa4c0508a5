//! The collector's signature under its answers.

use std::fmt;
use std::sync::Arc;

use noctule_core::base::digest::hex_of;
use noctule_core::upload::Acknowledgement;
use noctule_core::upload::deletions::DeletionAnswer;

/// Gives the signature of bytes.
type Sign = dyn Fn(&[u8]) -> [u8; 64] + Send + Sync;

/// Signs with an Ed25519 key (RFC 8032), wherever that is kept.
///
/// An app that names the public key in `Config::collector_keys` removes nothing from a device that
/// the collector has not acknowledged itself, whoever ends TLS in between.
#[derive(Clone)]
pub struct Signer(Arc<Sign>);

impl Signer {
    /// Signs by calling `sign` with the bytes, once for each answer and on the threads that serve:
    /// it should take microseconds.
    pub fn new(sign: impl Fn(&[u8]) -> [u8; 64] + Send + Sync + 'static) -> Self {
        Self(Arc::new(sign))
    }

    /// The acknowledgement with its signature.
    pub(crate) fn signed(&self, answer: Acknowledgement) -> Acknowledgement {
        let signature = (self.0)(answer.signed_text().as_bytes());
        Acknowledgement { signature: Some(hex_of(&signature)), ..answer }
    }

    /// The answer to a request to delete with its signature.
    pub(crate) fn signed_deletion(&self, mut answer: DeletionAnswer) -> DeletionAnswer {
        let signature = (self.0)(answer.signed_text().as_bytes());
        answer.signature = Some(hex_of(&signature));
        answer
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}
