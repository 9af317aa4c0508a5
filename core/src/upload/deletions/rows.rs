//! Deletion requests on disk.

use rusqlite::{Connection, Row, Transaction, params};
use uuid::Uuid;

use super::{DELETION_ID, DELETION_SCHEMA, DeletionAnswer, DeletionRequest};
use crate::base::{Error, Pause, Result, SeededRandom, Transfer, TransferOutcome, UploadRequest};
use crate::store::{blob, pseudonyms};

/// Version of a stored pause.
const FORMAT: u8 = 1;

/// Where the collector takes them.
const PATH: &str = "/v1/deletions";

/// A request that the collector has not answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The pseudonym.
    pub installation: Uuid,
    /// Names the transfer, the same in every retry.
    pub transfer: Uuid,
    /// When the user asked for it, Unix milliseconds.
    pub requested_at_ms: i64,
    pause: Pause,
}

impl Pending {
    /// The id of the transfer.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{DELETION_ID}{}", self.transfer)
    }
}

/// Queues one request for each pseudonym under which a batch was ever handed out; a pseudonym that
/// has one already gets no second.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
pub fn request_all(transaction: &Transaction<'_>, now_ms: i64) -> Result<()> {
    let pause = blob::encode("a pause", FORMAT, &Pause::default())?;
    let handed_out = pseudonyms::all(transaction)?.into_iter().filter(|one| one.handed_out);
    for pseudonym in handed_out {
        let sql = "INSERT OR IGNORE INTO deletions VALUES (?1, ?2, ?3, ?4)";
        let (installation, transfer) = (pseudonym.installation, Uuid::now_v7());
        let values = params![&installation.as_bytes()[..], &transfer.as_bytes()[..], now_ms, pause];
        transaction.execute(sql, values).map_err(Error::storage("requesting a deletion"))?;
    }
    Ok(())
}

/// The requests that wait, the oldest first.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`].
pub fn pending(connection: &Connection) -> Result<Vec<Pending>> {
    let failed = || Error::storage("reading the deletion requests");
    let sql = "SELECT installation, transfer, requested_at_ms, pause FROM deletions \
               ORDER BY requested_at_ms, installation";
    let mut query = connection.prepare_cached(sql).map_err(failed())?;
    let mut rows = query.query([]).map_err(failed())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        found.push(request(row)?);
    }
    Ok(found)
}

/// What to do about them at `now_ms`: the first one that is not in a pause.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`].
pub fn next(connection: &Connection, app: &str, now_ms: i64) -> Result<Transfer> {
    let mut earliest: Option<i64> = None;
    for pending in pending(connection)? {
        match pending.pause.until(now_ms) {
            Some(until_ms) => {
                earliest = Some(earliest.map_or(until_ms, |before| before.min(until_ms)));
            }
            None => return Ok(Transfer::Upload(upload(&pending, app)?)),
        }
    }
    Ok(earliest.map_or(Transfer::Done, |until_ms| Transfer::Wait { until_ms }))
}

/// Takes note of how transfer `id` ended; true when its request was answered, by one of `keys`
/// where there are any, and is gone.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
pub fn finished(
    transaction: &Transaction<'_>,
    (id, outcome): (&str, &TransferOutcome),
    keys: &[[u8; 32]],
    now_ms: i64,
    random: &mut SeededRandom,
) -> Result<bool> {
    let Some(mut about) = pending(transaction)?.into_iter().find(|pending| pending.id() == id)
    else {
        return Ok(false);
    };
    let key = &about.installation.as_bytes()[..];
    if answered(outcome, keys) == Some(about.installation) {
        let removed = transaction.execute("DELETE FROM deletions WHERE installation = ?1", [key]);
        removed.map_err(Error::storage("ending a deletion request"))?;
        return Ok(true);
    }
    about.pause.failed(now_ms, outcome.retry_after_s(), random);
    let pause = blob::encode("a pause", FORMAT, &about.pause)?;
    let sql = "UPDATE deletions SET pause = ?2 WHERE installation = ?1";
    let changed = transaction.execute(sql, params![key, pause]);
    changed.map_err(Error::storage("putting off a deletion request"))?;
    Ok(false)
}

fn answered(outcome: &TransferOutcome, keys: &[[u8; 32]]) -> Option<Uuid> {
    let TransferOutcome::Answer { status: 200, body, .. } = outcome else { return None };
    let answer: DeletionAnswer = serde_json::from_slice(body).ok()?;
    (keys.is_empty() || answer.is_signed_by(keys)).then_some(answer.installation)
}

fn upload(pending: &Pending, app: &str) -> Result<UploadRequest> {
    let request = DeletionRequest {
        schema: DELETION_SCHEMA,
        app: app.to_owned(),
        installation: pending.installation,
        requested_at_ms: pending.requested_at_ms,
    };
    let body = serde_json::to_vec(&request)
        .map_err(|error| Error::damaged("a deletion request", error.to_string()))?;
    let headers = vec![("content-type", "application/json")];
    Ok(UploadRequest { id: pending.id(), path: PATH, headers, body })
}

fn request(row: &Row<'_>) -> Result<Pending> {
    let failed = || Error::storage("reading a deletion request");
    let uuid = |column: usize| {
        let bytes: Vec<u8> = row.get(column).map_err(failed())?;
        Uuid::from_slice(&bytes)
            .map_err(|error| Error::damaged("a deletion request", error.to_string()))
    };
    let pause: Vec<u8> = row.get(3).map_err(failed())?;
    Ok(Pending {
        installation: uuid(0)?,
        transfer: uuid(1)?,
        requested_at_ms: row.get(2).map_err(failed())?,
        // A pause that cannot be read is over.
        pause: blob::decode("a pause", FORMAT, &pause).unwrap_or_default(),
    })
}
