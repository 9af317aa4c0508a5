//! Installations that asked to be forgotten: everything of them leaves the output, and what they
//! send later is not stored.
//!
//! Who is forgotten must be remembered, and yet nothing may be left that names them: kept are
//! SHA-256 digests of app and installation. An installation is 122 random bits, which no one finds
//! by trying.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::compaction::REJECTED;
use crate::disk;
use crate::error::{Error, Result};
use crate::journal::{JOURNAL, StoredDeletion};
use crate::partitions;
use crate::rewriting;
use crate::rows::{Table, read_keys};

/// Folder of the digests in the output folder.
pub(crate) const FORGOTTEN: &str = "_forgotten";

/// What an app and an installation are remembered by.
type Digest = [u8; 32];

/// Installations by app.
pub(crate) type Leaving = BTreeMap<String, BTreeSet<Uuid>>;

/// The installations that the lines of a segment ask to forget.
pub(crate) fn leaving(deletions: &[StoredDeletion<'_>]) -> Leaving {
    let mut leaving = Leaving::new();
    for deletion in deletions {
        leaving.entry(deletion.app.to_string()).or_default().insert(deletion.installation);
    }
    leaving
}

/// The installations that are forgotten.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forgotten(BTreeSet<Digest>);

impl Forgotten {
    pub(crate) fn contains(&self, app: &str, installation: Uuid) -> bool {
        !self.0.is_empty() && self.0.contains(&digest(app, installation))
    }

    /// Adds an installation; whether it was new.
    pub(crate) fn insert(&mut self, app: &str, installation: Uuid) -> bool {
        self.0.insert(digest(app, installation))
    }

    pub(crate) fn insert_all(&mut self, leaving: &Leaving) {
        for (app, installations) in leaving {
            for installation in installations {
                self.insert(app, *installation);
            }
        }
    }

    /// Adds all that another has.
    pub(crate) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// One digest a line, in hexadecimal digits, sorted.
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(self.0.len() * 65);
        for digest in &self.0 {
            for byte in digest {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        }
        text
    }

    /// Reads what [`Forgotten::text`] has written; none when it is something else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.lines().map(parse_digest).collect::<Option<BTreeSet<Digest>>>().map(Self)
    }

    /// Reads the digests of an output folder.
    pub(crate) fn load(output: &Path) -> Result<Self> {
        let path = output.join(FORGOTTEN).join("installations");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Error::file(&path, "read")(error)),
        };
        // Going on without them would store again who has left.
        let reason = "it holds something else than digests";
        Self::parse(&text).ok_or(Error::Damaged { path, reason })
    }

    /// Writes the digests through.
    pub(crate) fn save(&self, output: &Path) -> Result<()> {
        disk::publish(&output.join(FORGOTTEN).join("installations"), |mut file, path| {
            file.write_all(self.text().as_bytes()).map_err(Error::file(path, "write"))?;
            Ok(file)
        })
    }
}

fn digest(app: &str, installation: Uuid) -> Digest {
    let mut hash = Sha256::new();
    // The name of an app holds no zero.
    hash.update(b"noctule forgotten\0");
    hash.update(app.as_bytes());
    hash.update(b"\0");
    hash.update(installation.as_bytes());
    hash.finalize().into()
}

fn parse_digest(line: &str) -> Option<Digest> {
    if line.len() != 64 || !line.is_ascii() {
        return None;
    }
    let mut digest = Digest::default();
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&line[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(digest)
}

/// Rewrites every file of the output that holds something of these installations. Gives the number
/// of files that were rewritten or removed.
///
/// Every step replaces or removes one file, so that a crash leaves a folder for which the same
/// call does the rest.
pub(crate) fn rewrite(output: &Path, leaving: &Leaving) -> Result<u64> {
    let mut files = 0;
    for (app, installations) in leaving {
        for (root, table) in
            [(output.to_path_buf(), Table::Events), (output.join(REJECTED), Table::Rejections)]
        {
            for path in partitions::files_of_app(&root, app)? {
                let is_part = path.extension().is_some_and(|extension| extension == "parquet");
                if is_part && rewrite_file(&path, table, app, installations)? {
                    files += 1;
                }
            }
        }
    }
    let all: BTreeSet<Uuid> = leaving.values().flatten().copied().collect();
    Ok(files + rewrite_damaged_lines(&output.join(JOURNAL), &all)?)
}

/// Takes the rows of these installations out of a file; whether there were any.
fn rewrite_file(path: &Path, table: Table, app: &str, gone: &BTreeSet<Uuid>) -> Result<bool> {
    let keys = read_keys(path, table)?;
    let left = keys.iter().filter(|(installation, _)| !gone.contains(installation)).count();
    if left == keys.len() {
        return Ok(false);
    }
    if left == 0 {
        disk::remove(path)?;
        disk::sync_folder(&disk::parent(path))?;
        return Ok(true);
    }
    let sources = [path.to_path_buf()];
    disk::publish(path, |file, target| {
        let keep = |installation| !gone.contains(&installation);
        rewriting::copy(&sources, table, app, keep, (file, target)).map(|(file, _)| file)
    })?;
    Ok(true)
}

/// Lines of the journal that could not be read are kept; those that name a leaving installation go.
fn rewrite_damaged_lines(journal: &Path, gone: &BTreeSet<Uuid>) -> Result<u64> {
    let is_damaged = |path: &PathBuf| path.extension().is_some_and(|found| found == "damaged");
    let mut files = 0;
    for path in disk::entries(journal)?.into_iter().filter(is_damaged) {
        let text = fs::read(&path).map_err(Error::file(&path, "read"))?;
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let kept: Vec<&[u8]> = lines.iter().copied().filter(|line| !names(line, gone)).collect();
        if kept.len() == lines.len() {
            continue;
        }
        disk::publish(&path, |mut file, path| {
            file.write_all(&kept.concat()).map_err(Error::file(path, "write"))?;
            Ok(file)
        })?;
        files += 1;
    }
    Ok(files)
}

/// Whether a line holds the text of one of the installations.
pub(crate) fn names(line: &[u8], installations: &BTreeSet<Uuid>) -> bool {
    // Every window that could be such a text is tried: no installation is searched for by itself.
    line.windows(36).any(|text| {
        text[8] == b'-'
            && text[13] == b'-'
            && Uuid::try_parse_ascii(text).is_ok_and(|found| installations.contains(&found))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_again_and_names_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let mut forgotten = Forgotten::load(folder.path()).unwrap();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(forgotten.insert("town", one) && !forgotten.insert("town", one));
        forgotten.save(folder.path()).unwrap();
        let read = Forgotten::load(folder.path()).unwrap();
        assert!(read.contains("town", one));
        assert!(!read.contains("town", two) && !read.contains("city", one));
        assert!(!names(read.text().as_bytes(), &BTreeSet::from([one])));
    }

    #[test]
    fn digests_that_cannot_be_read_stop_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FORGOTTEN).join("installations");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        for bad in ["x", &"ü".repeat(32), &"0".repeat(63), &format!("{}\n\n", "0".repeat(64))] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(Forgotten::load(folder.path()), Err(Error::Damaged { .. })), "{bad}");
        }
    }

    #[test]
    fn an_installation_is_found_in_a_line_wherever_it_stands() {
        let one = Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0);
        let of = BTreeSet::from([one]);
        let text = one.to_string();
        for line in [text.clone(), format!("{{\"a\":\"{text}\"}}"), format!("--------{text}")] {
            assert!(names(line.as_bytes(), &of), "{line}");
        }
        assert!(!names(&text.as_bytes()[1..], &of));
        assert!(!names(Uuid::from_u128(7).to_string().as_bytes(), &of));
    }
}
