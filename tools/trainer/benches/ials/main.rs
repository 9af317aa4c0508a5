//! iALS, exact and iALS++, against ALS of implicit: time and NDCG@10 side by side.
//!
//! `cargo dev bench ials`; the data are looked for where `NOCTULE_DATA` points, else in
//! `shared/data` beside the workspace. The peer is `peer.py` beside this file, run by the Python of
//! `target/peers` (made when it is not there: `pip install numpy scipy implicit`), or by that which
//! `NOCTULE_PEERS` names. All have the same events, vectors of the same length, as many epochs and
//! threads, and the same loss but for the weight of an observed pair, which implicit takes for 1
//! more. Runs are interleaved, the least time of three counts. Lists come from the trained vectors
//! of users and items, each user's last event is the target, and seen items are left out.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use noctule_trainer::datasets::{Interactions, read_movielens, read_sequences};
use noctule_trainer::evaluation::{Case, EvaluationSettings, Scorer, evaluate};
use noctule_trainer::split::{Split, leave_last_out};
use noctule_trainer::training::parallel::available;
use noctule_trainer::training::{IalsSettings, IalsSolver, Sparse, train_ials};
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const RUNS: usize = 3;
const EPOCHS: usize = 15;
/// The grid on which each data set chose its settings by validation: those of `noctule evaluate
/// --tune`, with a ridge that does not follow the number of events, as implicit has it.
const UNOBSERVED_WEIGHT: f32 = 0.01;
const REGULARIZATION: f32 = 0.3;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ials: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let python = python()?;
    println!(
        "{} threads, {EPOCHS} epochs, least of {RUNS} runs\n{:<10} {:>5} {:<18} {:>9} {:>9} {:>7}",
        available(),
        "data",
        "d",
        "",
        "s/epoch",
        "NDCG@10",
        "ratio"
    );
    for (name, file) in
        [("LastFM", "s3rec/LastFM.txt"), ("Beauty", "s3rec/Beauty.txt.xz"), ("MovieLens", "ml")]
    {
        let Some(data) = read(file)? else { continue };
        for dimensions in [64, 128] {
            measure(name, &data, dimensions, &python)?;
        }
    }
    Ok(())
}

struct Vectors {
    users: Vec<f32>,
    items: Vec<f32>,
    dimensions: usize,
}

impl Scorer for Vectors {
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> noctule_trainer::Result<()> {
        let d = self.dimensions;
        let user = &self.users[case.user as usize * d..(case.user as usize + 1) * d];
        for (score, item) in scores.iter_mut().zip(self.items.chunks_exact(d)) {
            *score = user.iter().zip(item).map(|(a, b)| a * b).sum();
        }
        Ok(())
    }
}

fn measure(name: &str, data: &Interactions, dimensions: usize, python: &Path) -> Result<()> {
    let split = leave_last_out(data);
    let known = [split.train.as_slice(), &split.validation].concat();
    let matrix = Sparse::users_by_items(data, &known);
    let folder = tempfile::tempdir()?;
    write(folder.path(), &matrix)?;
    let names = ["noctule exact", "noctule iALS++", "implicit exact", "implicit cg"];
    let mut least = [f64::INFINITY; 4];
    let mut quality = [0.0; 4];
    for _ in 0..RUNS {
        for (place, least) in least.iter_mut().enumerate() {
            let (seconds, vectors) = match place {
                0 => ours(&matrix, dimensions, IalsSolver::Exact)?,
                1 => ours(&matrix, dimensions, IalsSolver::Blocks)?,
                2 => theirs(folder.path(), dimensions, python, "exact")?,
                _ => theirs(folder.path(), dimensions, python, "cg")?,
            };
            *least = least.min(seconds / EPOCHS as f64);
            quality[place] = ndcg(&vectors, data, &split)?;
        }
    }
    for ((label, seconds), ndcg) in names.iter().zip(least).zip(quality) {
        let ratio = seconds / least[2].min(least[3]);
        println!("{name:<10} {dimensions:>5} {label:<18} {seconds:>9.4} {ndcg:>9.4} {ratio:>7.2}");
    }
    Ok(())
}

fn ours(matrix: &Sparse, dimensions: usize, solver: IalsSolver) -> Result<(f64, Vectors)> {
    let settings = IalsSettings {
        dimensions,
        epochs: EPOCHS,
        unobserved_weight: UNOBSERVED_WEIGHT,
        regularization: REGULARIZATION,
        regularization_exponent: 0.0,
        solver,
        ..IalsSettings::default()
    };
    let begun = Instant::now();
    let factors = train_ials(matrix, &settings, &|_, _, _| {})?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok((seconds, Vectors { users: factors.users, items: factors.items, dimensions }))
}

fn theirs(folder: &Path, dimensions: usize, python: &Path, how: &str) -> Result<(f64, Vectors)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/ials/peer.py");
    let confidence = 1.0 + 1.0 / UNOBSERVED_WEIGHT;
    let mut command = Command::new(python);
    command.arg(script).arg(folder).args([EPOCHS.to_string(), dimensions.to_string()]);
    command.arg(confidence.to_string()).arg((REGULARIZATION / UNOBSERVED_WEIGHT).to_string());
    let output = command.arg(available().to_string()).arg(how).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the peer failed".into());
    }
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    let seconds = answer["seconds"].as_f64().ok_or("the peer gave no time")?;
    let read = |name: &str| -> Result<Vec<f32>> {
        let bytes = std::fs::read(folder.join(name))?;
        Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    };
    Ok((seconds, Vectors { users: read("users.f32")?, items: read("items.f32")?, dimensions }))
}

fn ndcg(vectors: &Vectors, data: &Interactions, split: &Split) -> Result<f64> {
    Ok(evaluate(vectors, data, split, &EvaluationSettings::default())?.ndcg)
}

fn write(folder: &Path, matrix: &Sparse) -> Result<()> {
    let mut bytes = Vec::new();
    for user in 0..matrix.rows() {
        for (item, _) in matrix.row(user) {
            bytes.extend((user as u32).to_le_bytes());
            bytes.extend(item.to_le_bytes());
        }
    }
    std::fs::write(folder.join("pairs"), bytes)?;
    let sizes = serde_json::json!([matrix.rows(), matrix.width()]);
    Ok(std::fs::write(folder.join("sizes.json"), sizes.to_string())?)
}

/// The data set in `file`, or none, said aloud.
fn read(file: &str) -> Result<Option<Interactions>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("NOCTULE_DATA").map_or_else(beside, PathBuf::from);
    let packed = if file == "ml" { "ml-latest-small/ratings.csv.xz" } else { file };
    let path = root.join(packed);
    if !path.exists() {
        println!("skipped: {} is absent", path.display());
        return Ok(None);
    }
    if !packed.ends_with(".xz") {
        return Ok(Some(read_sequences(&path)?));
    }
    let unpacked = Command::new("xz").arg("-dc").arg(&path).output()?.stdout;
    let folder = tempfile::tempdir()?;
    if file != "ml" {
        let target = folder.path().join("data.txt");
        std::fs::write(&target, unpacked)?;
        return Ok(Some(read_sequences(&target)?));
    }
    std::fs::write(folder.path().join("ratings.csv"), unpacked)?;
    std::fs::copy(root.join("ml-latest-small/movies.csv"), folder.path().join("movies.csv"))?;
    Ok(Some(read_movielens(folder.path())?))
}

/// The Python that has the peer; made on first use.
fn python() -> Result<PathBuf> {
    if let Some(python) = std::env::var_os("NOCTULE_PEERS") {
        return Ok(PathBuf::from(python));
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers");
    let python = target.join("bin/python");
    let mut import = Command::new(&python);
    let import = import.args(["-c", "import implicit, scipy"]).stderr(Stdio::null());
    if !import.status().is_ok_and(|status| status.success()) {
        println!("installing numpy, scipy and implicit into target/peers");
        let made = Command::new("python3").args(["-m", "venv"]).arg(&target).status()?;
        let mut install = Command::new(&python);
        let packages = ["-m", "pip", "install", "--quiet", "numpy", "scipy", "implicit"];
        if !made.success() || !install.args(packages).status()?.success() {
            return Err("the peer could not be installed".into());
        }
    }
    Ok(python)
}
