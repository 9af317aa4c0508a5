//! iALS by each of its solvers against ALS of implicit: time to the same quality.
//!
//! `cargo dev bench ials`, or `cargo bench --package noctule-trainer --bench ials -- Beauty` for
//! one of its data sets; the data are looked for where `NOCTULE_DATA` points, else in `shared/data`
//! beside the workspace. The peer is `peer.py` beside this file, run by the Python of
//! `target/peers` (made when it is not there: `pip install numpy scipy implicit`), or by that which
//! `NOCTULE_PEERS` names. All have the same events, vectors of the same length, threads, and the
//! same loss but for the weight of an observed pair, which implicit takes for 1 more. Lists come
//! from the trained vectors of users and items, and seen items are left out.
//!
//! Quality is NDCG@10 of the validation events of some users, after each of a few numbers of
//! epochs. The bar is 99 % of the best that implicit reaches by conjugate gradients. Time is that
//! of an epoch (runs interleaved, the least of three) times the epochs to the bar: of the clock,
//! and of the processor, which other work on the machine does not lengthen.

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
/// Numbers of epochs after which quality is looked at.
const EPOCHS: [usize; 8] = [2, 3, 4, 5, 6, 8, 11, 15];
/// Epochs that are timed of an exact solver, and of the others.
const TIMED: [usize; 2] = [3, 12];
/// Share of the peer's best NDCG that is to be reached.
const BAR: f64 = 0.99;
/// Users whose NDCG is looked at.
const USERS: usize = 2_000;
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
        "{:<10} {:>4} {:>7} {:<18} {:>9} {:>9} {:>7} {:>9} {:>8} {:>8} {:>7} {:>7}",
        "data",
        "d",
        "threads",
        "",
        "s/epoch",
        "cpu/epoch",
        "epochs",
        "cpu s",
        "NDCG@10",
        "in the end",
        "clock",
        "cpu"
    );
    for (name, file) in
        [("LastFM", "s3rec/LastFM.txt"), ("Beauty", "s3rec/Beauty.txt.xz"), ("MovieLens", "ml")]
    {
        let asked: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
        if !asked.is_empty() && !asked.iter().any(|arg| arg == name) {
            continue;
        }
        let Some(data) = read(file)? else { continue };
        for dimensions in [64, 128] {
            measure(name, &data, dimensions, &python)?;
        }
    }
    Ok(())
}

/// A solver of one of the two.
#[derive(Clone, Copy)]
enum Solver {
    Ours(IalsSolver),
    Theirs(&'static str),
}

const SOLVERS: [(&str, Solver); 5] = [
    ("noctule exact", Solver::Ours(IalsSolver::Exact)),
    ("noctule iALS++", Solver::Ours(IalsSolver::Blocks)),
    ("noctule cg", Solver::Ours(IalsSolver::ConjugateGradients)),
    ("implicit exact", Solver::Theirs("exact")),
    ("implicit cg", Solver::Theirs("cg")),
];
/// Whose quality is the bar, and whose time is 1.
const PEER: usize = 4;

struct Vectors {
    users: Vec<f32>,
    items: Vec<f32>,
    dimensions: usize,
}

/// In eight sums, which run side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

impl Scorer for Vectors {
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> noctule_trainer::Result<()> {
        let d = self.dimensions;
        let user = &self.users[case.user as usize * d..(case.user as usize + 1) * d];
        for (score, item) in scores.iter_mut().zip(self.items.chunks_exact(d)) {
            *score = dot(user, item);
        }
        Ok(())
    }
}

/// What is trained on, for both.
struct Job<'a> {
    matrix: Sparse,
    folder: &'a Path,
    python: &'a Path,
    dimensions: usize,
}

fn measure(name: &str, data: &Interactions, dimensions: usize, python: &Path) -> Result<()> {
    let split = leave_last_out(data);
    // The validation events are the targets; the test events take no part.
    let split = Split { test: split.validation, validation: Vec::new(), train: split.train };
    let matrix = Sparse::users_by_items(data, &split.train);
    let folder = tempfile::tempdir()?;
    write(folder.path(), &matrix)?;
    let job = Job { matrix, folder: folder.path(), python, dimensions };
    let mut curves = Vec::new();
    for (_, solver) in SOLVERS {
        let measure = |vectors: &Vectors| ndcg(vectors, data, &split);
        let curve: Result<Vec<f64>> = job.states(solver)?.iter().map(measure).collect();
        curves.push(curve?);
    }
    let bar = BAR * curves[PEER].iter().copied().fold(0.0, f64::max);
    for threads in [1, 2] {
        let times = job.times(threads)?;
        let reached = |at: usize| curves[at].iter().position(|ndcg| *ndcg >= bar);
        let of_peer = reached(PEER).map_or(f64::NAN, |at| EPOCHS[at] as f64);
        for (at, (label, _)) in SOLVERS.iter().enumerate() {
            let (clock, cpu) = times[at];
            let place = reached(at);
            let epochs = place.map_or(f64::INFINITY, |place| EPOCHS[place] as f64);
            let [by_clock, by_cpu] =
                [clock / times[PEER].0, cpu / times[PEER].1].map(|ratio| ratio * epochs / of_peer);
            let last = curves[at].len() - 1;
            println!(
                "{name:<10} {dimensions:>4} {threads:>7} {label:<18} {clock:>9.4} {cpu:>9.4} \
                 {epochs:>7} {:>9.3} {:>8.4} {:>10.4} {by_clock:>7.2} {by_cpu:>7.2}",
                cpu * epochs,
                curves[at][place.unwrap_or(last)],
                curves[at][last],
            );
        }
    }
    Ok(())
}

impl Job<'_> {
    /// Seconds of an epoch of each solver, of the clock and of the processor.
    fn times(&self, threads: usize) -> Result<[(f64, f64); SOLVERS.len()]> {
        let mut least = [(f64::INFINITY, f64::INFINITY); SOLVERS.len()];
        for _ in 0..RUNS {
            for ((_, solver), least) in SOLVERS.iter().zip(&mut least) {
                let is_exact =
                    matches!(solver, Solver::Ours(IalsSolver::Exact) | Solver::Theirs("exact"));
                let epochs = TIMED[usize::from(!is_exact)];
                let (clock, cpu) = match *solver {
                    Solver::Ours(solver) => {
                        let (clock, cpu, _) = self.ours(solver, epochs, threads)?;
                        (clock, cpu)
                    }
                    Solver::Theirs(how) => self.theirs(how, &[epochs], threads)?,
                };
                least.0 = least.0.min(clock / epochs as f64);
                least.1 = least.1.min(cpu / epochs as f64);
            }
        }
        Ok(least)
    }

    /// The vectors after each of [`EPOCHS`].
    fn states(&self, solver: Solver) -> Result<Vec<Vectors>> {
        match solver {
            Solver::Ours(solver) => {
                let of = |epochs| Ok(self.ours(solver, epochs, available())?.2);
                EPOCHS.into_iter().map(of).collect()
            }
            Solver::Theirs(how) => {
                self.theirs(how, &EPOCHS, available())?;
                EPOCHS.into_iter().map(|epochs| self.written(epochs)).collect()
            }
        }
    }

    /// Trains ours: seconds of the clock and of the processor, and what came of it.
    fn ours(
        &self,
        solver: IalsSolver,
        epochs: usize,
        threads: usize,
    ) -> Result<(f64, f64, Vectors)> {
        let dimensions = self.dimensions;
        let settings = IalsSettings {
            dimensions,
            epochs,
            unobserved_weight: UNOBSERVED_WEIGHT,
            regularization: REGULARIZATION,
            regularization_exponent: 0.0,
            solver,
            threads,
            ..IalsSettings::default()
        };
        let (begun, cpu) = (Instant::now(), processor_seconds());
        let factors = train_ials(&self.matrix, &settings, &|_, _, _| {})?;
        let clock = begun.elapsed().as_secs_f64();
        let cpu = processor_seconds().zip(cpu).map_or(f64::NAN, |(end, begin)| end - begin);
        let vectors = Vectors { users: factors.users, items: factors.items, dimensions };
        Ok((clock, cpu, vectors))
    }

    /// Trains theirs up to the last of `epochs`, and has the vectors after each written.
    fn theirs(&self, how: &str, epochs: &[usize], threads: usize) -> Result<(f64, f64)> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/ials/peer.py");
        let (confidence, ridge) =
            (1.0 + 1.0 / UNOBSERVED_WEIGHT, REGULARIZATION / UNOBSERVED_WEIGHT);
        let epochs: Vec<String> = epochs.iter().map(ToString::to_string).collect();
        let mut command = Command::new(self.python);
        command.arg(script).arg(self.folder).args([epochs.join(","), self.dimensions.to_string()]);
        command.args([confidence, ridge].map(|n| n.to_string()));
        command.args([&threads.to_string(), how]).stderr(Stdio::inherit());
        let output = command.output()?;
        if !output.status.success() {
            return Err("the peer failed".into());
        }
        let answer: Value = serde_json::from_slice(&output.stdout)?;
        let seconds = |name: &str| answer[name].as_f64().ok_or("the peer gave no time");
        Ok((seconds("seconds")?, seconds("cpu")?))
    }

    /// The vectors that the peer wrote after `epochs`.
    fn written(&self, epochs: usize) -> Result<Vectors> {
        let read = |name: &str| -> Result<Vec<f32>> {
            let bytes = std::fs::read(self.folder.join(format!("{name}-{epochs}.f32")))?;
            let (values, _) = bytes.as_chunks::<4>();
            Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        };
        let (users, items) = (read("users")?, read("items")?);
        Ok(Vectors { users, items, dimensions: self.dimensions })
    }
}

/// Seconds that processors spent on this process so far; none where the system does not tell.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: state is field 3, the times are 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    // Linux tells them in hundredths of a second, whatever the kernel counts in.
    Some(ticks / 100.0)
}

fn ndcg(vectors: &Vectors, data: &Interactions, split: &Split) -> Result<f64> {
    let settings = EvaluationSettings { users_max: Some(USERS), ..EvaluationSettings::default() };
    Ok(evaluate(vectors, data, split, &settings)?.ndcg)
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
