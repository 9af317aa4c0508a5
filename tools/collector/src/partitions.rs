//! The folders of the output: `app=…/day=…/`.

use std::path::{Path, PathBuf};

use noctule_core::base::Day;

use crate::disk;
use crate::error::Result;

/// The folder of an app and a day below `root`.
pub(crate) fn folder(root: &Path, app: &str, day: Day) -> PathBuf {
    root.join(format!("app={app}")).join(format!("day={day}"))
}

/// The apps below `root`, by name, with their folders.
pub(crate) fn apps(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = disk::entries(root)?.into_iter();
    Ok(entries.filter_map(|path| Some((value(&path, "app=")?, path))).collect())
}

/// The days of the folder of an app, by their name, with their folders.
pub(crate) fn days(app: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = disk::entries(app)?.into_iter();
    Ok(entries.filter_map(|path| Some((value(&path, "day=")?, path))).collect())
}

/// Every entry of every day of every app, with its app.
pub(crate) fn files(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for (app, _) in apps(root)? {
        files.extend(files_of_app(root, &app)?.into_iter().map(|path| (app.clone(), path)));
    }
    Ok(files)
}

/// Every entry of every day of an app.
pub(crate) fn files_of_app(root: &Path, app: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (_, day) in days(&root.join(format!("app={app}")))? {
        files.extend(disk::entries(&day)?);
    }
    Ok(files)
}

/// The day that `YYYY-MM-DD` means.
pub(crate) fn parse_day(text: &str) -> Option<Day> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let day = Day::of_date(parts.next()??, parts.next()??, parts.next()??)?;
    // One text a day: others are nobody's folders.
    (day.to_string() == text).then_some(day)
}

fn value(path: &Path, key: &str) -> Option<String> {
    Some(path.file_name()?.to_str()?.strip_prefix(key)?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_one_text() {
        let day = parse_day("2026-11-20").unwrap();
        assert_eq!(day.to_string(), "2026-11-20");
        for other in ["2026-11-3", "2026-02-30", "+2026-11-20", "2026-11", "x", "2026-11-20-1"] {
            assert_eq!(parse_day(other), None, "{other}");
        }
    }
}
