//! A collector for tests: real HTTP on loopback, that refuses the first requests with 503.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use noctule_core::feedback::RecordedEvent;
use noctule_core::upload::{Acknowledgement, BatchHeader};

/// Sequence numbers in the order of arrival, by installation.
type Received = BTreeMap<String, Vec<u64>>;

#[derive(Default)]
struct Shared {
    refusals: AtomicUsize,
    stopped: AtomicBool,
    received: Mutex<Received>,
}

pub(super) struct Collector {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Collector {
    /// Listens on a free port of loopback and answers the first `refusals` requests with 503.
    pub(super) fn start(refusals: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { refusals: refusals.into(), ..Shared::default() });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(super) fn stop(self) -> Received {
        self.shared.received.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, so that it sees the flag.
        drop(TcpStream::connect(self.address));
    }
}

/// Answers the requests of one connection until it is closed.
fn serve(stream: &TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut first) = (0, String::new());
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        assert!(first.starts_with("POST /v1/batches "), "{first}");
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let refused = shared
            .refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let (status, answer) = match refused {
            Ok(_) => ("503 Service Unavailable", Vec::new()),
            Err(_) => ("200 OK", take(&body, shared)),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", answer.len());
        let mut writer = stream;
        writer.write_all(&[head.into_bytes(), answer].concat()).unwrap();
    }
}

fn take(body: &[u8], shared: &Shared) -> Vec<u8> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(body).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let header: BatchHeader = serde_json::from_str(lines.next().unwrap()).unwrap();
    let events: Vec<RecordedEvent> =
        lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), header.events as usize);
    let mut received = shared.received.lock().unwrap();
    let sequences = received.entry(header.installation.to_string()).or_default();
    sequences.extend(events.iter().map(|event| event.sequence));
    let answer = Acknowledgement {
        batch_id: header.batch_id,
        accepted: header.events,
        repeated: 0,
        rejected: Vec::new(),
        signature: None,
    };
    serde_json::to_vec(&answer).unwrap()
}
