//! Exact top-k against ONNX Runtime, faiss, implicit, NumPy and LiteRT on the same matrix, the same
//! queries and as many threads, in turn, beside the machine's read bandwidth.
//!
//! `cargo dev bench peers`; the peers come from PyPI into `target/peers` the first time (Python 3
//! with `venv` is needed). Behind `--`: `--json` prints a line of JSON for each case, `--items N`
//! keeps the cases of N items. Times are medians of the second of two runs in a row; a peer takes
//! its own time, so that no pipe counts. "same" says that the best items are ours. LiteRT and
//! faiss SQ8 are inexact.

#[path = "../top_k/bandwidth.rs"]
mod bandwidth;
mod python;

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Instant;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::scoring::{ItemMatrix, Kernel, Quantised, TopK, quantise};
use python::{Peer, Peers};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is searched.
#[derive(Debug, Clone, Copy)]
struct Case {
    items: usize,
    dimensions: usize,
    /// Queries at once.
    contexts: usize,
    threads: usize,
}

const K: usize = 100;
/// Queries, so that no single one decides.
const QUERIES: usize = 24;
const CASES: [Case; 8] = [
    case(1_000_000, 64, 1, 1),
    case(1_000_000, 64, 24, 1),
    case(1_000_000, 64, 1, 2),
    case(1_000_000, 128, 1, 1),
    case(100_000, 64, 1, 1),
    case(100_000, 64, 24, 1),
    case(100_000, 128, 1, 2),
    case(10_000, 64, 1, 1),
];

const fn case(items: usize, dimensions: usize, contexts: usize, threads: usize) -> Case {
    Case { items, dimensions, contexts, threads }
}

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<bool> {
    let json = arguments.iter().any(|argument| argument == "--json");
    let only = arguments.iter().position(|argument| argument == "--items");
    let only = only.and_then(|at| arguments.get(at + 1)).map(|items| items.parse()).transpose()?;
    let python = python::environment()?;
    println!("kernel {}, best {K}", Kernel::fastest().name());
    let mut same = true;
    for case in CASES.into_iter().filter(|case| only.is_none_or(|only: usize| case.items == only)) {
        same &= measure(case, &python, json)?;
    }
    Ok(same)
}

/// Times all on one case and prints a table; whether the exact peers found the same items.
fn measure(case: Case, python: &std::path::Path, json: bool) -> Result<bool> {
    let Case { items, dimensions, contexts, threads } = case;
    let mut random = SeededRandom::new(Seed((items + dimensions) as u64));
    let mut normal = |count: usize| (0..count).map(|_| random.normal() as f32).collect::<Vec<_>>();
    let (embeddings, queries) = (normal(items * dimensions), normal(QUERIES * dimensions));
    let Quantised { codes, scales } = quantise(&embeddings, dimensions)?;
    let matrix = ItemMatrix::new(&codes, &scales, &embeddings, dimensions)?;
    let mut peers = Peers::start(python, &embeddings, &queries, [items, dimensions, K, threads])?;
    let rows: Vec<&[f32]> = queries.chunks_exact(dimensions).collect();
    let threads = NonZeroUsize::new(threads).ok_or("no thread")?;
    let ours = TopK { threads, ..TopK::new(K) };
    let bytes = codes.len() + size_of_val(&scales[..]);
    let words = bandwidth::words(bytes);

    let rounds =
        (if contexts > 1 { 200_000_000 } else { 40_000_000 } / items / contexts).clamp(9, 99);
    let (mut ours_ms, mut read_ms) = (Vec::new(), Vec::new());
    let mut peers_ms: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut same: BTreeMap<String, bool> = BTreeMap::new();
    for round in 0..rounds {
        let first = if contexts == 1 { round % QUERIES } else { 0 };
        let some = &rows[first..first + contexts];
        let found = ours.search(&matrix, some)?;
        ours_ms.push(timed(|| ours.search(&matrix, some).map(black_box))?);
        black_box(bandwidth::read(black_box(&words)));
        read_ms.push(timed(|| Ok::<_, Box<dyn Error>>(black_box(bandwidth::read(&words))))?);
        for name in peers.names() {
            peers.search(&name, first, contexts)?;
            let (ms, theirs) = peers.search(&name, first, contexts)?;
            let is_same = found.iter().zip(&theirs).all(|(ours, theirs)| {
                let mut ours: Vec<u32> = ours.iter().map(|scored| scored.index).collect();
                let mut theirs = theirs.clone();
                ours.sort_unstable();
                theirs.sort_unstable();
                ours == theirs
            });
            *same.entry(name.clone()).or_insert(true) &= is_same;
            peers_ms.entry(name).or_default().push(ms);
        }
    }
    let (ours_ms, read_ms) = (median(&mut ours_ms), median(&mut read_ms));
    let peers_ms: BTreeMap<String, f64> =
        peers_ms.into_iter().map(|(name, mut ms)| (name, median(&mut ms))).collect();
    report(case, ours_ms, read_ms, &peers_ms, &same, &peers.all, json);
    Ok(peers.all.iter().all(|(name, peer)| !peer.exact || same.get(name).is_none_or(|same| *same)))
}

fn report(
    case: Case,
    ours_ms: f64,
    read_ms: f64,
    peers_ms: &BTreeMap<String, f64>,
    same: &BTreeMap<String, bool>,
    peers: &BTreeMap<String, Peer>,
    json: bool,
) {
    let Case { items, dimensions, contexts, threads } = case;
    if json {
        let row = serde_json::json!({
            "bench": "peers", "items": items, "dimensions": dimensions, "contexts": contexts,
            "threads": threads, "k": K, "ours_ms": ours_ms, "read_ms": read_ms,
            "peers_ms": peers_ms, "same_items": same,
        });
        println!("{row}");
        return;
    }
    println!("\n{items} x {dimensions}, {contexts} at once, threads {threads}");
    println!("  {:12} {ours_ms:9.3} ms", "noctule");
    let share = 100.0 * read_ms / ours_ms;
    println!("  {:12} {read_ms:9.3} ms  one thread reading the codes once: {share:.0} %", "read");
    for (name, peer) in peers {
        let Some(ms) = peers_ms.get(name) else {
            println!("  {name:12} {}", peer.missing);
            continue;
        };
        let kind = if peer.exact { "exact" } else { "inexact" };
        let same = if same.get(name) == Some(&true) { "same" } else { "other items" };
        let (faster, version) = (ms / ours_ms, &peer.version);
        println!("  {name:12} {ms:9.3} ms  {faster:5.1} times ours  {kind}, {same}  ({version})");
    }
}

fn timed<T, E: Into<Box<dyn Error>>>(
    work: impl FnOnce() -> std::result::Result<T, E>,
) -> Result<f64> {
    let begun = Instant::now();
    work().map_err(Into::into)?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
