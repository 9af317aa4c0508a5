//! Exact top-k against ONNX Runtime, faiss, implicit, NumPy and LiteRT on the same matrix, the same
//! queries and as many threads, in turn, beside the machine's read bandwidth.
//!
//! `cargo dev bench peers`; the peers come from PyPI into `target/peers` the first time (Python 3
//! with `venv` is needed). Behind `--`: `--json` prints a line of JSON for each case, `--items N`
//! keeps the cases of N items, `--contexts N` those of N queries at once. Times are the median and
//! the least of the second of two runs in a row; a peer takes its own time, so that no pipe counts.
//! "same" says that the best items are ours. LiteRT and faiss SQ8 are inexact. One query over
//! 1,000,000 items is compared by codes in planes, all else by int8, which is printed, too.

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
use noctule_core::scoring::{Codes, ItemMatrix, Kernel, Quantised, TopK, Vectors, quantise};
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

impl Case {
    /// Whether codes are searched in planes: one query over more codes than caches hold.
    fn in_planes(&self) -> bool {
        self.contexts == 1 && self.items >= 500_000
    }
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
    let number = |name: &str| -> Result<Option<usize>> {
        let at = arguments.iter().position(|argument| argument == name);
        Ok(at.and_then(|at| arguments.get(at + 1)).map(|number| number.parse()).transpose()?)
    };
    let (items, contexts) = (number("--items")?, number("--contexts")?);
    let wanted = |case: &Case| {
        items.is_none_or(|items| case.items == items)
            && contexts.is_none_or(|contexts| case.contexts == contexts)
    };
    let python = python::environment()?;
    println!("kernel {}, best {K}", Kernel::fastest().name());
    let mut same = true;
    for case in CASES.into_iter().filter(wanted) {
        same &= measure(case, &python, json)?;
    }
    Ok(same)
}

/// A kernel on a form of the matrix, with their name.
type Run<'m> = (String, Kernel, &'m ItemMatrix<'m>);

/// Ours, the one that is compared first.
fn runs<'m>(case: &Case, bytes: &'m ItemMatrix<'m>, planes: &'m ItemMatrix<'m>) -> Vec<Run<'m>> {
    // The portable one takes long.
    let kernels = Kernel::available().into_iter().filter(|kernel| kernel.name() != "portable");
    let of = |form: &'static str, matrix| {
        kernels.clone().map(move |kernel| (format!("{} {form}", kernel.name()), kernel, matrix))
    };
    let in_bytes = of("int8", bytes);
    if case.in_planes() {
        of("planes", planes).chain(in_bytes).collect()
    } else {
        in_bytes.collect()
    }
}

/// Times all on one case and prints a table; whether the exact peers found the same items.
fn measure(case: Case, python: &std::path::Path, json: bool) -> Result<bool> {
    let Case { items, dimensions, contexts, threads } = case;
    let mut random = SeededRandom::new(Seed((items + dimensions) as u64));
    let mut normal = |count: usize| (0..count).map(|_| random.normal() as f32).collect::<Vec<_>>();
    let (embeddings, queries) = (normal(items * dimensions), normal(QUERIES * dimensions));
    let int8 = quantise(&embeddings, dimensions)?;
    let [high, low] = &int8.planes(dimensions);
    let Quantised { codes, scales } = &int8;
    let vectors = Vectors::F32(&embeddings);
    let stored = |codes| ItemMatrix::stored(codes, scales, vectors, dimensions);
    let (bytes, planes) = (stored(Codes::Int8(codes))?, stored(Codes::Planes { high, low })?);
    let mut peers = Peers::start(python, &embeddings, &queries, [items, dimensions, K, threads])?;
    let rows: Vec<&[f32]> = queries.chunks_exact(dimensions).collect();
    let threads = NonZeroUsize::new(threads).ok_or("no thread")?;
    let ours = TopK { threads, ..TopK::new(K) };
    let read = if case.in_planes() { high.len() } else { codes.len() };
    let words = bandwidth::words(read + size_of_val(&scales[..]));

    let rounds =
        (if contexts > 1 { 200_000_000 } else { 40_000_000 } / items / contexts).clamp(9, 99);
    let all = runs(&case, &bytes, &planes);
    let (mut ours_ms, mut read_ms) = (vec![Vec::new(); all.len()], Vec::new());
    let mut peers_ms: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut same: BTreeMap<String, bool> = BTreeMap::new();
    for round in 0..rounds {
        let first = if contexts == 1 { round % QUERIES } else { 0 };
        let some = &rows[first..first + contexts];
        let found = ours.search(all[0].2, some)?;
        for ((_, kernel, matrix), ours_ms) in all.iter().zip(&mut ours_ms) {
            let ours = TopK { kernel: *kernel, ..ours };
            ours.search(matrix, some)?;
            ours_ms.push(timed(|| ours.search(matrix, some).map(black_box))?);
        }
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
    let ours = all.into_iter().zip(ours_ms).map(|((name, ..), ms)| (name, Times::of(ms)));
    let found = Found {
        case,
        ours: ours.collect(),
        read: Times::of(read_ms),
        peers: peers_ms.into_iter().map(|(name, ms)| (name, Times::of(ms))).collect(),
        same,
    };
    if json {
        found.print_json();
    } else {
        found.print(&peers.all);
    }
    let same = &found.same;
    Ok(peers.all.iter().all(|(name, peer)| !peer.exact || same.get(name).is_none_or(|same| *same)))
}

/// Milliseconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    median: f64,
    least: f64,
}

impl Times {
    fn of(mut ms: Vec<f64>) -> Self {
        ms.sort_unstable_by(f64::total_cmp);
        Self { median: ms[ms.len() / 2], least: ms[0] }
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:9.3} ms, least {:9.3}", self.median, self.least)
    }
}

/// What one case gave.
struct Found {
    case: Case,
    /// By kernel and form, the one compared first.
    ours: Vec<(String, Times)>,
    read: Times,
    peers: BTreeMap<String, Times>,
    same: BTreeMap<String, bool>,
}

impl Found {
    fn ours(&self) -> Times {
        self.ours.first().map_or(Times { median: f64::NAN, least: f64::NAN }, |(_, times)| *times)
    }

    fn print_json(&self) {
        let Case { items, dimensions, contexts, threads } = self.case;
        let medians = |(name, times): (&String, &Times)| (name.clone(), times.median);
        let by_kernel = self.ours.iter().map(|(name, times)| (name.as_str(), times.median));
        let row = serde_json::json!({
            "bench": "peers", "items": items, "dimensions": dimensions, "contexts": contexts,
            "threads": threads, "k": K, "ours_ms": self.ours().median,
            "by_kernel_ms": by_kernel.collect::<BTreeMap<_, _>>(), "read_ms": self.read.median,
            "peers_ms": self.peers.iter().map(medians).collect::<BTreeMap<_, _>>(),
            "same_items": self.same,
        });
        println!("{row}");
    }

    fn print(&self, peers: &BTreeMap<String, Peer>) {
        let Case { items, dimensions, contexts, threads } = self.case;
        println!("\n{items} x {dimensions}, {contexts} at once, threads {threads}");
        for (kernel, times) in &self.ours {
            println!("  {:12} {times}  {kernel}", "noctule");
        }
        let share = 100.0 * self.read.least / self.ours().least;
        println!("  {:12} {}  one thread reading the codes: {share:.0} %", "read", self.read);
        for (name, peer) in peers {
            let Some(times) = self.peers.get(name) else {
                println!("  {name:12} {}", peer.missing);
                continue;
            };
            let kind = if peer.exact { "exact" } else { "inexact" };
            let same = if self.same.get(name) == Some(&true) { "same" } else { "other items" };
            let faster = times.median / self.ours().median;
            let version = &peer.version;
            println!("  {name:12} {times}  {faster:5.1} times ours  {kind}, {same}  ({version})");
        }
    }
}

fn timed<T, E: Into<Box<dyn Error>>>(
    work: impl FnOnce() -> std::result::Result<T, E>,
) -> Result<f64> {
    let begun = Instant::now();
    work().map_err(Into::into)?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}
