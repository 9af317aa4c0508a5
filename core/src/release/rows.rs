//! Which releases are installed, active, and were ever seen.

use rusqlite::{Connection, Transaction, params};

use super::activation::rows as states;
use super::{Experiment, MANIFEST_FILE, Manifest, Plan, ReleaseName, SeenRelease, VerifiedRelease};
use crate::base::{Error, Result};
use crate::store::meta;

/// Key of the active release's plan, so that serving needs no release to be opened.
const PLAN: &str = "plan";
/// Key of the active release's experiment, for the same reason.
const EXPERIMENT: &str = "experiment";

/// A release on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its name.
    pub release: ReleaseName,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
}

/// The active release and the one before it, in this order.
///
/// # Errors
/// [`Error::Storage`].
pub fn installed(connection: &Connection) -> Result<Vec<Installed>> {
    let sql = "SELECT name, version, manifest_sha256 FROM releases_installed ORDER BY rank";
    let triples = triples(connection, sql)?.into_iter();
    Ok(triples
        .map(|(name, version, manifest_sha256)| {
            let release = ReleaseName { name, version };
            Installed { release, manifest_sha256 }
        })
        .collect())
}

/// The newest release of each line that was ever active here.
///
/// # Errors
/// [`Error::Storage`].
pub fn seen(connection: &Connection) -> Result<Vec<SeenRelease>> {
    let triples = triples(connection, "SELECT name, version, manifest_sha256 FROM releases_seen")?;
    let seen = triples.into_iter().map(|(name, version, manifest_sha256)| SeenRelease {
        release: ReleaseName { name, version },
        manifest_sha256,
    });
    Ok(seen.collect())
}

/// Remembers a version that the database does not know, or knows an older one of.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn remember_seen(transaction: &Transaction<'_>, seen: &SeenRelease) -> Result<()> {
    let values = params![seen.release.name, seen.release.version, seen.manifest_sha256];
    transaction
        .execute("INSERT OR REPLACE INTO releases_seen VALUES (?1, ?2, ?3)", values)
        .map(drop)
        .map_err(Error::storage("remembering a version seen"))
}

/// Forgets which versions were seen, so that a version that a thief of keys pushed beyond all
/// others does not block what comes after the keys were changed.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn forget_seen(transaction: &Transaction<'_>) -> Result<()> {
    let deleted = transaction.execute("DELETE FROM releases_seen", []);
    deleted.map(drop).map_err(Error::storage("forgetting the versions seen"))
}

/// Forgets that the release of this manifest was seen; the newest installed one of its line counts
/// from then on, if there is one.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn forget_seen_of(transaction: &Transaction<'_>, manifest_sha256: &str) -> Result<()> {
    let failed = || Error::storage("forgetting a version seen");
    let halted = seen(transaction)?.into_iter().find(|s| s.manifest_sha256 == manifest_sha256);
    let Some(SeenRelease { release, .. }) = halted else { return Ok(()) };
    transaction
        .execute("DELETE FROM releases_seen WHERE name = ?1", [&release.name])
        .map_err(failed())?;
    let left = installed(transaction)?.into_iter();
    let newest = left.filter(|i| i.release.name == release.name).max_by_key(|i| i.release.version);
    let Some(Installed { release, manifest_sha256 }) = newest else { return Ok(()) };
    transaction
        .execute(
            "INSERT INTO releases_seen VALUES (?1, ?2, ?3)",
            params![release.name, release.version, manifest_sha256],
        )
        .map(drop)
        .map_err(failed())
}

/// Makes `verified` the active release, on probation, and the one before it the previous one; but
/// an active release that is still on probation does not take the place of a previous one that was
/// confirmed, which is the one to go back to.
///
/// # Errors
/// [`Error::ReleaseRefused`] when it was given up here before; [`Error::Storage`],
/// [`Error::StorageFull`].
pub fn activate(transaction: &Transaction<'_>, verified: &VerifiedRelease) -> Result<()> {
    let failed = || Error::storage("activating a release");
    let ReleaseName { name, version } = &verified.manifest.release;
    let sha256 = verified.manifest_sha256.as_str();
    let mut activation = states::load(transaction)?;
    activation.check(sha256).map_err(|refusal| Error::refused(MANIFEST_FILE, refusal))?;
    let values = params![name, version, sha256];
    let before = installed(transaction)?;
    let is = |rank: usize, confirmed: bool| {
        let release: Option<&Installed> = before.get(rank);
        release.is_some_and(|r| activation.is_confirmed(&r.manifest_sha256) == confirmed)
    };
    if before.first().is_none_or(|active| active.manifest_sha256 != sha256) {
        let make_room = if is(0, false) && is(1, true) {
            "DELETE FROM releases_installed WHERE rank = 0;"
        } else {
            "DELETE FROM releases_installed WHERE rank = 1; \
             UPDATE releases_installed SET rank = 1 WHERE rank = 0;"
        };
        transaction.execute_batch(make_room).map_err(failed())?;
        transaction
            .execute("INSERT INTO releases_installed VALUES (0, ?1, ?2, ?3)", values)
            .map_err(failed())?;
    }
    transaction
        .execute("INSERT OR REPLACE INTO releases_seen VALUES (?1, ?2, ?3)", values)
        .map_err(failed())?;
    let after = installed(transaction)?;
    let at = |rank: usize| after.get(rank).map(|r: &Installed| r.manifest_sha256.as_str());
    activation.activated(at(0), at(1));
    states::save(transaction, &activation)?;
    put_plan(transaction, &verified.manifest)
}

/// Takes the active release away and makes the previous one, whose manifest is `previous`, active
/// again. Without one no release is active; then the plan goes too, unless `keep_plan`.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn revert(
    transaction: &Transaction<'_>,
    previous: Option<&Manifest>,
    keep_plan: bool,
) -> Result<()> {
    let remove = match previous {
        Some(_) => {
            "DELETE FROM releases_installed WHERE rank = 0; \
                    UPDATE releases_installed SET rank = 0 WHERE rank = 1;"
        }
        None => "DELETE FROM releases_installed;",
    };
    transaction.execute_batch(remove).map_err(Error::storage("reverting a release"))?;
    match previous {
        Some(manifest) => put_plan(transaction, manifest),
        None => {
            meta::remove(transaction, EXPERIMENT)?;
            if keep_plan { Ok(()) } else { meta::remove(transaction, PLAN) }
        }
    }
}

/// Forgets the previous release: nothing goes back to it any more.
///
/// # Errors
/// [`Error::Storage`].
pub fn forget_previous(transaction: &Transaction<'_>) -> Result<()> {
    let removed = transaction.execute("DELETE FROM releases_installed WHERE rank = 1", []);
    removed.map(drop).map_err(Error::storage("forgetting a release"))
}

/// Stores plan and experiment of the active release.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn put_plan(transaction: &Transaction<'_>, manifest: &Manifest) -> Result<()> {
    meta::put(transaction, PLAN, &json(PLAN, &manifest.plan)?)?;
    meta::put(transaction, EXPERIMENT, &json(EXPERIMENT, &manifest.experiment)?)
}

fn json<T: serde::Serialize>(what: &str, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::invalid(what, error.to_string()))
}

fn parsed<T: serde::de::DeserializeOwned>(connection: &Connection, key: &str) -> Result<Option<T>> {
    let Some(bytes) = meta::get(connection, key)? else { return Ok(None) };
    let value = serde_json::from_slice(&bytes);
    value.map(Some).map_err(|error| Error::damaged(format!("the {key}"), error.to_string()))
}

/// The plan of the active release.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`].
pub fn active_plan(connection: &Connection) -> Result<Option<Plan>> {
    parsed(connection, PLAN)
}

/// The experiment of the active release.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`].
pub fn active_experiment(connection: &Connection) -> Result<Option<Experiment>> {
    Ok(parsed::<Option<Experiment>>(connection, EXPERIMENT)?.flatten())
}

fn triples(connection: &Connection, sql: &str) -> Result<Vec<(String, u64, String)>> {
    let read = |connection: &Connection| -> rusqlite::Result<Vec<_>> {
        let mut query = connection.prepare_cached(sql)?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect()
    };
    read(connection).map_err(Error::storage("reading the releases"))
}
