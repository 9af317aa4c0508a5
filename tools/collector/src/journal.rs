//! The journal: what was acknowledged and is not yet Parquet.
//!
//! A segment is a file of newline-delimited JSON. Lines are only ever appended, and a batch is
//! acknowledged after its lines are written through. So whatever a crash leaves unfinished stands
//! behind the last acknowledged line, and a reader may drop it.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use noctule_core::feedback::RecordedEvent;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::disk;
use crate::error::{Error, Result};
use crate::forgetting::{self, Forgotten};

/// Folder of the journal in the output folder. Readers of Hive partitions skip names that begin
/// with an underscore.
pub(crate) const JOURNAL: &str = "_journal";

/// One line of the journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line<'a> {
    Event(Box<StoredEvent<'a>>),
    Rejected(StoredRejection<'a>),
    Deletion(StoredDeletion<'a>),
}

/// An event with what its batch said about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredEvent<'a> {
    pub(crate) app: Cow<'a, str>,
    pub(crate) installation: Uuid,
    pub(crate) batch_id: Uuid,
    pub(crate) experiment: Option<Cow<'a, str>>,
    /// The batch's exam as JSON, with the first event of the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exam: Option<Cow<'a, str>>,
    /// How many events the device had dropped when it made the batch, with its first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dropped: Option<u64>,
    pub(crate) received_ms: i64,
    pub(crate) event: Cow<'a, RecordedEvent>,
}

/// A line that did not fit the schema.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredRejection<'a> {
    pub(crate) app: Cow<'a, str>,
    pub(crate) installation: Uuid,
    pub(crate) batch_id: Uuid,
    pub(crate) received_ms: i64,
    pub(crate) index: u32,
    pub(crate) reason: Cow<'a, str>,
    /// The bytes as they came, whatever they are.
    #[serde(with = "base64_bytes")]
    pub(crate) line: Cow<'a, [u8]>,
}

/// An installation that asked to be forgotten.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredDeletion<'a> {
    pub(crate) app: Cow<'a, str>,
    pub(crate) installation: Uuid,
    pub(crate) requested_at_ms: i64,
    pub(crate) received_ms: i64,
}

/// Bytes as text: in base64.
mod base64_bytes {
    use std::borrow::Cow;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<Cow<'static, [u8]>, D::Error> {
        let text = Cow::<'d, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_ref()).map(Cow::Owned).map_err(D::Error::custom)
    }
}

/// A segment that is being written.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    file: File,
    /// Bytes that are written through.
    pub(crate) length: u64,
}

/// Why lines were not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// Nothing of them is left in the segment; no more may be appended to it.
    Undone(io::Error),
    /// It is not known what is left: nothing more may be acknowledged by this process.
    Unknown(io::Error),
}

impl AppendError {
    pub(crate) fn of(self, path: &Path) -> Error {
        match self {
            Self::Undone(source) | Self::Unknown(source) => Error::file(path, "append")(source),
        }
    }
}

impl Segment {
    /// Begins segment `number` in `folder`.
    pub(crate) fn create(folder: &Path, number: u64) -> Result<Self> {
        let path = folder.join(format!("segment-{number:012}.ndjson"));
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(Error::file(&path, "create"))?;
        disk::sync_folder(folder)?;
        Ok(Self { path, file, length: 0 })
    }

    /// Appends lines and writes them through.
    pub(crate) fn append(&mut self, lines: &[u8]) -> Result<(), AppendError> {
        let written = self.file.write_all(lines).and_then(|()| self.file.sync_data());
        let Err(error) = written else {
            self.length += lines.len() as u64;
            return Ok(());
        };
        // After a failed write-through the kernel may call the pages clean: only what was
        // acknowledged before is known to be on the disk, so everything behind it goes.
        match self.file.set_len(self.length).and_then(|()| self.file.sync_all()) {
            Ok(()) => Err(AppendError::Undone(error)),
            Err(undo) => Err(AppendError::Unknown(undo)),
        }
    }
}

/// The segments of a journal in the order in which they were written, with their numbers.
pub(crate) fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let numbered = |path: PathBuf| Some((number_of(&path, "segment-", ".ndjson")?, path));
    Ok(disk::entries(folder)?.into_iter().filter_map(numbered).collect())
}

/// The number in a file name like `segment-000000000007.ndjson`.
pub(crate) fn number_of(path: &Path, prefix: &str, suffix: &str) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok()
}

/// What a segment holds.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) events: Vec<StoredEvent<'static>>,
    pub(crate) rejections: Vec<StoredRejection<'static>>,
    pub(crate) deletions: Vec<StoredDeletion<'static>>,
    /// Lines that cannot be read: the disk, not a crash, has damaged them.
    pub(crate) damaged: Vec<Vec<u8>>,
}

impl Contents {
    /// Adds the lines of a segment. A last line without its end was never acknowledged and is left
    /// out.
    pub(crate) fn read(&mut self, segment: &[u8]) {
        let mut lines: Vec<&[u8]> = segment.split(|byte| *byte == b'\n').collect();
        // Behind the last end of line: nothing, or a torn line.
        lines.pop();
        for line in lines {
            match serde_json::from_slice(line) {
                Ok(Line::Event(event)) => self.events.push(*event),
                Ok(Line::Rejected(rejection)) => self.rejections.push(rejection),
                Ok(Line::Deletion(deletion)) => self.deletions.push(deletion),
                Err(_) => self.damaged.push(line.to_vec()),
            }
        }
    }
}

impl Contents {
    /// Leaves out the rows of forgotten installations.
    pub(crate) fn leave_out(&mut self, forgotten: &Forgotten) {
        self.events.retain(|row| !forgotten.contains(&row.app, row.installation));
        self.rejections.retain(|row| !forgotten.contains(&row.app, row.installation));
        let leaving = forgetting::leaving(&self.deletions).into_values().flatten().collect();
        self.damaged.retain(|line| !forgetting::names(line, &leaving));
    }
}

/// Reads a segment.
pub(crate) fn read(path: &Path) -> Result<Contents> {
    let bytes = fs::read(path).map_err(Error::file(path, "read"))?;
    let mut contents = Contents::default();
    contents.read(&bytes);
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use noctule_core::base::{EventId, ItemId};
    use noctule_core::feedback::EventKind;

    use super::*;

    fn line(sequence: u64) -> Vec<u8> {
        let item = ItemId::new("café").unwrap();
        let event = RecordedEvent {
            id: EventId(Uuid::from_u128(sequence.into())),
            propensity: Some(0.1),
            ..RecordedEvent::new(sequence, 1, EventKind::Click, item)
        };
        let mut line = serde_json::to_vec(&Line::Event(Box::new(StoredEvent {
            app: "town".into(),
            installation: Uuid::from_u128(7),
            batch_id: Uuid::from_u128(8),
            experiment: None,
            exam: None,
            dropped: None,
            received_ms: 2,
            event: Cow::Owned(event),
        })))
        .unwrap();
        line.push(b'\n');
        line
    }

    fn sequences(path: &Path) -> (Vec<u64>, bool) {
        let contents = read(path).unwrap();
        (
            contents.events.iter().map(|event| event.event.sequence).collect(),
            !contents.damaged.is_empty(),
        )
    }

    #[test]
    fn a_segment_cut_at_any_byte_gives_its_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let mut segment = Segment::create(folder.path(), 1).unwrap();
        let (one, two) = (line(1), line(2));
        segment.append(&[one.as_slice(), &two].concat()).unwrap();
        let whole = fs::read(&segment.path).unwrap();
        assert_eq!(whole.len() as u64, segment.length);
        for cut in 0..=whole.len() {
            fs::write(&segment.path, &whole[..cut]).unwrap();
            let expected: &[u64] = match cut {
                cut if cut == whole.len() => &[1, 2],
                cut if cut >= one.len() => &[1],
                _ => &[],
            };
            assert_eq!(sequences(&segment.path), (expected.to_vec(), false), "{cut}");
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_told_and_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment-000000000001.ndjson");
        fs::write(&path, [line(1), b"\0\0\0\n".to_vec(), line(3)].concat()).unwrap();
        assert_eq!(sequences(&path), (vec![1, 3], true));
    }

    #[test]
    fn segments_are_found_by_number_and_other_files_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        Segment::create(folder.path(), 12).unwrap();
        Segment::create(folder.path(), 3).unwrap();
        fs::write(folder.path().join("lock"), "").unwrap();
        let numbers: Vec<u64> =
            segments(folder.path()).unwrap().into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [3, 12]);
        assert!(Segment::create(folder.path(), 3).is_err(), "a segment is never reused");
    }
}
