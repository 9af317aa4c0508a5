//! A directory that appears under its name whole or not at all.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A directory being filled beside the one it will be; removed again unless it is published.
pub(crate) struct Staging {
    pub(crate) path: PathBuf,
}

impl Staging {
    /// A new one, unless `out` holds anything.
    pub(crate) fn beside(out: &Path) -> Result<Self> {
        if let Ok(mut entries) = std::fs::read_dir(out) {
            if entries.next().is_some() {
                return Err(Error::Exists { path: out.to_path_buf() });
            }
        } else if out.symlink_metadata().is_ok() {
            return Err(Error::Exists { path: out.to_path_buf() });
        }
        let Some(name) = out.file_name() else {
            return Err(Error::part(out.display().to_string(), "is not the name of a directory"));
        };
        let number = getrandom::u64().map_err(Error::Random)?;
        let name = format!(".{}.{number:016x}", name.to_string_lossy());
        let path = out.with_file_name(name);
        std::fs::create_dir_all(&path).map_err(Error::file(&path, "making"))?;
        Ok(Self { path })
    }

    /// Gives it the name `out` in one step.
    pub(crate) fn publish(self, out: &Path) -> Result<()> {
        // An empty directory in the way was asked for by its owner; a full one does not go.
        match std::fs::remove_dir(out) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file(out, "replacing")(error));
            }
            _ => {}
        }
        std::fs::rename(&self.path, out).map_err(Error::file(out, "renaming"))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nothing is there after publishing; what cannot be removed stays hidden.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
