//! Deltas from the releases that phones have to the one being published.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use noctule_core::release::ReleaseName;
use serde::Serialize;

use super::{Registry, State};
use crate::staging::Staging;
use crate::{Error, Result, make_delta};

/// The alias whose version most phones have.
const CHAMPION: &str = "champion";

/// From which versions of the line deltas are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DeltaFrom {
    /// From none.
    #[default]
    Nothing,
    /// From those that phones are likely to have: the champion and the newest that is offered;
    /// where there is neither, from the newest.
    Likely,
    /// From these.
    Versions(Vec<u64>),
}

/// A delta that was made for a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedDelta {
    /// The version that it starts from.
    pub from: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Bytes of all files of the new release.
    pub full_bytes: u64,
    /// Whether it is offered: only when it has less than half of them.
    pub kept: bool,
}

/// Deltas in a directory that goes with them.
#[derive(Default)]
pub(super) struct MadeDeltas {
    pub(super) report: Vec<PublishedDelta>,
    /// Version and file of those that are kept.
    pub(super) files: Vec<(u64, PathBuf)>,
    _scratch: Option<Staging>,
}

impl Registry {
    /// Makes the deltas that lead to `release`, which lies in `directory`. Old releases are copied
    /// to the folder of temporary files for it.
    pub(super) fn make_deltas(
        &self,
        release: &ReleaseName,
        directory: &Path,
        wanted: &DeltaFrom,
    ) -> Result<MadeDeltas> {
        let state = self.state()?;
        let sources = sources(&state, release, wanted);
        if sources.is_empty() {
            return Ok(MadeDeltas::default());
        }
        let scratch = Staging::beside(&std::env::temp_dir().join("noctule-deltas"))?;
        let (mut report, mut files) = (Vec::new(), Vec::new());
        for from in sources {
            let line = state.line(&release.name)?;
            let version = line.versions.get(&from);
            let version = version
                .ok_or_else(|| Error::not_in_registry(format!("{}@{from}", release.name)))?;
            let old = scratch.path.join(from.to_string());
            std::fs::create_dir(&old).map_err(Error::file(&old, "making"))?;
            self.download_release(version, &old)?;
            let out = scratch.path.join(format!("{from}.delta"));
            let made = make_delta(&old, directory, &out)?;
            std::fs::remove_dir_all(&old).map_err(Error::file(&old, "removing"))?;
            let (bytes, full_bytes) = (made.bytes, made.full_bytes);
            let kept = bytes.saturating_mul(2) < full_bytes;
            if kept {
                files.push((from, out));
            }
            report.push(PublishedDelta { from, bytes, full_bytes, kept });
        }
        Ok(MadeDeltas { report, files, _scratch: Some(scratch) })
    }
}

/// The versions to start from, never the release itself.
fn sources(state: &State, release: &ReleaseName, wanted: &DeltaFrom) -> BTreeSet<u64> {
    let mut sources = match wanted {
        DeltaFrom::Nothing => BTreeSet::new(),
        DeltaFrom::Versions(versions) => versions.iter().copied().collect(),
        DeltaFrom::Likely => likely(state, release),
    };
    sources.remove(&release.version);
    sources
}

fn likely(state: &State, release: &ReleaseName) -> BTreeSet<u64> {
    let Some(line) = state.lines.get(&release.name) else { return BTreeSet::new() };
    let before = || line.versions.range(..release.version).rev();
    let offered = before().find(|(_, version)| version.percent > 0 && !version.halted);
    let champion = line.aliases.get(CHAMPION).filter(|number| **number < release.version);
    let mut likely: BTreeSet<u64> = champion.into_iter().copied().collect();
    likely.extend(offered.map(|(number, _)| *number));
    if likely.is_empty() {
        likely.extend(before().next().map(|(number, _)| *number));
    }
    likely
}

#[cfg(test)]
mod tests {
    use super::super::state::{Blob, Line, Version};
    use super::*;

    fn version(percent: u8, halted: bool) -> Version {
        let blob = || Blob { sha256: String::new(), length: 0 };
        Version {
            manifest: blob(),
            signature: blob(),
            files: Default::default(),
            created_ms: 0,
            expires_ms: 0,
            published_ms: 0,
            publisher: String::new(),
            tags: Default::default(),
            lineage: Default::default(),
            percent,
            halted,
        }
    }

    fn likely_of(versions: &[(u64, u8, bool)], champion: Option<u64>) -> Vec<u64> {
        let versions =
            versions.iter().map(|(number, percent, halted)| (*number, version(*percent, *halted)));
        let aliases = champion.map(|number| (CHAMPION.to_owned(), number));
        let line = Line {
            app: "town".into(),
            versions: versions.collect(),
            aliases: aliases.into_iter().collect(),
        };
        let state = State { lines: [("town".to_owned(), line)].into(), ..State::default() };
        let release = ReleaseName { name: "town".into(), version: 9 };
        sources(&state, &release, &DeltaFrom::Likely).into_iter().collect()
    }

    #[test]
    fn phones_likely_have_the_champion_and_the_newest_that_is_offered() {
        assert_eq!(likely_of(&[(1, 100, false), (2, 5, false), (3, 0, false)], Some(1)), [1, 2]);
        assert_eq!(likely_of(&[(1, 100, false), (2, 5, true)], Some(1)), [1]);
    }

    #[test]
    fn where_nothing_is_offered_the_newest_is_the_source() {
        assert_eq!(likely_of(&[(1, 0, false), (2, 0, false)], None), [2]);
        assert!(likely_of(&[], None).is_empty());
    }

    #[test]
    fn a_release_is_no_source_of_itself_nor_one_of_later_releases() {
        assert_eq!(likely_of(&[(8, 0, false), (9, 100, false), (10, 100, false)], Some(9)), [8]);
    }
}
