//! Encoding a user and ranking candidates against ONNX Runtime, one thread, same weights.
//!
//! `cargo bench -p noctule-core --bench models`. The peer is `peer.py` beside this file, run by the
//! Python of `target/peers` (made when it is not there: `pip install numpy onnx onnxruntime
//! safetensors`), or by that which `NOCTULE_PEERS` names. Times are medians. The peer runs between
//! two runs of ours, of which the better counts, as does the better of its own two halves. The
//! outputs must agree. Both keep the memory that they have had.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::model::{Observation, Recommender};
use noctule_core::release::Architecture;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

/// What tells glibc to keep freed memory, as the peer's own allocator does. Otherwise a call may
/// give its pages back and fault them in again, which took as long as the work.
const KEEP: [&str; 2] = ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"];
const RUNS: usize = 400;
const ITEMS: usize = 200;
const CANDIDATES: usize = 500;
const FEATURES: usize = 128;
/// Largest difference to the peer's outputs, of the largest output.
const TOLERANCE: f64 = 1e-4;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is measured: an architecture of which the encoder or the ranker is timed.
struct Case {
    name: &'static str,
    architecture: Value,
    is_ranker: bool,
}

fn cases() -> Vec<Case> {
    let encoder = |name, heads: usize, feed_forward: usize| Case {
        name,
        architecture: json!({"name": "sasrec", "dimensions": 64, "blocks": 2, "heads": heads,
            "positions": ITEMS, "feed_forward": feed_forward, "ranker_features": ["fold_in"]}),
        is_ranker: false,
    };
    let features: Vec<String> = (0..FEATURES).map(|index| format!("f{index}")).collect();
    let ranker = |name, design: Value| Case {
        name,
        architecture: json!({"name": "two_tower", "dimensions": 4, "hidden": [],
            "ranker_features": features, "ranker": design}),
        is_ranker: true,
    };
    let cross = |rank: usize| {
        json!({"kind": "dcn_v2", "cross_layers": 2, "rank": rank,
            "hidden": [128, 64]})
    };
    vec![
        encoder("sasrec 200 x 64, 2 blocks", 1, 64),
        encoder("the same, 2 heads, 4 x wide", 2, 256),
        ranker("mlp 128-128-64, 500 rows", json!({"kind": "mlp", "hidden": [128, 64]})),
        ranker("dcn_v2 full, deep 128-64", cross(0)),
        ranker("dcn_v2 rank 32, deep 128-64", cross(32)),
    ]
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("models: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    if std::env::var_os(KEEP[0]).is_none() {
        let program = std::env::current_exe()?;
        return Ok(Command::new(program)
            .envs(KEEP.map(|name| (name, "1000000000")))
            .status()?
            .success());
    }
    let python = python()?;
    let scratch = tempfile::tempdir()?;
    println!("one thread, medians of {RUNS}, ms; a ratio below 1 is faster than the peer");
    println!(
        "{:<30} {:>8} {:>9} {:>6} {:>9} {:>6}  agree",
        "", "ours", "onnx", "ratio", "last row", "ratio"
    );
    let mut fine = true;
    for case in cases() {
        fine &= measure(&case, scratch.path(), &python)?;
    }
    Ok(fine)
}

fn measure(case: &Case, scratch: &Path, python: &Path) -> Result<bool> {
    let architecture: Architecture = serde_json::from_value(case.architecture.clone())?;
    let mut random = SeededRandom::new(Seed(7));
    let bytes = weights(&architecture, &mut random)?;
    let model = Recommender::load(&bytes, &architecture, ITEMS, 1)?;
    let (rows, width) = if case.is_ranker { (CANDIDATES, FEATURES) } else { (ITEMS, 64) };
    let input: Vec<f32> = (0..rows * width).map(|_| random.normal() as f32).collect();
    let (weights_path, input_path) = (scratch.join("model.safetensors"), scratch.join("input"));
    std::fs::write(&weights_path, &bytes)?;
    std::fs::write(&input_path, input.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())?;
    std::fs::write(scratch.join("architecture.json"), case.architecture.to_string())?;

    let ours = || -> Result<Vec<f32>> {
        if case.is_ranker {
            return Ok(model.ranker.score(&input, width)?);
        }
        let seen = input.chunks_exact(width);
        let seen = seen.map(|vector| Observation { vector, weight: 1.0, target: 1.0 });
        Ok(model.encoder.encode(&seen.collect::<Vec<_>>(), 0)?.vector)
    };
    let found = ours()?;
    let before = median_ms(&ours)?;
    let peer = peer(python, scratch, case.is_ranker)?;
    let ours_ms = before.min(median_ms(&ours)?);
    let agree = peer.outputs.iter().all(|outputs| near(&found, outputs));
    let last = |value: Option<f64>, digits: usize| {
        value.map_or_else(String::new, |value| format!("{value:.digits$}"))
    };
    println!(
        "{:<30} {ours_ms:>8.3} {:>9.3} {:>6.2} {:>9} {:>6}  {}",
        case.name,
        peer.full_ms,
        ours_ms / peer.full_ms,
        last(peer.last_ms, 3),
        last(peer.last_ms.map(|ms| ours_ms / ms), 2),
        if agree { "yes" } else { "NO" },
    );
    Ok(agree)
}

fn median_ms(work: &dyn Fn() -> Result<Vec<f32>>) -> Result<f64> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begun = Instant::now();
        std::hint::black_box(work()?);
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Normal weights that keep values of every layer near 1, as a file.
fn weights(architecture: &Architecture, random: &mut SeededRandom) -> Result<Vec<u8>> {
    let tensors = architecture.model_tensors(1).into_iter().map(|(name, shape)| {
        let shape: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
        let scale = 1.0 / (*shape.last().unwrap_or(&1) as f64).sqrt();
        let is_norm = name.contains("norm") && name.ends_with("weight");
        let mut value = || if is_norm { 1.0 } else { (scale * random.normal()) as f32 };
        let count = shape.iter().product();
        let bytes = (0..count).flat_map(|_| value().to_le_bytes()).collect();
        (name, shape, bytes)
    });
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = tensors.collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name.as_str(), view))
    });
    let views = views.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(safetensors::serialize(views, None)?)
}

/// What ONNX Runtime gave.
struct Peer {
    /// The graph as a framework would export it.
    full_ms: f64,
    /// A graph that also computes the last row only in the last block.
    last_ms: Option<f64>,
    outputs: Vec<Vec<f32>>,
}

fn peer(python: &Path, scratch: &Path, is_ranker: bool) -> Result<Peer> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/models/peer.py");
    let mut command = Command::new(python);
    command.arg(script).arg(scratch).arg(if is_ranker { "ranker" } else { "encoder" });
    let output = command.arg(RUNS.to_string()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the peer failed".into());
    }
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    let full_ms = answer["full_ms"].as_f64().ok_or("the peer gave no time")?;
    let outputs = serde_json::from_value(answer["outputs"].clone())?;
    Ok(Peer { full_ms, last_ms: answer["last_ms"].as_f64(), outputs })
}

fn near(ours: &[f32], theirs: &[f32]) -> bool {
    let size = theirs.iter().fold(0.0_f64, |size, value| size.max(f64::from(value.abs())));
    let apart = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).abs();
    ours.len() == theirs.len() && ours.iter().zip(theirs).map(apart).all(|e| e <= TOLERANCE * size)
}

/// The Python that has the peers; made on first use.
fn python() -> Result<PathBuf> {
    if let Some(python) = std::env::var_os("NOCTULE_PEERS") {
        return Ok(python.into());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers");
    let python = folder.join("bin/python");
    let works = |python: &Path| {
        let mut import = Command::new(python);
        let import = import.args(["-c", "import numpy, onnx, onnxruntime, safetensors"]);
        import.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if works(&python) {
        return Ok(python);
    }
    eprintln!("models: installing the peers in {}", folder.display());
    let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status()?.success();
    let mut pip = Command::new(&python);
    let pip =
        pip.args(["-m", "pip", "-q", "install", "numpy", "onnx", "onnxruntime", "safetensors"]);
    if made && pip.status()?.success() && works(&python) {
        return Ok(python);
    }
    Err("numpy, onnx, onnxruntime and safetensors could not be installed; set NOCTULE_PEERS".into())
}
