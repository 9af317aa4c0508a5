//! A release arrives: file by file, until it is active or refused.

use std::path::PathBuf;

use super::Noctule;
use super::delivery::Step;
use crate::base::{CancelToken, Error, Network, Refusal, Result, Transfer};
use crate::delivery::{DeliveryPolicy, Incoming, NextFile, Pending, RefusedOffer, Session};
use crate::release::rows as releases;
use crate::release::{
    MANIFEST_FILE, Manifest, Trust, check_offer, delta, installed_path, read_manifest, take_back,
};
use crate::trust::ReleaseTarget;

/// Milliseconds until an installation is tried again when a night was under way.
const BUSY_PAUSE_MS: i64 = 60_000;

impl Noctule {
    /// One step towards the release `pending`.
    pub(super) fn step(
        &self,
        session: &mut Session,
        pending: &Pending,
        network: Network,
        policy: &DeliveryPolicy,
    ) -> Result<Step> {
        // It became active, and the disk was full before that was noted here.
        if self.is_active_and_whole(&pending.manifest_sha256) {
            return self.arrived(session);
        }
        let (releases_dir, free_bytes) = (self.releases_dir(), session.free_bytes);
        let arriving = session.arriving(&releases_dir, &pending.manifest_sha256)?;
        if arriving.manifest.is_none() {
            let (sha256, length) = (&pending.manifest_sha256, pending.manifest_length);
            let directory = arriving.incoming.directory();
            if !self.is_installed(sha256) && !directory.join(MANIFEST_FILE).exists() {
                // All of it may have come before, and only the activation failed.
                take_back(&releases_dir, &pending.release, sha256, directory)?;
            }
            match arriving.incoming.manifest(sha256, length) {
                Ok(Ok(manifest)) => {
                    let (app, now_ms) = (&self.config.app, self.config.clock.now_ms());
                    let seen = self.store.read(releases::seen)?;
                    // Its digest is the one that the repository vouches for.
                    let trust = Trust::unsigned_for_development(app, now_ms).having_seen(&seen);
                    let fits = check_offer(&manifest, sha256, &trust);
                    if let Err(error) = fits.and_then(|()| self.check_plan(&manifest)) {
                        return self.refuse(session, pending, error);
                    }
                    // Before the copies, which take room too.
                    if let Some(wait) = wait_for_space(free_bytes, &arriving.incoming, &manifest) {
                        return Ok(Step::Hand(wait));
                    }
                    if let Some((installed, old)) = self.active_manifest() {
                        arriving.incoming.take_over(&installed, &old, &manifest)?;
                    }
                    arriving.manifest = Some(manifest);
                }
                Ok(Err(next)) => return self.fetch(session, &next, network, policy),
                Err(error) => return self.refuse(session, pending, error),
            }
        }
        let Some(manifest) = arriving.manifest.clone() else { return Ok(Step::Again) };
        let Some(next) = arriving.incoming.next_file(&manifest)? else {
            return self.install_arrived(session, pending);
        };
        if let Some(wait) = wait_for_space(free_bytes, &arriving.incoming, &manifest) {
            return Ok(Step::Hand(wait));
        }
        let (here, total) = arriving.incoming.progress(&manifest);
        if let Some((sha256, length)) = &pending.delta
            && total - here > *length
        {
            return match arriving.incoming.delta(sha256, *length)? {
                // Not what the repository vouches for: the files are fetched themselves.
                Some(next) if next.spoiled => {
                    self.give_up_delta()?;
                    self.pause_delivery(sha256, None)?;
                    Ok(Step::Again)
                }
                Some(next) => self.fetch(session, &next, network, policy),
                None => self.apply_delta(session, pending, &manifest),
            };
        }
        self.fetch(session, &next, network, policy)
    }

    /// Hands out `next`, or begins a pause when what came last was wrong.
    fn fetch(
        &self,
        session: &mut Session,
        next: &NextFile,
        network: Network,
        policy: &DeliveryPolicy,
    ) -> Result<Step> {
        if next.spoiled {
            self.pause_delivery(&next.sha256, None)?;
            return Ok(Step::Again);
        }
        Ok(Step::Hand(session.fetch_file(next, network, policy)))
    }

    /// Makes the files of the new release from those of the active one.
    fn apply_delta(
        &self,
        session: &mut Session,
        pending: &Pending,
        manifest: &Manifest,
    ) -> Result<Step> {
        let arriving = session.arriving(&self.releases_dir(), &pending.manifest_sha256)?;
        let applied = match self.active_manifest() {
            Some((installed, _)) => {
                let path = arriving.incoming.delta_path();
                let (out, never) = (arriving.incoming.directory(), CancelToken::new());
                delta::apply(&path, &installed, manifest, out, &never)
            }
            None => Err(Error::refused(".delta", Refusal::Missing)),
        };
        match applied {
            // A delta that is whole and fits no file here: the files are fetched themselves.
            Ok(()) | Err(Error::ReleaseRefused { .. }) => self.give_up_delta()?,
            Err(error) => return Err(error),
        }
        Ok(Step::Again)
    }

    pub(super) fn give_up_delta(&self) -> Result<()> {
        self.change_delivery(|state| {
            if let Some(pending) = &mut state.pending {
                pending.delta = None;
            }
        })
    }

    /// All bytes are here: verified, examined, active; or refused and remembered.
    fn install_arrived(&self, session: &mut Session, pending: &Pending) -> Result<Step> {
        let Some(target) = self.offered(&pending.manifest_sha256)? else {
            // Halted or expired since: the next look finds what there is.
            session.incoming = None;
            self.change_delivery(|state| {
                state.pending = None;
                state.looked_ms = None;
            })?;
            return Ok(Step::Again);
        };
        let arriving = session.arriving(&self.releases_dir(), &pending.manifest_sha256)?;
        match self.install_delivered(arriving.incoming.directory(), &target) {
            Ok(_) => self.arrived(session),
            Err(Error::AlreadyRunning { .. }) => {
                let until_ms = self.config.clock.now_ms().saturating_add(BUSY_PAUSE_MS);
                Ok(Step::Hand(Transfer::Wait { until_ms }))
            }
            Err(Error::ReleaseRefused {
                refusal: Refusal::WrongHash { .. } | Refusal::WrongLength { .. } | Refusal::Missing,
                ..
            }) => {
                // What was right when it came is not any more: the disk, not the publisher.
                arriving.incoming.start_over()?;
                arriving.manifest = None;
                self.pause_delivery(&pending.manifest_sha256, None)?;
                Ok(Step::Again)
            }
            Err(error) => {
                // Where it lies now depends on how far it came: the next step looks.
                session.incoming = None;
                self.refuse(session, pending, error)
            }
        }
    }

    /// Notes that the release on its way is active, and removes what it left behind.
    fn arrived(&self, session: &mut Session) -> Result<Step> {
        // Its files have moved: whatever fails below, the next step must not miss them.
        session.incoming = None;
        self.change_delivery(|state| {
            state.pending = None;
            state.pause.over();
        })?;
        Incoming::clear(&self.releases_dir(), None)?;
        Ok(Step::Again)
    }

    /// Whether the release of this manifest is the active one or the one before it.
    fn is_installed(&self, manifest_sha256: &str) -> bool {
        self.state().installed.iter().any(|one| one.manifest_sha256 == manifest_sha256)
    }

    /// The target that vouches for the release of this manifest now, as far as is known.
    fn offered(&self, manifest_sha256: &str) -> Result<Option<ReleaseTarget>> {
        let Some(set) = self.trusted_set()? else { return Ok(None) };
        let Ok(current) = set.current(self.config.clock.now_ms()) else { return Ok(None) };
        let target = current.release_of(manifest_sha256).filter(|target| !target.halted);
        Ok(target.cloned())
    }

    /// Gives up `pending`, and remembers it so that it is not fetched again, unless the reason may
    /// pass: a clock that is wrong, an app that is too old. What the app's own plan has to do with
    /// is remembered under that plan only: the contexts must fit, and the time that the exam allows
    /// is the plan's.
    fn refuse(&self, session: &mut Session, pending: &Pending, error: Error) -> Result<Step> {
        let Error::ReleaseRefused { refusal, .. } = &error else { return Err(error) };
        let passes = matches!(
            refusal,
            Refusal::Expired { .. }
                | Refusal::NotYetValid { .. }
                | Refusal::RuntimeTooOld { .. }
                | Refusal::FormatTooNew { .. }
        );
        let of_plan = matches!(refusal, Refusal::PlanContexts { .. } | Refusal::ExamFailed { .. });
        let offer = RefusedOffer {
            manifest_sha256: pending.manifest_sha256.clone(),
            reason: error.to_string(),
            under_plan: of_plan.then(|| self.plan_digest()),
        };
        self.change_delivery(|state| match passes {
            true => state.pending = None,
            false => state.refuse(offer),
        })?;
        session.incoming = None;
        Incoming::clear(&self.releases_dir(), None)?;
        Err(error)
    }

    /// The manifest of the active release and where it lies; none when it cannot be read.
    fn active_manifest(&self) -> Option<(PathBuf, Manifest)> {
        let active = self.state().installed.first().cloned()?;
        let directory = installed_path(&self.releases_dir(), &active.release);
        let manifest = read_manifest(&directory, &active.manifest_sha256).ok()?;
        Some((directory, manifest))
    }
}

/// Asks for room when the app has said how much there is and it is less than twice what is missing:
/// what is fetched, and as much again for a delta and for what the database writes meanwhile.
fn wait_for_space(
    free_bytes: Option<u64>,
    incoming: &Incoming,
    manifest: &Manifest,
) -> Option<Transfer> {
    let (here, total) = incoming.progress(manifest);
    let bytes = total.saturating_sub(here).saturating_mul(2);
    free_bytes.is_some_and(|free| free < bytes).then_some(Transfer::WaitForSpace { bytes })
}
