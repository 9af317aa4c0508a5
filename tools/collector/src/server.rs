//! Starting and stopping a collector.

use std::fs::{File, OpenOptions, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc as channel};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

use crate::access::{Access, Gate};
use crate::compaction;
use crate::disk;
use crate::error::{Error, Result};
use crate::healing::heal_regularly;
use crate::journal::JOURNAL;
use crate::listener::BoundedListener;
use crate::metrics::Counts;
use crate::peer::Peer;
use crate::rates::Limiter;
use crate::routes::{Service, router};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::store::{self, Store};
use crate::tls::{Clients, Tls, TlsListener};
use crate::writer::{self, Command, Threads};

/// Longest time in which a stopping collector finishes the requests it has begun.
const DRAIN: Duration = Duration::from_secs(10);

/// Makes [`RunningCollector`]s.
#[derive(Debug)]
pub struct Collector;

impl Collector {
    /// Recovers what a crash left in the output folder, then listens.
    ///
    /// It returns when the first request can be served; all work happens on threads of its own.
    /// Recovery reads the identity columns of every Parquet file in the folder.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`], [`Error::Listen`], [`Error::OutputInUse`] when another collector
    /// writes there, [`Error::ForeignRow`] when a Parquet file in a partition is not one of
    /// feedback, [`Error::File`] and [`Error::Parquet`] when the folder cannot be read or written.
    ///
    /// ```
    /// use noctule_collector::{Collector, Settings};
    /// let folder = tempfile::tempdir().unwrap();
    /// let settings = Settings::new(([127, 0, 0, 1], 0).into(), folder.path());
    /// let collector = Collector::start(settings)?;
    /// println!("devices send to http://{}/v1/batches", collector.address());
    /// collector.stop()?;
    /// # Ok::<(), noctule_collector::Error>(())
    /// ```
    pub fn start(settings: Settings) -> Result<RunningCollector> {
        settings.check()?;
        let tls = settings.tls.as_ref();
        let acceptor = tls.map(Tls::acceptor).transpose()?;
        let clients = tls.and_then(|tls| tls.clients.as_ref());
        let certificates = clients.map(Clients::fingerprints).transpose()?.unwrap_or_default();
        let url = store::url_of(&settings.output).map(str::to_owned);
        let lock = match &url {
            None => Some(prepare_output(&settings.output)?),
            Some(_) => None,
        };
        let listen = |source| Error::Listen { address: settings.address, source };
        // Taken before recovery, so that a wrong address is told at once.
        let listener = TcpListener::bind(settings.address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let runtime = runtime()?;

        let shared = Arc::new(Shared::default());
        let (commands, threads) = match &url {
            None => {
                let recovered = compaction::recover(&settings.output)?;
                recovered.compacted.count(&shared);
                writer::start(&settings.output, recovered, settings.merging, &shared)?
            }
            Some(url) => writer::start_on(Store::open(url, &settings, &shared)?, &shared)?,
        };
        let access = Access::new(settings.apps, certificates);
        let gate = Gate::new(access, Limiter::new(settings.rates));
        let (limits, signer) = (settings.limits, settings.signer);
        let service = Service::new(gate, limits, signer, commands.clone(), Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel();
        let serving = Serving {
            listener,
            acceptor,
            limits: (settings.limits.connections, settings.limits.answer_within),
            flush_every: settings.flush_every,
            journal: url.is_none().then(|| settings.output.join(JOURNAL)),
            commands: commands.clone(),
            shared: Arc::clone(&shared),
            stopped,
        };
        let http = std::thread::Builder::new()
            .name("noctule-http".into())
            .spawn(move || serving.run(&runtime, service))
            .map_err(Error::Threads)?;
        let parts = Parts { stop, http, threads, _lock: lock };
        Ok(RunningCollector { address, commands, shared, parts: Some(parts) })
    }
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_name("noctule-http")
        .enable_io()
        .enable_time()
        .build()
        .map_err(Error::Threads)
}

/// Keeps a second collector out of an output folder while it lives.
#[derive(Debug)]
pub(crate) struct OutputLock(File);

impl Drop for OutputLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is just being started elsewhere in this
        // program holds a copy of it for a moment, and the lock with it.
        let _ = self.0.unlock();
    }
}

/// Makes the folders and takes the lock.
pub(crate) fn prepare_output(output: &Path) -> Result<OutputLock> {
    let journal = output.join(JOURNAL);
    disk::create_folder(&journal)?;
    let path = journal.join("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Error::file(&path, "open"))?;
    match lock.try_lock() {
        Ok(()) => Ok(OutputLock(lock)),
        Err(TryLockError::WouldBlock) => Err(Error::OutputInUse { path: output.to_path_buf() }),
        Err(TryLockError::Error(error)) => Err(Error::file(&path, "lock")(error)),
    }
}

/// What the HTTP thread needs beside the routes.
struct Serving {
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    limits: (usize, Duration),
    flush_every: Duration,
    /// The journal's folder, where it is in one.
    journal: Option<PathBuf>,
    commands: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
}

impl Serving {
    fn run(self, runtime: &Runtime, service: Service) -> Result<()> {
        runtime.block_on(async move {
            let listener =
                tokio::net::TcpListener::from_std(self.listener).map_err(Error::Threads)?;
            let flushing = tokio::spawn(flush_regularly(self.commands.clone(), self.flush_every));
            let healing = self
                .journal
                .map(|journal| tokio::spawn(heal_regularly(journal, self.commands, self.shared)));
            let listener = BoundedListener::new(listener, self.limits.0, self.limits.1);
            match self.acceptor {
                None => serve(listener, service, self.stopped).await,
                Some(acceptor) => {
                    serve(TlsListener::new(listener, acceptor), service, self.stopped).await;
                }
            }
            flushing.abort();
            if let Some(healing) = healing {
                healing.abort();
            }
            Ok(())
        })
    }
}

/// Serves until it is told to stop, then finishes what it has begun.
async fn serve<L>(listener: L, service: Service, stopped: oneshot::Receiver<()>)
where
    L: Listener,
    L::Addr: std::fmt::Debug,
    Peer: for<'a> Connected<IncomingStream<'a, L>>,
{
    let (draining, drain) = oneshot::channel::<()>();
    let stop = async move {
        // A dropped sender means stop as well.
        let _ = stopped.await;
        let _ = draining.send(());
    };
    let routes = router(service).into_make_service_with_connect_info::<Peer>();
    let serving = axum::serve(listener, routes).with_graceful_shutdown(stop);
    let too_long = async move {
        let _ = drain.await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        _ = serving.into_future() => {}
        () = too_long => {}
    }
}

async fn flush_regularly(commands: mpsc::UnboundedSender<Command>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick comes at once.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if commands.send(Command::Flush { reply: None }).is_err() {
            return;
        }
    }
}

/// What is handed over when the collector stops.
#[derive(Debug)]
struct Parts {
    stop: oneshot::Sender<()>,
    http: JoinHandle<Result<()>>,
    threads: Threads,
    _lock: Option<OutputLock>,
}

/// A collector that serves. Dropping it stops it like [`RunningCollector::stop`], without a word
/// about what went wrong.
#[derive(Debug)]
pub struct RunningCollector {
    address: SocketAddr,
    commands: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
    parts: Option<Parts>,
}

impl RunningCollector {
    /// The address it listens on, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has done since it started.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.metrics.counts()
    }

    /// Makes Parquet of everything that was acknowledged before the call. In an object store
    /// another collector may be at it, and then this one leaves it to that.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Parquet`] when it cannot be written: it stays in the journal
    /// and is tried again; [`Error::Stopped`] when a thread has ended.
    pub fn flush(&self) -> Result<()> {
        let (reply, done) = channel::channel();
        let command = Command::Flush { reply: Some(reply) };
        self.commands.send(command).map_err(|_| Error::Stopped)?;
        done.recv().map_err(|_| Error::Stopped)?
    }

    /// Takes no more connections, finishes the requests it has begun, flushes, and ends. Gives what
    /// it has done.
    ///
    /// # Errors
    /// Those of [`RunningCollector::flush`]; what could not be written stays in the journal for
    /// the next start.
    pub fn stop(mut self) -> Result<Counts> {
        self.end()?;
        Ok(self.counts())
    }

    fn end(&mut self) -> Result<()> {
        let Some(parts) = self.parts.take() else { return Ok(()) };
        let _ = parts.stop.send(());
        let served = parts.http.join().unwrap_or(Err(Error::Stopped));
        let flushed = self.flush();
        let _ = self.commands.send(Command::Stop);
        let ended = parts.threads.join();
        served.and(flushed).and(ended)
    }
}

impl Drop for RunningCollector {
    fn drop(&mut self) {
        // Nobody is left to hear of an error; the journal keeps what could not be written.
        let _ = self.end();
    }
}
