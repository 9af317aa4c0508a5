//! The kernels as the library for phones is compiled, beside the same at `opt-level = 3`
//! throughout, one process of each in turn.
//!
//! `cargo dev bench kernels`; compiles itself in the profile `mobile`, too, the first time. Times
//! are medians over processes of medians within them. Below the line: what calls kernels, with all
//! that stands around them and is compiled for size.

mod works;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Processes of each.
const ROUNDS: usize = 9;
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
    let [speed, phone] = all.map(|times| medians(&times));
    println!("{:52} {:>12} {:>12}", "", "at 3, us", "phone, us");
    for (name, callers) in works::names() {
        let (Some(speed), Some(phone)) = (speed.get(name), phone.get(name)) else {
            return Err(format!("no time of {name}").into());
        };
        let line = if callers { "| " } else { "" };
        println!(
            "{line}{name:w$} {speed:12.2} {phone:12.2} {:6.2}",
            phone / speed,
            w = 52 - line.len()
        );
    }
    Ok(())
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

/// The median of each over all processes.
fn medians(all: &[Times]) -> Times {
    let mut by_name: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, time) in all.iter().flatten() {
        by_name.entry(name).or_default().push(*time);
    }
    let median = |(name, mut times): (&str, Vec<f64>)| {
        times.sort_unstable_by(f64::total_cmp);
        (name.to_owned(), times[times.len() / 2])
    };
    by_name.into_iter().map(median).collect()
}
