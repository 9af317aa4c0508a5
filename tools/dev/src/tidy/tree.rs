//! The files of the repository: those that git knows or would add, or all without git.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use super::Finding;
use crate::cargo::output_of;
use crate::error::{Error, Result};

/// What may stand at the top level, beside dot-files.
const TOP_LEVEL: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "core",
    "ffi",
    "android",
    "ios",
    "tools",
    "tests",
    "README.md",
    "LICENSE",
];

/// Folders and files that builds and runs leave behind, for when git cannot tell.
const LEFT_BEHIND: [&str; 4] = ["target", ".git", "noctule-demo", "__pycache__"];

/// A file larger than this is data, not text that somebody wrote.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// All files by path from the root, with forward slashes; those that are text with their text.
pub(super) struct Tree {
    files: BTreeMap<String, Option<String>>,
    folders: BTreeSet<String>,
}

impl Tree {
    /// Reads the repository below `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let paths = match output_of(list.current_dir(root)) {
            Ok(output) => output.split_terminator('\0').map(str::to_owned).collect(),
            Err(_) => {
                let mut paths = Vec::new();
                walk(root, "", &mut paths)?;
                paths
            }
        };
        let mut files = BTreeMap::new();
        for path in paths {
            // Git still lists a file that has been deleted or moved and not committed.
            if root.join(&path).exists() {
                let text = text_of(&root.join(&path))?;
                files.insert(path, text);
            }
        }
        Ok(Self::with(files))
    }

    /// A tree made up for a test.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Self::with(files.collect())
    }

    fn with(files: BTreeMap<String, Option<String>>) -> Self {
        let mut folders = BTreeSet::new();
        for path in files.keys() {
            folders.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
        }
        Self { files, folders }
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The files that are text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether a file or folder is there.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.folders.contains(path)
    }
}

/// The top level holds what is agreed and nothing else.
pub(super) fn check_top_level(tree: &Tree) -> Vec<Finding> {
    let names: BTreeSet<&str> =
        tree.paths().map(|path| path.split('/').next().unwrap_or(path)).collect();
    let strangers =
        names.into_iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(name));
    strangers
        .map(|name| {
            let what = "does not belong at the top level; move it to its folder".to_owned();
            Finding::new(name, 0, "top", what)
        })
        .collect()
}

fn text_of(path: &Path) -> Result<Option<String>> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let about = fs::metadata(path).map_err(read)?;
    if !about.is_file() || about.len() > TEXT_BYTES_MAX {
        return Ok(None);
    }
    let bytes = fs::read(path).map_err(read)?;
    Ok(String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')))
}

fn walk(root: &Path, below: &str, paths: &mut Vec<String>) -> Result<()> {
    let folder = root.join(below);
    let read = |source| Error::Read { path: folder.clone(), source };
    for entry in fs::read_dir(&folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if LEFT_BEHIND.contains(&name.as_str()) {
            continue;
        }
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.file_type().map_err(read)?.is_dir() {
            walk(root, &path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_at_the_top_level_is_found() {
        let tree = Tree::of(&[("docs/a.md", ""), ("core/a.rs", ""), (".ci/run", "")]);
        let found = check_top_level(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "docs");
    }

    #[test]
    fn a_tree_knows_its_files_and_their_folders() {
        let tree = Tree::of(&[("core/src/lib.rs", "")]);
        assert!(tree.has("core/src/lib.rs") && tree.has("core/src") && tree.has("core"));
        assert!(!tree.has("core/s"));
    }

    #[test]
    fn the_walk_without_git_finds_sources_and_leaves_builds_out() {
        let mut paths = Vec::new();
        walk(crate::cargo::Workspace::here().root(), "", &mut paths).unwrap();
        assert!(paths.iter().any(|path| path == "tools/dev/src/tidy/tree.rs"));
        assert!(!paths.iter().any(|path| path.starts_with("target/")));
    }
}
