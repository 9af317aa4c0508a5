//! The route by which an installation asks to be forgotten, and the same for a folder at rest.

use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use noctule_core::upload::deletions::{DELETION_SCHEMA, DeletionAnswer, DeletionRequest};
use serde::Deserialize;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::batch::Refused;
use crate::compaction;
use crate::error::Result;
use crate::group::NotStored;
use crate::journal::{JOURNAL, Line, Segment, StoredDeletion};
use crate::routes::{Problem, RETRY_SOON_S, Service, credentials, now_ms};
use crate::server::prepare_output;
use crate::settings::{APP_NAME_RULE, app_name_is_plain};
use crate::store;
use crate::writer::Command;

/// Bytes of a request: several times what the longest one has.
pub(crate) const BYTES_MAX: usize = 4_096;

/// What every version of the request has.
#[derive(Deserialize)]
struct AnyDeletion {
    schema: u64,
}

/// `POST /v1/deletions`.
pub(crate) async fn receive(State(service): State<Arc<Service>>, request: Request) -> Response {
    match take(&service, request).await {
        Ok(installation) => {
            let answer = DeletionAnswer { installation, signature: None };
            Json(service.signed_deletion(answer)).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

async fn take(service: &Arc<Service>, request: Request) -> Result<Uuid, Problem> {
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        let reason = "content-encoding: a deletion is sent as it is";
        return Err(Problem::Request(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason.into()));
    }
    let shown = credentials(&request);
    let (body, _room) = service.read("deletion", request.into_body(), BYTES_MAX).await?;
    let _turn = service.turn().await?;
    let deletion = parse(&body).map_err(Problem::Refused)?;
    let admitted = service.admit(&deletion.app, deletion.installation, &shown);
    admitted.map_err(|refused| service.refuse(refused))?;
    let installation = deletion.installation;
    let (reply, answer) = oneshot::channel();
    let stopping = || Problem::Later(RETRY_SOON_S, "the collector is stopping");
    let command = Command::Forget { deletion, received_ms: now_ms(), reply };
    service.send(command).map_err(|()| stopping())?;
    match answer.await {
        Ok(Ok(())) => Ok(installation),
        Ok(Err(NotStored)) => Err(Problem::Later(RETRY_SOON_S, "the request cannot be stored now")),
        Err(_) => Err(stopping()),
    }
}

fn parse(body: &[u8]) -> Result<DeletionRequest, Refused> {
    let refused = |field, reason: String| Refused::Header { field: Some(field), reason };
    let bad = |error| Refused::Header { field: None, reason: format!("deletion: {error}") };
    let any: AnyDeletion = serde_json::from_slice(body).map_err(bad)?;
    if any.schema > u64::from(DELETION_SCHEMA) {
        return Err(Refused::NewerSchema { found: any.schema });
    }
    if any.schema == 0 {
        return Err(refused("schema", "0 is no version".into()));
    }
    let deletion: DeletionRequest = serde_json::from_slice(body).map_err(bad)?;
    if !app_name_is_plain(&deletion.app) {
        return Err(refused("app", format!("{:.80?} {APP_NAME_RULE}", deletion.app)));
    }
    Ok(deletion)
}

/// The line of the journal that stands for a request.
pub(crate) fn line(deletion: &DeletionRequest, received_ms: i64) -> Line<'_> {
    Line::Deletion(StoredDeletion {
        app: deletion.app.as_str().into(),
        installation: deletion.installation,
        requested_at_ms: deletion.requested_at_ms,
        received_ms,
    })
}

/// Forgets installations of an app in the folder of a collector that does not run: afterwards
/// nothing of them is left in it, and a collector that is started on it stores nothing of them.
/// Gives the number of files that held something of them.
///
/// A running collector is asked with `POST /v1/deletions`. In an object store collectors may run:
/// one that is making Parquet does it then.
///
/// # Errors
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting) for what is no app's name,
/// [`Error::OutputInUse`](crate::Error::OutputInUse) while a collector runs, and those of a start.
pub fn forget(output: &Path, app: &str, installations: &[Uuid]) -> Result<u64> {
    if !app_name_is_plain(app) {
        let (setting, reason) = (format!("app {app:.80?}"), APP_NAME_RULE.to_owned());
        return Err(crate::Error::InvalidSetting { setting, reason });
    }
    let received_ms = now_ms();
    let deletions: Vec<DeletionRequest> = installations
        .iter()
        .map(|installation| DeletionRequest {
            schema: DELETION_SCHEMA,
            app: app.to_owned(),
            installation: *installation,
            requested_at_ms: received_ms,
        })
        .collect();
    let lines: Vec<Line<'_>> = deletions.iter().map(|one| line(one, received_ms)).collect();
    match store::url_of(output) {
        Some(url) => store::forget(url, &lines),
        None => forget_in_folder(output, &lines),
    }
}

fn forget_in_folder(output: &Path, lines: &[Line<'_>]) -> Result<u64> {
    let _lock = prepare_output(output)?;
    // What a crash has left is finished first: the number of the new segment follows from it.
    let recovered = compaction::recover(output)?;
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)
            .map_err(|error| crate::Error::file(output, "encode")(error.into()))?;
        text.push(b'\n');
    }
    let mut segment = Segment::create(&output.join(JOURNAL), recovered.next_segment)?;
    segment.append(&text).map_err(|error| error.of(&segment.path))?;
    let mut compaction = recovered.compaction;
    Ok(compaction.compact(recovered.next_segment, &segment.path, None)?.rewritten)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(field: &str, value: &serde_json::Value) -> Vec<u8> {
        let mut deletion = json!({
            "schema": 1, "app": "town", "requested_at_ms": 5,
            "installation": "0190a5c0-0000-7000-8000-000000000001",
        });
        deletion[field] = value.clone();
        deletion.to_string().into_bytes()
    }

    #[test]
    fn a_request_is_read_and_what_is_none_refused() {
        assert_eq!(parse(&text("schema", &json!(1))).unwrap().app, "town");
        for (field, value) in [
            ("schema", json!(0)),
            ("schema", json!("1")),
            ("app", json!("../x")),
            ("installation", json!("someone")),
            ("requested_at_ms", json!(1.5)),
            ("requested_at_ms", json!(null)),
        ] {
            let refused = parse(&text(field, &value)).unwrap_err();
            assert!(matches!(refused, Refused::Header { .. }), "{field} = {value}: {refused}");
        }
        let newer = parse(&text("schema", &json!(2))).unwrap_err();
        assert!(matches!(newer, Refused::NewerSchema { found: 2 }));
        for other in [&b""[..], b"[]", b"{", b"\xff"] {
            assert!(parse(other).is_err());
        }
    }
}
