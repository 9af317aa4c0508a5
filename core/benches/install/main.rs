//! Verifying and installing a release of 100 MB, beside reading and hashing its files once with the
//! same crate in the same run.
//!
//! `cargo bench -p noctule-core --bench install`; behind `--`: `--items N`, `--dimensions N` and
//! `--json`, which prints one line. The release lies on the disk of the temporary directory and in
//! the file cache, its files flushed, as delivery leaves them; what that flush costs where nothing
//! is left to write has a line of its own. Each round does everything in turn; times are medians,
//! and beside the clock stands what the thread was on a processor (Linux only), which a busy
//! machine
//! disturbs less.
//! Memory is the greatest `RssAnon` of this process while the work runs, above that before all work
//! (Linux only); the release is made by another process.

mod memory;
mod release;

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use memory::Peak;
use noctule_core::catalogue::Catalogue;
use noctule_core::consent::DataConsent;
use noctule_core::night::LoadedRelease;
use noctule_core::release::{
    CATALOGUE_FILE, Trust, VerifiedRelease, check_installed, sha256_of_file, stage, stage_owned,
};
use noctule_core::{Config, Noctule};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 15;
/// The argument that tells this program to make the release in the directory behind it.
const WRITE: &str = "--write";

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
    cpu_ms: Vec<f64>,
    peak_kb: u64,
}

impl Work {
    fn new(name: &'static str) -> Self {
        Self { name, times_ms: Vec::new(), cpu_ms: Vec::new(), peak_kb: 0 }
    }

    fn time<T>(&mut self, before_kb: u64, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let peak = Peak::watch(before_kb);
        let (begun, cpu_ms) = (Instant::now(), memory::thread_cpu_ms());
        let done = work()?;
        self.times_ms.push(begun.elapsed().as_secs_f64() * 1e3);
        self.cpu_ms.push(memory::thread_cpu_ms() - cpu_ms);
        self.peak_kb = self.peak_kb.max(peak.finish());
        Ok(done)
    }

    fn median_ms(&self) -> f64 {
        median(&self.times_ms)
    }

    fn median_cpu_ms(&self) -> f64 {
        median(&self.cpu_ms)
    }
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

fn run(arguments: &[String]) -> Result<()> {
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1))
    };
    let number = |name: &str, default: usize| value(name).map_or(Ok(default), |text| text.parse());
    let (items, dimensions) = (number("--items", 250_000)?, number("--dimensions", 64)?);
    if let Some(directory) = value(WRITE) {
        return release::write(directory.as_ref(), items, dimensions);
    }
    let scratch = tempfile::tempdir()?;
    let source = scratch.path().join("release");
    // Memory that a process has used and freed would hide what the work takes.
    let mut writer = Command::new(std::env::current_exe()?);
    writer.arg(WRITE).arg(&source).args(["--items", &items.to_string()]);
    if !writer.args(["--dimensions", &dimensions.to_string()]).status()?.success() {
        return Err("the release could not be made".into());
    }
    let bytes = length_of_files(&source)?;
    let works = measure(scratch.path(), &source)?;
    let (base, base_cpu) = (works[0].median_ms(), works[0].median_cpu_ms());
    let json = arguments.iter().any(|argument| argument == "--json");
    if json {
        let row = |work: &Work| {
            serde_json::json!({
                "work": work.name, "ms": work.median_ms(), "times": work.median_ms() / base,
                "cpu_ms": work.median_cpu_ms(), "cpu_times": work.median_cpu_ms() / base_cpu,
                "anonymous_kb": work.peak_kb,
            })
        };
        let rows: Vec<_> = works.iter().map(row).collect();
        println!("{}", serde_json::json!({ "bench": "install", "bytes": bytes, "rows": rows }));
        return Ok(());
    }
    let (mb, dimensions) = (bytes as f64 / 1e6, format!("{items} x {dimensions}"));
    println!("release of {mb:.1} MB, {dimensions}; medians of {ROUNDS} rounds");
    println!(
        "{:<44} {:>9} {:>6} {:>9} {:>6} {:>13}",
        "work", "ms", "times", "cpu ms", "times", "anonymous MB"
    );
    for work in &works {
        let (ms, peak_mb) = (work.median_ms(), work.peak_kb as f64 / 1e3);
        let cpu_ms = work.median_cpu_ms();
        println!(
            "{:<44} {ms:>9.2} {:>6.2} {cpu_ms:>9.2} {:>6.2} {peak_mb:>13.1}",
            work.name,
            ms / base,
            cpu_ms / base_cpu
        );
    }
    Ok(())
}

/// The bytes of the files in `directory`.
fn length_of_files(directory: &Path) -> Result<u64> {
    let files = std::fs::read_dir(directory)?;
    let lengths = files.map(|entry| Ok(entry?.metadata()?.len()));
    lengths.sum::<Result<u64>>()
}

fn hash_all(directory: &Path) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        sha256_of_file(&entry?.path())?;
    }
    Ok(())
}

fn flush_all(directory: &Path) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        File::open(entry?.path())?.sync_all()?;
    }
    Ok(File::open(directory)?.sync_all()?)
}

fn check_catalogue(release: &VerifiedRelease) -> Result<()> {
    let path = release.directory.join(CATALOGUE_FILE);
    Ok(Catalogue::open(&path, CATALOGUE_FILE)?.check()?)
}

fn verify_codes(release: &VerifiedRelease) -> Result<()> {
    Ok(LoadedRelease::open(&release.directory, &release.manifest_sha256)?.verify_codes()?)
}

fn measure(scratch: &Path, source: &Path) -> Result<[Work; 8]> {
    let mut works = [
        "read and SHA-256 of every file",
        "verify and install by moving (stage_owned)",
        "  of which flushing what is flushed already",
        "  of which the values of the catalogue",
        "  (the codes beside the vectors)",
        "install_staged: the same, loaded, activated",
        "verify and install by copying (stage)",
        "check an installed release before a night",
    ]
    .map(Work::new);
    let before_kb = memory::anonymous_kb();
    let trust = Trust::unsigned_for_development("bench", release::NOW_MS);
    let releases = scratch.join("releases");
    let staged = releases.join(".incoming-1");
    std::fs::create_dir_all(&releases)?;
    for round in 0..ROUNDS {
        works[0].time(before_kb, || hash_all(source))?;
        std::fs::rename(source, &staged)?;
        flush_all(&staged)?;
        works[2].time(before_kb, || flush_all(&staged))?;
        let moved = works[1].time(before_kb, || Ok(stage_owned(&staged, &releases, &trust)?))?;
        let check = || Ok(check_installed(&moved.directory, &moved.manifest_sha256)?);
        works[7].time(before_kb, check)?;
        works[3].time(before_kb, || check_catalogue(&moved))?;
        works[4].time(before_kb, || verify_codes(&moved))?;
        let profile = scratch.join(format!("profile-{round}"));
        let mut config = Config::new(&profile, "bench", DataConsent::Full);
        config.allow_unsigned_for_development = true;
        let noctule = Noctule::open(config)?;
        let staged = profile.join("releases/.incoming-1");
        std::fs::create_dir_all(profile.join("releases"))?;
        std::fs::rename(&moved.directory, &staged)?;
        let name = works[5].time(before_kb, || Ok(noctule.install_staged(&staged)?))?;
        drop(noctule);
        std::fs::rename(profile.join("releases").join(name.to_string()), source)?;
        let copies = scratch.join("copies");
        works[6].time(before_kb, || Ok(stage(source, &copies, &trust)?))?;
        std::fs::remove_dir_all(copies)?;
        std::fs::remove_dir_all(profile)?;
    }
    Ok(works)
}
