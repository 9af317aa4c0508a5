//! The HTTP routes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use noctule_core::upload::Acknowledgement;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::access::{Access, Denied};
use crate::batch::{self, Batch, Encoding, Refused};
use crate::deletions;
use crate::group::NotStored;
use crate::metrics::add;
use crate::settings::Limits;
use crate::shared::Shared;
use crate::writer::Command;

/// How long a request waits for its turn before it is sent away.
const TURN: Duration = Duration::from_secs(5);
/// Seconds after which a device may come back to a busy or full collector.
pub(crate) const RETRY_SOON_S: u64 = 60;
/// Seconds after which a device may ask a collector that does not know its schema again.
const RETRY_LATER_S: u64 = 3_600;

/// What the routes share.
pub(crate) struct Service {
    access: Access,
    limits: Limits,
    turns: Semaphore,
    commands: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
}

impl Service {
    pub(crate) fn new(
        access: Access,
        limits: Limits,
        commands: mpsc::UnboundedSender<Command>,
        shared: Arc<Shared>,
    ) -> Self {
        let turns = Semaphore::new(limits.requests.clamp(1, Semaphore::MAX_PERMITS));
        Self { access, limits, turns, commands, shared }
    }

    /// Lets `app` in with the value of its `authorization` header.
    pub(crate) fn admit(&self, app: &str, authorization: Option<&[u8]>) -> Result<(), Denied> {
        self.access.check(app, authorization)
    }

    /// Hands work to the journal thread; it may have ended.
    pub(crate) fn send(&self, command: Command) -> Result<(), ()> {
        self.commands.send(command).map_err(|_| ())
    }
}

/// The routes of a collector.
pub(crate) fn router(service: Service) -> Router {
    let limit = DefaultBodyLimit::max(service.limits.compressed_bytes);
    Router::new()
        .route("/v1/batches", post(receive))
        .route("/v1/deletions", post(deletions::receive))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .layer(limit)
        .with_state(Arc::new(service))
}

/// An answer other than 200.
pub(crate) enum Problem {
    Refused(Refused),
    /// The headers or the body cannot be read.
    Request(StatusCode, String),
    /// Nothing is wrong with the batch; it may come again after so many seconds.
    Later(u64, &'static str),
}

async fn receive(State(service): State<Arc<Service>>, request: Request) -> Response {
    match store(&service, request).await {
        Ok(answer) => Json(answer).into_response(),
        Err(problem) => {
            add(&service.shared.metrics.refused_batches, 1);
            problem.into_response()
        }
    }
}

async fn store(service: &Arc<Service>, request: Request) -> Result<Acknowledgement, Problem> {
    let busy = Problem::Later(RETRY_SOON_S, "the collector is busy");
    let Ok(Ok(_turn)) = timeout(TURN, service.turns.acquire()).await else { return Err(busy) };
    if service.shared.backlog.load(Ordering::Relaxed) >= service.limits.journal_bytes {
        return Err(Problem::Later(RETRY_SOON_S, "the journal is full"));
    }
    let encoding = encoding_of(request.headers())?;
    let authorization =
        request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec());
    let body = Bytes::from_request(request, service)
        .await
        .map_err(|rejection| Problem::Request(rejection.status(), rejection.body_text()))?;
    add(&service.shared.metrics.received_bytes, body.len() as u64);
    let reader = Arc::clone(service);
    // Inflating and parsing take milliseconds of processor time: not on the threads that serve.
    let batch = tokio::task::spawn_blocking(move || {
        let admit = |app: &str| reader.access.check(app, authorization.as_deref());
        batch::read(&body, encoding, &reader.limits, admit)
    });
    let batch = batch
        .await
        .map_err(|_| Problem::Later(RETRY_SOON_S, "the collector is stopping"))?
        .map_err(Problem::Refused)?;
    acknowledge(service, batch).await
}

/// Waits until the batch is durable.
async fn acknowledge(service: &Service, batch: Batch) -> Result<Acknowledgement, Problem> {
    let (reply, answer) = oneshot::channel();
    let command = Command::Store { batch, received_ms: now_ms(), reply };
    let stopping = || Problem::Later(RETRY_SOON_S, "the collector is stopping");
    service.commands.send(command).map_err(|_| stopping())?;
    match answer.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(NotStored)) => Err(Problem::Later(RETRY_SOON_S, "the batch cannot be stored now")),
        Err(_) => Err(stopping()),
    }
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The encoding, when the headers announce a batch.
fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let unsupported = |reason: String| Problem::Request(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason);
    let content = text(header::CONTENT_TYPE).unwrap_or("none");
    let media_type = content.split(';').next().unwrap_or(content).trim();
    if !media_type.eq_ignore_ascii_case("application/x-ndjson") {
        return Err(unsupported("content-type: must be application/x-ndjson".into()));
    }
    match text(header::CONTENT_ENCODING).map(str::trim) {
        None => Ok(Encoding::Identity),
        Some(coding) if coding.eq_ignore_ascii_case("identity") => Ok(Encoding::Identity),
        Some(coding) if coding.eq_ignore_ascii_case("gzip") => Ok(Encoding::Gzip),
        Some(_) => Err(unsupported("content-encoding: must be gzip or identity".into())),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, reason, retry_after) = match self {
            Self::Refused(refused) => (
                status_of(&refused),
                refused.to_string(),
                match refused {
                    Refused::NewerSchema { .. } => Some(RETRY_LATER_S),
                    _ => None,
                },
            ),
            Self::Request(status, reason) => (status, reason, None),
            Self::Later(seconds, reason) => {
                (StatusCode::SERVICE_UNAVAILABLE, reason.to_owned(), Some(seconds))
            }
        };
        let mut response = (status, Json(json!({ "error": reason }))).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers
                .insert(header::WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn status_of(refused: &Refused) -> StatusCode {
    match refused {
        Refused::TooLarge { .. } | Refused::TooManyEvents { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refused::Damaged(_) | Refused::Header { .. } => StatusCode::BAD_REQUEST,
        Refused::NewerSchema { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Refused::UnknownApp { .. } => StatusCode::FORBIDDEN,
        Refused::WrongToken => StatusCode::UNAUTHORIZED,
    }
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    match service.shared.failure() {
        None => Json(json!({ "status": "ok" })).into_response(),
        Some(failure) => {
            let body = Json(json!({ "status": "failing", "failure": failure }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (headers, service.shared.metrics.counts().prometheus()).into_response()
}
