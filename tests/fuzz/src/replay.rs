//! Inputs of a directory, executed once each.

use std::path::Path;

use crate::run::execute;
use crate::{Kind, Target};

/// Executes every file of `directory` whose name begins with that of `target`; gives the names of
/// those that still find something, and how many there were.
///
/// # Errors
/// When the directory cannot be read.
pub fn replay(target: &Target, directory: &Path) -> std::io::Result<(Vec<(String, Kind)>, usize)> {
    let (mut findings, mut count) = (Vec::new(), 0);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(&format!("{}-", target.name)) {
            continue;
        }
        count += 1;
        match execute(target, &std::fs::read(&path)?) {
            (None, _) => findings.push((name, Kind::Panic)),
            (_, peak) if peak > 2 * target.declared_bytes => {
                findings.push((name, Kind::Memory(peak)));
            }
            _ => {}
        }
    }
    Ok((findings, count))
}
