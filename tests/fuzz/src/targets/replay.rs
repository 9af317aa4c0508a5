//! A bundle for replay: as it is, and with the lengths and checksums of its blobs mended.

use noctule_core::base::{ContextId, ItemId, Profile, SurfaceId, limits};
use noctule_core::release::Policy;
use noctule_core::replay::{Bundle, Inputs};
use noctule_core::slates::{Slate, SlateKey, stored};

use super::{Target, answer};
use crate::Shape;

/// Bytes before the blob.
const HEAD: usize = 12;

pub(super) const TARGET: Target = Target {
    name: "replay",
    execute,
    seeds,
    shape: Shape::Plain,
    tokens: &["noctrply\u{1}\u{0}\u{0}\u{0}", "\u{0}", "{\"surfaces\":[],\"contexts\":[]}"],
    bytes_max: 64 * 1024,
    // What the lists of a blob may claim before their values are there.
    declared_bytes: limits::BLOB_BYTES_MAX,
};

fn execute(bytes: &[u8]) -> u64 {
    check(bytes);
    let mut mended = bytes.to_vec();
    if let Some(blob) = mended.get_mut(HEAD..) {
        mend(blob);
    }
    check(&mended);
    answer(&Bundle::parse(&mended))
}

/// What is accepted can be written and read again.
fn check(bytes: &[u8]) {
    let Ok(bundle) = Bundle::parse(bytes) else { return };
    let again = bundle.to_bytes().and_then(|bytes| Bundle::parse(&bytes));
    assert!(again.is_ok(), "accepted, and not after writing it");
}

/// Puts length and CRC-32 into the head of a stored blob.
fn mend(blob: &mut [u8]) {
    let length = (blob.len().saturating_sub(9) as u32).to_le_bytes();
    if let Some(place) = blob.get_mut(1..5) {
        place.copy_from_slice(&length);
    }
    let covered = blob.iter().enumerate().filter(|(at, _)| !(5..9).contains(at));
    let checksum = !covered.fold(u32::MAX, |crc, (_, byte)| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    });
    if let Some(place) = blob.get_mut(5..9) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

fn bundle(plan: Option<&str>) -> Option<Vec<u8>> {
    let surface = SurfaceId::new("home").ok()?;
    let slate = Slate {
        key: SlateKey { surface, context: ContextId::new("noon").ok()? },
        generation: 1,
        created_ms: 5,
        stale_after_ms: 6,
        release: "town@1".into(),
        policy: Policy::Model,
        made_at_night: true,
        personalised: true,
        arm: None,
        fatigue_impressions: 0,
        forgotten_through: 0,
        slots: Vec::new(),
        unmet: Vec::new(),
    };
    let profile = Profile { hidden: [ItemId::new("sol").ok()?].into(), ..Profile::default() };
    let inputs = Inputs {
        release: "town@1".into(),
        manifest_sha256: "00".repeat(32),
        plan: plan.and_then(|plan| serde_json::from_str(plan).ok()),
        profile,
        day: 7,
    };
    let published = stored::encode(&slate).ok()?;
    Bundle { inputs, digest: vec![1; 32], slate, published }.to_bytes().ok()
}

fn seeds() -> Vec<Vec<u8>> {
    let plan = r#"{"surfaces":[{"id":"home","length":3,"contexts":["noon"]}],
        "contexts":[{"id":"noon","when":{"days":"every","from":0,"until":1440}}]}"#;
    [Some(plan), None].into_iter().filter_map(bundle).collect()
}
