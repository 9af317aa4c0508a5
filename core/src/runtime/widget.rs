//! The file of slates for widgets: kept like what is served.

use std::path::{Path, PathBuf};

use super::{Config, Noctule, lock};
use crate::base::replace::{remove_file, replace_file};
use crate::base::{Error, Result};
use crate::feedback::{EventKind, FeedbackEvent};
use crate::store::{Store, meta};
use crate::widget::{Encoded, WIDGET_FILE, choose, encode, read_file};

/// Where the file was written last: it goes when the app wants it elsewhere, or not at all.
const KEY: &str = "widget_path";

/// How the file of slates for widgets stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WidgetStatus {
    /// Slates in it.
    pub slates: usize,
    /// Slates that did not fit.
    pub left_out: usize,
    /// Its bytes; 0 when there is none.
    pub bytes: usize,
    /// Why it could not be brought up to date. It was removed then, unless this says otherwise.
    pub failed: Option<String>,
}

/// Checks what the app asks for, and removes the file that it no longer asks for.
pub(super) fn settle(store: &Store, config: &Config) -> Result<()> {
    if let Some(policy) = &config.widget {
        policy.validate()?;
    }
    let before = store.read(|connection| meta::get(connection, KEY))?;
    let now = path(config).map(|path| path.as_os_str().as_encoded_bytes().to_vec());
    if before == now {
        return Ok(());
    }
    if let Some(before) = before.and_then(|bytes| String::from_utf8(bytes).ok()) {
        // A folder that is gone, as after a move of the app, has no file any more.
        let _ = remove_file(Path::new(&before));
    }
    let written = store.write("noting the file for widgets", |transaction| match &now {
        Some(path) => meta::put(transaction, KEY, path),
        None => meta::remove(transaction, KEY),
    });
    match written {
        // A full disk must not keep the profile shut; the next opening tries again.
        Err(Error::StorageFull { .. }) => Ok(()),
        written => written,
    }
}

/// Removes the file, where it is wanted now and where it was written last.
pub(super) fn remove_files(store: &Store, config: &Config) -> Result<()> {
    let before = store.read(|connection| meta::get(connection, KEY))?;
    let before = before.and_then(|bytes| String::from_utf8(bytes).ok()).map(PathBuf::from);
    before.into_iter().chain(path(config)).try_for_each(|path| remove_file(&path))
}

fn path(config: &Config) -> Option<PathBuf> {
    let policy = config.widget.as_ref()?;
    Some(policy.path.clone().unwrap_or_else(|| config.directory.join(WIDGET_FILE)))
}

impl Noctule {
    /// Brings the file up to date with what is served. Where that fails it is removed, since it may
    /// show what the user hid; what failed is told by [`super::Status::widget`], and the next
    /// change tries again.
    pub(super) fn refresh_widget(&self) {
        let Some(path) = path(&self.config) else { return };
        // One at a time, and each from what is served when it has its turn.
        let mut status = lock(&self.widget);
        let encoded = self.encoded_widget();
        let Encoded { bytes, slates, left_out } = encoded;
        let wanted = if slates + left_out == 0 { None } else { Some(bytes) };
        let length = wanted.as_ref().map_or(0, Vec::len);
        *status = match bring(&path, wanted.as_deref()) {
            Ok(()) => WidgetStatus { slates, left_out, bytes: length, failed: None },
            Err(error) => {
                let removed = remove_file(&path);
                let failed = match removed {
                    Ok(()) => error.to_string(),
                    Err(second) => format!("{error}; the old file stays: {second}"),
                };
                WidgetStatus { failed: Some(failed), ..WidgetStatus::default() }
            }
        };
    }

    /// As [`Self::refresh_widget`], when `events` change what may be shown.
    pub(super) fn refresh_widget_after(&self, events: &[FeedbackEvent]) {
        let changes = |event: &FeedbackEvent| {
            matches!(event.kind, EventKind::Hide | EventKind::Conversion | EventKind::Like)
        };
        if events.iter().any(changes) {
            self.refresh_widget();
        }
    }

    /// Removes the file before what it was made from is erased.
    pub(super) fn remove_widget(&self) -> Result<()> {
        let Some(path) = path(&self.config) else { return Ok(()) };
        let mut status = lock(&self.widget);
        remove_file(&path)?;
        *status = WidgetStatus::default();
        Ok(())
    }

    /// How the file stands; none when the app asks for none.
    pub(super) fn widget_status(&self) -> Option<WidgetStatus> {
        self.config.widget.as_ref().map(|_| lock(&self.widget).clone())
    }

    fn encoded_widget(&self) -> Encoded {
        let policy = self.config.widget.clone().unwrap_or_default();
        choose(&self.shelf, &policy, |chosen| encode(chosen, &policy))
    }
}

/// Writes `wanted` unless it stands there already, or removes the file.
fn bring(path: &Path, wanted: Option<&[u8]>) -> Result<()> {
    let Some(wanted) = wanted else { return remove_file(path) };
    // A file that cannot be read, or is none of ours, is replaced.
    if read_file(path).ok().flatten().as_deref() == Some(wanted) {
        return Ok(());
    }
    replace_file(path, wanted)
}
