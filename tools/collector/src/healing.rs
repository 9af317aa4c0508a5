//! A collector that could not write looks by itself whether it can again.
//!
//! Without it a full disk would stay a failure after there is room: whoever asks `/healthz` sends
//! no batches to a collector that fails, and only a batch would show that it works.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::shared::Shared;
use crate::writer::Command;

/// How long after a failure it looks again.
const EVERY: Duration = Duration::from_secs(2);
/// Bytes that it tries to write: more than most batches.
const PROBE_BYTES: usize = 256 << 10;

/// Looks as long as something fails.
pub(crate) async fn heal_regularly(
    journal: PathBuf,
    commands: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
) {
    loop {
        tokio::time::sleep(EVERY).await;
        if shared.failure().is_none() || shared.is_broken() {
            continue;
        }
        let path = journal.join("probe");
        let works = tokio::task::spawn_blocking(move || probe(&path)).await;
        if !matches!(works, Ok(Ok(()))) {
            continue;
        }
        shared.set_journal_failure(None);
        // What could not become Parquet is tried again now, not at the next regular flush. Merging
        // is not: each flush makes small files, and a day whose files are damaged stays so.
        if shared.compaction_fails() && commands.send(Command::Flush { reply: None }).is_err() {
            return;
        }
    }
}

/// Writes a file through and removes it.
fn probe(path: &Path) -> io::Result<()> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_all()
    });
    let removed = fs::remove_file(path);
    written.and(removed)
}
