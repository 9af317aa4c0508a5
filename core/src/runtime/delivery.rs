//! New releases come: which bytes to fetch next, and what to make of those that are there.

use super::status::DeliveryStatus;
use super::{Noctule, lock};
use crate::base::{Error, Network, Result, Transfer, TransferOutcome, order};
use crate::delivery::{DeliveryPolicy, DeliveryState, Incoming, Pending, Purpose, Session};
use crate::release::rows as releases;
use crate::release::{activation, check_installed, installed_path};
use crate::trust::{Current, ReleaseTarget, Update, in_rollout};

/// What came of one step of delivery.
pub(super) enum Step {
    /// The app's turn.
    Hand(Transfer),
    /// Another step may follow.
    Again,
}

impl Noctule {
    /// The next fetch alone, for an app whose feedback goes another way; see
    /// [`Noctule::next_transfer`].
    ///
    /// # Errors
    /// Those of [`Noctule::next_transfer`].
    pub fn next_fetch(&self, network: Network) -> Result<Transfer> {
        let Some(policy) = &self.config.delivery else { return Ok(Transfer::Done) };
        let mut session = lock(&self.delivery);
        loop {
            let state = self.store.read(DeliveryState::load)?;
            let now_ms = self.config.clock.now_ms();
            if let Some(until_ms) = state.pause.until(now_ms) {
                return Ok(Transfer::Wait { until_ms });
            }
            let step = match &state.pending {
                // Also while a release is on its way: it may have been halted or replaced.
                _ if state.is_look_due(now_ms, policy.check_every_ms) => {
                    self.look(&mut session, policy)?
                }
                Some(pending) => self.step(&mut session, pending, network, policy)?,
                None => Step::Hand(Transfer::Done),
            };
            if let Step::Hand(transfer) = step {
                return Ok(transfer);
            }
        }
    }

    /// Goes on with the look for a new release.
    fn look(&self, session: &mut Session, policy: &DeliveryPolicy) -> Result<Step> {
        if session.update.is_none() {
            let Some(set) = self.trusted_set()? else { return Ok(Step::Hand(Transfer::Done)) };
            session.update = Some(Update::begin(set, self.config.clock.now_ms()));
        }
        let wanted = session.update.as_ref().and_then(Update::wanted);
        if let Some(wanted) = wanted {
            let destination = Incoming::metadata_path(&self.releases_dir())?;
            remove_if_there(&destination)?;
            return Ok(Step::Hand(session.fetch_metadata(&wanted, destination)));
        }
        let Some(update) = session.update.take() else { return Ok(Step::Again) };
        let set = update.finish()?;
        let now_ms = self.config.clock.now_ms();
        let offered = match set.current(now_ms) {
            Ok(offered) => offered,
            Err(error) => {
                self.pause_delivery("metadata", None)?;
                return Err(error);
            }
        };
        self.obey_halt(&offered)?;
        let pending = self.choose(&offered, policy)?;
        self.store.write("noting what the repository offers", |transaction| {
            let mut state = DeliveryState::load(transaction)?;
            state.looked_ms = Some(now_ms);
            state.pause.over();
            state.pending = pending.clone();
            state.save(transaction)
        })?;
        let keep = pending.as_ref().map(|pending| pending.manifest_sha256.as_str());
        Incoming::clear(&self.releases_dir(), keep)?;
        Ok(Step::Again)
    }

    /// Takes away an active or previous release that the backend has stopped.
    fn obey_halt(&self, offered: &Current<'_>) -> Result<()> {
        let installed = self.state().installed.clone();
        for release in installed {
            let target = offered.release_of(&release.manifest_sha256);
            if target.is_some_and(|target| target.halted) {
                self.halt(&release.manifest_sha256, "halted by the repository")?;
            }
        }
        Ok(())
    }

    /// The newest release that is offered to this installation and is not here.
    fn choose(&self, offered: &Current<'_>, policy: &DeliveryPolicy) -> Result<Option<Pending>> {
        let state = self.store.read(DeliveryState::load)?;
        let seen = self.store.read(releases::seen)?;
        let given_up = self.store.read(activation::rows::load)?;
        let active = self.state().installed.first().cloned();
        let installation = self.state().identity.assignment.to_string();
        let newest = seen.iter().find(|seen| seen.release.name == policy.line);
        let floor = newest.map_or(0, |seen| seen.release.version);
        let plan = self.plan_digest();
        let fits = |target: &ReleaseTarget| {
            target.name == policy.line
                && !target.halted
                && target.version >= floor
                && !self.is_active_and_whole(&target.manifest_sha256)
                && !state.has_refused(&target.manifest_sha256, &plan)
                && in_rollout(target, &installation)
        };
        let mut fitting: Vec<&ReleaseTarget> = offered.releases().filter(|t| fits(t)).collect();
        order::sort_by_key(&mut fitting, |target| std::cmp::Reverse(target.version));
        for target in fitting {
            if given_up.check(&target.manifest_sha256).is_err() {
                continue;
            }
            let from = active.as_ref().map(|active| &active.manifest_sha256);
            let delta = from.and_then(|from| offered.delta(from, &target.manifest_sha256));
            return Ok(Some(Pending {
                release: format!("{}@{}", target.name, target.version),
                manifest_sha256: target.manifest_sha256.clone(),
                manifest_length: target.length,
                delta: delta.map(|delta| (delta.sha256.clone(), delta.length)),
            }));
        }
        Ok(None)
    }

    /// Whether the release of this manifest is the active one and every byte of it what it was: a
    /// damaged one is fetched again, as far as it is damaged.
    pub(super) fn is_active_and_whole(&self, manifest_sha256: &str) -> bool {
        let active = self.state().installed.first().cloned();
        let Some(active) = active.filter(|a| a.manifest_sha256 == manifest_sha256) else {
            return false;
        };
        let directory = installed_path(&self.releases_dir(), &active.release);
        check_installed(&directory, manifest_sha256).is_ok()
    }

    /// Takes note of how the fetch `id` ended. One of another process has left its bytes in its
    /// file, where the next step finds them.
    pub(super) fn fetch_finished(&self, id: &str, outcome: &TransferOutcome) -> Result<()> {
        let mut session = lock(&self.delivery);
        let Some(under_way) = session.take(id) else { return Ok(()) };
        match (outcome.status(), under_way.purpose) {
            (Some(200), Purpose::Metadata) => {
                let bytes = read_bounded(&under_way.destination, under_way.end)?;
                self.advance(&mut session, id, |update| update.accept(&bytes))
            }
            // Object stores say 403 of what is not there to those who may not list.
            (Some(403 | 404), Purpose::Metadata) => self.advance(&mut session, id, Update::missing),
            (Some(200 | 206), Purpose::Release) => {
                let have = std::fs::metadata(&under_way.destination).map_or(0, |m| m.len());
                if have > under_way.begin {
                    return Ok(());
                }
                // A portal, or an empty body: to ask again at once would go on without end.
                self.pause_delivery(id, outcome.retry_after_s())
            }
            (Some(416), Purpose::Release) => {
                // The server's file is shorter than what is here: one of the two is wrong.
                remove_if_there(&under_way.destination)?;
                self.pause_delivery(id, outcome.retry_after_s())
            }
            _ => self.pause_delivery(id, outcome.retry_after_s()),
        }
    }

    /// Goes on with the look; what was verified of it stays, what is refused ends it.
    fn advance(
        &self,
        session: &mut Session,
        id: &str,
        step: impl FnOnce(&mut Update) -> Result<()>,
    ) -> Result<()> {
        let Some(update) = &mut session.update else { return Ok(()) };
        let result = step(update);
        let mut set = update.set().clone();
        self.keep_trusted_set(&mut set)?;
        if let Err(error) = result {
            session.update = None;
            self.pause_delivery(id, None)?;
            return Err(error);
        }
        Ok(())
    }

    /// Makes the next call of [`Noctule::next_transfer`] look for a new release, however short the
    /// last look is ago: for a button, or a message that was pushed.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`], [`Error::Closed`].
    pub fn look_for_release(&self) -> Result<()> {
        self.change_delivery(|state| state.looked_ms = None)
    }

    /// Says how many bytes the app may still write to the volume of the profile directory, as the
    /// system tells it (`StorageManager.getAllocatableBytes`,
    /// `volumeAvailableCapacityForImportantUsage`); none forgets it. Kept in memory, not on disk.
    ///
    /// With it, [`Noctule::next_transfer`] answers [`Transfer::WaitForSpace`] instead of fetching a
    /// release for which there is no room: twice the bytes that are missing of it must be free.
    /// Call it before each loop over the transfers. Without it nothing is asked for, and a full
    /// disk shows as [`Error::StorageFull`].
    pub fn set_free_bytes(&self, bytes: Option<u64>) {
        lock(&self.delivery).free_bytes = bytes;
    }

    /// Forgets the release that is on its way and frees its space; the next look may choose it
    /// again.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`], [`Error::File`], [`Error::Closed`].
    pub fn cancel_delivery(&self) -> Result<()> {
        let mut session = lock(&self.delivery);
        *session = Session { free_bytes: session.free_bytes, ..Session::default() };
        self.change_delivery(|state| state.pending = None)?;
        Incoming::clear(&self.releases_dir(), None)
    }

    /// How far the release on its way is.
    pub(super) fn delivery_status(&self) -> Result<Option<DeliveryStatus>> {
        let state = self.store.read(DeliveryState::load)?;
        let Some(pending) = state.pending else { return Ok(None) };
        // While it is being installed nobody waits for the answer to this.
        let session = self.delivery.try_lock().ok();
        let arriving = session.as_ref().and_then(|session| session.incoming.as_ref());
        let progress = arriving
            .and_then(|arriving| Some(arriving.incoming.progress(arriving.manifest.as_ref()?)));
        let (bytes_here, bytes_total) = progress.unwrap_or((0, 0));
        Ok(Some(DeliveryStatus { release: pending.release, bytes_here, bytes_total }))
    }

    pub(super) fn pause_delivery(&self, id: &str, retry_after_s: Option<u64>) -> Result<()> {
        let (now_ms, mut random) = (self.config.clock.now_ms(), self.backoff_random(id));
        self.change_delivery(|state| state.pause.failed(now_ms, retry_after_s, &mut random))
    }

    pub(super) fn change_delivery(&self, change: impl FnOnce(&mut DeliveryState)) -> Result<()> {
        self.store.write("noting how delivery stands", |transaction| {
            let mut state = DeliveryState::load(transaction)?;
            change(&mut state);
            state.save(transaction)
        })
    }
}

fn remove_if_there(path: &std::path::Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(path, "removing")(error))
        }
        _ => Ok(()),
    }
}

/// At most one byte more than `limit`, which shows that there is more.
fn read_bounded(path: &std::path::Path, limit: u64) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).map_err(Error::file(path, "opening"))?;
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(Error::file(path, "reading"))?;
    Ok(bytes)
}
