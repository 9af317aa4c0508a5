//! Publishing: a verified release becomes blobs, then one commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use noctule_core::release::{
    MANIFEST_FILE, Manifest, ReleaseName, SIGNATURE_FILE, VerifiedRelease, sha256_of_file,
};
use serde::Serialize;

use super::deltas::{DeltaFrom, PublishedDelta};
use super::reference::{check_alias, check_word};
use super::state::{Blob, Delta, Line, State, Version};
use super::{ROLLOUT_STEPS, Registry};
use crate::{Error, PublicKey, Result};

/// Rounds of looking for blobs before a publish gives up: each means that a sweep came between.
const ROUNDS_MAX: u32 = 20;

/// Pause while a sweep is under way.
const SWEEP_PAUSE: Duration = Duration::from_millis(200);

/// How to publish.
#[derive(Debug, Clone, Default)]
pub struct PublishOptions {
    /// Keys of which one must have signed the release.
    pub keys: Vec<PublicKey>,
    /// Aliases that point at it afterwards.
    pub aliases: Vec<String>,
    /// Percent of the devices that are offered it: 0, or one of [`ROLLOUT_STEPS`].
    pub percent: u8,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Deltas to it: the version of the same line that each starts from, and its file.
    pub deltas: Vec<(u64, PathBuf)>,
    /// Versions from which deltas to it are made, besides those.
    pub delta_from: DeltaFrom,
    /// Publish it whatever its checks say.
    pub no_exam: bool,
}

/// What publishing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Name and version.
    pub release: String,
    /// SHA-256 of the manifest.
    pub manifest_sha256: String,
    /// Number of the commit.
    pub commit: u64,
    /// Blobs that were sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Blobs that were there already.
    pub reused: u64,
    /// The deltas that were made.
    pub deltas: Vec<PublishedDelta>,
}

/// What a publish has at hand.
struct Offer<'a> {
    directory: &'a Path,
    release: ReleaseName,
    app: String,
    version: Version,
    deltas: Vec<(u64, PathBuf, Blob)>,
}

/// Whether a commit can be made.
enum Ready {
    Done,
    /// Blobs may have gone since they were looked at.
    LookAgain,
}

impl Registry {
    /// Verifies the release in `directory`, puts its checks to it, and publishes it. Published
    /// again, it changes aliases, tags and percent only; the same version with another manifest is
    /// refused.
    ///
    /// A publish that was killed leaves blobs that nobody refers to, and the next one uses them.
    ///
    /// # Errors
    /// [`Error::Core`] with the first refusal of the release, [`Error::ExamFailed`],
    /// [`Error::Taken`], [`Error::Reference`] for an alias, a tag or a percentage that is none,
    /// [`Error::Store`].
    pub fn publish(&self, directory: &Path, options: &PublishOptions) -> Result<Published> {
        check_options(options)?;
        let now_ms = self.now_ms();
        let verified = crate::verify(directory, &options.keys, now_ms)?;
        if !options.no_exam {
            check_exam(&verified)?;
        }
        let release = &verified.manifest.release;
        let made = self.make_deltas(release, directory, &options.delta_from)?;
        let mut options = options.clone();
        options.deltas.extend(made.files.iter().cloned());
        let mut published = self.publish_verified(directory, &verified.manifest, &options)?;
        published.deltas = made.report;
        Ok(published)
    }

    /// The same for a release that was verified before.
    pub(super) fn publish_verified(
        &self,
        directory: &Path,
        manifest: &Manifest,
        options: &PublishOptions,
    ) -> Result<Published> {
        let offer = self.offer(directory, manifest, options)?;
        check_free(&self.state()?, &offer)?;
        let (mut sent, mut sent_bytes) = (0, 0);
        for _ in 0..ROUNDS_MAX {
            let state = self.state()?;
            if self.sweeping(&state, &offer) {
                std::thread::sleep(SWEEP_PAUSE);
                continue;
            }
            for (path, blob) in offer.blobs() {
                if self.upload(&path, blob)? {
                    sent += 1;
                    sent_bytes += blob.length;
                }
            }
            let what = format!("publish {}", offer.release);
            let (state, ready) = self.commit(&what, |newest| {
                if newest.sweeps != state.sweeps {
                    return Ok(Ready::LookAgain);
                }
                insert(newest, &offer, options).map(|()| Ready::Done)
            })?;
            if matches!(ready, Ready::Done) {
                self.after_commit()?;
                let reused = (offer.blobs().len() as u64).saturating_sub(sent);
                let manifest_sha256 = offer.version.manifest.sha256.clone();
                let release = offer.release.to_string();
                let commit = state.number;
                return Ok(Published {
                    release,
                    manifest_sha256,
                    commit,
                    sent,
                    sent_bytes,
                    reused,
                    deltas: Vec::new(),
                });
            }
        }
        let place = self.place.shown().to_owned();
        Err(Error::Contended { place, attempts: ROUNDS_MAX })
    }

    fn offer<'a>(
        &self,
        directory: &'a Path,
        manifest: &Manifest,
        options: &PublishOptions,
    ) -> Result<Offer<'a>> {
        let deltas = options
            .deltas
            .iter()
            .map(|(from, path)| blob_of(path).map(|entry| (*from, path.clone(), entry)));
        let files = manifest.files.iter().map(|(name, file)| {
            (name.clone(), Blob { sha256: file.sha256.clone(), length: file.length })
        });
        let files = files.collect();
        let version = Version {
            manifest: blob_of(&directory.join(MANIFEST_FILE))?,
            signature: blob_of(&directory.join(SIGNATURE_FILE))?,
            files,
            created_ms: manifest.created_ms,
            expires_ms: manifest.expires_ms,
            published_ms: self.now_ms(),
            publisher: self.publisher.clone(),
            tags: BTreeMap::new(),
            lineage: manifest.lineage.clone(),
            percent: options.percent,
            halted: false,
        };
        Ok(Offer {
            directory,
            release: manifest.release.clone(),
            app: manifest.app.clone(),
            version,
            deltas: deltas.collect::<Result<_>>()?,
        })
    }

    /// Whether somebody is removing a blob of `offer` at this moment.
    fn sweeping(&self, state: &State, offer: &Offer<'_>) -> bool {
        state.sweep.as_ref().is_some_and(|sweep| {
            let needed = |(_, blob): &(PathBuf, &Blob)| sweep.blobs.contains(&blob.sha256);
            sweep.until_ms > self.now_ms() && offer.blobs().iter().any(needed)
        })
    }
}

impl Offer<'_> {
    /// Every blob with the file that holds it.
    fn blobs(&self) -> Vec<(PathBuf, &Blob)> {
        let version = &self.version;
        let files = version.files.iter().map(|(name, blob)| (self.directory.join(name), blob));
        let deltas = self.deltas.iter().map(|(_, path, blob)| (path.clone(), blob));
        files
            .chain(deltas)
            .chain([
                (self.directory.join(SIGNATURE_FILE), &version.signature),
                (self.directory.join(MANIFEST_FILE), &version.manifest),
            ])
            .collect()
    }
}

/// Brings `offer` into `state`.
fn insert(state: &mut State, offer: &Offer<'_>, options: &PublishOptions) -> Result<()> {
    check_free(state, offer)?;
    let ReleaseName { name, version: number } = &offer.release;
    let (app, to) = (offer.app.clone(), &offer.version.manifest.sha256);
    let new_line = Line { app, versions: BTreeMap::new(), aliases: BTreeMap::new() };
    let line = state.lines.entry(name.clone()).or_insert(new_line);
    for (from, _, blob) in &offer.deltas {
        let old = line.versions.get(from);
        let old = old.ok_or_else(|| Error::not_in_registry(format!("{name}@{from}")))?;
        let (from, sha256) = (old.manifest.sha256.clone(), blob.sha256.clone());
        state.deltas.insert(Delta { from, to: to.clone(), sha256, length: blob.length });
    }
    let version = line.versions.entry(*number).or_insert_with(|| offer.version.clone());
    version.percent = version.percent.max(options.percent);
    version.tags.extend(options.tags.clone());
    for alias in &options.aliases {
        line.aliases.insert(alias.clone(), *number);
    }
    Ok(())
}

/// Whether the version is free, or taken by the very same release.
fn check_free(state: &State, offer: &Offer<'_>) -> Result<()> {
    let Some(line) = state.lines.get(&offer.release.name) else { return Ok(()) };
    if line.app != offer.app {
        let reason = format!("is for the app {}, the line is for {}", offer.app, line.app);
        return Err(Error::reference(offer.release.to_string(), reason));
    }
    match line.versions.get(&offer.release.version) {
        Some(there) if there.manifest != offer.version.manifest => {
            Err(Error::Taken { release: offer.release.to_string() })
        }
        _ => Ok(()),
    }
}

/// Puts the checks of a release to it.
fn check_exam(release: &VerifiedRelease) -> Result<()> {
    let Some(exam) = crate::examine(release)? else { return Ok(()) };
    let report = exam.report;
    if report.is_passed() {
        return Ok(());
    }
    let first = report.failed.first();
    let first = first.map(|failure| format!("{}: {}", failure.id, failure.reason));
    Err(Error::ExamFailed {
        failed: report.failed.len(),
        total: report.total(),
        first: first.unwrap_or_default(),
        release: report.release,
    })
}

fn check_options(options: &PublishOptions) -> Result<()> {
    for alias in &options.aliases {
        check_alias(alias).map_err(|reason| Error::reference(alias, reason))?;
    }
    for key in options.tags.keys() {
        check_word(key).map_err(|reason| Error::reference(key, reason))?;
    }
    check_percent(options.percent)
}

/// Whether `percent` is a step of a roll-out, or 0.
pub(super) fn check_percent(percent: u8) -> Result<()> {
    if percent == 0 || ROLLOUT_STEPS.contains(&percent) {
        return Ok(());
    }
    Err(Error::reference(format!("{percent} %"), "must be 0, 1, 5, 10, 25, 50 or 100"))
}

/// Length and SHA-256 of a file.
fn blob_of(path: &Path) -> Result<Blob> {
    let metadata = std::fs::metadata(path).map_err(Error::file(path, "reading"))?;
    Ok(Blob { sha256: sha256_of_file(path)?, length: metadata.len() })
}
