//! `cargo run -p noctule-fuzz -- <target> --executions N --seed S --seconds-max T`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use noctule_fuzz::targets::{self, TARGETS};
use noctule_fuzz::{Settings, replay, run};

const USAGE: &str = "\
usage: noctule-fuzz <target> [--executions N] [--seed S] [--seconds-max T] [--findings DIR]
       noctule-fuzz <target> --replay DIR";

fn main() -> ExitCode {
    match go(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!("noctule-fuzz: {error}\n{USAGE}\ntargets: {}", names.join(", "));
            ExitCode::from(2)
        }
    }
}

fn go(arguments: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let (name, rest) = arguments.split_first().ok_or("which target?")?;
    let target = targets::find(name).ok_or_else(|| format!("no target is called {name}"))?;
    let findings = PathBuf::from("target/fuzz");
    let mut settings = Settings { executions: 1_000_000, seed: 1, time_max: None, findings };
    for pair in rest.chunks(2) {
        let [option, value] = pair else { return Err(format!("{}: no value", pair[0]).into()) };
        match option.as_str() {
            "--executions" => settings.executions = value.parse()?,
            "--seed" => settings.seed = value.parse()?,
            "--seconds-max" => settings.time_max = Some(Duration::from_secs(value.parse()?)),
            "--findings" => settings.findings = value.into(),
            "--replay" => {
                let (found, count) = replay(target, value.as_ref())?;
                println!("{name}: {count} inputs replayed, {} findings", found.len());
                found.iter().for_each(|(file, kind)| println!("  {file}: {kind:?}"));
                return Ok(found.is_empty());
            }
            _ => return Err(format!("{option}: unknown").into()),
        }
    }
    std::fs::create_dir_all(&settings.findings)?;
    let summary = run(target, &settings)?;
    let seconds = summary.time.as_secs_f64();
    println!(
        "{name}: {} executions in {seconds:.1} s ({:.0} a second), seed {}, {} answers, at most {} \
         bytes held of {} declared, {} findings",
        summary.executions,
        summary.executions as f64 / seconds,
        settings.seed,
        summary.answers,
        summary.peak_bytes,
        target.declared_bytes,
        summary.findings.len(),
    );
    for finding in &summary.findings {
        println!("  {:?}: {}", finding.kind, finding.path.display());
    }
    Ok(summary.findings.is_empty())
}
