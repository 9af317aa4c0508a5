//! Uploads, carried by the app's own HTTP client.

use noctule_core::upload;

/// What the app should do next for the feedback.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Transfer {
    /// Send this, then call `transfer_finished` and `next_transfer` again.
    Upload {
        /// What to send.
        request: UploadRequest,
    },
    /// Ask again then; there is something to send, but the last attempt failed.
    Wait {
        /// Unix milliseconds.
        until_ms: i64,
    },
    /// Nothing to do.
    Done,
}

impl From<upload::Transfer> for Transfer {
    fn from(transfer: upload::Transfer) -> Self {
        match transfer {
            upload::Transfer::Upload(request) => Self::Upload { request: request.into() },
            upload::Transfer::Wait { until_ms } => Self::Wait { until_ms },
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
        /// Body of the answer; what is longer than 64 KiB may be cut.
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
