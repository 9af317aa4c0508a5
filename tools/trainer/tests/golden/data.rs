//! Finds real data and unpacks what is compressed.

use std::path::{Path, PathBuf};
use std::process::Command;

use noctule_trainer::evaluation::Evaluation;

/// The path of `name` in the data folder, or none, said aloud.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("NOCTULE_DATA").map_or_else(beside, PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent", path.display());
    None
}

/// Unpacks `name` (which ends in `.xz`) into a new directory, under its name without the ending;
/// none, said aloud, where the file or the `xz` command is missing.
pub(crate) fn unpack(name: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let packed = find(name)?;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(packed.file_stem().unwrap());
    let output = std::fs::File::create(&path).unwrap();
    let Ok(status) = Command::new("xz").arg("-dc").arg(&packed).stdout(output).status() else {
        eprintln!("skipped: the command xz is missing");
        return None;
    };
    assert!(status.success(), "xz failed on {}", packed.display());
    Some((directory, path))
}

/// Asserts HR and NDCG to half a unit of the table's last place.
pub(crate) fn assert_table(found: &Evaluation, hit_rate: f64, ndcg: f64, half_unit: f64) {
    let close = |a: f64, b: f64| (a - b).abs() <= half_unit;
    assert!(close(found.hit_rate, hit_rate) && close(found.ndcg, ndcg), "{found:?}");
}
