//! A benchmark in the profile of the library for phones beside itself at `opt-level = 3`
//! throughout, one process of each in turn.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Processes of each.
const ROUNDS: usize = 15;
/// Ranks from the median to the ends of its interval of 95 %, by the binomial of so many.
const RANKS: usize = 4;
/// How long each is repeated, and how often at least.
const SPAN: Duration = Duration::from_millis(60);
const REPEATS: usize = 7;
/// With it a process prints its own times and no more.
const TIMES: &str = "--times";

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;
/// Microseconds by name.
type Times = BTreeMap<String, f64>;

/// The benchmark `name` of `package`, compiled both ways: what `print` has timed under `names`.
pub(crate) fn run(
    [package, name]: [&str; 2],
    names: &[&str],
    print: impl FnOnce() -> Result<()>,
) -> ExitCode {
    let own = std::env::args().any(|argument| argument == TIMES);
    match if own { print() } else { compare([package, name], names) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the least time that `work` took, in microseconds: other work on the machine only adds.
pub(crate) fn time(name: &str, mut work: impl FnMut()) {
    work();
    let (begun, mut least, mut times) = (Instant::now(), f64::INFINITY, 0);
    while times < REPEATS || begun.elapsed() < SPAN {
        let begun = Instant::now();
        work();
        least = least.min(begun.elapsed().as_secs_f64() * 1e6);
        times += 1;
    }
    println!("{name}\t{least}");
}

fn compare(bench: [&str; 2], names: &[&str]) -> Result<()> {
    let programs = [std::env::current_exe()?, compiled_for_phones(bench)?];
    let mut all = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (program, times) in programs.iter().zip(&mut all) {
            times.push(times_of(program)?);
        }
    }
    println!("{:52} {:>12} {:>12}   ratio", "", "at 3, us", "phone, us");
    for name in names.iter().copied() {
        let of = |processes: &[Times]| -> Option<Vec<f64>> {
            processes.iter().map(|times| times.get(name).copied()).collect()
        };
        let [speed, phone] = all.each_ref().map(|processes| of(processes));
        let (Some(speed), Some(phone)) = (speed, phone) else {
            return Err(format!("no time of {name}").into());
        };
        let ratios = sorted(phone.iter().zip(&speed).map(|(phone, speed)| phone / speed));
        let middle = ROUNDS / 2;
        println!(
            "{name:52} {:12.2} {:12.2} {:6.2} ({:.2} to {:.2})",
            sorted(speed.into_iter())[middle],
            sorted(phone.into_iter())[middle],
            ratios[middle],
            ratios[middle - RANKS],
            ratios[middle + RANKS],
        );
    }
    Ok(())
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// This program in the profile of the library for phones.
fn compiled_for_phones([package, name]: [&str; 2]) -> Result<PathBuf> {
    let arguments = ["bench", "-p", package, "--bench", name, "--profile", "mobile"];
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args(["--locked", "--no-run", "--message-format", "json"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let messages = said.lines().filter_map(|line| serde_json::from_str(line).ok());
    let mut programs = messages.filter_map(|message: serde_json::Value| {
        let made = message["target"]["name"] == name;
        made.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    });
    programs.next_back().ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned().into())
}

fn times_of(program: &Path) -> Result<Times> {
    let output = Command::new(program).arg(TIMES).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    let time = |line: &str| -> Result<(String, f64)> {
        let (name, time) = line.split_once('\t').ok_or("a line without a time")?;
        Ok((name.to_owned(), time.parse()?))
    };
    text.lines().map(time).collect()
}
