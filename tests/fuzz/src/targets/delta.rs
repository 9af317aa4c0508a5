//! A delta: its header, and the records of each file against an older one.

use std::path::Path;

use noctule_core::Result;
use noctule_core::base::{CancelToken, Error};
use noctule_core::release::delta::{
    Content, Deflated, DeltaEntry, DeltaHeader, Sink, Source, rebuild,
};

use super::{Target, answer, records};
use crate::Shape;

/// Bytes that one input may make before it is stopped: enough, and no test of patience.
const MADE_MAX: u64 = 1 << 18;

pub(super) const TARGET: Target = Target {
    name: "delta",
    execute,
    seeds,
    shape: Shape::Headed { at: 76, width: 4 },
    tokens: &["a.bin", "\u{1}a", "\u{0}", "\u{7f}", "items.safetensors"],
    bytes_max: 1 << 17,
    // What `apply` promises.
    declared_bytes: 1 << 20,
};

fn execute(bytes: &[u8]) -> u64 {
    answer(&follow(bytes))
}

fn follow(bytes: &[u8]) -> Result<()> {
    let header = DeltaHeader::parse(bytes, bytes.len() as u64)?;
    // What is accepted is written as it was read, but for numbers that were longer than needed.
    let written = header.to_bytes()?;
    assert!(written.len() <= bytes.len(), "accepted, and longer when it is written");
    let records = header.files.iter().map(|file| match file.content {
        Content::Same => 0,
        Content::Records(bytes) => bytes as usize,
    });
    // The parser has compared the sum with the length.
    let mut at = bytes.len() - records.clone().sum::<usize>();
    for (file, length) in header.files.iter().zip(records) {
        if length > 0 {
            make(&file.name, &bytes[at..at + length], file.source.is_some(), file.length)?;
        }
        at += length;
    }
    Ok(())
}

/// Makes a file of `length` bytes out of `stream`.
pub(super) fn make(file: &str, stream: &[u8], sourced: bool, length: u64) -> Result<()> {
    let bytes = stream.len() as u64;
    let mut records = Deflated::new(stream, bytes, Path::new("delta"));
    let mut source = if sourced { OLD } else { &[] };
    let source: &mut dyn Source = &mut source;
    let mut sink = Counted { made: 0, length };
    rebuild(file, &mut records, source, length, &mut sink, &CancelToken::new())?;
    assert_eq!(sink.made, length, "made, and of another length");
    Ok(())
}

/// The older file.
pub(super) const OLD: &[u8] = include_bytes!("delta.rs");

struct Counted {
    made: u64,
    length: u64,
}

impl Sink for Counted {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.made += bytes.len() as u64;
        assert!(self.made <= self.length, "more than the length is made");
        if self.made > MADE_MAX {
            return Err(Error::Cancelled);
        }
        Ok(())
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let entry = |name: &str, length, source, content| {
        let (name, sha256) = (name.to_owned(), "a".repeat(64));
        DeltaEntry { name, length, sha256, source, content }
    };
    let (stored, length) = records::valid();
    let stream = records::deflated(&stored, flate2::Compression::best());
    let content = Content::Records(stream.len() as u64);
    let files = vec![
        entry("a.bin", 100, Some(0), Content::Same),
        entry("b.bin", length, Some(0), content),
        entry("c.bin", length, Some(1), content),
    ];
    let sources = vec!["a.bin".to_owned(), "x".to_owned()];
    let zeros = "0".repeat(64);
    let mut header = DeltaHeader { from: zeros.clone(), to: zeros, sources, files };
    let mut seeds = Vec::new();
    for parts in [[&stream[..], &stream].concat(), Vec::new()] {
        // A header that its own reader refuses is no seed.
        seeds.extend(header.to_bytes().map(|bytes| [bytes, parts].concat()));
        header.files.truncate(1);
    }
    seeds
}
