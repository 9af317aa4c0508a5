//! A static file server on loopback, as plain as a server of releases may be: GET and ranges. It
//! can be told to misbehave.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use noctule_core::base::{FetchRequest, TransferOutcome};

/// How the server answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manners {
    /// Breaks the connection after so many bytes of a body.
    pub cut_after: Option<u64>,
    /// Goes on sending after the end of a body.
    pub endless: bool,
    /// Answers every request with the whole file and status 200.
    pub ignores_ranges: bool,
    /// Answers 503 and asks for so many seconds.
    pub busy_s: Option<u64>,
    /// Flips a bit of this byte of every file longer than it.
    pub flips: Option<u64>,
}

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Path of the request.
    pub path: String,
    /// First byte of the body in the file.
    pub offset: u64,
    /// Bytes of the body that were sent.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct Shared {
    manners: Mutex<Manners>,
    served: Mutex<Vec<Served>>,
}

/// The server; it ends with the process.
#[derive(Debug, Clone)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Serves what lies in `root`.
    #[must_use]
    pub fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let (root, of_thread) = (root.to_path_buf(), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that was killed is none of the server's business.
                let _ = answer(stream, &root, &of_thread);
            }
        });
        Self { address, shared }
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Behaves so from now on.
    pub fn behave(&self, manners: Manners) {
        *self.shared.manners.lock().unwrap() = manners;
    }

    /// Returns when every request that was sent before is served: they are served in turn.
    pub fn settle(&self) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(b"GET /nothing HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
    }

    /// What was served since it was last taken.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        self.shared.served.lock().unwrap().clone()
    }

    /// What was served since the last call.
    #[must_use]
    pub fn take_served(&self) -> Vec<Served> {
        std::mem::take(&mut *self.shared.served.lock().unwrap())
    }
}

fn answer(mut stream: TcpStream, root: &Path, shared: &Shared) -> std::io::Result<()> {
    let manners = *shared.manners.lock().unwrap();
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    if let Some(seconds) = manners.busy_s {
        let head = format!("HTTP/1.1 503 Busy\r\nretry-after: {seconds}\r\n");
        return write!(stream, "{head}content-length: 0\r\nconnection: close\r\n\r\n");
    }
    let file: PathBuf = root.join(&path);
    let Ok(mut file) = std::fs::File::open(file) else {
        let head = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return stream.write_all(head.as_bytes());
    };
    let length = file.metadata()?.len();
    let range = headers.get("range").filter(|_| !manners.ignores_ranges);
    let (begin, end) = range.and_then(|range| parse_range(range)).unwrap_or((0, length));
    let end = end.min(length);
    let begin = begin.min(end);
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    let length_line = match manners.endless {
        true => String::new(),
        false => format!("content-length: {}\r\n", end - begin),
    };
    write!(stream, "HTTP/1.1 {status}\r\n{length_line}connection: close\r\n\r\n")?;
    file.seek(SeekFrom::Start(begin))?;
    let mut body = Vec::new();
    file.take(end - begin).read_to_end(&mut body)?;
    if let Some(at) = manners.flips.filter(|at| (begin..end).contains(at)) {
        body[(at - begin) as usize] ^= 1;
    }
    let sent = manners.cut_after.unwrap_or(u64::MAX).min(body.len() as u64);
    let written = stream.write_all(&body[..sent as usize]);
    let served = Served { path, offset: begin, bytes: sent };
    shared.served.lock().unwrap().push(served);
    written?;
    // Until the client goes away.
    if manners.endless {
        loop {
            stream.write_all(&[0; 4_096])?;
        }
    }
    Ok(())
}

/// `bytes=5-9` as the half-open range 5..10.
fn parse_range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let last = last.parse::<u64>().map_or(u64::MAX, |last| last.saturating_add(1));
    Some((first.parse().ok()?, last))
}

/// The app's HTTP client, as plain as it may be: writes the body to the file as it comes.
/// `before_write` is called before each write with the bytes written so far, and may end the
/// process.
pub fn fetch(
    address: SocketAddr,
    request: &FetchRequest,
    before_write: &mut dyn FnMut(u64),
) -> TransferOutcome {
    match try_fetch(address, request, before_write) {
        Ok(outcome) => outcome,
        Err(error) => TransferOutcome::NoAnswer { reason: error.to_string() },
    }
}

fn try_fetch(
    address: SocketAddr,
    request: &FetchRequest,
    before_write: &mut dyn FnMut(u64),
) -> std::io::Result<TransferOutcome> {
    let mut stream = TcpStream::connect(address)?;
    let range = request.range().map_or(String::new(), |range| format!("range: {range}\r\n"));
    write!(stream, "GET /{} HTTP/1.1\r\nhost: releases\r\n{range}\r\n", request.path)?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 2 {}
    let status: u16 = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let header = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    if status == 200 || status == 206 {
        let offset = if status == 206 { request.offset } else { 0 };
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&request.destination)?;
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        let limit = request.offset + request.length_max - offset;
        let mut left = header("content-length:").unwrap_or(u64::MAX).min(limit);
        let mut written = 0;
        let mut buffer = [0; 4_096];
        while left > 0 {
            let count = buffer.len().min(usize::try_from(left).unwrap_or(buffer.len()));
            let count = reader.read(&mut buffer[..count])?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            before_write(written);
            file.write_all(&buffer[..count])?;
            written += count as u64;
            left -= count as u64;
        }
    }
    let retry_after_s = header("retry-after:");
    Ok(TransferOutcome::Answer { status, body: Vec::new(), retry_after_s })
}
