//! Top-k against a candle matmul with a full sort, one thread, best 100 of catalogues of 64
//! dimensions, beside the machine's read bandwidth in the same run.
//!
//! `cargo bench -p noctule-core --bench top_k`; behind `--`: `--json` prints one line of JSON for
//! each size, `--items N` measures N items only. Candle is held to one thread by
//! `RAYON_NUM_THREADS=1`, with which this program starts itself again. Times are medians; "of read"
//! is the time in which the machine reads the bytes of the codes (of planes the high one) and
//! scales, by the time taken.

mod bandwidth;
mod measure;

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use candle_core::{Device, Tensor};
use measure::{Work, medians_ms};
use noctule_core::base::{Seed, SeededRandom};
use noctule_core::scoring::{
    Codes, ItemMatrix, Kernel, Scored, Vectors, quantise, quantise_int4, top_k, top_k_with,
};

const DIMENSIONS: usize = 64;
const K: usize = 100;
const FORMS: [&str; 3] = ["int8", "planes", "int4"];
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// Queries, so that no single one decides.
const QUERIES: usize = 5;
/// Times that each query is asked, between these for all sizes.
const ROUNDS_MIN: usize = 9;
const ROUNDS_MAX: usize = 41;
const THREADS: &str = "RAYON_NUM_THREADS";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("top_k: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<bool> {
    if std::env::var(THREADS).as_deref() != Ok("1") {
        let program = std::env::current_exe()?;
        return Ok(Command::new(program).args(arguments).env(THREADS, "1").status()?.success());
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let only = arguments.iter().position(|argument| argument == "--items");
    let only = only.and_then(|at| arguments.get(at + 1)).map(|items| items.parse()).transpose()?;
    let sizes = only.map_or(SIZES.to_vec(), |items| vec![items]);
    if !json {
        println!("kernel {}, one thread, best {K} of n x {DIMENSIONS}", Kernel::fastest().name());
        println!("{}", Row::HEADER);
    }
    let mut same = true;
    for (items, form) in sizes.into_iter().flat_map(|items| FORMS.map(|form| (items, form))) {
        let row = measure(items, form)?;
        println!("{}", if json { row.json() } else { row.text() });
        same &= row.same;
    }
    Ok(same)
}

/// What one size gave.
struct Row {
    items: usize,
    /// Form of the codes.
    form: &'static str,
    ours_ms: f64,
    kernels_ms: Vec<(&'static str, f64)>,
    candle_ms: f64,
    matmul_ms: f64,
    read_ms: f64,
    read_gb_s: f64,
    same: bool,
}

impl Row {
    const HEADER: &str = "    items   codes    ours ms  candle ms  (matmul)   faster   read ms  \
                          GB/s  of read  same items  by kernel, ms";

    fn faster(&self) -> f64 {
        self.candle_ms / self.ours_ms
    }

    fn of_read(&self) -> f64 {
        self.read_ms / self.ours_ms
    }

    fn text(&self) -> String {
        let kernels = self.kernels_ms.iter().map(|(name, ms)| format!("{name} {ms:.3}"));
        format!(
            "{:9}  {:>6}  {:9.3}  {:9.3}  {:8.3}  {:6.1}x  {:8.3}  {:4.1}  {:6.0} %  {:>10}  {}",
            self.items,
            self.form,
            self.ours_ms,
            self.candle_ms,
            self.matmul_ms,
            self.faster(),
            self.read_ms,
            self.read_gb_s,
            100.0 * self.of_read(),
            if self.same { "yes" } else { "NO" },
            kernels.collect::<Vec<_>>().join(", "),
        )
    }

    fn json(&self) -> String {
        serde_json::json!({
            "bench": "top_k", "items": self.items, "codes": self.form,
            "dimensions": DIMENSIONS, "k": K,
            "ours_ms": self.ours_ms, "candle_full_sort_ms": self.candle_ms,
            "candle_matmul_ms": self.matmul_ms, "times_faster": self.faster(),
            "read_ms": self.read_ms, "read_gb_per_s": self.read_gb_s,
            "share_of_read_bandwidth": self.of_read(), "same_items": self.same,
            "kernel": Kernel::fastest().name(),
            "by_kernel_ms": self.kernels_ms.iter().copied().collect::<BTreeMap<_, _>>(),
        })
        .to_string()
    }
}

fn measure(items: usize, form: &'static str) -> Result<Row> {
    let mut random = SeededRandom::new(Seed(items as u64));
    let mut normal = |count: usize| (0..count).map(|_| random.normal() as f32).collect::<Vec<_>>();
    let embeddings = normal(items * DIMENSIONS);
    let queries: Vec<Vec<f32>> = (0..QUERIES).map(|_| normal(DIMENSIONS)).collect();
    let int8 = quantise(&embeddings, DIMENSIONS)?;
    let int4 = quantise_int4(&embeddings, DIMENSIONS)?;
    let [high, low] = &int8.planes(DIMENSIONS);
    let (codes, scales, bits) = match form {
        "int4" => (Codes::Int4(&int4.codes), &int4.scales, 4),
        // Of the low plane only a few rows.
        "planes" => (Codes::Planes { high, low }, &int8.scales, 4),
        _ => (Codes::Int8(&int8.codes), &int8.scales, 8),
    };
    let matrix = ItemMatrix::stored(codes, scales, Vectors::F32(&embeddings), DIMENSIONS)?;
    let tensor = Tensor::from_slice(&embeddings, (items, DIMENSIONS), &Device::Cpu)?;

    let mut same = true;
    for query in &queries {
        same &= indices(&top_k(&matrix, query, K, None)?) == candle_top_k(&tensor, query)?;
    }
    let bytes = items * DIMENSIONS * bits / 8 + size_of_val(&scales[..]);
    let words = bandwidth::words(bytes);
    let kernels = Kernel::available();
    let mut works: Vec<Work<'_>> = vec![
        Box::new(|i| keep(top_k(&matrix, &queries[i], K, None)?)),
        Box::new(|_| keep(bandwidth::read(black_box(&words)))),
        Box::new(|i| keep(candle_top_k(&tensor, &queries[i])?)),
        Box::new(|i| keep(candle_scores(&tensor, &queries[i])?)),
    ];
    for kernel in &kernels {
        works.push(Box::new(|i| keep(top_k_with(*kernel, &matrix, &queries[i], K, None)?)));
    }
    let rounds = (10_000_000 / items).clamp(ROUNDS_MIN, ROUNDS_MAX);
    let times = medians_ms(rounds, QUERIES, &mut works)?;
    let (ours_ms, read_ms, candle_ms, matmul_ms) = (times[0], times[1], times[2], times[3]);
    let kernels_ms = kernels.iter().map(|kernel| kernel.name()).zip(times[4..].to_vec()).collect();
    let read_gb_s = bytes as f64 / read_ms / 1e6;
    Ok(Row { items, form, ours_ms, kernels_ms, candle_ms, matmul_ms, read_ms, read_gb_s, same })
}

/// Keeps a result from being optimised away.
fn keep<T>(result: T) -> Result<()> {
    black_box(result);
    Ok(())
}

fn indices(scored: &[Scored]) -> Vec<u32> {
    let mut indices: Vec<u32> = scored.iter().map(|scored| scored.index).collect();
    indices.sort_unstable();
    indices
}

fn candle_scores(items: &Tensor, query: &[f32]) -> candle_core::Result<Tensor> {
    let query = Tensor::from_slice(query, (query.len(), 1), &Device::Cpu)?;
    items.matmul(&query)?.flatten_all()
}

/// The best items, in the order of their indices.
fn candle_top_k(items: &Tensor, query: &[f32]) -> candle_core::Result<Vec<u32>> {
    let (_, order) = candle_scores(items, query)?.sort_last_dim(false)?;
    let mut best: Vec<u32> = order.narrow(0, 0, K.min(order.elem_count()))?.to_vec1()?;
    best.sort_unstable();
    Ok(best)
}
