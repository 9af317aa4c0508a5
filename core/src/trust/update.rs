//! One refresh of the metadata: the client workflow of the specification, section 5.
//!
//! Refusing bytes changes nothing: whoever got bad ones from one mirror may ask another.

use super::METADATA_FOLDER;
use super::metadata::{MetaFile, Snapshot, Timestamp};
use super::root::{Role, Root};
use super::set::{Held, TrustedSet};
use super::signed::Signed;
use super::targets::Targets;
use crate::base::digest::sha256_hex;
use crate::base::limits::{
    ROOT_BYTES_MAX, ROOTS_PER_UPDATE_MAX, SNAPSHOT_BYTES_MAX, TARGETS_BYTES_MAX,
    TIMESTAMP_BYTES_MAX,
};
use crate::base::{Error, Result, TrustRefusal};

/// A metadata file to fetch next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its path below the repository: `metadata/3.root.json`.
    pub path: String,
    /// Bytes to read at most; one more shows that it is too long.
    pub length_max: u64,
    /// Its exact length, where known.
    pub length: Option<u64>,
    /// Its SHA-256 as lower-case hex, where known.
    pub sha256: Option<String>,
    /// Whether the repository need not have it: answer with [`Update::missing`].
    pub may_be_missing: bool,
}

/// A refresh under way.
#[derive(Debug, Clone)]
pub struct Update {
    set: TrustedSet,
    now_ms: i64,
    step: Step,
    /// Root files taken in this refresh.
    roots: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Fetch(Role),
    Done,
}

impl Update {
    /// Begins at what is `stored`; the whole refresh is judged by the clock as it is now, Unix
    /// milliseconds.
    #[must_use]
    pub fn begin(stored: TrustedSet, now_ms: i64) -> Self {
        Self { set: stored, now_ms, step: Step::Fetch(Role::Root), roots: 0 }
    }

    /// What to fetch next; nothing when the refresh is done.
    #[must_use]
    pub fn wanted(&self) -> Option<Wanted> {
        let Step::Fetch(role) = self.step else { return None };
        let wanted = |path: String, length_max: u64, meta: Option<&MetaFile>| Wanted {
            path: format!("{METADATA_FOLDER}/{path}"),
            length_max: meta.and_then(|meta| meta.length).map_or(length_max, |l| l.min(length_max)),
            length: meta.and_then(|meta| meta.length),
            sha256: meta.and_then(|meta| meta.sha256.clone()),
            may_be_missing: role == Role::Root,
        };
        let versioned = |meta: &MetaFile, limit| {
            wanted(format!("{}.{}.json", meta.version, role.name()), limit, Some(meta))
        };
        match role {
            Role::Root => {
                let next = self.set.root.value.head.version + 1;
                Some(wanted(format!("{next}.root.json"), ROOT_BYTES_MAX, None))
            }
            Role::Timestamp => Some(wanted("timestamp.json".into(), TIMESTAMP_BYTES_MAX, None)),
            Role::Snapshot => self
                .set
                .timestamp
                .as_ref()
                .map(|t| versioned(&t.value.snapshot, SNAPSHOT_BYTES_MAX)),
            Role::Targets => self.set.targets_meta().map(|m| versioned(m, TARGETS_BYTES_MAX)),
        }
    }

    /// Judges the bytes of what was wanted and goes on.
    ///
    /// # Errors
    /// [`Error::TrustRefused`]; nothing changed then, other bytes for the same file may follow.
    pub fn accept(&mut self, bytes: &[u8]) -> Result<()> {
        let (Step::Fetch(role), Some(wanted)) = (self.step, self.wanted()) else { return Ok(()) };
        let refused = |refusal| Error::untrusted(&wanted.path, refusal);
        check_bytes(&wanted, bytes).map_err(refused)?;
        match role {
            Role::Root => {
                let root = self.check_root(bytes).map_err(refused)?;
                self.set.advance(bytes, root);
                self.roots += 1;
                if self.roots >= ROOTS_PER_UPDATE_MAX {
                    return self.missing();
                }
            }
            Role::Timestamp => {
                if let Some(value) = self.check_timestamp(bytes).map_err(refused)? {
                    self.set.timestamp = Some(Held { bytes: bytes.to_vec(), value });
                }
                self.seek_snapshot();
            }
            Role::Snapshot => {
                let value = self.check_snapshot(bytes).map_err(refused)?;
                self.set.snapshot = Some(Held { bytes: bytes.to_vec(), value });
                self.seek_targets();
            }
            Role::Targets => {
                let value = self.check_targets(bytes).map_err(refused)?;
                self.set.targets = Some(Held { bytes: bytes.to_vec(), value });
                self.step = Step::Done;
            }
        }
        Ok(())
    }

    /// The repository does not have what was wanted. Ends the chain of roots.
    ///
    /// # Errors
    /// [`Error::TrustRefused`] with [`TrustRefusal::Missing`] for any other file, and with
    /// [`TrustRefusal::Expired`] when the newest root has expired.
    pub fn missing(&mut self) -> Result<()> {
        let Some(wanted) = self.wanted() else { return Ok(()) };
        if self.step != Step::Fetch(Role::Root) {
            return Err(Error::untrusted(wanted.path, TrustRefusal::Missing));
        }
        let head = self.set.root.value.head;
        let fresh = head.check_fresh(self.now_ms);
        let path = format!("{METADATA_FOLDER}/{}.root.json", head.version);
        fresh.map_err(|refusal| Error::untrusted(path, refusal))?;
        self.step = Step::Fetch(Role::Timestamp);
        Ok(())
    }

    /// What is trusted so far: worth storing also when the refresh fails later.
    #[must_use]
    pub fn set(&self) -> &TrustedSet {
        &self.set
    }

    /// What is trusted so far, without a refresh that could not be finished.
    #[must_use]
    pub fn into_set(self) -> TrustedSet {
        self.set
    }

    /// The renewed set.
    ///
    /// # Errors
    /// [`Error::TrustRefused`] with [`TrustRefusal::Incomplete`] when something is still wanted.
    pub fn finish(self) -> Result<TrustedSet> {
        if self.step == Step::Done {
            return Ok(self.set);
        }
        let path = self.wanted().map_or_else(|| METADATA_FOLDER.to_owned(), |wanted| wanted.path);
        Err(Error::untrusted(path, TrustRefusal::Incomplete))
    }

    /// Section 5.3: signed by thresholds of the old root's and of its own keys, the next version.
    fn check_root(&self, bytes: &[u8]) -> Result<Root, TrustRefusal> {
        let trusted = &self.set.root.value;
        let have = trusted.head.version;
        let signed = Signed::parse(bytes)?;
        signed.verify(&format!("root {have}"), trusted.role(Role::Root))?;
        let root = Root::parse(&signed)?;
        let found = root.head.version;
        if found < have {
            let what = "root.json".to_owned();
            return Err(TrustRefusal::Rollback { what, have, offered: found });
        }
        if found != have + 1 {
            return Err(TrustRefusal::WrongVersion { expected: have + 1, found });
        }
        signed.verify(&format!("root {found}"), root.role(Role::Root))?;
        Ok(root)
    }

    /// Section 5.4; nothing when the version is the one that is trusted already.
    fn check_timestamp(&self, bytes: &[u8]) -> Result<Option<Timestamp>, TrustRefusal> {
        let signed = self.set.verified(Role::Timestamp, bytes)?;
        let timestamp = Timestamp::parse(&signed)?;
        if let Some(Held { value: trusted, .. }) = &self.set.timestamp {
            let rollback = |what: &str, have, offered| {
                Err(TrustRefusal::Rollback { what: what.to_owned(), have, offered })
            };
            let (have, offered) = (trusted.head.version, timestamp.head.version);
            if offered < have {
                return rollback("timestamp.json", have, offered);
            }
            if offered == have {
                return trusted.head.check_fresh(self.now_ms).map(|()| None);
            }
            let (have, offered) = (trusted.snapshot.version, timestamp.snapshot.version);
            if offered < have {
                return rollback("snapshot.json", have, offered);
            }
        }
        timestamp.head.check_fresh(self.now_ms)?;
        Ok(Some(timestamp))
    }

    /// Section 5.5, length and hash apart.
    fn check_snapshot(&self, bytes: &[u8]) -> Result<Snapshot, TrustRefusal> {
        let signed = self.set.verified(Role::Snapshot, bytes)?;
        let snapshot = Snapshot::parse(&signed)?;
        let timestamp = self.set.timestamp.as_ref().ok_or(TrustRefusal::Incomplete)?;
        check_version(timestamp.value.snapshot.version, snapshot.head.version)?;
        if let Some(trusted) = &self.set.snapshot {
            snapshot.check_follows(&trusted.value)?;
        }
        snapshot.head.check_fresh(self.now_ms)?;
        Ok(snapshot)
    }

    /// Section 5.6, length and hash apart.
    fn check_targets(&self, bytes: &[u8]) -> Result<Targets, TrustRefusal> {
        let signed = self.set.verified(Role::Targets, bytes)?;
        let targets = Targets::parse(&signed)?;
        let named = self.set.targets_meta().ok_or(TrustRefusal::Incomplete)?;
        check_version(named.version, targets.head.version)?;
        targets.head.check_fresh(self.now_ms)?;
        Ok(targets)
    }

    /// Goes on to the snapshot, or past it when the one at hand is the one that is named.
    fn seek_snapshot(&mut self) {
        self.step = Step::Fetch(Role::Snapshot);
        let (Some(held), Some(wanted)) = (&self.set.snapshot, self.wanted()) else { return };
        let good =
            check_bytes(&wanted, &held.bytes).and_then(|()| self.check_snapshot(&held.bytes));
        if good.is_ok() {
            self.seek_targets();
        }
    }

    fn seek_targets(&mut self) {
        self.step = Step::Fetch(Role::Targets);
        let (Some(held), Some(wanted)) = (&self.set.targets, self.wanted()) else { return };
        let good = check_bytes(&wanted, &held.bytes).and_then(|()| self.check_targets(&held.bytes));
        if good.is_ok() {
            self.step = Step::Done;
        }
    }
}

fn check_version(expected: u64, found: u64) -> Result<(), TrustRefusal> {
    if found == expected {
        return Ok(());
    }
    Err(TrustRefusal::WrongVersion { expected, found })
}

/// Length first, then hash: nothing is read that the metadata before it did not announce.
fn check_bytes(wanted: &Wanted, bytes: &[u8]) -> Result<(), TrustRefusal> {
    let found = bytes.len() as u64;
    let limit = wanted.length_max;
    match wanted.length {
        // Announced longer than is read at all.
        Some(length) if length > limit => return Err(TrustRefusal::TooLarge { limit }),
        Some(expected) if expected != found => {
            return Err(TrustRefusal::WrongLength { expected, found });
        }
        None if found > limit => return Err(TrustRefusal::TooLarge { limit }),
        _ => {}
    }
    let Some(expected) = wanted.sha256.clone() else { return Ok(()) };
    let found = sha256_hex(bytes);
    if found == expected { Ok(()) } else { Err(TrustRefusal::WrongHash { expected, found }) }
}
