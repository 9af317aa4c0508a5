//! The kernels as the library for phones is compiled, beside the same at `opt-level = 3`
//! throughout, one process of each in turn.
//!
//! `cargo dev bench kernels`; compiles itself in the profile `mobile`, too, the first time. A process
//! tells the least time of each, since other work on the machine only ever adds; what is shown are
//! the medians over processes, and the median of the ratios of each turn with its interval of 95 %.
//! Behind a bar: what calls kernels, with all that stands around them and is compiled for size.

mod works;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Processes of each.
const ROUNDS: usize = 15;
/// Ranks from the median to the ends of its interval of 95 %, by the binomial of so many.
const RANKS: usize = 4;
/// With it a process prints its own times and no more.
const TIMES: &str = "--times";

type Result<T> = std::result::Result<T, Box<dyn Error>>;
/// Microseconds by name.
type Times = BTreeMap<String, f64>;

fn main() -> ExitCode {
    let own = std::env::args().any(|argument| argument == TIMES);
    match if own { works::print() } else { compare() } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kernels: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<()> {
    let programs = [std::env::current_exe()?, compiled_for_phones()?];
    let mut all = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (program, times) in programs.iter().zip(&mut all) {
            times.push(times_of(program)?);
        }
    }
    println!("{:52} {:>12} {:>12}   ratio", "", "at 3, us", "phone, us");
    for (name, callers) in works::names() {
        let of = |processes: &[Times]| -> Option<Vec<f64>> {
            processes.iter().map(|times| times.get(name).copied()).collect()
        };
        let [speed, phone] = all.each_ref().map(|processes| of(processes));
        let (Some(speed), Some(phone)) = (speed, phone) else {
            return Err(format!("no time of {name}").into());
        };
        let ratios = sorted(phone.iter().zip(&speed).map(|(phone, speed)| phone / speed));
        let line = if callers { "| " } else { "" };
        let middle = ROUNDS / 2;
        println!(
            "{line}{name:w$} {:12.2} {:12.2} {:6.2} ({:.2} to {:.2})",
            sorted(speed.into_iter())[middle],
            sorted(phone.into_iter())[middle],
            ratios[middle],
            ratios[middle - RANKS],
            ratios[middle + RANKS],
            w = 52 - line.len()
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
fn compiled_for_phones() -> Result<PathBuf> {
    let arguments = ["bench", "-p", "noctule-core", "--bench", "kernels", "--profile", "mobile"];
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args(["--locked", "--no-run", "--message-format", "json"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let messages = said.lines().filter_map(|line| serde_json::from_str(line).ok());
    let mut programs = messages.filter_map(|message: serde_json::Value| {
        let made = message["target"]["name"] == "kernels";
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
