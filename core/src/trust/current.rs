//! What a trusted, fresh and complete set offers to this device.

use super::targets::{DeltaTarget, ReleaseTarget, TargetFile, Targets};
use crate::base::bucket::{BUCKETS, bucket_index};

/// The targets of a set that was checked for freshness: [`super::TrustedSet::current`].
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    pub(super) targets: &'a Targets,
}

impl<'a> Current<'a> {
    /// Every release, halted ones too.
    pub fn releases(&self) -> impl Iterator<Item = &'a ReleaseTarget> + use<'a> {
        self.targets.releases.iter()
    }

    /// Every delta.
    pub fn deltas(&self) -> impl Iterator<Item = &'a DeltaTarget> + use<'a> {
        self.targets.deltas.iter()
    }

    /// Length and digest of the target at `path`, of whatever kind.
    #[must_use]
    pub fn target(&self, path: &str) -> Option<&'a TargetFile> {
        self.targets.files.get(path)
    }

    /// The release whose manifest has this SHA-256.
    #[must_use]
    pub fn release_of(&self, manifest_sha256: &str) -> Option<&'a ReleaseTarget> {
        self.releases().find(|release| release.manifest_sha256 == manifest_sha256)
    }

    /// The delta that leads from one manifest to another.
    #[must_use]
    pub fn delta(&self, from: &str, to: &str) -> Option<&'a DeltaTarget> {
        self.deltas().filter(|delta| delta.from == from && delta.to == to).min_by_key(|d| d.length)
    }

    /// The release of the line `name` that `installation` should have: the highest version that is
    /// not halted and whose share of the installations includes this one.
    #[must_use]
    pub fn choose(&self, name: &str, installation: &str) -> Option<&'a ReleaseTarget> {
        let offered = self.releases().filter(|release| release.name == name && !release.halted);
        let included = offered.filter(|release| in_rollout(release, installation));
        included.max_by_key(|release| release.version)
    }
}

/// Whether the share of `release` includes `installation`. Whoever is in 10 % is in 25 % too.
#[must_use]
pub fn in_rollout(release: &ReleaseTarget, installation: &str) -> bool {
    rollout_point(&release.name, release.version, installation) < u32::from(release.percent)
}

/// The point of 0 to 99 per cent at which `installation` stands in the roll-out of a release: by
/// the salted hash of experiments, with `<name>@<version>` as the salt.
///
/// ```
/// use noctule_core::trust::rollout_point;
/// let point = rollout_point("town", 8, "installation");
/// assert_eq!(point, rollout_point("town", 8, "installation"));
/// assert!(point < 100);
/// ```
#[must_use]
pub fn rollout_point(name: &str, version: u64, installation: &str) -> u32 {
    bucket_index(&format!("{name}@{version}"), installation) / (BUCKETS / 100)
}
