//! Steps of SASRec's training against a plain PyTorch SASRec: same weights, batches and maths.
//!
//! `cargo bench -p noctule-trainer --bench training`. The peer is `peer.py` beside this file, run
//! by the Python of `target/peers` (made when it is not there: `pip install numpy torch`), or by
//! that which `NOCTULE_PEERS` names. `NOCTULE_THREADS` sets the threads of both (1). The data are
//! those of S3-Rec where `NOCTULE_DATA` or `shared/data` beside the workspace has them, else as
//! many random sequences. The peer runs between two runs of ours, of which the better counts, as
//! does the better of its own two. The losses before the first step must agree.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use candle_nn::{Optimizer as _, ParamsAdamW};
use noctule_core::base::{Seed, SeededRandom};
use noctule_trainer::datasets::{Interaction, Interactions, read_sequences};
use noctule_trainer::split::leave_last_out;
use noctule_trainer::training::SasrecSettings;
use noctule_trainer::training::network::Job;
use noctule_trainer::training::neural::{Adam, Place, Task as _};
use noctule_trainer::training::sasrec::{Loss, SasrecTask};
use serde_json::{Value, json};

/// Batches that are timed.
const BATCHES_MAX: usize = 40;
/// Largest difference of a loss to the peer's.
const TOLERANCE: f64 = 1e-4;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("training: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let python = python()?;
    let threads = std::env::var("NOCTULE_THREADS").map_or(Ok(1), |text| text.parse())?;
    println!("{threads} threads; ms a step; a ratio below 1 is faster than the peer");
    println!("{:<34} {:>8} {:>8} {:>6}  losses agree", "", "ours", "torch", "ratio");
    let mut fine = true;
    for (name, data) in [("LastFM", data("LastFM.txt")?), ("Beauty", data("Beauty.txt.xz")?)] {
        for loss in [Loss::CrossEntropy, Loss::Bce] {
            let settings =
                SasrecSettings { loss, threads, dropout: 0.2, ..SasrecSettings::default() };
            fine &= measure(name, &data, &settings, &python)?;
        }
    }
    Ok(fine)
}

fn measure(
    name: &str,
    data: &Interactions,
    settings: &SasrecSettings,
    python: &Path,
) -> Result<bool> {
    let train = leave_last_out(data).train;
    let mut task = SasrecTask::new(&Job::first(data, &train, &[]), settings)?;
    let scratch = tempfile::tempdir()?;
    let batches = task.batches().min(BATCHES_MAX);
    let our_losses = write_case(&mut task, settings, batches, scratch.path())?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build()?;
    let ours = || -> Result<f64> {
        let mut task = SasrecTask::new(&Job::first(data, &train, &[]), settings)?;
        Ok(threads.install(|| timed(&mut task, settings, batches))?)
    };
    let first = ours()?;
    let peer = peer(python, scratch.path(), settings.threads)?;
    let ours = first.min(ours()?);
    let theirs = peer["seconds"].as_f64().ok_or("the peer gives no seconds")?;
    let each = |seconds: f64| 1e3 * seconds / batches as f64;
    // Draws differ, so losses can be compared of the whole catalogue alone.
    let agree = settings.loss != Loss::CrossEntropy
        || our_losses.iter().enumerate().all(|(at, loss)| {
            peer["losses"][at].as_f64().is_some_and(|other| (loss - other).abs() < TOLERANCE)
        });
    let loss = if settings.loss == Loss::Bce { "bce" } else { "cross-entropy" };
    let ratio = ours / theirs;
    println!(
        "{:<34} {:>8.1} {:>8.1} {ratio:>6.2}  {agree}",
        format!("{name}, {loss}, {batches} batches"),
        each(ours),
        each(theirs)
    );
    Ok(agree && ratio <= 1.0)
}

/// Seconds of a pass over the batches, after three for warmth.
fn timed(
    task: &mut SasrecTask,
    settings: &SasrecSettings,
    batches: usize,
) -> noctule_trainer::Result<f64> {
    let rate = ParamsAdamW { lr: settings.learning_rate, weight_decay: 0.0, ..Default::default() };
    let mut adam = Adam::new(task.parameters().vars().to_vec(), rate)?;
    let mut begun = Instant::now();
    for (at, batch) in (0..3.min(batches)).chain(0..batches).enumerate() {
        if at == 3.min(batches) {
            begun = Instant::now();
        }
        let loss = task.loss(Place { epoch: 0, batch })?;
        adam.backward_step(&loss)?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// Writes what the peer reads, and gives the losses of the first batches without dropout.
fn write_case(
    task: &mut SasrecTask,
    settings: &SasrecSettings,
    batches: usize,
    scratch: &Path,
) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for batch in 0..batches {
        let packed = task.batch(Place { epoch: 0, batch });
        let sequence = |pair: &[usize]| {
            let last = packed.targets[pair[1] - 1];
            packed.items[pair[0]..pair[1]].iter().copied().chain([last]).collect::<Vec<u32>>()
        };
        all.push(packed.begins.windows(2).map(sequence).collect::<Vec<_>>());
    }
    let (mut weights, mut names) = (Vec::new(), Vec::new());
    for (name, var) in task.parameters().iter() {
        names.push(json!([name, var.dims()]));
        let values = var.as_tensor().flatten_all()?.to_vec1::<f32>()?;
        weights.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    std::fs::write(scratch.join("weights"), weights)?;
    let case = json!({"settings": settings, "batches": all, "weights": names});
    std::fs::write(scratch.join("case.json"), case.to_string())?;
    let mut losses = Vec::new();
    for batch in 0..batches.min(2) {
        losses.push(f64::from(task.plain_loss(Place { epoch: 0, batch })?));
    }
    Ok(losses)
}

fn peer(python: &Path, scratch: &Path, threads: usize) -> Result<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/training/peer.py");
    let mut command = Command::new(python);
    command.arg(script).arg(scratch).arg(threads.to_string());
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the peer failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The data of S3-Rec, or random sequences of their size.
fn data(name: &str) -> Result<Interactions> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("NOCTULE_DATA").map_or_else(beside, PathBuf::from);
    let path = root.join("s3rec").join(name);
    if !path.exists() {
        println!("{} is absent: random sequences instead", path.display());
        return Ok(random(name.starts_with("Beauty")));
    }
    if path.extension().is_none_or(|ending| ending != "xz") {
        return Ok(read_sequences(&path)?);
    }
    let directory = tempfile::tempdir()?;
    let plain = directory.path().join("data.txt");
    let output = std::fs::File::create(&plain)?;
    let status = Command::new("xz").arg("-dc").arg(&path).stdout(output).status()?;
    if !status.success() {
        return Err("xz failed".into());
    }
    Ok(read_sequences(&plain)?)
}

fn random(is_beauty: bool) -> Interactions {
    let (users, items, mean) = if is_beauty { (22_363, 12_101, 8) } else { (1_090, 3_646, 48) };
    let mut random = SeededRandom::new(Seed(1));
    let item = |at: usize| noctule_core::catalogue::Item {
        id: noctule_core::base::ItemId::new(format!("i{at}")).unwrap_or_else(|_| unreachable!()),
        title: String::new(),
        attributes: std::collections::BTreeMap::new(),
        place: None,
        hours: Vec::new(),
        available: true,
    };
    let mut data = Interactions { items: (0..items).map(item).collect(), ..Default::default() };
    for user in 0..users {
        data.users.push(user.to_string());
        for _ in 0..5 + random.below(2 * (mean - 5) + 1) {
            let item = random.below(items) as u32;
            data.events.push(Interaction { user, item, at_ms: None, context: None, weight: 1.0 });
        }
    }
    data
}

/// A Python with numpy and torch.
fn python() -> Result<PathBuf> {
    let works = |python: &Path| {
        let asked = Command::new(python).args(["-c", "import numpy, torch"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    if let Some(named) = std::env::var_os("NOCTULE_PEERS") {
        return Ok(PathBuf::from(named));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers");
    let python = folder.join("bin/python");
    if !works(&python) {
        if !python.exists() {
            Command::new("python3").args(["-m", "venv"]).arg(&folder).status()?;
        }
        let packages = ["-m", "pip", "install", "--quiet", "numpy", "torch"];
        Command::new(&python).args(packages).status()?;
    }
    if works(&python) { Ok(python) } else { Err("no Python with numpy and torch".into()) }
}
