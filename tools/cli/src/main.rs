//! The `noctule` command: parse, dispatch, progress, exit codes.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed; one line on standard error says what, with file, line and field |
//! | 2 | the command line itself is wrong |
//! | 65 | a release failed its own checks |
//! | 130 | stopped by Ctrl-C; what was done is kept, one line says where |
//!
//! Results go to standard output (as JSON with `--json`), everything else to standard error.

mod arguments;
mod commands;
mod dataset;
mod demo;
mod error;
mod interrupt;
mod output;
mod progress;
mod reasons;
mod runs;
mod source;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use error::Error;
use output::Output;

fn main() -> ExitCode {
    // Exits with 2 when the command line is wrong, with 0 after `--help`.
    let arguments = Arguments::parse_from(command_line(std::env::args_os()));
    match dispatch(&arguments) {
        Ok(()) | Err(Error::ReaderGone) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("noctule: {}", error.line());
            error.exit_code()
        }
    }
}

/// The command line without a `--` right behind the command: the alias `cargo demo` ends in the
/// command's name, so `cargo demo -- --seed 7`, as cargo's own commands are called, brings one.
fn command_line(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let arguments = arguments.enumerate();
    arguments.filter(|(at, word)| *at != 2 || word != "--").map(|(_, word)| word).collect()
}

fn dispatch(arguments: &Arguments) -> Result<(), Error> {
    let output = Output::new(arguments.json);
    match &arguments.command {
        Command::Demo(asked) => demo::run(asked, output),
        Command::Train(asked) => commands::train::run(asked, output),
        Command::Evaluate(asked) => commands::evaluate::run(asked, output),
        Command::Data(asked) => commands::data::run(asked, output),
        Command::Compare(asked) => commands::compare::run(asked, output),
        Command::RetrainStudy(asked) => commands::retrain_study::run(asked, output),
        Command::Import(asked) => commands::import::run(asked, output),
        Command::Pack(asked) => commands::pack::run(asked, output),
        Command::Delta(asked) => commands::delta::run(asked, output),
        Command::Starter(asked) => commands::starter::run(asked, output),
        Command::Verify(asked) => commands::verify::run(asked, output),
        Command::Checks(asked) => commands::checks::run(asked, output),
        Command::Trust(asked) => commands::trust::run(asked, output),
        Command::Inspect(asked) => commands::inspect::run(asked, output),
        Command::Registry(asked) => commands::registry::run(asked, output),
        Command::Night(asked) => commands::night::run(asked, output),
        Command::Doctor(asked) => commands::doctor::run(asked, output),
        Command::Update(asked) => commands::update::run(asked, output),
        Command::Recommend(asked) => commands::recommend::run(asked, output),
        Command::Record(asked) => commands::record::run(asked, output),
        Command::Collect(asked) => commands::collect::run(asked, output),
        Command::ForgetInstallation(asked) => commands::forget::run(asked, output),
        Command::ExportReplay(asked) => commands::replay::export(asked, output),
        Command::Replay(asked) => commands::replay::run(asked, output),
        Command::Report(asked) => commands::report::run(asked, output),
        Command::Feedback(asked) => commands::feedback::run(asked, output),
        Command::Answers(asked) => commands::answers::run(asked, output),
        Command::Audit(asked) => commands::audit::run(asked, output),
        Command::Simulate(asked) => commands::simulate::run(asked, output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_dash_behind_the_command_is_passed_over_and_kept_elsewhere() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let line = |text: &str| command_line(words(text).into_iter());
        assert_eq!(line("noctule demo -- --seed 7"), words("noctule demo --seed 7"));
        assert_eq!(line("noctule record p -- -x"), words("noctule record p -- -x"));
        assert!(Arguments::try_parse_from(line("noctule demo -- --seed 7")).is_ok());
    }
}
