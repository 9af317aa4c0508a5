//! Probation of the active release, the way back from one that misbehaves, and what is told of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Noctule;
use crate::base::{Error, Refusal, Result};
use crate::monitoring::{Verdict, judge, slate_scores};
use crate::night::{LoadedRelease, NightOutcome, NightReport, rows as journal};
use crate::release::activation::{
    self, CUT_NIGHTS_MAX, OPENS_MAX, RevertReason, Reverted, rows as states, shortened,
};
use crate::release::rows::{self as releases, Installed};
use crate::release::{
    Health, MANIFEST_FILE, RefusedRelease, ReleaseName, check_installed, installed_path, prune,
};
use crate::replay::rows::{self as replay, StandIns};
use crate::slates::{Slate, SlateKey, rows as slates};
use crate::store::Store;

/// The releases of a profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Releases {
    /// The active one.
    pub active: Option<Installed>,
    /// The one to go back to.
    pub previous: Option<Installed>,
    /// Whether the active one has still to complete a night that passes its health gate.
    pub on_probation: bool,
    /// Those that are never tried again here, the oldest first.
    pub refused: Vec<RefusedRelease>,
}

/// What counting an opening has shown.
pub(super) struct Opening {
    /// Why the active release must go before anything of it is touched.
    pub(super) revert: Option<RevertReason>,
    /// Whether the first served slate has to be noted.
    pub(super) unserved: bool,
    /// What is wrong with the stored state.
    pub(super) damaged: Option<Error>,
}

/// Counts an opening, durably and before anything of the release is touched; writes only while the
/// active release is on probation.
pub(super) fn count_opening(store: &Store) -> Result<Opening> {
    let (activation, damaged) =
        store.read(|connection| Ok((states::load(connection)?, states::damage(connection)?)))?;
    let Some(probation) = activation.probation else {
        return Ok(Opening { revert: None, unserved: false, damaged });
    };
    let opens = probation.opens;
    if opens >= OPENS_MAX {
        let revert = Some(RevertReason::CrashLoop { opens });
        return Ok(Opening { revert, unserved: true, damaged });
    }
    let counted = store.write("counting an opening", |transaction| {
        states::on_probation(transaction, |probation| probation.opens += 1)
    });
    match counted {
        // A full disk must not keep the profile shut; what cannot be counted is not.
        Ok(_) | Err(Error::StorageFull { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(Opening { revert: None, unserved: true, damaged })
}

impl Noctule {
    /// The active release, the one to go back to, and those that are never tried again.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Closed`].
    pub fn releases(&self) -> Result<Releases> {
        let (installed, activation) = self
            .store
            .read(|connection| Ok((releases::installed(connection)?, states::load(connection)?)))?;
        let mut installed = installed.into_iter();
        Ok(Releases {
            active: installed.next(),
            previous: installed.next(),
            on_probation: activation.probation.is_some(),
            refused: activation.refused,
        })
    }

    /// Goes back to the previous release and gives its name. The active one is not tried again on
    /// this device; publish what is to replace it as a new version. Its slates give way to
    /// stand-ins of the previous one in the same transaction, and the next night makes new ones.
    ///
    /// # Errors
    /// [`Error::NoPreviousRelease`]; [`Error::ReleaseRefused`] when that is damaged;
    /// [`Error::AlreadyRunning`], the storage errors, [`Error::Closed`]. The active release is then
    /// the one it was.
    pub fn rollback(&self) -> Result<ReleaseName> {
        let _working = self.begin_work()?;
        self.check_open()?;
        let previous = self.state().installed.get(1).cloned();
        let previous = previous.ok_or(Error::NoPreviousRelease)?;
        // Found out before anything is given up.
        self.open_whole(&previous)?;
        self.revert(&RevertReason::Requested)?;
        Ok(previous.release)
    }

    /// Takes away the release whose manifest has this SHA-256, since the backend has stopped it;
    /// it may come back when it goes on. Gives whether it was the active one.
    ///
    /// # Errors
    /// [`Error::AlreadyRunning`], the storage errors, [`Error::Closed`].
    pub fn halt(&self, manifest_sha256: &str, reason: &str) -> Result<bool> {
        let _working = self.begin_work()?;
        self.check_open()?;
        let place = {
            let state = self.state();
            let mut installed = state.installed.iter();
            installed.position(|release| release.manifest_sha256 == manifest_sha256)
        };
        match place {
            Some(0) => {
                let reason = shortened(reason);
                self.revert(&RevertReason::Halted { reason })?;
                // What the backend has taken back keeps no older version out that it offers.
                self.forget_filed_versions()?;
                self.store.write("forgetting a halted release", |transaction| {
                    releases::forget_seen_of(transaction, manifest_sha256)
                })?;
                self.file_versions()?;
                Ok(true)
            }
            Some(_) => {
                self.store.write("forgetting a release", releases::forget_previous)?;
                self.state().installed.truncate(1);
                Ok(false)
            }
            None => Ok(false),
        }
    }

    /// Refuses the release in `directory` when it was given up here, before it is copied.
    pub(super) fn check_not_given_up(&self, directory: &std::path::Path) -> Result<()> {
        let Some(sha256) = activation::offered(directory) else { return Ok(()) };
        let activation = self.store.read(states::load)?;
        activation.check(&sha256).map_err(|refusal| Error::refused(MANIFEST_FILE, refusal))
    }

    /// Notes, once in each opening on probation, that a slate was served. Never waits for another
    /// thread, and never keeps an answer from the app.
    pub(super) fn note_served(&self) {
        if !self.unserved.swap(false, Ordering::AcqRel) {
            return;
        }
        let noted = self.store.try_write("noting a served slate", |transaction| {
            states::on_probation(transaction, |probation| probation.opens = 0)
        });
        if matches!(noted, Ok(None)) {
            self.unserved.store(true, Ordering::Release);
        }
    }

    /// Gives up a release whose nights are cut off before they publish anything.
    pub(super) fn check_cut_nights(&self, cut_before: Option<u32>) -> Result<()> {
        let Some(nights) = cut_before.filter(|nights| *nights >= CUT_NIGHTS_MAX) else {
            return Ok(());
        };
        let shelf = self.shelf.snapshot();
        let active = self.active_tag();
        let made = |slate: &Slate| Some(&slate.release) == active.as_ref() && slate.made_at_night;
        if shelf.slates.values().any(|published| made(published.slate())) {
            return Ok(());
        }
        self.revert(&RevertReason::CutNights { nights })
    }

    /// What a night says of a release on probation: confirms it, counts a failure, or gives it up.
    pub(super) fn judge_night(&self, night: Result<&NightReport, &Error>) -> Result<()> {
        if self.store.read(states::load)?.probation.is_none() {
            return Ok(());
        }
        match night {
            Ok(report) => self.judge_finished(report),
            Err(error) if blames_the_release(error) => self.judge_failed(error),
            Err(_) => Ok(()),
        }
    }

    fn judge_finished(&self, report: &NightReport) -> Result<()> {
        let worked = report.published + report.kept > 0;
        let finished = report.outcome == NightOutcome::Finished && worked;
        let loaded = self.state().loaded.clone();
        let Some(loaded) = loaded.filter(|_| finished) else {
            return self.store.write("noting a night", |transaction| {
                states::on_probation(transaction, |probation| probation.failed_nights = 0).map(drop)
            });
        };
        let manifest = loaded.release.manifest();
        let tag = manifest.release.to_string();
        let shelf = self.shelf.snapshot();
        let made = |slate: &&Slate| slate.release == tag && slate.made_at_night;
        let slates = shelf.slates.values().map(|published| published.slate()).filter(made);
        let scores: Vec<f64> = slates.flat_map(slate_scores).collect();
        if let Verdict::TooFar { distance, limit } = judge(manifest, &scores) {
            return self.revert(&RevertReason::Scores { distance, limit });
        }
        self.store.write("confirming a release", |transaction| {
            let mut activation = states::load(transaction)?;
            activation.confirm();
            states::save(transaction, &activation)
        })
    }

    fn judge_failed(&self, error: &Error) -> Result<()> {
        let failed = self.store.write("counting a failed night", |transaction| {
            states::on_probation(transaction, |probation| {
                probation.failed_nights = probation.failed_nights.saturating_add(1);
                probation.failed_nights
            })
        })?;
        let health = {
            let state = self.state();
            state.loaded.as_ref().and_then(|loaded| loaded.release.manifest().health)
        };
        let limit = health
            .map_or_else(Health::default_failed_nights_max, |health| health.failed_nights_max);
        match failed {
            Some(nights) if nights >= limit => {
                let error = shortened(&error.to_string());
                self.revert(&RevertReason::FailedNights { nights, error })
            }
            _ => Ok(()),
        }
    }

    /// Goes back from an installed release that is damaged, when there is a whole one to go back
    /// to, and gives whether there was; the damaged one may be installed again. Without another it
    /// stays the active one: its slates were made while it was whole, and it may be repaired.
    pub(super) fn fall_back(&self, error: &Error) -> Result<bool> {
        let previous = self.state().installed.get(1).cloned();
        if previous.is_none_or(|previous| self.open_whole(&previous).is_err()) {
            return Ok(false);
        }
        let what = shortened(&error.to_string());
        self.revert(&RevertReason::Damaged { what })?;
        Ok(true)
    }

    /// Takes the active release away and makes the previous one active, or none when there is none
    /// that is whole. The caller owns the work.
    ///
    /// One transaction swaps the releases, replaces every slate that the previous one did not make,
    /// and notes why. When a damaged release has nothing to go back to, its slates stay: they were
    /// made while it was whole.
    pub(super) fn revert(&self, reason: &RevertReason) -> Result<()> {
        let (active, previous) = {
            let state = self.state();
            (state.installed.first().cloned(), state.installed.get(1).cloned())
        };
        let Some(active) = active else { return Ok(()) };
        if let RevertReason::Damaged { what } = reason {
            self.state().damaged.push(format!("release {}: {what}", active.release));
        }
        let target = previous.and_then(|previous| self.prepared(&previous));
        let (loaded, mut stand_ins) = target.unzip();
        let stay = loaded.is_none() && matches!(reason, RevertReason::Damaged { .. });
        let tag = active.release.to_string();
        let gone = if stay { Vec::new() } else { self.slates_of(&tag) };
        let at_ms = self.config.clock.now_ms();
        let manifest = loaded.as_ref().map(|loaded| loaded.release.manifest());
        let to = manifest.map_or_else(|| "none".to_owned(), |m| m.release.to_string());
        let told = format!("went back from {tag} to {to}: {reason}");
        self.store.write("reverting a release", |transaction| {
            releases::revert(transaction, manifest, stay)?;
            let mut activation = states::load(transaction)?;
            let reverted = Reverted { release: tag.clone(), reason: reason.clone(), at_ms };
            activation.gave_up(&active.manifest_sha256, reverted);
            let now_active = releases::installed(transaction)?;
            activation.activated(now_active.first().map(|r| r.manifest_sha256.as_str()), None);
            states::save(transaction, &activation)?;
            if loaded.is_none() && !stay {
                slates::remove_all(transaction)?;
            }
            let made = stand_ins.iter().flat_map(|stand_ins| &stand_ins.slates);
            let replaced = |key: &SlateKey| made.clone().any(|slate| slate.key == *key);
            for key in gone.iter().filter(|key| !replaced(key)) {
                slates::remove(transaction, key)?;
            }
            match &mut stand_ins {
                Some(stand_ins) => stand_ins.publish(transaction)?,
                None => replay::forget_unused(transaction)?,
            }
            journal::note(transaction, at_ms, &told)
        })?;
        self.reload(loaded.map(Arc::new))
    }

    /// Brings what is in memory up to date with releases that have changed on disk, and removes
    /// the files of those that are no longer installed.
    pub(super) fn reload(&self, loaded: Option<Arc<LoadedRelease>>) -> Result<()> {
        let installed = self.store.read(releases::installed)?;
        let experiment =
            loaded.as_ref().and_then(|loaded| loaded.release.manifest().experiment.clone());
        let keep: Vec<ReleaseName> =
            installed.iter().map(|installed| installed.release.clone()).collect();
        {
            let mut state = self.state();
            (state.installed, state.experiment, state.loaded) = (installed, experiment, loaded);
        }
        self.fill_shelf()?;
        // What cannot be tidied away now is tidied away next time.
        let _ = prune(&self.config.directory.join("releases"), &keep);
        Ok(())
    }

    /// The release to go back to with what stands in for slates of others; none when it is not
    /// whole, which is noted.
    fn prepared(&self, previous: &Installed) -> Option<(LoadedRelease, StandIns)> {
        let prepared = self.open_whole(previous).and_then(|loaded| {
            let stand_ins = self.change_over(&loaded, true)?;
            Ok((loaded, stand_ins))
        });
        prepared
            .map_err(|error| {
                let what = format!("release {}: {error}", previous.release);
                self.state().damaged.push(what);
            })
            .ok()
    }

    /// An installed release, every byte of it checked.
    fn open_whole(&self, installed: &Installed) -> Result<LoadedRelease> {
        let directory = installed_path(&self.releases_dir(), &installed.release);
        check_installed(&directory, &installed.manifest_sha256)?;
        let loaded = LoadedRelease::open(&directory, &installed.manifest_sha256)?;
        self.check_plan(loaded.release.manifest())?;
        Ok(loaded)
    }

    fn active_tag(&self) -> Option<String> {
        self.state().installed.first().map(|active| active.release.to_string())
    }

    fn slates_of(&self, tag: &str) -> Vec<SlateKey> {
        let shelf = self.shelf.snapshot();
        let of = |slate: &&Slate| slate.release == tag;
        let slates = shelf.slates.values().map(|published| published.slate()).filter(of);
        slates.map(|slate| slate.key.clone()).collect()
    }
}

/// Whether a night's error comes from the release, not from the disk or the caller.
fn blames_the_release(error: &Error) -> bool {
    match error {
        Error::Model { .. } | Error::InvalidInput { .. } => true,
        // The app came with a plan that this release does not fit: nobody's misbehaviour.
        Error::ReleaseRefused { refusal, .. } => !matches!(refusal, Refusal::PlanContexts { .. }),
        Error::Damaged { what, .. } => what != "the database",
        _ => false,
    }
}
