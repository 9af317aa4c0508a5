//! Events per second that a collector makes durable before it answers, the time to the answer, its
//! memory, and what it does under ten times that load.
//!
//! `cargo dev bench collect`. Collector and load are processes of their own on loopback; with two
//! cores they share them. Linux only: memory and processor time are read from `/proc`.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod batches;
mod check;
mod load;
mod peers;
mod process;

use std::process::ExitCode;

use batches::{EVENTS_MEAN, Form};
use load::{Load, Outcome};
use process::Running;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Events per second that two cores must take.
const TARGET: f64 = 50_000.0;
/// Milliseconds to the answer that 99 of 100 devices wait at most, at that rate.
const P99_MS: f64 = 250.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let asked = arguments.get(1).map(String::as_str).unwrap_or_default();
    let done = match std::env::var(process::ROLE).as_deref() {
        Ok("serve") => process::serve(asked).map(|()| true),
        Ok("load") => serde_json::from_str(asked)
            .map_err(Into::into)
            .and_then(|asked| load::child(&asked))
            .map(|()| true),
        _ => run(arguments.iter().any(|argument| argument == "--quick")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("collect: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The devices of a phase: numbers that no other phase uses.
fn devices(phase: u64, events: f64) -> (u64, u64) {
    (phase << 32, (events / EVENTS_MEAN) as u64)
}

fn run(quick: bool) -> Result<bool> {
    let scratch = tempfile::tempdir()?;
    let seconds = if quick { 4.0 } else { 15.0 };
    println!("batches of 20 to 200 events, gzip; 200 connections; durable before the answer");
    println!(
        "{:<34} {:>9} {:>8} {:>8} {:>8} {:>7} {:>7} {:>7}",
        "", "events/s", "p50 ms", "p99 ms", "max ms", "cpu s", "load s", "MiB"
    );
    let output = scratch.path().join("output");
    let mut collector = process::collector(&output)?;
    let of = |address, form, phase, events, rate: Option<f64>| Load {
        address,
        form,
        connections: 200,
        devices: devices(phase, events),
        rate,
        seconds: None,
    };
    let most = TARGET * seconds * 1.5;
    let load = of(collector.address, Form::Batch, 1, most, None);
    let saturated = measure("as fast as it can", &collector, &load)?;
    let load = of(collector.address, Form::Batch, 2, TARGET * seconds, Some(TARGET));
    let paced = measure("50,000 events/s, by the clock", &collector, &load)?;
    if let Some(mut peer) = peers::otelcol(scratch.path())? {
        let load = of(peer.address, Form::Otlp, 1, most, None);
        let theirs = measure("OpenTelemetry Collector, not durable", &peer, &load)?;
        let ratio = saturated.events_per_s() / theirs.events_per_s();
        println!("  {ratio:.2} times its rate");
        peer.kill();
    } else {
        println!("OpenTelemetry Collector: skipped, Go or the network is missing");
    }
    let overloaded = overload(&collector, seconds)?;
    collector.kill();
    let acknowledged = [&saturated, &paced, &overloaded].map(|outcome| &outcome.acknowledged[..]);
    let lost = check::lost(&output, &acknowledged.concat())?;
    println!("after SIGKILL and a restart: {lost}");
    let bytes_s = peers::bare_loop(scratch.path(), 256 << 10, 400)?;
    println!("bare loop, 256 KiB written through at a time: {:.0} MB/s", bytes_s / 1e6);
    let holds = saturated.events_per_s() >= TARGET
        && paced.latency(0.99) <= P99_MS
        && paced.events_per_s() >= TARGET * 0.98
        && lost.is_none();
    println!("bounds {}", if holds { "hold" } else { "do not hold" });
    Ok(holds)
}

/// Runs a load and prints its line.
fn measure(name: &str, running: &Running, asked: &Load) -> Result<Outcome> {
    running.reset_peak()?;
    let before = running.cpu_seconds()?;
    let outcome = process::load(asked)?;
    println!(
        "{name:<34} {:>9.0} {:>8.1} {:>8.1} {:>8.1} {:>7.1} {:>7.1} {:>7.1}",
        outcome.events_per_s(),
        outcome.latency(0.5),
        outcome.latency(0.99),
        outcome.latency(1.0),
        running.cpu_seconds()? - before,
        outcome.cpu_s,
        running.peak_mib()?,
    );
    if outcome.status(200) != outcome.requests {
        println!("  answers by status, 0 for a broken connection: {:?}", outcome.statuses);
    }
    Ok(outcome)
}

/// Ten times the target, from ten times the connections; what is refused comes again.
fn overload(collector: &Running, seconds: f64) -> Result<Outcome> {
    let load = Load {
        address: collector.address,
        form: Form::Batch,
        connections: 2_000,
        devices: devices(3, TARGET * 3.0 * seconds),
        rate: Some(10.0 * TARGET),
        seconds: Some(seconds),
    };
    let outcome = measure("500,000 events/s, 2,000 connections", collector, &load)?;
    println!(
        "  {:.0} events/s were sent; {} of {} refusals say when to come again",
        outcome.requests as f64 * EVENTS_MEAN / outcome.seconds,
        outcome.retry_after,
        outcome.status(429) + outcome.status(503)
    );
    Ok(outcome)
}
