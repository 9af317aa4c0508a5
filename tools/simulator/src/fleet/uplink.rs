//! Moving a phone's bytes to the collector: what the app's HTTP client does.

use std::time::Duration;

use noctule_core::base::limits::BATCH_EVENTS_MAX;
use noctule_core::upload::{Acknowledgement, TransferOutcome, UploadRequest};

/// Time for one batch: a collector on the same machine answers in milliseconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of an answer: an acknowledgement that refuses every event of a batch, with its reason.
const ANSWER_BYTES_MAX: u64 = 256 * BATCH_EVENTS_MAX as u64;

/// A connection to the collector, kept open between batches.
#[derive(Debug)]
pub(super) struct Uplink {
    agent: ureq::Agent,
    base: String,
}

impl Uplink {
    pub(super) fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .proxy(None)
            .build();
        Self { agent: config.new_agent(), base: base.trim_end_matches('/').to_owned() }
    }

    /// Sends `request` and tells what came of it; never fails, as no answer is an outcome.
    pub(super) fn send(&self, request: &UploadRequest) -> TransferOutcome {
        self.post(request)
            .unwrap_or_else(|error| TransferOutcome::NoAnswer { reason: error.to_string() })
    }

    fn post(&self, request: &UploadRequest) -> Result<TransferOutcome, ureq::Error> {
        let mut post = self.agent.post(format!("{}{}", self.base, request.path));
        for (name, value) in &request.headers {
            post = post.header(*name, *value);
        }
        let mut answer = post.send(request.body.as_slice())?;
        let retry_after = answer.headers().get("retry-after");
        let retry_after_s =
            retry_after.and_then(|value| value.to_str().ok()).and_then(|value| value.parse().ok());
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(TransferOutcome::Answer { status, body, retry_after_s })
    }
}

/// What a collector said it took, counted over a phone's batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Delivered {
    pub(super) batches: u64,
    pub(super) acknowledged: u64,
    pub(super) repeated: u64,
    pub(super) rejected: u64,
}

impl Delivered {
    /// Counts `outcome` when it is an acknowledgement.
    pub(super) fn count(&mut self, outcome: &TransferOutcome) {
        let TransferOutcome::Answer { status: 200, body, .. } = outcome else { return };
        let Ok(answer) = serde_json::from_slice::<Acknowledgement>(body) else { return };
        self.batches += 1;
        self.acknowledged += u64::from(answer.accepted);
        self.repeated += u64::from(answer.repeated);
        self.rejected += answer.rejected.len() as u64;
    }
}

/// What to tell a person about an outcome that is no acknowledgement.
pub(super) fn reason(outcome: &TransferOutcome) -> String {
    match outcome {
        TransferOutcome::Answer { status, .. } => format!("the collector answered {status}"),
        TransferOutcome::NoAnswer { reason } => reason.clone(),
    }
}
