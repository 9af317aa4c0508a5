//! Installing a release, and the baseline that stands in until the first night.

use std::path::{Path, PathBuf};
use std::sync::{Arc, TryLockError};

use super::Noctule;
use super::trust::{check_same, digest_of};
use crate::base::digest::sha256_hex;
use crate::base::sync::MutexGuard;
use crate::base::{Error, Refusal, Result};
use crate::night::{
    GoOn, LoadedRelease, SequenceParts, SlateMaker, Treatment, WorkItem, coming_day, night_of,
    order_of_work,
};
use crate::release::integrity::damaged;
use crate::release::rows as releases;
use crate::release::{
    MANIFEST_FILE, Manifest, Policy, ReleaseName, Trust, VerifiedRelease, check_installed_while,
    installed_path, stage, stage_owned,
};
use crate::replay::rows::StandIns;
use crate::trust::ReleaseTarget;

impl Noctule {
    /// Verifies the release in `directory`, copies it into the profile and makes it the active one
    /// in one transaction. The release before it stays for rollback, see [`Self::rollback`].
    ///
    /// The slates of the release before serve until the next night. Where one of the plan is not
    /// there, all get a rule-based stand-in of the new release at once, so that the first
    /// `recommend` has something to show before the first night, and never that of two releases.
    ///
    /// With [`super::Config::trusted_root`] the directory also holds the repository's `metadata`,
    /// which must be fresh and name the release's manifest as a target that is not halted.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] and [`Error::TrustRefused`] with the file and the reason;
    /// [`Error::AlreadyRunning`];
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

    /// Installs the release in `directory`, which ships in the app, where the profile has none yet,
    /// and says whether it did: so that the first slate needs no network. Whatever is delivered
    /// later takes its place as that of any release.
    ///
    /// It counts when one of [`super::Config::trusted_keys`] has signed it, also in a profile whose
    /// other releases a repository vouches for: metadata that lie in an app have expired long
    /// before the app is opened for the first time. Everything else is verified as of any release.
    ///
    /// # Errors
    /// As [`Self::install_release`]; the profile then has no release, as before.
    pub fn install_starter(&self, directory: &Path) -> Result<bool> {
        let _working = self.begin_work()?;
        self.check_open()?;
        if !self.state().installed.is_empty() {
            return Ok(false);
        }
        self.check_not_given_up(directory)?;
        let seen = self.store.read(releases::seen)?;
        let trust = self.trust_in_keys(self.config.clock.now_ms());
        self.activate(&stage(directory, &self.releases_dir(), &trust.having_seen(&seen))?)?;
        Ok(true)
    }

    fn trust_in_keys(&self, now_ms: i64) -> Trust<'_> {
        let app = &self.config.app;
        match self.config.allow_unsigned_for_development {
            true => Trust::unsigned_for_development(app, now_ms),
            false => Trust::signed_by(app, &self.config.trusted_keys, now_ms),
        }
    }

    fn install(
        &self,
        directory: &Path,
        stage: fn(&Path, &Path, &Trust<'_>) -> Result<VerifiedRelease>,
    ) -> Result<ReleaseName> {
        let _working = self.begin_work()?;
        self.check_open()?;
        self.check_not_given_up(directory)?;
        let (app, now_ms) = (&self.config.app, self.config.clock.now_ms());
        let target = self.trusted_set()?.map(|stored| self.target_in(directory, stored));
        let target = target.transpose()?;
        let trust = if let Some(target) = &target {
            Trust::of_manifest(app, digest_of(target)?, now_ms)
        } else {
            self.trust_in_keys(now_ms)
        };
        // Read after the metadata, which may have changed what counts as seen.
        let seen = self.store.read(releases::seen)?;
        let verified = stage(directory, &self.releases_dir(), &trust.having_seen(&seen))?;
        if let Some(target) = &target {
            check_same(target, &verified)?;
        }
        self.activate(&verified)
    }

    /// Installs the release in `staged`, which delivery has filled and `target` vouches for,
    /// without copying it. Otherwise as [`Self::install_staged`].
    pub(super) fn install_delivered(
        &self,
        staged: &Path,
        target: &ReleaseTarget,
    ) -> Result<ReleaseName> {
        let _working = self.begin_work()?;
        self.check_open()?;
        self.check_not_given_up(staged)?;
        let trust =
            Trust::of_manifest(&self.config.app, digest_of(target)?, self.config.clock.now_ms());
        let seen = self.store.read(releases::seen)?;
        let verified = stage_owned(staged, &self.releases_dir(), &trust.having_seen(&seen))?;
        check_same(target, &verified)?;
        self.activate(&verified)
    }

    /// Where releases are installed, and where those lie that are on their way.
    pub(super) fn releases_dir(&self) -> PathBuf {
        self.config.directory.join("releases")
    }

    /// Makes a verified release the active one.
    fn activate(&self, verified: &VerifiedRelease) -> Result<ReleaseName> {
        let loaded = LoadedRelease::open(&verified.directory, &verified.manifest_sha256)?;
        loaded.verify_codes()?;
        self.check_plan(&verified.manifest)?;
        self.sit_exam(&loaded)?;
        let loaded = Arc::new(loaded);
        let mut stand_ins = self.change_over(&loaded, false)?;
        self.store.write("activating a release", |transaction| {
            releases::activate(transaction, verified)?;
            stand_ins.publish(transaction)
        })?;
        self.file_versions()?;
        self.reload(Some(loaded))?;
        Ok(verified.manifest.release.clone())
    }

    /// The rule-based baseline of `loaded` for each slate of the plan that is not on the shelf.
    ///
    /// Slates of another release stay as long as they are all there, unless `replace` is said;
    /// otherwise they are replaced too, since the shelf never shows two releases at a time.
    pub(super) fn change_over(&self, loaded: &LoadedRelease, replace: bool) -> Result<StandIns> {
        let profile = self.profile_in_use()?;
        let shelf = self.shelf.snapshot();
        let treatment = Treatment { policy: Policy::Baseline, arm: None };
        let maker = self.maker(loaded, &profile, treatment, false);
        let tag = loaded.release.manifest().release.to_string();
        let coming = coming_day(maker.now_ms, self.config.clock.offset_minutes());
        let work = order_of_work(maker.plan, &profile.openings, coming);
        let published = |item: &WorkItem<'_>| shelf.slates.get(&item.key());
        let replace = replace || work.iter().any(|item| published(item).is_none());
        let stays = |item: &WorkItem<'_>| {
            published(item).is_some_and(|published| !replace || published.slate().release == tag)
        };
        let due = work.iter().filter(|item| !stays(item));
        let made = due.map(|item| maker.make(item.surface, item.context_index, item.context));
        let slates = made.collect::<Result<_>>()?;
        Ok(StandIns { slates, origin: self.origin(loaded, &profile, maker.day) })
    }

    /// The active release, opened on the first call and kept open while its files stay the same;
    /// and whether it was opened and so checked by this very call.
    pub(super) fn loaded(&self, go_on: GoOn<'_>) -> Result<Option<(Arc<LoadedRelease>, bool)>> {
        let (active, kept) = {
            let state = self.state();
            (state.installed.first().cloned(), state.loaded.clone())
        };
        if let Some(loaded) = kept.filter(|loaded| loaded.release.is_current()) {
            return Ok(Some((loaded, false)));
        }
        // Opened without the lock, which `record` needs; there is one opener, the work's owner.
        let Some(active) = active else { return Ok(None) };
        self.check_release(go_on)?;
        let directory = installed_path(&self.releases_dir(), &active.release);
        let loaded = LoadedRelease::open(&directory, &active.manifest_sha256);
        let loaded = Arc::new(loaded.map_err(|error| self.note_damage(&active.release, error))?);
        // The app may have come with another plan since the release was installed.
        self.check_plan(loaded.release.manifest())?;
        self.state().loaded = Some(Arc::clone(&loaded));
        Ok(Some((loaded, true)))
    }

    /// Reads every byte of the active release and compares the hashes: before its values are used
    /// for a slate. Asks `go_on` between some pages.
    pub(super) fn check_release(&self, go_on: GoOn<'_>) -> Result<()> {
        let Some(active) = self.state().installed.first().cloned() else { return Ok(()) };
        let directory = installed_path(&self.releases_dir(), &active.release);
        check_installed_while(&directory, &active.manifest_sha256, go_on)
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
            day: night_of(now_ms, clock.offset_minutes()),
            at_night,
            recorder: None,
            sequence: SequenceParts::default(),
        }
    }

    pub(super) fn begin_work(&self) -> Result<MutexGuard<'_, ()>> {
        match self.working.try_lock() {
            Ok(guard) => Ok(guard),
            Err(TryLockError::WouldBlock) => {
                Err(Error::AlreadyRunning { what: "a night or an installation" })
            }
            // A panic of an earlier night left nothing half-changed behind this lock.
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        }
    }

    /// Digest of the app's own plan; empty without one.
    pub(super) fn plan_digest(&self) -> String {
        let Some(plan) = &self.config.plan else { return String::new() };
        // A plan is strings, numbers and lists of them, which always become JSON.
        sha256_hex(&serde_json::to_vec(plan).unwrap_or_default())
    }

    /// The rows of the context popularity follow the contexts of the release's plan.
    pub(super) fn check_plan(&self, manifest: &Manifest) -> Result<()> {
        let Some(plan) = &self.config.plan else { return Ok(()) };
        if plan.contexts == manifest.plan.contexts {
            return Ok(());
        }
        let names = |plan: &crate::release::Plan| {
            let names: Vec<&str> = plan.contexts.iter().map(|c| c.id.as_str()).collect();
            names.join(", ")
        };
        let (plan, release) = (names(plan), names(&manifest.plan));
        Err(Error::refused(MANIFEST_FILE, Refusal::PlanContexts { plan, release }))
    }
}
