//! Clients that dawdle, lie and babble: they harm nobody but themselves.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use noctule_collector::Collector;

use crate::fixture::{agent, batch, gzip, settings, start};

const HEAD: &str = "POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\n";

/// Sends bytes and then no more; gives what comes back.
fn babble(address: SocketAddr, bytes: &[u8]) -> String {
    talk(address, bytes, Some(Shutdown::Write))
}

/// Sends bytes and gives what comes back until the collector closes the connection.
fn talk(address: SocketAddr, bytes: &[u8], then: Option<Shutdown>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // It may be cut off before it has sent everything.
    let _ = stream.write_all(bytes);
    if let Some(how) = then {
        let _ = stream.shutdown(how);
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn five_hundred_slow_clients_hold_nobody_up_and_are_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.limits.answer_within = Duration::from_secs(4);
    let collector = Collector::start(settings).unwrap();
    let address = collector.address();
    let body = format!("{HEAD}content-length: 100000\r\n\r\n");
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n1\r\n");
    // Some have not ended their header, some send a body byte by byte, some chunks.
    let begins = [HEAD.as_bytes(), body.as_bytes(), chunked.as_bytes(), b"P", b""];
    let mut slow: Vec<TcpStream> = (0..500)
        .map(|number| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(begins[number % begins.len()]).unwrap();
            stream
        })
        .collect();
    let dripping = AtomicBool::new(true);
    let served = thread::scope(|scope| {
        scope.spawn(|| {
            while dripping.load(Ordering::SeqCst) {
                for stream in &mut slow {
                    let _ = stream.write_all(b"x");
                }
                thread::sleep(Duration::from_millis(200));
            }
        });
        let agent = agent();
        let mut times = Vec::new();
        let served = (1..=100u128)
            .filter(|number| {
                let begun = Instant::now();
                let answer = batch("town", *number, 1, 1..=20).send(&agent, address);
                times.push(begun.elapsed());
                answer.status == 200
            })
            .count();
        times.sort_unstable();
        println!("answers beside 500 slow clients: median {:?}, 99 % {:?}", times[50], times[98]);
        // Those that drip are cut off all the same: from then on their writes fail.
        thread::sleep(Duration::from_secs(6));
        dripping.store(false, Ordering::SeqCst);
        served
    });
    assert_eq!(served, 100);
    for stream in &mut slow {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // An answer, an end or a reset; a connection that is still open fails by its timeout.
        let ended = stream.read_to_end(&mut Vec::new());
        let kind = ended.err().map(|error| error.kind());
        assert!(kind != Some(std::io::ErrorKind::WouldBlock), "a slow client is still connected");
    }
}

#[test]
fn nonsense_is_refused_or_cut_off_and_nothing_panics() {
    static PANICS: AtomicU32 = AtomicU32::new(0);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if thread::current().name().is_some_and(|name| name.starts_with("noctule-")) {
            PANICS.fetch_add(1, Ordering::SeqCst);
        }
        hook(panic);
    }));
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let address = collector.address();
    let text = String::from_utf8(batch("town", 7, 1, 1..=2).text()).unwrap();
    let length = text.len();
    let many = "x-a: b\r\n".repeat(10_000);
    let long = "a".repeat(1 << 20);
    let cases = [
        (
            "a length beyond the body",
            format!("{HEAD}content-length: {}\r\n\r\n{text}", length + 9),
            "",
        ),
        ("a length short of the body", format!("{HEAD}content-length: 9\r\n\r\n{text}"), "400"),
        ("a negative length", format!("{HEAD}content-length: -1\r\n\r\n"), "400"),
        ("a length that is no number", format!("{HEAD}content-length: 1e3\r\n\r\n"), "400"),
        ("two lengths", format!("{HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\n"), "400"),
        (
            "a length and chunks",
            format!("{HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            "",
        ),
        (
            "chunks without end",
            format!("{HEAD}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            "",
        ),
        (
            "a chunk of no size",
            format!("{HEAD}transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
            "400",
        ),
        (
            "a chunk of 2^64",
            format!("{HEAD}transfer-encoding: chunked\r\n\r\n10000000000000000\r\n"),
            "400",
        ),
        ("10,000 headers", format!("{HEAD}{many}\r\n"), "431"),
        ("a header of a megabyte", format!("{HEAD}x-long: {long}\r\n\r\n"), "431"),
        ("an address of a megabyte", format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), "431"),
        ("NUL in the header", format!("{HEAD}x-nul: a\0b\r\n\r\n"), "400"),
        ("NUL in the address", "GET /\0 HTTP/1.1\r\n\r\n".into(), "400"),
        ("no HTTP", "\0\0\0\0\r\n\r\n".into(), "400"),
        ("TLS to a plain collector", "\x16\x03\x01\x02\0\x01\0\r\n\r\n".into(), "400"),
        ("HTTP 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), ""),
        ("another version", "GET /healthz HTTP/9.9\r\n\r\n".into(), "400"),
        ("nothing", String::new(), ""),
    ];
    for (name, bytes, status) in cases {
        let answer = babble(address, bytes.as_bytes());
        let found = answer.get(9..12).unwrap_or_default();
        // Without an expected status it is enough that the connection ends and is no success.
        let fits = if status.is_empty() { found != "200" } else { found == status };
        assert!(fits, "{name}: {answer:.200}");
    }
    let counts = collector.counts();
    assert_eq!((counts.stored_events, PANICS.load(Ordering::SeqCst)), (0, 0));
    assert_eq!(batch("town", 7, 1, 1..=2).acknowledged(&agent(), address).accepted, 2);
}

#[test]
fn old_and_hasty_clients_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let request = |installation: u128, version: &str, more: &str| {
        let body = gzip(&batch("town", installation, 1, 1..=3).text());
        let head = HEAD.replace("1.1", version) + more;
        let length = format!("content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), length.as_bytes(), &body].concat()
    };
    let old = talk(collector.address(), &request(1, "1.0", ""), None);
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
    // Three requests at once, before the first is answered.
    let last = "connection: close\r\n";
    let three = [(2, ""), (3, ""), (4, last)].map(|(number, more)| request(number, "1.1", more));
    let answers = talk(collector.address(), &three.concat(), None);
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
    assert_eq!(collector.counts().stored_events, 12);
}
