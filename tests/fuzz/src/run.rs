//! Executing a target over and over.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use noctule_core::base::{Seed, SeededRandom};

use crate::mutation::mutate;
use crate::watchdog::Watchdog;
use crate::{Target, memory};

/// Inputs that are kept beside those that the target begins with.
const KEPT_MAX: usize = 4_096;
/// Bytes of an input that is kept; longer ones make every execution slow.
const KEPT_BYTES_MAX: usize = 16 * 1024;
/// Findings after which a run ends.
const FINDINGS_MAX: usize = 10;

/// How long to run, and where findings go.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Executions.
    pub executions: u64,
    /// Seed of all chance: the same settings give the same inputs.
    pub seed: u64,
    /// Time after which the run ends early.
    pub time_max: Option<Duration>,
    /// Directory for inputs that found something.
    pub findings: PathBuf,
}

/// What an input did that none may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The parser panicked.
    Panic,
    /// More bytes were held at once than twice what the target declares.
    Memory(usize),
}

/// An input that found something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// The input.
    pub input: Vec<u8>,
    /// Where it was saved.
    pub path: PathBuf,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Executions that were made.
    pub executions: u64,
    /// Different answers of the parser.
    pub answers: usize,
    /// The most bytes that were held at once.
    pub peak_bytes: usize,
    /// Time taken.
    pub time: Duration,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Runs `target` as `settings` ask. An execution that takes a second ends the process, its input
/// saved.
///
/// # Errors
/// When a finding cannot be saved.
pub fn run(target: &Target, settings: &Settings) -> std::io::Result<Summary> {
    let mut random = SeededRandom::new(Seed(settings.seed));
    let mut corpus = (target.seeds)();
    let mut answers = HashSet::new();
    let hung = settings.findings.join(format!("{}-{}-hang", target.name, settings.seed));
    let watchdog = Watchdog::start(hung);
    let begin = Instant::now();
    let mut summary = Summary {
        executions: 0,
        answers: 0,
        peak_bytes: 0,
        time: Duration::ZERO,
        findings: Vec::new(),
    };
    let first = corpus.len() as u64;
    while summary.executions < settings.executions && summary.findings.len() < FINDINGS_MAX {
        let late = || settings.time_max.is_some_and(|max| begin.elapsed() > max);
        if summary.executions.is_multiple_of(256) && late() {
            break;
        }
        let input = match corpus.get(summary.executions as usize) {
            // First of all each as it is.
            Some(seed) if summary.executions < first => seed.clone(),
            _ => mutate(target, &corpus, &mut random),
        };
        summary.executions += 1;
        watchdog.next(&input);
        let (answer, peak) = execute(target, &input);
        summary.peak_bytes = summary.peak_bytes.max(peak);
        match (answer, peak) {
            (None, _) => summary.findings.push(save(target, settings, Kind::Panic, &input)?),
            (_, peak) if peak > 2 * target.declared_bytes => {
                summary.findings.push(save(target, settings, Kind::Memory(peak), &input)?);
            }
            (Some(answer), _) => {
                let kept = corpus.len() < KEPT_MAX && input.len() <= KEPT_BYTES_MAX;
                if answers.insert(answer) && kept {
                    corpus.push(input);
                }
            }
        }
    }
    summary.answers = answers.len();
    summary.time = begin.elapsed();
    Ok(summary)
}

/// The answer to `input`, none when it panicked, and the most bytes that were held for it.
pub(crate) fn execute(target: &Target, input: &[u8]) -> (Option<u64>, usize) {
    let begin = memory::begin();
    let answer = catch_unwind(AssertUnwindSafe(|| (target.execute)(input))).ok();
    (answer, memory::peak_since(begin))
}

fn save(
    target: &Target,
    settings: &Settings,
    kind: Kind,
    input: &[u8],
) -> std::io::Result<Finding> {
    let digest = noctule_core::release::sha256_hex(input);
    let word = match kind {
        Kind::Panic => "panic",
        Kind::Memory(_) => "memory",
    };
    let path = settings.findings.join(format!("{}-{word}-{}", target.name, &digest[..12]));
    write(&path, input)?;
    Ok(Finding { kind, input: input.to_vec(), path })
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, bytes)
}
