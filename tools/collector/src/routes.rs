//! The HTTP routes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use noctule_core::upload::Acknowledgement;
use noctule_core::upload::deletions::DeletionAnswer;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;
use uuid::Uuid;

use crate::access::{Credentials, Gate};
use crate::batch::{self, Batch, Encoding, Refused};
use crate::body::{Room, Unread};
use crate::deletions;
use crate::description::OPENAPI;
use crate::group::NotStored;
use crate::metrics::add;
use crate::peer::Peer;
use crate::rates::Sender;
use crate::settings::Limits;
use crate::shared::Shared;
use crate::signing::Signer;
use crate::writer::Command;

/// How long a request waits for its turn before it is sent away.
const TURN: Duration = Duration::from_secs(5);
/// Seconds after which a device may come back to a busy or full collector.
pub(crate) const RETRY_SOON_S: u64 = 60;
/// Seconds after which a device may ask a collector that does not know its schema again.
const RETRY_LATER_S: u64 = 3_600;

/// What the routes share.
pub(crate) struct Service {
    gate: Gate,
    limits: Limits,
    signer: Option<Signer>,
    /// Requests that wait for their turn or have it.
    places: Semaphore,
    turns: Semaphore,
    room: Room,
    commands: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
}

impl Service {
    pub(crate) fn new(
        gate: Gate,
        limits: Limits,
        signer: Option<Signer>,
        commands: mpsc::UnboundedSender<Command>,
        shared: Arc<Shared>,
    ) -> Self {
        let requests = limits.requests.clamp(1, Semaphore::MAX_PERMITS / 2);
        let places = requests + limits.waiting.min(Semaphore::MAX_PERMITS / 2);
        let (places, turns) = (Semaphore::new(places), Semaphore::new(requests));
        let room = Room::new(limits.bodies_bytes);
        Self { gate, limits, signer, places, turns, room, commands, shared }
    }

    /// The answer to a request to delete, signed where the collector has a key.
    pub(crate) fn signed_deletion(&self, answer: DeletionAnswer) -> DeletionAnswer {
        match &self.signer {
            Some(signer) => signer.signed_deletion(answer),
            None => answer,
        }
    }

    /// Reads a body of at most `limit` bytes; sent away before that, when it is plain that the turn
    /// of its request would not come.
    pub(crate) async fn read(
        &self,
        what: &'static str,
        body: Body,
        limit: usize,
    ) -> Result<(Vec<u8>, SemaphorePermit<'_>), Problem> {
        if self.places.available_permits() == 0 {
            return Err(self.busy());
        }
        self.room.read(body, limit).await.map_err(|unread| match unread {
            Unread::TooLarge => Problem::Refused(Refused::TooLarge { what, limit }),
            Unread::NoRoom => self.busy(),
            Unread::Broken => {
                Problem::Request(StatusCode::BAD_REQUEST, "the body breaks off".into())
            }
        })
    }

    /// Waits for the turn of a request whose body is there: a slow client holds none.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, Problem> {
        let place = self.places.try_acquire().map_err(|_| self.busy())?;
        match timeout(TURN, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(Turn { _place: place, _turn: turn }),
            _ => Err(self.busy()),
        }
    }

    fn busy(&self) -> Problem {
        add(&self.shared.metrics.shed_requests, 1);
        Problem::Later(RETRY_SOON_S, "the collector is busy")
    }

    /// Lets a sender in whose header holds, and takes the request from its allowance.
    pub(crate) fn admit(
        &self,
        app: &str,
        installation: Uuid,
        shown: &Credentials,
    ) -> Result<(), Refused> {
        self.gate.admit(app, shown)?;
        self.gate.allow(app, installation, 0)
    }

    /// The answer to what was refused, which is counted.
    pub(crate) fn refuse(&self, refused: Refused) -> Problem {
        let metrics = &self.shared.metrics;
        match &refused {
            Refused::TooMuch { sender: Sender::Installation, .. } => {
                add(&metrics.limited_installations, 1);
            }
            Refused::TooMuch { sender: Sender::App, .. } => add(&metrics.limited_apps, 1),
            _ => {}
        }
        Problem::Refused(refused)
    }

    /// Hands work to the journal thread; it may have ended.
    pub(crate) fn send(&self, command: Command) -> Result<(), ()> {
        self.commands.send(command).map_err(|_| ())
    }
}

/// What a request holds that is being checked and stored.
pub(crate) struct Turn<'a> {
    _place: SemaphorePermit<'a>,
    _turn: SemaphorePermit<'a>,
}

/// The routes of a collector.
pub(crate) fn router(service: Service) -> Router {
    Router::new()
        .route("/v1/batches", post(receive))
        .route("/v1/deletions", post(deletions::receive))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(description))
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
    if service.shared.backlog.load(Ordering::Relaxed) >= service.limits.journal_bytes {
        return Err(Problem::Later(RETRY_SOON_S, "the journal is full"));
    }
    let encoding = encoding_of(request.headers())?;
    let shown = credentials(&request);
    let limit = service.limits.compressed_bytes;
    let (body, _room) = service.read("body", request.into_body(), limit).await?;
    add(&service.shared.metrics.received_bytes, body.len() as u64);
    let _turn = service.turn().await?;
    let reader = Arc::clone(service);
    // Inflating and parsing take milliseconds of processor time: not on the threads that serve.
    let batch = tokio::task::spawn_blocking(move || {
        batch::read(&body, encoding, &reader.limits, &reader.gate, &shown)
    });
    let batch = batch
        .await
        .map_err(|_| Problem::Later(RETRY_SOON_S, "the collector is stopping"))?
        .map_err(|refused| service.refuse(refused))?;
    acknowledge(service, batch).await
}

pub(crate) fn credentials(request: &Request) -> Credentials {
    let authorization = request.headers().get(header::AUTHORIZATION);
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    Credentials {
        authorization: authorization.map(|value| value.as_bytes().to_vec()),
        certificate: peer.and_then(|ConnectInfo(peer)| peer.certificate),
    }
}

/// Waits until the batch is durable.
async fn acknowledge(service: &Service, batch: Batch) -> Result<Acknowledgement, Problem> {
    let (reply, answer) = oneshot::channel();
    let command = Command::Store { batch: Box::new(batch), received_ms: now_ms(), reply };
    let stopping = || Problem::Later(RETRY_SOON_S, "the collector is stopping");
    service.send(command).map_err(|()| stopping())?;
    match answer.await {
        Ok(Ok(answer)) => Ok(match &service.signer {
            Some(signer) => signer.signed(answer),
            None => answer,
        }),
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
        let mut body = json!({});
        let (status, reason, retry_after) = match self {
            Self::Refused(refused) => {
                let retry_after = match &refused {
                    Refused::NewerSchema { .. } => Some(RETRY_LATER_S),
                    Refused::TooMuch { retry_after_s, .. } => Some(*retry_after_s),
                    _ => None,
                };
                if let Refused::Header { field: Some(field), .. } = &refused {
                    body["pointer"] = format!("/{field}").into();
                }
                (status_of(&refused), refused.to_string(), retry_after)
            }
            Self::Request(status, reason) => (status, reason, None),
            Self::Later(seconds, reason) => {
                (StatusCode::SERVICE_UNAVAILABLE, reason.to_owned(), Some(seconds))
            }
        };
        body["error"] = reason.into();
        let mut response = (status, Json(body)).into_response();
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
        Refused::UnknownApp { .. } | Refused::WrongCertificate => StatusCode::FORBIDDEN,
        Refused::TooMuch { .. } => StatusCode::TOO_MANY_REQUESTS,
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

async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (headers, service.shared.metrics.counts().prometheus()).into_response()
}
