//! A bad network: stands between phone and collector, and takes one request at a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use noctule_core::base::{Seed, SeededRandom};

/// What it may do to one request.
const MISHAPS: usize = 7;

#[derive(Debug)]
struct Shared {
    collector: Mutex<Option<SocketAddr>>,
    random: Mutex<SeededRandom>,
    /// Probability of a mishap, per cent.
    bad: AtomicU64,
    happened: [AtomicU64; MISHAPS],
}

/// The network; it ends with the process.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Network {
    pub(crate) fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            collector: Mutex::new(None),
            random: Mutex::new(SeededRandom::new(Seed(seed))),
            bad: AtomicU64::new(30),
            happened: Default::default(),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&of_thread);
                std::thread::spawn(move || {
                    // Whoever was killed in the middle of it is none of the network's business.
                    let _ = carry(stream, &shared);
                });
            }
        });
        Self { address, shared }
    }

    /// Where the phone finds it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The collector listens here from now on.
    pub(crate) fn lead_to(&self, collector: SocketAddr) {
        *self.shared.collector.lock().unwrap() = Some(collector);
    }

    /// From now on nothing happens to a request.
    pub(crate) fn mend(&self) {
        self.shared.bad.store(0, Ordering::SeqCst);
    }

    /// How often each mishap has happened.
    pub(crate) fn happened(&self) -> Vec<u64> {
        self.shared.happened.iter().map(|count| count.load(Ordering::SeqCst)).collect()
    }
}

fn carry(mut phone: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let Some(collector) = *shared.collector.lock().unwrap() else { return Ok(()) };
    phone.set_read_timeout(Some(Duration::from_secs(2)))?;
    let request = read_message(&mut phone)?;
    let (mishap, part) = {
        let mut random = shared.random.lock().unwrap();
        let bad = random.uniform() * 100.0 < shared.bad.load(Ordering::SeqCst) as f64;
        (bad.then(|| random.below(MISHAPS)), random.uniform())
    };
    if let Some(mishap) = mishap {
        shared.happened[mishap].fetch_add(1, Ordering::SeqCst);
    }
    let cut = |bytes: &[u8]| (bytes.len() as f64 * part) as usize;
    match mishap {
        // Lost on the way there.
        Some(0) => return Ok(()),
        // Cut on the way there, and answered by nobody.
        Some(1) => {
            let mut stream = TcpStream::connect(collector)?;
            return stream.write_all(&request[..cut(&request)]);
        }
        // Twice there: the phone hears the second answer.
        Some(2) => drop(ask(collector, &request)?),
        Some(3) => std::thread::sleep(Duration::from_millis((part * 60.0) as u64)),
        // A portal answers in the collector's place.
        Some(6) => {
            let page = "<html>Welcome to the guest network</html>";
            let length = page.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            return phone.write_all(format!("{head}{page}").as_bytes());
        }
        _ => {}
    }
    let mut answer = ask(collector, &request)?;
    match mishap {
        // Lost on the way back.
        Some(4) => return Ok(()),
        // Cut on the way back.
        Some(5) => answer.truncate(cut(&answer)),
        _ => {}
    }
    phone.write_all(&answer)
}

fn ask(collector: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(collector)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// A request with its body, as its length says.
fn read_message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let (mut message, mut buffer) = (Vec::new(), [0; 8_192]);
    loop {
        let head = message.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&message[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            if message.len() >= head + 4 + length {
                return Ok(message);
            }
        }
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        message.extend_from_slice(&buffer[..read]);
    }
}
