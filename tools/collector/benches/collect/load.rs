//! The load, in a process of its own: connections that send prepared requests, on one thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::batches::{EVENTS_MEAN, Form, Made, make};

/// What is to be sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) form: Form,
    pub(crate) connections: usize,
    /// The first device and how many there are.
    pub(crate) devices: (u64, u64),
    /// Events that fall due in a second, whether or not earlier ones were answered; without it
    /// every connection sends again as soon as it is answered.
    pub(crate) rate: Option<f64>,
    /// When to stop, in seconds; without it when every batch was sent once.
    pub(crate) seconds: Option<f64>,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) seconds: f64,
    pub(crate) requests: u64,
    /// Answers by status; 0 stands for a connection that broke.
    pub(crate) statuses: std::collections::BTreeMap<u16, u64>,
    /// Events in answered batches.
    pub(crate) events: u64,
    /// Devices whose batch was acknowledged.
    pub(crate) acknowledged: Vec<u64>,
    /// Milliseconds to an acknowledgement, sorted: from when it was due, or from when it was sent.
    pub(crate) latencies_ms: Vec<f64>,
    /// Refusals that said when to come again.
    pub(crate) retry_after: u64,
    /// Processor seconds of the load itself.
    pub(crate) cpu_s: f64,
}

impl Outcome {
    /// A quantile of the latencies, milliseconds.
    pub(crate) fn latency(&self, quantile: f64) -> f64 {
        let last = self.latencies_ms.len().saturating_sub(1);
        let at = (last as f64 * quantile).round() as usize;
        self.latencies_ms.get(at).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn events_per_s(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    pub(crate) fn status(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }
}

/// The child process: prepares, sends, and prints the outcome.
pub(crate) fn child(load: &Load) -> crate::Result<()> {
    let (first, count) = load.devices;
    let made: Vec<Made> = (first..first + count).map(|device| make(device, load.form)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let before = crate::process::cpu_seconds("self")?;
    let mut outcome = tokio::task::LocalSet::new().block_on(&runtime, run(load, made));
    outcome.cpu_s = crate::process::cpu_seconds("self")? - before;
    outcome.latencies_ms.sort_unstable_by(f64::total_cmp);
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

/// What the connections share.
struct Shared {
    made: Vec<Made>,
    /// Batches that are not acknowledged, by index.
    waiting: RefCell<VecDeque<usize>>,
    begun: Cell<Instant>,
    /// Requests that were taken by a connection.
    taken: Cell<u64>,
    outcome: RefCell<Outcome>,
}

async fn run(load: &Load, made: Vec<Made>) -> Outcome {
    let waiting = RefCell::new((0..made.len()).collect());
    let shared = Rc::new(Shared {
        made,
        waiting,
        begun: Cell::new(Instant::now()),
        taken: Cell::new(0),
        outcome: RefCell::default(),
    });
    let tasks: Vec<_> = (0..load.connections)
        .map(|_| {
            let (load, shared) = (load.clone(), Rc::clone(&shared));
            tokio::task::spawn_local(async move { send(&load, &shared).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut outcome = shared.outcome.take();
    outcome.seconds = shared.begun.get().elapsed().as_secs_f64();
    outcome
}

/// One connection: takes the next request, waits until it is due, sends it, reads the answer.
async fn send(load: &Load, shared: &Shared) {
    let (mut stream, mut buffer) = (None, Vec::with_capacity(4_096));
    loop {
        let taken = shared.taken.get();
        let due = load.rate.map(|rate| Duration::from_secs_f64(taken as f64 * EVENTS_MEAN / rate));
        let begun = shared.begun.get();
        let over = |at: Duration| load.seconds.is_some_and(|seconds| at.as_secs_f64() > seconds);
        if over(due.unwrap_or_default()) || over(begun.elapsed()) {
            return;
        }
        let Some(index) = shared.waiting.borrow_mut().pop_front() else { return };
        shared.taken.set(taken + 1);
        if let Some(due) = due {
            tokio::time::sleep_until((begun + due).into()).await;
        }
        // A device that finds the collector late has waited since it wanted to send.
        let from = due.map_or_else(Instant::now, |due| begun + due);
        let made = &shared.made[index];
        let answer = exchange(&mut stream, load.address, &made.request, &mut buffer).await;
        let mut outcome = shared.outcome.borrow_mut();
        outcome.requests += 1;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        *outcome.statuses.entry(status).or_default() += 1;
        if status == 200 {
            outcome.events += u64::from(made.events);
            outcome.acknowledged.push(made.device);
            outcome.latencies_ms.push(from.elapsed().as_secs_f64() * 1e3);
        } else {
            outcome.retry_after += u64::from(answer.is_ok_and(|answer| answer.retry_after));
            shared.waiting.borrow_mut().push_back(index);
            // A device that is refused goes away; another one comes.
            stream = None;
        }
    }
}

struct Answer {
    status: u16,
    retry_after: bool,
}

async fn exchange(
    stream: &mut Option<TcpStream>,
    address: SocketAddr,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> std::io::Result<Answer> {
    let mut open = match stream.take() {
        Some(open) => open,
        None => TcpStream::connect(address).await?,
    };
    let (answer, reusable) = write_and_read(&mut open, request, buffer).await?;
    if reusable {
        *stream = Some(open);
    }
    Ok(answer)
}

async fn write_and_read(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> std::io::Result<(Answer, bool)> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let length: usize =
            field("content-length: ").and_then(|text| text.parse().ok()).unwrap_or(0);
        if buffer.len() >= end + 4 + length {
            let status = head.get(9..12).and_then(|text| text.parse().ok()).unwrap_or(0);
            let answer = Answer { status, retry_after: field("retry-after: ").is_some() };
            return Ok((answer, field("connection: close").is_none()));
        }
    }
}
