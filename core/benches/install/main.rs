//! Verifying and installing a release of 100 MB, beside reading and hashing its files once with the
//! same crate in the same run.
//!
//! `cargo bench -p noctule-core --bench install`; behind `--`: `--items N`, `--dimensions N` and
//! `--json`, which prints one line. The release lies on the disk of the temporary directory and in
//! the file cache. Each round does everything in turn; times are medians. Memory is the greatest
//! `RssAnon` of this process while the work runs, above that before it (Linux only).

mod memory;
mod release;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use memory::Peak;
use noctule_core::release::{Trust, check_installed, sha256_of_file, stage, stage_owned};
use noctule_core::{Config, Noctule};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 9;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("install: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was measured of one kind of work.
struct Work {
    name: &'static str,
    times_ms: Vec<f64>,
    peak_kb: u64,
}

impl Work {
    fn new(name: &'static str) -> Self {
        Self { name, times_ms: Vec::new(), peak_kb: 0 }
    }

    fn time<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let peak = Peak::watch();
        let begun = Instant::now();
        let done = work()?;
        self.times_ms.push(begun.elapsed().as_secs_f64() * 1e3);
        self.peak_kb = self.peak_kb.max(peak.finish());
        Ok(done)
    }

    fn median_ms(&self) -> f64 {
        let mut times = self.times_ms.clone();
        times.sort_unstable_by(f64::total_cmp);
        times[times.len() / 2]
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let number = |name: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).map_or(Ok(default), |text| text.parse())
    };
    // Few long vectors: the catalogue is not what is measured here.
    let (items, dimensions) = (number("--items", 25_000)?, number("--dimensions", 784)?);
    let scratch = tempfile::tempdir()?;
    let source = scratch.path().join("release");
    let bytes = release::write(&source, items, dimensions)?;
    let works = measure(scratch.path(), &source)?;
    let base = works[0].median_ms();
    let json = arguments.iter().any(|argument| argument == "--json");
    if json {
        let row = |work: &Work| {
            serde_json::json!({
                "work": work.name, "ms": work.median_ms(), "times": work.median_ms() / base,
                "anonymous_kb": work.peak_kb,
            })
        };
        let rows: Vec<_> = works.iter().map(row).collect();
        println!("{}", serde_json::json!({ "bench": "install", "bytes": bytes, "rows": rows }));
        return Ok(());
    }
    let (mb, dimensions) = (bytes as f64 / 1e6, format!("{items} x {dimensions}"));
    println!("release of {mb:.1} MB, {dimensions}; medians of {ROUNDS} rounds");
    println!("{:<44} {:>9} {:>7} {:>14}", "work", "ms", "times", "anonymous MB");
    for work in &works {
        let (ms, peak_mb) = (work.median_ms(), work.peak_kb as f64 / 1e3);
        println!("{:<44} {ms:>9.2} {:>7.2} {peak_mb:>14.1}", work.name, ms / base);
    }
    Ok(())
}

fn measure(scratch: &Path, source: &Path) -> Result<[Work; 5]> {
    let mut works = [
        "read and SHA-256 of every file",
        "verify and install by moving (stage_owned)",
        "install_staged: the same, loaded, activated",
        "verify and install by copying (stage)",
        "check an installed release before a night",
    ]
    .map(Work::new);
    let trust = Trust::unsigned_for_development("bench", release::NOW_MS);
    let releases = scratch.join("releases");
    let staged = releases.join(".incoming-1");
    std::fs::create_dir_all(&releases)?;
    for round in 0..ROUNDS {
        works[0].time(|| {
            for entry in std::fs::read_dir(source)? {
                sha256_of_file(&entry?.path())?;
            }
            Ok(())
        })?;
        std::fs::rename(source, &staged)?;
        let moved = works[1].time(|| Ok(stage_owned(&staged, &releases, &trust)?))?;
        let check = || Ok(check_installed(&moved.directory, &moved.manifest_sha256)?);
        works[4].time(check)?;
        let profile = scratch.join(format!("profile-{round}"));
        let mut config = Config::new(&profile, "bench");
        config.allow_unsigned_for_development = true;
        let noctule = Noctule::open(config)?;
        let staged = profile.join("releases/.incoming-1");
        std::fs::create_dir_all(profile.join("releases"))?;
        std::fs::rename(&moved.directory, &staged)?;
        let name = works[2].time(|| Ok(noctule.install_staged(&staged)?))?;
        drop(noctule);
        std::fs::rename(profile.join("releases").join(name.to_string()), source)?;
        let copies = scratch.join("copies");
        works[3].time(|| Ok(stage(source, &copies, &trust)?))?;
        std::fs::remove_dir_all(copies)?;
        std::fs::remove_dir_all(profile)?;
    }
    Ok(works)
}
