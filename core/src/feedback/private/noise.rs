//! Noise that is the same whenever it is asked for, and that nobody without the secret can tell
//! from chance.

use sha2::{Digest, Sha256};

/// A secret of this device alone, from the system's cryptographic source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub(super) [u8; 32]);

impl Secret {
    /// A fresh one.
    #[must_use]
    pub fn generate() -> Self {
        // Three times 122 bits of the system's source.
        let mut digest = Sha256::new();
        (0..3).for_each(|_| digest.update(uuid::Uuid::new_v4().as_bytes()));
        Self(digest.finalize().into())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Integers for one answer: SHA-256 over the secret, what is asked, and a counter.
pub(super) struct Noise {
    base: Sha256,
    count: u64,
}

impl Noise {
    /// The integers for an answer that `about` names, part by part.
    pub(super) fn new(secret: &Secret, about: &[&str]) -> Self {
        let mut base = Sha256::new();
        base.update(b"noctule private answer 1");
        base.update(secret.0);
        for part in about {
            // Lengths keep the parts apart.
            base.update((part.len() as u64).to_le_bytes());
            base.update(part);
        }
        Self { base, count: 0 }
    }

    /// A uniform integer below `bound`, which is at least 1.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The greatest multiple of the bound: what lies above would favour small integers.
        let fair = u64::MAX - u64::MAX % bound;
        loop {
            let mut digest = self.base.clone();
            digest.update(self.count.to_le_bytes());
            self.count += 1;
            let bytes: [u8; 32] = digest.finalize().into();
            for word in bytes.chunks_exact(8) {
                let word = word.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
                if word < fair {
                    return word % bound;
                }
            }
        }
    }
}
