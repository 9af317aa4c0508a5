//! One changed byte anywhere is refused.

use noctule_releases::{pack, verify};

use crate::parts::{NOW_MS, input, key};

/// Every byte of the small files and at least this many of the large ones are flipped.
const FLIPS: usize = 300;

#[test]
fn a_flipped_bit_in_any_file_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("r");
    pack(&input(40, 8), &key(), &out).unwrap();
    let keys = [key().public()];
    let entries: Vec<_> = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(entries.len(), 5);
    for path in entries {
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by((good.len() / FLIPS).max(1)) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(&path, bad).unwrap();
            let result = verify(&out, &keys, NOW_MS);
            assert!(result.is_err(), "byte {at} of {}", path.display());
        }
        std::fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(verify(&out, &keys, NOW_MS).is_err(), "{} cut", path.display());
        std::fs::write(&path, [&good[..], b" "].concat()).unwrap();
        assert!(verify(&out, &keys, NOW_MS).is_err(), "{} longer", path.display());
        std::fs::remove_file(&path).unwrap();
        assert!(verify(&out, &keys, NOW_MS).is_err(), "{} gone", path.display());
        std::fs::write(&path, good).unwrap();
        verify(&out, &keys, NOW_MS).unwrap();
    }
}
