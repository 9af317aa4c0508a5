//! Memory of an exact search over a mapped matrix of 1,000,000 x 64, for 1 and for 24 queries, with
//! and without giving pages back behind the scan, by int8 codes and by the same in planes.
//!
//! `cargo dev bench memory`; behind `--`, `--json` prints a line of JSON for each case. The peaks
//! are those of `RssAnon` and `VmRSS` of `/proc/self/status` (proc(5)) over what they were before
//! the file was mapped, sampled every 0.2 ms, so it says nothing where there is no such file.

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use noctule_core::base::{MappedFile, Seed, SeededRandom};
use noctule_core::scoring::{Codes, ItemMatrix, TopK, Vectors, quantise};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ITEMS: usize = 1_000_000;
const DIMENSIONS: usize = 64;
const K: usize = 100;
/// Forms of the codes, which take as many bytes in each.
const FORMS: [&str; 2] = ["int8", "planes"];
/// Rows made at once, so that making the file leaves little memory behind.
const ROWS: usize = 1_000;

fn main() -> ExitCode {
    match run(std::env::args().any(|argument| argument == "--json")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memory: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(json: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let paths = FORMS.map(|form| folder.path().join(form));
    write(&paths)?;
    let mut random = SeededRandom::new(Seed(1));
    let queries: Vec<f32> = (0..24 * DIMENSIONS).map(|_| random.normal() as f32).collect();
    let queries: Vec<&[f32]> = queries.chunks_exact(DIMENSIONS).collect();
    if !json {
        println!("  codes   queries  pages given back    anonymous MB    resident MB         ms");
    }
    let cases = [(1, false), (1, true), (24, false), (24, true)];
    let cases =
        cases.into_iter().flat_map(|case| FORMS.iter().zip(&paths).map(move |of| (case, of)));
    for ((count, gives_back), (form, path)) in cases {
        let (before, peak, ms) = measure(path, &queries[..count], gives_back)?;
        let mb = |index: usize| peak[index].saturating_sub(before[index]) as f64 / 1024.0;
        if json {
            let row = serde_json::json!({
                "bench": "memory", "items": ITEMS, "dimensions": DIMENSIONS, "codes": form,
                "queries": count, "gives_back": gives_back,
                "anonymous_mb": mb(0), "resident_mb": mb(1), "ms": ms,
            });
            println!("{row}");
        } else {
            let back = if gives_back { "yes" } else { "no" };
            println!("  {form:6}  {count:7}  {back:>16}  {:14.1}  {:13.1}  {ms:9.1}", mb(0), mb(1));
        }
    }
    Ok(())
}

/// Anonymous and resident kilobytes before, their peaks, and the time taken.
fn measure(path: &Path, queries: &[&[f32]], gives_back: bool) -> Result<([u64; 2], [u64; 2], f64)> {
    let stop = AtomicBool::new(false);
    let before = memory_kb();
    std::thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut peak = [0, 0];
            while !stop.load(Ordering::Relaxed) {
                let now = memory_kb();
                peak = [peak[0].max(now[0]), peak[1].max(now[1])];
                std::thread::sleep(Duration::from_micros(200));
            }
            peak
        });
        let searched = search(path, queries, gives_back);
        stop.store(true, Ordering::Relaxed);
        let peak = sampler.join().map_err(|_| "the sampler panicked")?;
        Ok((before, peak, searched?))
    })
}

fn search(path: &Path, queries: &[&[f32]], gives_back: bool) -> Result<f64> {
    let file = MappedFile::open(path)?;
    let (n, values) = (ITEMS as u64, ITEMS * DIMENSIONS);
    let wide = DIMENSIONS as u64;
    let codes = if path.ends_with(FORMS[1]) {
        let (high, low) = file.u8_values("codes", 0..n * wide, values)?.split_at(values / 2);
        Codes::Planes { high, low }
    } else {
        Codes::Int8(file.i8_values("codes", 0..n * wide, values)?)
    };
    let scales = file.f32_values("scale", n * wide..n * (wide + 4), ITEMS)?;
    let rest = n * (wide + 4)..n * (5 * wide + 4);
    let embeddings = file.f32_values("embedding", rest, values)?;
    let matrix = ItemMatrix::stored(codes, scales, Vectors::F32(embeddings), DIMENSIONS)?;
    let search = TopK { file: gives_back.then_some(&file), ..TopK::new(K) };
    let begun = Instant::now();
    black_box(search.search(&matrix, queries)?);
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// Codes, scales and embeddings one behind the other, in a file of each form.
fn write(paths: &[PathBuf; 2]) -> Result<()> {
    let all = ITEMS * DIMENSIONS;
    let begins = [[0, all, all + ITEMS * 4].to_vec(), [0, all / 2, all, all + ITEMS * 4].to_vec()];
    let mut parts = Vec::new();
    for (path, begin) in paths.iter().zip(&begins).flat_map(|(p, b)| b.iter().map(move |b| (p, b)))
    {
        let mut file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.seek(SeekFrom::Start(*begin as u64))?;
        parts.push(BufWriter::new(file));
    }
    let mut random = SeededRandom::new(Seed(2));
    for _ in 0..ITEMS / ROWS {
        let rows: Vec<f32> = (0..ROWS * DIMENSIONS).map(|_| random.normal() as f32).collect();
        let quantised = quantise(&rows, DIMENSIONS)?;
        let codes: Vec<u8> = quantised.codes.iter().map(|code| *code as u8).collect();
        let [high, low] = quantised.planes(DIMENSIONS);
        for (part, bytes) in [(0, codes), (3, high), (4, low)] {
            parts[part].write_all(&bytes)?;
        }
        let scales = &quantised.scales;
        for (part, values) in [(1, scales), (2, &rows), (5, scales), (6, &rows)] {
            for value in values {
                parts[part].write_all(&value.to_le_bytes())?;
            }
        }
    }
    for mut part in parts {
        part.flush()?;
    }
    Ok(())
}

/// `RssAnon` and `VmRSS`; zero where the system does not tell.
fn memory_kb() -> [u64; 2] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ["RssAnon:", "VmRSS:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    })
}
