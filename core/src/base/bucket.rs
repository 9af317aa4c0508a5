//! The salted hash that puts an installation into a bucket: for experiments and for roll-outs.
//!
//! It is version 2 of GrowthBook's published standard: FNV-1a (32 bits) of the decimal FNV-1a of
//! salt and value, modulo 10,000. The same installation gets the same bucket in every language and
//! on every server that follows it.

/// Buckets that there are.
pub const BUCKETS: u32 = 10_000;

/// The bucket that `value` always gets under `salt`, below [`BUCKETS`].
#[must_use]
pub fn bucket_index(salt: &str, value: &str) -> u32 {
    let inner = fnv1a(&format!("{salt}{value}"));
    fnv1a(&inner.to_string()) % BUCKETS
}

/// A number in [0, 1) in steps of 1/10,000 that `value` always gets under `salt`.
///
/// ```
/// use noctule_core::base::bucket::bucket;
/// assert_eq!(bucket("town-1", "installation"), bucket("town-1", "installation"));
/// assert!((0.0..1.0).contains(&bucket("town-1", "another")));
/// ```
#[must_use]
pub fn bucket(salt: &str, value: &str) -> f64 {
    f64::from(bucket_index(salt, value)) / f64::from(BUCKETS)
}

/// FNV-1a of 32 bits (Fowler, Noll and Vo) over the UTF-8 bytes.
fn fnv1a(text: &str) -> u32 {
    text.bytes()
        .fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
