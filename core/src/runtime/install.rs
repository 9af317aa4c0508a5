//! Installing a release, and the baseline that stands in until the first night.

use std::path::{Path, PathBuf};
use std::sync::{Arc, TryLockError};

use super::{Noctule, lock};
use crate::base::{Day, Error, Refusal, Result};
use crate::learning::rows as profiles;
use crate::night::{LoadedRelease, SlateMaker, Treatment, order_of_work};
use crate::release::integrity::damaged;
use crate::release::rows as releases;
use crate::release::{
    MANIFEST_FILE, Manifest, Policy, ReleaseName, Trust, VerifiedRelease, check_installed,
    installed_path, prune, stage, stage_owned,
};
use crate::slates::{Slate, rows};

impl Noctule {
    /// Verifies the release in `directory`, copies it into the profile and makes it the active one
    /// in one transaction. The release before it stays for rollback.
    ///
    /// Each slate of the plan that is not there yet gets a rule-based stand-in at once, so that
    /// the first `recommend` has something to show before the first night.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] with the file and the reason; [`Error::AlreadyRunning`];
    /// [`Error::InvalidInput`] when the app's plan does not fit; [`Error::File`],
    /// [`Error::StorageFull`], [`Error::Storage`], [`Error::Closed`]. The active release is then
    /// the one it was.
    pub fn install_release(&self, directory: &Path) -> Result<ReleaseName> {
        self.install(directory, stage)
    }

    /// The same for a release that lies in the profile's own `releases` directory already, in one
    /// whose name begins with a dot: verified in place and renamed, nothing is copied. After an
    /// error `staged` is still there.
    ///
    /// # Errors
    /// As [`Self::install_release`]; [`Error::InvalidInput`] when `staged` lies elsewhere.
    pub fn install_staged(&self, staged: &Path) -> Result<ReleaseName> {
        self.install(staged, stage_owned)
    }

    fn install(
        &self,
        directory: &Path,
        stage: fn(&Path, &Path, &Trust<'_>) -> Result<VerifiedRelease>,
    ) -> Result<ReleaseName> {
        let _working = self.begin_work()?;
        self.check_open()?;
        let seen = self.store.read(releases::seen)?;
        let (app, now_ms) = (&self.config.app, self.config.clock.now_ms());
        let trust = if self.config.allow_unsigned_for_development {
            Trust::unsigned_for_development(app, now_ms)
        } else {
            Trust::signed_by(app, &self.config.trusted_keys, now_ms)
        };
        let verified = stage(directory, &self.releases_dir(), &trust.having_seen(&seen))?;
        self.activate(&verified)
    }

    /// Makes a verified release the active one.
    fn activate(&self, verified: &VerifiedRelease) -> Result<ReleaseName> {
        let loaded = LoadedRelease::open(&verified.directory, &verified.manifest_sha256)?;
        loaded.verify_codes()?;
        self.check_plan(&verified.manifest)?;
        let loaded = Arc::new(loaded);
        let mut stand_ins = self.stand_ins(&loaded)?;
        self.store.write("activating a release", |transaction| {
            releases::activate(transaction, verified)?;
            rows::publish_stand_ins(transaction, &mut stand_ins)
        })?;
        let installed = self.store.read(releases::installed)?;
        {
            let mut state = self.state();
            state.installed = installed.clone();
            state.experiment = verified.manifest.experiment.clone();
            state.loaded = Some(loaded);
        }
        self.fill_shelf()?;
        let keep: Vec<ReleaseName> =
            installed.into_iter().map(|installed| installed.release).collect();
        // The new release is active: what cannot be tidied away now is tidied away next time.
        let _ = prune(&self.releases_dir(), &keep);
        Ok(verified.manifest.release.clone())
    }

    fn releases_dir(&self) -> PathBuf {
        self.config.directory.join("releases")
    }

    /// The rule-based baseline for each slate of the plan that is not on the shelf.
    fn stand_ins(&self, loaded: &LoadedRelease) -> Result<Vec<Slate>> {
        let profile = self.profile(self.store.read(profiles::load))?;
        let shelf = self.shelf.snapshot();
        let treatment = Treatment { policy: Policy::Baseline, arm: None };
        let maker = self.maker(loaded, &profile, treatment, false);
        let work = order_of_work(maker.plan, &profile.openings).into_iter();
        let missing = work.filter(|item| !shelf.slates.contains_key(&item.key()));
        missing.map(|item| maker.make(item.surface, item.context_index, item.context)).collect()
    }

    /// The active release, opened on the first call and kept open while its files stay the same;
    /// and whether it was opened and so checked by this very call.
    pub(super) fn loaded(&self) -> Result<Option<(Arc<LoadedRelease>, bool)>> {
        let (active, kept) = {
            let state = self.state();
            (state.installed.first().cloned(), state.loaded.clone())
        };
        if let Some(loaded) = kept.filter(|loaded| loaded.release.is_current()) {
            return Ok(Some((loaded, false)));
        }
        // Opened without the lock, which `record` needs; there is one opener, the work's owner.
        let Some(active) = active else { return Ok(None) };
        self.check_release()?;
        let directory = installed_path(&self.releases_dir(), &active.release);
        let loaded = LoadedRelease::open(&directory, &active.manifest_sha256);
        let loaded = Arc::new(loaded.map_err(|error| self.note_damage(&active.release, error))?);
        // The app may have come with another plan since the release was installed.
        self.check_plan(loaded.release.manifest())?;
        self.state().loaded = Some(Arc::clone(&loaded));
        Ok(Some((loaded, true)))
    }

    /// Reads every byte of the active release and compares the hashes: before its values are used
    /// for a slate.
    pub(super) fn check_release(&self) -> Result<()> {
        let Some(active) = self.state().installed.first().cloned() else { return Ok(()) };
        let directory = installed_path(&self.releases_dir(), &active.release);
        check_installed(&directory, &active.manifest_sha256)
            .map_err(|error| self.note_damage(&active.release, error))
    }

    /// The error of a damaged release, which [`super::Status::damaged`] shows from now on. What was
    /// opened of it is let go, so that a repair is seen.
    fn note_damage(&self, release: &ReleaseName, error: Error) -> Error {
        let error = damaged(release, error);
        let mut state = self.state();
        state.loaded = None;
        let text = error.to_string();
        if matches!(error, Error::ReleaseDamaged { .. }) && !state.damaged.contains(&text) {
            state.damaged.push(text);
        }
        error
    }

    pub(super) fn maker<'a>(
        &'a self,
        loaded: &'a LoadedRelease,
        profile: &'a crate::base::Profile,
        treatment: Treatment,
        at_night: bool,
    ) -> SlateMaker<'a> {
        let clock = &self.config.clock;
        let now_ms = clock.now_ms();
        let policy = loaded.policy(treatment.policy);
        SlateMaker {
            loaded,
            plan: self.plan(loaded),
            profile,
            treatment: Treatment { policy, ..treatment },
            now_ms,
            day: Day::at(now_ms, clock.offset_minutes()).0,
            at_night,
        }
    }

    pub(super) fn begin_work(&self) -> Result<std::sync::MutexGuard<'_, ()>> {
        match self.working.try_lock() {
            Ok(guard) => Ok(guard),
            Err(TryLockError::WouldBlock) => {
                Err(Error::AlreadyRunning { what: "a night or an installation" })
            }
            Err(TryLockError::Poisoned(_)) => {
                self.working.clear_poison();
                Ok(lock(&self.working))
            }
        }
    }

    /// The rows of the context popularity follow the contexts of the release's plan.
    fn check_plan(&self, manifest: &Manifest) -> Result<()> {
        let Some(plan) = &self.config.plan else { return Ok(()) };
        if plan.contexts == manifest.plan.contexts {
            return Ok(());
        }
        let names = |plan: &crate::release::Plan| {
            let names: Vec<&str> = plan.contexts.iter().map(|c| c.id.as_str()).collect();
            names.join(", ")
        };
        let (expected, found) = (names(plan), names(&manifest.plan));
        let refusal = Refusal::Incompatible { what: "the list of contexts", expected, found };
        Err(Error::refused(MANIFEST_FILE, refusal))
    }
}
