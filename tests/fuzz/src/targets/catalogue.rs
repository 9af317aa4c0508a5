//! The catalogue.

use std::cell::RefCell;
use std::io::Write as _;

use noctule_core::base::limits::LINE_BYTES_MAX;
use noctule_core::catalogue::Catalogue;
use tempfile::NamedTempFile;

use super::{Target, answer};
use crate::Shape;

const BYTES_MAX: usize = 2 * LINE_BYTES_MAX;

pub(super) const TARGET: Target = Target {
    name: "catalogue",
    execute,
    seeds,
    shape: Shape::Plain,
    tokens: &[
        "\"id\"",
        "\"title\":\"x\"",
        "\"attributes\":{\"a\":true}",
        "\"place\"",
        "\"hours\":[]",
        "{\"latitude\":90,\"longitude\":-180}",
        "\"weekend\"",
        "\n",
        "\r\n",
        "{\"id\":\"a\"}\n",
        "{\"id\":\"b\",\"title\":\"\"}\n",
        "\u{1}",
    ],
    bytes_max: BYTES_MAX,
    // The line that is read, and the items: 24 bytes of text take some 300 of item and index.
    declared_bytes: LINE_BYTES_MAX + 16 * BYTES_MAX,
};

thread_local! {
    static FILE: RefCell<Option<NamedTempFile>> = const { RefCell::new(None) };
}

fn execute(bytes: &[u8]) -> u64 {
    answer(&read(bytes))
}

/// The one line to change when the format does.
fn read(bytes: &[u8]) -> noctule_core::Result<Catalogue> {
    on_disk(bytes, |path| Catalogue::read(path, "catalogue"))
}

/// Hands `bytes` over as a file, always the same one.
fn on_disk<T>(bytes: &[u8], read: impl FnOnce(&std::path::Path) -> T) -> T {
    FILE.with_borrow_mut(|slot| {
        let file = slot.take().map_or_else(in_memory, Ok);
        let file = file.and_then(|file| {
            let mut opened = std::fs::File::create(file.path())?;
            opened.write_all(bytes).map(|()| file)
        });
        match file {
            Ok(file) => read(slot.insert(file).path()),
            Err(error) => {
                eprintln!("no file to read from: {error}");
                std::process::exit(2);
            }
        }
    })
}

/// A file on a disk that is memory, where there is one: others take a hundred times longer.
fn in_memory() -> std::io::Result<NamedTempFile> {
    NamedTempFile::new_in("/dev/shm").or_else(|_| NamedTempFile::new())
}

fn seeds() -> Vec<Vec<u8>> {
    let full = concat!(
        r#"{"id":"luna","title":"La Luna","attributes":{"kind":"cafe","stars":4.5,"open":true,"#,
        r#""tags":["a","b"]},"place":{"latitude":52.5,"longitude":13.4},"#,
        r#""hours":[{"days":"weekday","from":480,"until":1080}]}"#,
    );
    let two = format!("{full}\n{{\"id\":\"sol\",\"title\":\"\"}}\n");
    vec![two.into_bytes(), full.as_bytes().to_vec(), Vec::new()]
}
