//! An HTTP client that moves what a device asks for: what the app's own client does on a phone.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use noctule_core::Noctule;
use noctule_core::base::{FetchRequest, Network, Transfer, TransferOutcome};

use crate::{Error, Result};

/// Time until a server has to begin its answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes written at once.
const BUFFER_BYTES: usize = 64 * 1_024;

/// A client of one repository.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
}

/// What [`Client::update`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Updated {
    /// Requests that were answered.
    pub requests: u64,
    /// Bytes that came.
    pub bytes: u64,
    /// Bytes that are left until there is an unmetered network.
    pub waits_for_unmetered: Option<u64>,
    /// The active release afterwards, as `town@3`.
    pub release: Option<String>,
}

impl Client {
    /// A client of the repository at `base`, an `http://` or `https://` address.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(TIMEOUT))
            .timeout_recv_response(Some(TIMEOUT))
            .build();
        Self { agent: config.new_agent(), base: base.trim_end_matches('/').to_owned() }
    }

    /// Fetches what `library` asks for until there is nothing more; then the newest release that
    /// is offered to it is active. `progress` hears how many bytes of it are here, and of how many.
    ///
    /// # Errors
    /// Those of the library, and [`Error::Server`] when it wants to wait after failures.
    pub fn update(
        &self,
        library: &Noctule,
        network: Network,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Updated> {
        let mut updated = Updated::default();
        let mut last = String::from("the pause after an earlier failure is not over");
        loop {
            match library.next_fetch(network)? {
                Transfer::Fetch(request) => {
                    let (outcome, bytes) = self.fetch(&request);
                    updated.requests += 1;
                    updated.bytes += bytes;
                    last = match &outcome {
                        TransferOutcome::Answer { status, .. } => {
                            format!("the answer to {} was {status}", request.path)
                        }
                        TransferOutcome::NoAnswer { reason } => reason.clone(),
                    };
                    library.transfer_finished(&request.id, &outcome)?;
                    if let Some(delivery) = library.status()?.delivery {
                        progress(delivery.bytes_here, delivery.bytes_total);
                    }
                }
                Transfer::Wait { until_ms } => {
                    return Err(Error::Server { base: self.base.clone(), reason: last, until_ms });
                }
                Transfer::WaitForUnmetered { bytes } => {
                    updated.waits_for_unmetered = Some(bytes);
                    break;
                }
                // It says nothing of free space, so that nothing waits for any.
                Transfer::Upload(_) | Transfer::WaitForSpace { .. } | Transfer::Done => break,
            }
        }
        updated.release = library.status()?.release;
        Ok(updated)
    }

    /// Fetches `request` into its file; gives the bytes that came.
    pub fn fetch(&self, request: &FetchRequest) -> (TransferOutcome, u64) {
        let mut bytes = 0;
        let outcome = self
            .try_fetch(request, &mut bytes)
            .unwrap_or_else(|error| TransferOutcome::NoAnswer { reason: error.to_string() });
        (outcome, bytes)
    }

    fn try_fetch(
        &self,
        request: &FetchRequest,
        bytes: &mut u64,
    ) -> Result<TransferOutcome, Box<dyn std::error::Error>> {
        let mut get = self.agent.get(format!("{}/{}", self.base, request.path));
        if let Some(range) = request.range() {
            get = get.header("range", range);
        }
        let mut answer = get.call()?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after");
        let retry_after_s =
            retry_after.and_then(|value| value.to_str().ok()).and_then(|value| value.parse().ok());
        if matches!(status, 200 | 206) {
            let offset = if status == 206 { request.offset } else { 0 };
            let end = request.offset.saturating_add(request.length_max);
            // No more than was asked for, however long the answer is.
            let body = answer.body_mut().as_reader().take(end - offset);
            *bytes = write_from(request, offset, body)?;
        }
        Ok(TransferOutcome::Answer { status, body: Vec::new(), retry_after_s })
    }
}

fn write_from(request: &FetchRequest, offset: u64, mut body: impl Read) -> std::io::Result<u64> {
    let mut open = OpenOptions::new();
    let mut file: File =
        open.create(true).truncate(false).write(true).open(&request.destination)?;
    file.set_len(offset)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut written = 0;
    loop {
        let count = body.read(&mut buffer)?;
        if count == 0 {
            return Ok(written);
        }
        file.write_all(&buffer[..count])?;
        written += count as u64;
    }
}
