//! The task runner of the workspace: `cargo dev TASK`. Continuous integration calls nothing else.
//!
//! | task | what it answers |
//! |---|---|
//! | `test` | is everything in order? Format, tidy, policy, clippy, all tests, documentation |
//! | `tidy` | are the rules of the house kept that the compiler does not know? |
//! | `policy` | are licences, sources, versions and what ships to phones as agreed? |
//! | `bench` | how fast is it on this machine? |
//! | `python` | builds the library and its Python bindings into `target/python` |
//! | `wheel` | packs replay and the reading of feedback for notebooks, and tests the wheel |
//! | `kotlin` | do the facade and the workers of `android/` do on the JVM what they should? |
//! | `swift` | do the facade and the night of `ios/` do on Linux what they should? |
//! | `align` | can a library be loaded on phones with pages of 16 kB? |
//! | `arm` | are kernels right and slates the same on 64-bit Arm, emulated? |
//! | `readers` | do DuckDB, pandas and Spark count feedback as `noctule feedback` does? |
//! | `planted` | are obvious bugs noticed by the tests that should? |
//! | `bars` | do the promises of reliability hold at their full counts? |
//! | `sanitise` | do loom, shuttle, Miri and the sanitisers see what tests do not? |
//! | `schemathesis` | does the collector keep to the description of its interface? |
//! | `size` | is the library for phones as small as agreed? |
//! | `phone` | does it do from Python what it should, stripped and built as it ships? |
//! | `servers` | does the registry agree with a real MLflow and a real S3-compatible server? |
//!
//! A task exits with 0 when all is well, 1 when it found something, 2 when it could not run.

mod align;
mod arm;
mod bars;
mod bench;
mod bindings;
mod cache;
mod cargo;
mod cross;
mod error;
mod failures;
mod kotlin;
mod phone;
mod planted;
mod policy;
mod python;
mod readers;
mod sanitise;
mod schemathesis;
mod servers;
mod size;
mod steps;
mod swift;
mod test;
mod tidy;
mod wheel;
mod world;

use std::process::ExitCode;

use bindings::Profile;
use cargo::Workspace;
use error::{Error, Result};
use phone::Form;

const HELP: &str = "\
Usage: cargo dev TASK

  test                everything that must hold before a change is shared (what CI runs)
  tidy                import direction, crates in their rooms, lengths, names, paths in docs
  policy              licences, sources, duplicate versions, what ships to phones
  policy --write      brings tools/dev/policy.json up to date; leaves reasons for you to write
  bench [NAME...]     runs the benchmarks whose name contains NAME; all without one
  python              builds the library and its Python bindings into target/python
  wheel [debug]       a Python wheel for notebooks in target/wheel, installed and tested
  kotlin              the Kotlin of android/ on the JVM, against the real library
  kotlin measure      what calls over the Kotlin boundary cost
  kotlin armv7        the same tests on a JVM of 32-bit Arm, under QEMU; installs what it needs
  swift [TEST]        the Swift package of ios/ on Linux, against the real library; as root it
                      makes itself a Debian with Swift where there is none (2.5 GB, once)
  align FILE...       whether every segment of a library is aligned to 16 kB
  arm                 the kernels and slates on 64-bit Arm, under QEMU; installs what it needs
  readers             feedback as DuckDB, pandas and Spark read it, from PyPI
  planted [N...]      plants obvious bugs one by one; the tests are to find them (half an hour)
  bars [R-NN...]      the promises of reliability at their full counts (long)
  sanitise [PART...]  schedules, miri, thread, address: races and unsafe code, with a nightly (long)
  schemathesis        requests made up from the collector's OpenAPI description, from PyPI
  size                the stripped library for phones against its budget, crate by crate
  size plain          the same with the standard library as Rust ships it
  size [plain] --write  makes what it is now the budget
  phone               the tests from Python against that very library, stripped
  servers             the registry against MLflow and an S3-compatible server, from PyPI

Exit codes: 0 all is well, 1 something was found, 2 the task could not run.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("cargo dev: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the task that the command line names; `false` means that it found something.
fn dispatch(arguments: &[&str]) -> Result<bool> {
    let workspace = Workspace::here();
    match arguments {
        ["test"] => Ok(test::run(&workspace)),
        ["tidy"] => tidy::run(&workspace),
        ["policy"] => policy::run(&workspace),
        ["policy", "--write"] => policy::write(&workspace),
        ["bench", names @ ..] => bench::run(&workspace, names),
        ["arm"] => arm::run(&workspace),
        ["readers"] => readers::run(&workspace),
        ["planted", numbers @ ..] => planted::run(&workspace, numbers),
        ["bars", names @ ..] => bars::run(&workspace, names),
        ["sanitise", parts @ ..] => sanitise::run(&workspace, parts),
        ["schemathesis"] => schemathesis::run(&workspace),
        ["size"] => Ok(size::run(&workspace, None)?.is_fine()),
        ["size", "plain"] => Ok(size::run(&workspace, Some(Form::Plain))?.is_fine()),
        ["size", "--write"] => size::write(&workspace, None),
        ["size", "plain", "--write"] => size::write(&workspace, Some(Form::Plain)),
        ["phone"] => Ok(phone::test(&workspace)?.is_fine()),
        ["servers"] => servers::run(&workspace),
        ["kotlin"] => Ok(kotlin::run(&workspace, kotlin::Ask::Test)?.is_fine()),
        ["kotlin", "armv7"] => Ok(kotlin::run(&workspace, kotlin::Ask::Armv7)?.is_fine()),
        ["kotlin", "measure"] => Ok(kotlin::run(&workspace, kotlin::Ask::Measure)?.is_fine()),
        ["swift"] => Ok(swift::run(&workspace, None)?.is_fine()),
        ["swift", test] => Ok(swift::run(&workspace, Some(test))?.is_fine()),
        ["align", files @ ..] => align::run(files),
        ["wheel"] => Ok(wheel::run(&workspace, Profile::Release)?.is_fine()),
        ["wheel", "debug"] => Ok(wheel::run(&workspace, Profile::Debug)?.is_fine()),
        ["python"] => Ok(python::run(&workspace)?.is_fine()),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(true)
        }
        other => Err(Error::Usage(format!("no such task: `{}`\n\n{HELP}", other.join(" ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_task_is_a_usage_error_that_names_it() {
        let error = dispatch(&["tidee"]).unwrap_err();
        assert!(matches!(&error, Error::Usage(text) if text.contains("`tidee`")), "{error}");
    }

    #[test]
    fn an_option_that_a_task_does_not_have_is_refused() {
        assert!(matches!(dispatch(&["tidy", "--fix"]), Err(Error::Usage(_))));
    }
}
