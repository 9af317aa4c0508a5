//! What delivery keeps in memory between two calls; all of it can be made again from the disk.

use std::path::{Path, PathBuf};

use super::{DeliveryPolicy, Incoming, NextFile};
use crate::base::{FetchRequest, Network, Result, Transfer};
use crate::release::Manifest;
use crate::trust::{TrustedSet, Update, Wanted};

/// Begin of the id of every fetch.
pub const FETCH_ID: &str = "fetch-";

/// What a fetch is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The next file of the repository's metadata.
    Metadata,
    /// A file, a delta or the manifest of the release that is on its way.
    Release,
}

/// A fetch that was handed out and has not ended yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Where its body goes.
    pub destination: PathBuf,
    /// Bytes that its file had before.
    pub begin: u64,
    /// Bytes that its file may have at most.
    pub end: u64,
}

/// The state in memory.
#[derive(Debug, Default)]
pub struct Session {
    /// The look for a new release that is under way.
    pub update: Option<Update>,
    /// The release that is on its way.
    pub incoming: Option<Arriving>,
    /// The fetch that is under way.
    pub under_way: Option<UnderWay>,
    /// Bytes that the app may still write, as it has said.
    pub free_bytes: Option<u64>,
}

/// A release on its way, as far as it is known.
#[derive(Debug)]
pub struct Arriving {
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// Its files.
    pub incoming: Incoming,
    /// Its manifest, once that is there and acceptable.
    pub manifest: Option<Manifest>,
}

impl Session {
    /// Hands out the fetch of `wanted`.
    pub fn fetch_metadata(&mut self, wanted: &Wanted, destination: PathBuf) -> Transfer {
        let id = format!("{FETCH_ID}{}", wanted.path);
        self.hand_out(
            Purpose::Metadata,
            FetchRequest {
                id,
                path: wanted.path.clone(),
                offset: 0,
                length_max: wanted.length_max,
                destination,
            },
        )
    }

    /// Hands out the fetch of what is missing of a file, or says that it must wait for Wi-Fi.
    pub fn fetch_file(
        &mut self,
        next: &NextFile,
        network: Network,
        policy: &DeliveryPolicy,
    ) -> Transfer {
        if network == Network::Metered && next.length > policy.metered_bytes_max {
            return Transfer::WaitForUnmetered { bytes: next.length };
        }
        self.hand_out(
            Purpose::Release,
            FetchRequest {
                id: format!("{FETCH_ID}{}-{}", next.sha256, next.offset),
                path: format!("blobs/{}", next.sha256),
                offset: next.offset,
                length_max: next.length,
                destination: next.destination.clone(),
            },
        )
    }

    /// Forgets what may have changed while somebody else could have the profile. `stored` is what
    /// is trusted now: a look that began from something else begins anew.
    pub fn resume(&mut self, stored: Option<&TrustedSet>) {
        self.incoming = None;
        self.update.take_if(|update| Some(update.set()) != stored);
        let looks = self.update.is_some();
        self.under_way.take_if(|fetch| fetch.purpose == Purpose::Metadata && !looks);
    }

    /// The fetch called `id`, when it is the one under way; it is no longer then.
    pub fn take(&mut self, id: &str) -> Option<UnderWay> {
        self.under_way.take_if(|under_way| under_way.id == id)
    }

    /// The release of this manifest on its way into `releases_dir`.
    ///
    /// # Errors
    /// As [`Incoming::open`].
    pub fn arriving(
        &mut self,
        releases_dir: &Path,
        manifest_sha256: &str,
    ) -> Result<&mut Arriving> {
        let known = self.incoming.take().filter(|known| known.manifest_sha256 == manifest_sha256);
        let arriving = match known {
            Some(known) => known,
            None => Arriving {
                manifest_sha256: manifest_sha256.to_owned(),
                incoming: Incoming::open(releases_dir, manifest_sha256)?,
                manifest: None,
            },
        };
        Ok(self.incoming.insert(arriving))
    }

    fn hand_out(&mut self, purpose: Purpose, request: FetchRequest) -> Transfer {
        self.under_way = Some(UnderWay {
            id: request.id.clone(),
            purpose,
            destination: request.destination.clone(),
            begin: request.offset,
            end: request.offset.saturating_add(request.length_max),
        });
        Transfer::Fetch(request)
    }
}
