//! `noctule collect`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use noctule_collector::{
    Allowance, Clients, Collector, Counts, Merging, Rate, Settings, Signer, Tls,
};
use noctule_releases::SecretKey;
use serde_json::json;

use crate::dataset;
use crate::error::{Error, Result};
use crate::output::{Output, grouped};
use crate::progress::line;

/// Take feedback over HTTP and write Parquet, until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Phones send to http://ADDRESS/v1/batches, or https:// with a certificate. A batch is answered when
it is on disk. Ctrl-C and SIGTERM stop it: what was begun is finished, and everything acknowledged
becomes Parquet.

Examples:
  noctule collect --address 127.0.0.1:8080 --output feedback
  noctule collect --address 0.0.0.0:8080 --output feedback --app town
  noctule collect --address 0.0.0.0:8080 --output feedback --tokens tokens.json
  noctule collect --address 0.0.0.0:8080 --output s3://bucket/prefix --tokens tokens.json
  noctule collect --address 0.0.0.0:8443 --output feedback --tokens tokens.json \\
    --certificate server.pem --key server.key.pem
  noctule collect --address 0.0.0.0:8443 --output feedback --certificate server.pem \\
    --key server.key.pem --client-authorities authority.pem --client-apps clients.json
  noctule pack --new-key collector.key
  noctule collect --output feedback --ack-key collector.key

tokens.json names the apps with their bearer tokens: {\"town\": \"a long random word\"}
clients.json names the apps that are known by a client certificate, with the SHA-256 fingerprints
that `openssl x509 -fingerprint -sha256` prints: {\"town\": [\"9E:83:…\"]}

Whoever sends too much is answered with 429 and told when to come again. GET /openapi.json describes
the interface, /healthz says whether batches can be stored, /metrics counts.")]
pub(crate) struct Collect {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    address: SocketAddr,

    /// Directory that gets the Parquet files, or the URL of an object store that collectors share.
    #[arg(long, value_name = "DIR_OR_URL")]
    output: PathBuf,

    /// An app that may send, without a token; may be repeated.
    #[arg(long)]
    app: Vec<String>,

    /// Apps that may send and their tokens, as JSON.
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,

    /// Seconds that events may wait before they become Parquet.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    flush_seconds: u64,

    /// Hours after the end of a day, in UTC, at which its small files are merged.
    #[arg(long, value_name = "HOURS", default_value_t = 48)]
    merge_after_hours: u64,

    /// Size that merged files should have, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 128)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=65_536))]
    merge_mib: u64,

    /// Events that one installation may send in the long run, each second; 1,000 times as many at
    /// once. 0 sets no bound.
    #[arg(long, value_name = "EVENTS", default_value_t = 200.0)]
    installation_rate: f64,

    /// Events that one app may send in the long run, each second; 10 times as many at once. 0 sets
    /// no bound.
    #[arg(long, value_name = "EVENTS", default_value_t = 0.0)]
    app_rate: f64,

    /// Certificate chain for TLS, as PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,

    /// Private key of the certificate, as PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,

    /// Authorities that sign client certificates, as PEM.
    #[arg(long, value_name = "FILE", requires_all = ["certificate", "client_apps"])]
    client_authorities: Option<PathBuf>,

    /// Apps that may send with one of their client certificates only, as JSON.
    #[arg(long, value_name = "FILE", requires = "client_authorities")]
    client_apps: Option<PathBuf>,

    /// Secret key that signs what is acknowledged, for apps that name its public key.
    #[arg(long, value_name = "FILE")]
    ack_key: Option<PathBuf>,
}

impl Collect {
    fn settings(&self) -> Result<Settings> {
        let failed = "collect";
        let mut settings = Settings::new(self.address, &self.output);
        settings.apps.extend(self.app.iter().map(|app| (app.clone(), None)));
        if let Some(path) = &self.tokens {
            let tokens: BTreeMap<String, String> = dataset::read_json(failed, path)?;
            settings.apps.extend(tokens.into_iter().map(|(app, token)| (app, Some(token))));
        }
        settings.flush_every = Duration::from_secs(self.flush_seconds);
        settings.merging = Merging {
            after: Duration::from_secs(self.merge_after_hours.saturating_mul(3_600)),
            target_bytes: self.merge_mib << 20,
        };
        let installation = settings.rates.installation.as_ref();
        let requests = installation.map(|allowance| allowance.requests);
        settings.rates.installation = allowance(self.installation_rate, 1_000.0, requests);
        settings.rates.app = allowance(self.app_rate, 10.0, None);
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            let (certificate, key) = (certificate.clone(), key.clone());
            settings.tls = Some(Tls { certificate, key, clients: self.clients()? });
        }
        if let Some(path) = &self.ack_key {
            let key = SecretKey::load(path).map_err(Error::failed(failed))?;
            line(&format!("acknowledgements are signed by {}", key.public()));
            settings.signer = Some(Signer::new(move |bytes| key.sign(bytes)));
        }
        Ok(settings)
    }

    fn clients(&self) -> Result<Option<Clients>> {
        let (Some(authorities), Some(apps)) = (&self.client_authorities, &self.client_apps) else {
            return Ok(None);
        };
        let apps = dataset::read_json("collect", apps)?;
        Ok(Some(Clients { authorities: authorities.clone(), apps }))
    }
}

/// `rate` events a second in the long run and `burst` seconds' worth at once; none for 0. Without
/// a bound of their own, requests are bounded as if each brought an event.
fn allowance(rate: f64, burst: f64, requests: Option<Rate>) -> Option<Allowance> {
    let events = Rate { per_second: rate, burst: rate * burst };
    (rate != 0.0).then_some(Allowance { events, requests: requests.unwrap_or(events) })
}

/// Collects until it is told to stop.
pub(crate) fn run(asked: &Collect, output: Output) -> Result<()> {
    let failed = "collect";
    let settings = asked.settings()?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    // Asked for before the collector starts, so that a signal that comes early is not lost.
    let waiting = Interrupt::new().map_err(Error::failed(failed))?;
    let collector = Collector::start(settings).map_err(Error::failed(failed))?;
    line(&format!("listening on {scheme}://{}, stop with Ctrl-C", collector.address()));
    waiting.wait();
    line("stopping");
    let counts = collector.stop().map_err(Error::failed(failed))?;
    print(counts, asked, output)
}

/// Waits for Ctrl-C or, on Unix, SIGTERM.
struct Interrupt {
    runtime: tokio::runtime::Runtime,
    #[cfg(unix)]
    interrupted: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminated: tokio::signal::unix::Signal,
}

impl Interrupt {
    fn new() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let guard = runtime.enter();
            let interrupted = signal(SignalKind::interrupt())?;
            let terminated = signal(SignalKind::terminate())?;
            drop(guard);
            Ok(Self { runtime, interrupted, terminated })
        }
        #[cfg(not(unix))]
        Ok(Self { runtime })
    }

    #[cfg(unix)]
    fn wait(mut self) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.interrupted.recv() => {}
                _ = self.terminated.recv() => {}
            }
        });
    }

    #[cfg(not(unix))]
    fn wait(self) {
        // Without a way to hear of Ctrl-C the system ends the process.
        let _ = self.runtime.block_on(tokio::signal::ctrl_c());
    }
}

fn print(counts: Counts, asked: &Collect, output: Output) -> Result<()> {
    let text = format!(
        "{} events of {} batches in {}, {} repeated, {} rejected",
        grouped(counts.stored_events),
        grouped(counts.batches),
        asked.output.display(),
        grouped(counts.repeated_events),
        grouped(counts.rejected_events)
    );
    let json = json!({
        "output": asked.output,
        "batches": counts.batches,
        "refused_batches": counts.refused_batches,
        "limited_installations": counts.limited_installations,
        "limited_apps": counts.limited_apps,
        "shed_requests": counts.shed_requests,
        "stored_events": counts.stored_events,
        "repeated_events": counts.repeated_events,
        "rejected_events": counts.rejected_events,
        "received_bytes": counts.received_bytes,
    });
    output.print(&json, &text)
}
