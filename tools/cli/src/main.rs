//! The `noctule` command: parse, dispatch, progress, exit codes.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed; one line on standard error says what, with file, line and field |
//! | 2 | the command line itself is wrong |
//!
//! Results go to standard output (as JSON with `--json`), everything else to standard error.

mod arguments;
mod commands;
mod dataset;
mod demo;
mod error;
mod output;
mod progress;
mod reasons;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use error::Error;
use output::Output;

fn main() -> ExitCode {
    // Exits with 2 when the command line is wrong, with 0 after `--help`.
    let arguments = Arguments::parse();
    match dispatch(&arguments) {
        Ok(()) | Err(Error::ReaderGone) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("noctule: {}", error.line());
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &Arguments) -> Result<(), Error> {
    let output = Output::new(arguments.json);
    match &arguments.command {
        Command::Demo(asked) => demo::run(asked, output),
        Command::Train(asked) => commands::train::run(asked, output),
        Command::Evaluate(asked) => commands::evaluate::run(asked, output),
        Command::Pack(asked) => commands::pack::run(asked, output),
        Command::Verify(asked) => commands::verify::run(asked, output),
        Command::Inspect(asked) => commands::inspect::run(asked, output),
        Command::Night(asked) => commands::night::run(asked, output),
        Command::Recommend(asked) => commands::recommend::run(asked, output),
        Command::Record(asked) => commands::record::run(asked, output),
        Command::Collect(asked) => commands::collect::run(asked, output),
        Command::Report(asked) => commands::report::run(asked, output),
        Command::Simulate(asked) => commands::simulate::run(asked, output),
    }
}
