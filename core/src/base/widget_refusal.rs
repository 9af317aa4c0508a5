//! Why a file of slates for widgets is refused.

/// What is wrong with the bytes, and where. `core/docs/formats/widget.md` describes the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WidgetRefusal {
    /// Longer than any such file, or shorter than its head.
    #[error("{found} bytes, {least} to {most} are read")]
    Size {
        /// Bytes that are there.
        found: u64,
        /// The fewest.
        least: usize,
        /// The most.
        most: usize,
    },
    /// The first bytes are others: no such file.
    #[error("it does not begin with the eight letters of the format")]
    Magic,
    /// Written to another version of the format.
    #[error("version {found}, {known} is read")]
    Version {
        /// Version in the file.
        found: u32,
        /// Version that is known.
        known: u32,
    },
    /// The head says another length, in all or by the counts of its parts.
    #[error("its head tells of {told} bytes, {found} are there")]
    Length {
        /// Bytes that the head tells of.
        told: u64,
        /// Bytes that are there.
        found: usize,
    },
    /// The checksum does not hold.
    #[error("the checksum does not hold")]
    Checksum,
    /// A value of a record is not allowed.
    #[error("{record} {number}: {field} {reason}")]
    Field {
        /// The kind of record.
        record: &'static str,
        /// Its number, from 0.
        number: usize,
        /// The field.
        field: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// The texts are not UTF-8.
    #[error("the texts are not UTF-8 from byte {at} on")]
    NotUtf8 {
        /// The first byte that is wrong, counted from the beginning of the texts.
        at: usize,
    },
}
