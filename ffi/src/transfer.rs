//! Uploads and fetches, carried by the app's own HTTP client.

use noctule_core::upload;

/// The network that the app has at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Network {
    /// Wi-Fi, or another network where bytes cost nothing.
    Unmetered,
    /// Mobile data, or a network in Low Data mode.
    Metered,
}

impl From<Network> for upload::Network {
    fn from(network: Network) -> Self {
        match network {
            Network::Unmetered => Self::Unmetered,
            Network::Metered => Self::Metered,
        }
    }
}

/// What the app should do next.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Transfer {
    /// Send this, then call `transfer_finished` and `next_transfer` again.
    Upload {
        /// What to send.
        request: UploadRequest,
    },
    /// Fetch this, then call `transfer_finished` and `next_transfer` again.
    Fetch {
        /// What to fetch.
        request: FetchRequest,
    },
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

impl From<upload::Transfer> for Transfer {
    fn from(transfer: upload::Transfer) -> Self {
        match transfer {
            upload::Transfer::Upload(request) => Self::Upload { request: request.into() },
            upload::Transfer::Fetch(request) => Self::Fetch { request: request.into() },
            upload::Transfer::Wait { until_ms } => Self::Wait { until_ms },
            upload::Transfer::WaitForUnmetered { bytes } => Self::WaitForUnmetered { bytes },
            upload::Transfer::WaitForSpace { bytes } => Self::WaitForSpace { bytes },
            upload::Transfer::Done => Self::Done,
        }
    }
}

/// A request for the app's HTTP client: a POST to the collector.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct UploadRequest {
    /// Names the transfer in `transfer_finished`.
    pub id: String,
    /// Path below the collector's address.
    pub path: String,
    /// Headers to set.
    pub headers: Vec<Header>,
    /// The body, to be sent as it is.
    pub body: Vec<u8>,
}

impl From<upload::UploadRequest> for UploadRequest {
    fn from(request: upload::UploadRequest) -> Self {
        let header =
            |(name, value): (&str, &str)| Header { name: name.to_owned(), value: value.to_owned() };
        Self {
            id: request.id,
            path: request.path.to_owned(),
            headers: request.headers.into_iter().map(header).collect(),
            body: request.body,
        }
    }
}

/// A request for the app's HTTP client: a GET from the repository of releases.
///
/// The body is written to `destination` as it comes: that of a 206 from byte `offset` on, that of a
/// 200 from the begin, never more than up to byte `offset + length_max`. What is in the file is
/// checked before it is used, so a transfer that was cut needs no care.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FetchRequest {
    /// Names the transfer in `transfer_finished`.
    pub id: String,
    /// Path below the repository's address.
    pub path: String,
    /// The first byte that is wanted.
    pub offset: u64,
    /// Bytes from there that are wanted, at most.
    pub length_max: u64,
    /// Value of the `Range` header to set, when one is needed.
    pub range: Option<String>,
    /// The file where the body goes.
    pub destination: String,
}

impl From<upload::FetchRequest> for FetchRequest {
    fn from(request: upload::FetchRequest) -> Self {
        Self {
            range: request.range(),
            id: request.id,
            path: request.path,
            offset: request.offset,
            length_max: request.length_max,
            // Made from the profile directory, which came in as a string.
            destination: request.destination.to_string_lossy().into_owned(),
        }
    }
}

/// A header of an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum TransferOutcome {
    /// The server answered, whatever it said.
    Answer {
        /// HTTP status.
        status: u16,
        /// Body of the answer to an upload; what is longer than 64 KiB may be cut. Empty for a
        /// fetch.
        body: Vec<u8>,
        /// Seconds of the `Retry-After` header, if there was one.
        #[uniffi(default = None)]
        retry_after_s: Option<u64>,
    },
    /// There was no answer: no network, a time-out, a broken connection.
    NoAnswer {
        /// For the log.
        reason: String,
    },
}

impl From<TransferOutcome> for upload::TransferOutcome {
    fn from(outcome: TransferOutcome) -> Self {
        match outcome {
            TransferOutcome::Answer { status, body, retry_after_s } => {
                Self::Answer { status, body, retry_after_s }
            }
            TransferOutcome::NoAnswer { reason } => Self::NoAnswer { reason },
        }
    }
}
