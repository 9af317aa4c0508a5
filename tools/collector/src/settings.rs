//! How a collector is set up, and every bound on what comes from outside.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use noctule_core::base::limits::EVENTS_PER_CALL_MAX;

use crate::error::{Error, Result};
use crate::merging::Merging;
use crate::rates::{Allowance, Rates};
use crate::signing::Signer;
use crate::tls::Tls;

/// Where a collector listens, where it writes, and whom it lets in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address to listen on; port 0 takes a free port.
    pub address: SocketAddr,
    /// Output folder, made when it is missing; or the URL of an object store (`s3://bucket/prefix`,
    /// `gs://`, `az://` in builds with the feature `cloud`, or `file:///folder`), which other
    /// collectors may share.
    pub output: PathBuf,
    /// The apps that may send, each with its bearer token or none. Empty: any app may send, which
    /// is refused on any address but loopback.
    pub apps: BTreeMap<String, Option<String>>,
    /// How long acknowledged events may stay in the journal before they become Parquet.
    pub flush_every: Duration,
    /// Which days are merged into few files, and how large these become.
    pub merging: Merging,
    /// How long a collector that makes Parquet in an object store keeps others from it without a
    /// sign of life.
    pub lease: Duration,
    /// Bounds on foreign input.
    pub limits: Limits,
    /// How much each installation and each app may send.
    pub rates: Rates,
    /// Certificate and key; without them the collector speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Signs what is acknowledged; without it answers carry no signature.
    pub signer: Option<Signer>,
}

impl Settings {
    /// A collector for any app, flushing every five minutes, with the default limits.
    #[must_use]
    pub fn new(address: SocketAddr, output: impl Into<PathBuf>) -> Self {
        Self {
            address,
            output: output.into(),
            apps: BTreeMap::new(),
            flush_every: Duration::from_secs(300),
            merging: Merging::default(),
            lease: Duration::from_secs(60),
            limits: Limits::default(),
            rates: Rates::default(),
            tls: None,
            signer: None,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |setting: &str, reason: &str| {
            Err(Error::InvalidSetting { setting: setting.to_owned(), reason: reason.to_owned() })
        };
        let clients = self.tls.as_ref().and_then(|tls| tls.clients.as_ref());
        let sealed = clients.map(|clients| &clients.apps);
        let listed = !self.apps.is_empty() || sealed.is_some_and(|apps| !apps.is_empty());
        if !listed && !self.address.ip().is_loopback() {
            return invalid("apps", "is empty, which is allowed on a loopback address only");
        }
        for app in self.apps.keys().chain(sealed.into_iter().flat_map(BTreeMap::keys)) {
            if !app_name_is_plain(app) {
                return invalid(&format!("apps.{app:.80}"), APP_NAME_RULE);
            }
        }
        for (app, token) in &self.apps {
            if token.as_ref().is_some_and(String::is_empty) {
                return invalid(&format!("apps.{app}"), "has an empty token");
            }
        }
        if self.flush_every.is_zero() {
            return invalid("flush_every", "is zero");
        }
        if self.merging.target_bytes < 2 {
            return invalid("merging.target_bytes", "leaves no room for a file");
        }
        self.check_rates()?;
        let limits = &self.limits;
        if limits.connections == 0 || limits.connections > 1 << 20 {
            return invalid("limits.connections", "must be from 1 to 1,048,576");
        }
        if limits.inflated_bytes < 1024 || limits.compressed_bytes < 64 || limits.events == 0 {
            return invalid("limits", "leave no room for a batch");
        }
        Ok(())
    }

    fn check_rates(&self) -> Result<()> {
        let invalid = |setting: &str, reason: &str| {
            Err(Error::InvalidSetting { setting: setting.to_owned(), reason: reason.to_owned() })
        };
        let rates = &self.rates;
        for (sender, allowed) in [("installation", &rates.installation), ("app", &rates.app)] {
            let Some(Allowance { events, requests }) = allowed else { continue };
            for (what, rate) in [("events", events), ("requests", requests)] {
                if !rate.holds() {
                    let reason = "per_second must be above 0, burst at least 1";
                    return invalid(&format!("rates.{sender}.{what}"), reason);
                }
            }
        }
        if !(2..=1 << 26).contains(&rates.installations) {
            return invalid("rates.installations", "must be from 2 to 67,108,864");
        }
        Ok(())
    }
}

/// Bounds on foreign input and on what it may keep busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body as sent.
    pub compressed_bytes: usize,
    /// Bytes of a batch after inflating.
    pub inflated_bytes: usize,
    /// Events of one batch.
    pub events: usize,
    /// Connections served at the same time; more wait in the kernel's queue.
    pub connections: usize,
    /// Bytes of all bodies in memory; beyond them requests are answered with 503 at once.
    pub bodies_bytes: usize,
    /// Requests that are inflated, checked and stored at the same time; more wait for their turn.
    pub requests: usize,
    /// Requests that wait for their turn at the same time; more are answered with 503 at once.
    pub waiting: usize,
    /// Time in which a connection must have got its next answer; then it is closed. It bounds
    /// clients that send slowly, read slowly or do nothing.
    pub answer_within: Duration,
    /// Bytes of journal that are not yet Parquet; beyond it batches are answered with 503.
    pub journal_bytes: u64,
}

impl Default for Limits {
    /// A device sends about 500 events, 100 kB before and 15 kB after compression: each bound
    /// leaves ten times that and more.
    fn default() -> Self {
        Self {
            compressed_bytes: 1 << 20,
            inflated_bytes: 8 << 20,
            events: EVENTS_PER_CALL_MAX,
            connections: 1_024,
            bodies_bytes: 64 << 20,
            requests: 64,
            waiting: 256,
            answer_within: Duration::from_secs(25),
            journal_bytes: 4 << 30,
        }
    }
}

/// What [`app_name_is_plain`] asks for.
pub(crate) const APP_NAME_RULE: &str =
    "is no app name: use a-z, A-Z, 0-9, '.', '_' and '-', at most 64, not a dot first";

/// Whether an app's name can be a folder's name as it is, on every file system and in every
/// reader of Hive partitions.
pub(crate) fn app_name_is_plain(app: &str) -> bool {
    noctule_core::base::ids::check_app("app", app).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        for good in ["town", "com.example.app", "a_b-c9"] {
            assert!(app_name_is_plain(good), "{good}");
        }
        for bad in ["", ".", "..", "../x", "a/b", "a\\b", "a=b", "ü", "a b", &"x".repeat(65)] {
            assert!(!app_name_is_plain(bad), "{bad}");
        }
    }

    #[test]
    fn an_open_collector_stays_on_loopback() {
        let open = Settings::new(([0, 0, 0, 0], 0).into(), "out");
        assert!(matches!(open.check(), Err(Error::InvalidSetting { .. })));
        let mut closed = open.clone();
        closed.apps.insert("town".into(), Some("secret".into()));
        assert!(closed.check().is_ok());
        assert!(Settings::new(([127, 0, 0, 1], 0).into(), "out").check().is_ok());
    }
}
