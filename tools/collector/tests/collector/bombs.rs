//! Bodies that are small on the wire and large behind it: each costs at most what was declared.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::thread;

use crate::durability::spawn;
use crate::fixture::{agent, batch, gzip, try_send};

/// What a client sends: headers beside the usual ones, a body, and the statuses that fit.
struct Bomb {
    name: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    statuses: &'static [u16],
}

fn header_line() -> Vec<u8> {
    format!("{}\n", batch("town", 7, 1, 1..=1).header).into_bytes()
}

/// A gibibyte of spaces behind a good header, as members of a gzip stream.
fn gibibyte() -> Vec<u8> {
    let member = gzip(&vec![b' '; 64 << 20]);
    let mut bomb = gzip(&header_line());
    bomb.extend(std::iter::repeat_n(member, 16).flatten());
    assert!(bomb.len() < 1 << 20, "{} bytes would not even be read", bomb.len());
    bomb
}

/// The frame of a zstd stream that asks for a window of two gibibytes (RFC 8878, 3.1.1.1.2).
fn zstd_window() -> Vec<u8> {
    vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x03, 0x00, 0x00, b'x']
}

fn bombs() -> Vec<Bomb> {
    let bomb = |name, headers: &[(&'static str, &'static str)], body, statuses| Bomb {
        name,
        headers: headers.to_vec(),
        body,
        statuses,
    };
    let good = gzip(&batch("town", 7, 1, 1..=50).text());
    let spaces = [header_line(), vec![b' '; 200 << 20]].concat();
    let encoded = |encoding| ("content-encoding", encoding);
    let mut wrong_sum = good.clone();
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 0xff;
    let mut wrong_method = good.clone();
    wrong_method[2] = 7;
    vec![
        bomb("a gibibyte", &[], gibibyte(), &[413]),
        bomb("one long member", &[], gzip(&spaces), &[413]),
        bomb("no end of line", &[], gzip(&vec![b'{'; 300 << 20]), &[413]),
        bomb("gzip of gzip", &[], gzip(&gibibyte()), &[400]),
        bomb("wrong sum", &[], wrong_sum, &[400]),
        bomb("wrong method", &[], wrong_method, &[400]),
        bomb("garbage behind the end", &[], [good.as_slice(), b"more"].concat(), &[400]),
        bomb("a window of 2 GiB", &[encoded("zstd")], zstd_window(), &[415]),
        bomb("zstd that says gzip", &[], zstd_window(), &[400]),
        bomb("deflate", &[encoded("deflate")], good.clone(), &[415]),
        bomb("twice encoded", &[encoded("gzip, gzip")], gzip(&good), &[415]),
        bomb("brotli", &[encoded("br")], good, &[415]),
        bomb("empty", &[], Vec::new(), &[400]),
    ]
}

#[test]
fn a_bomb_costs_no_more_than_was_declared() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = spawn(folder.path(), None);
    // Warm: threads and buffers that every collector has.
    for installation in 0..16 {
        batch("town", installation, 1, 1..=400).acknowledged(&agent(), address);
    }
    for Bomb { name, headers, body, statuses } in bombs() {
        let before = Memory::reset(&child);
        let answer = try_send(&agent(), address, &body, &headers).unwrap();
        assert!(statuses.contains(&answer.status), "{name}: {}: {}", answer.status, answer.body);
        if let Some(grown) = before.and_then(|before| before.grown(&child)) {
            println!("{name}: {} bytes sent, {} MiB more", body.len(), grown >> 20);
            assert!(grown < 32 << 20, "{name}: {grown} bytes more");
        }
    }
    endless(address);
    many_at_once(&child, address);
    let after = batch("town", 99, 1, 1..=5).acknowledged(&agent(), address);
    assert_eq!(after.accepted, 5);
    assert!(child.try_wait().unwrap().is_none(), "the collector has ended");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A gzip stream that never ends, in chunks.
fn endless(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\n\
                content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[0x1f; 0x10000], b"\r\n"].concat();
    let mut sent = 0u64;
    // The collector says 413 and closes; what it has not read is at most what lies in the sockets.
    while sent < 64 << 20 && stream.write_all(&chunk).is_ok() {
        sent += 0x10000;
    }
    assert!(sent < 64 << 20, "{sent} bytes were taken");
}

fn many_at_once(child: &Child, address: SocketAddr) {
    let before = Memory::reset(child);
    let bomb = gibibyte();
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                // Beyond the room for bodies: told to come again.
                let answer = try_send(&agent(), address, &bomb, &[]);
                let status = answer.map_or(0, |answer| answer.status);
                assert!([0, 413, 503].contains(&status), "{status}");
            });
        }
    });
    if let (Some(_), Some(most)) = (before, Memory::peak(child)) {
        println!("64 at once: {} MiB at most", most >> 20);
        assert!(most < 256 << 20, "{most} bytes");
    }
}

/// Resident memory of a process, where the system tells it.
struct Memory(u64);

impl Memory {
    /// The memory at present; from here on the peak is counted anew.
    fn reset(child: &Child) -> Option<Self> {
        fs::write(format!("/proc/{}/clear_refs", child.id()), "5").ok()?;
        Self::peak(child).map(Self)
    }

    fn peak(child: &Child) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
    }

    fn grown(&self, child: &Child) -> Option<u64> {
        Some(Self::peak(child)?.saturating_sub(self.0))
    }
}

/// A body over the limit is refused before much more of it than the limit was read.
#[test]
fn a_body_over_the_limit_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let collector = crate::fixture::start(folder.path());
    let mut stream = TcpStream::connect(collector.address()).unwrap();
    let head = format!(
        "POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\n\
         content-length: {}\r\n\r\n",
        1u64 << 40
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(collector.counts().received_bytes, 0);
}
