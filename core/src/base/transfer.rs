//! The pull queue's words: what the app's HTTP client should do next, and how it went.

use std::path::PathBuf;

/// The network that the app has at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Wi-Fi, or another network where bytes cost nothing.
    Unmetered,
    /// Mobile data, or a network in Low Data mode.
    Metered,
}

/// What the app should do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transfer {
    /// Send this.
    Upload(UploadRequest),
    /// Fetch this.
    Fetch(FetchRequest),
    /// Ask again then; there is something to do, but the last attempt failed.
    Wait {
        /// Unix milliseconds.
        until_ms: i64,
    },
    /// Ask again on an unmetered network: what is next is larger than the policy allows here.
    WaitForUnmetered {
        /// Bytes that are left of it.
        bytes: u64,
    },
    /// Free some space, say so with `set_free_bytes`, and ask again: the release that is on its way
    /// would not fit on the disk.
    WaitForSpace {
        /// Bytes that have to be free.
        bytes: u64,
    },
    /// Nothing to do.
    Done,
}

/// A request for the app's HTTP client: a POST to the collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRequest {
    /// Names the transfer in `transfer_finished`.
    pub id: String,
    /// Path below the collector's address.
    pub path: &'static str,
    /// Headers to set.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A request for the app's HTTP client: a GET from the repository of releases.
///
/// The body is written to `destination` as it comes, so that nothing is lost when the process
/// ends: that of a 206 from byte `offset` on, that of a 200 from the begin. No answer may write
/// behind byte `offset + length_max`. What is in the file is checked before it is used, whoever
/// wrote it, so a transfer that was cut needs no care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// Names the transfer in `transfer_finished`.
    pub id: String,
    /// Path below the repository's address.
    pub path: String,
    /// The first byte that is wanted; when not 0, with `Range: bytes=<offset>-<end - 1>`.
    pub offset: u64,
    /// Bytes from there that are wanted, at most. The length is exact for all but metadata.
    pub length_max: u64,
    /// Where the body goes.
    pub destination: PathBuf,
}

impl FetchRequest {
    /// The value of the `Range` header, when one is needed.
    #[must_use]
    pub fn range(&self) -> Option<String> {
        let last = self.offset.saturating_add(self.length_max).saturating_sub(1);
        (self.offset > 0).then(|| format!("bytes={}-{last}", self.offset))
    }
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferOutcome {
    /// The server answered.
    Answer {
        /// HTTP status.
        status: u16,
        /// Body of the answer to an upload; what is longer than 64 KiB may be cut. Empty for a
        /// fetch, whose body is in its file.
        body: Vec<u8>,
        /// Seconds of the `Retry-After` header, if there was one.
        retry_after_s: Option<u64>,
    },
    /// There was no answer.
    NoAnswer {
        /// For the log.
        reason: String,
    },
}

impl TransferOutcome {
    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answer { status, .. } => Some(*status),
            Self::NoAnswer { .. } => None,
        }
    }

    /// What the server asked for in `Retry-After`.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Answer { retry_after_s, .. } => *retry_after_s,
            Self::NoAnswer { .. } => None,
        }
    }
}
