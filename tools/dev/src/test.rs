//! `cargo dev test`: everything that must hold before a change is shared.

use std::process::Command;

use crate::cargo::{Workspace, shown, succeeds};
use crate::kotlin::{self, Ask};
use crate::steps::{Outcome, Step, all_fine, run_all, table};
use crate::{failures, phone, policy, python, size, tidy};

/// Runs all steps, quick ones first, prints their table and says whether all of them passed.
pub(crate) fn run(workspace: &Workspace) -> bool {
    let finished = run_all(steps(workspace));
    println!("{}", table(&finished));
    all_fine(&finished)
}

fn steps(workspace: &Workspace) -> Vec<Step<'_>> {
    // Benches have no test harness and would run as programs: clippy compiles them, and
    // `--lib --bins --tests --examples` leaves them out where `--all-targets` would run them.
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    let tests = ["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--locked"];
    let mut doc = workspace.cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    let mut test = workspace.cargo(&tests);
    test.arg("--no-fail-fast");
    vec![
        command("format", workspace.cargo(&["fmt", "--all", "--check"])),
        Step {
            name: "tidy",
            what: "the rules of the house".to_owned(),
            action: Box::new(|| tidy::run(workspace).map(Outcome::from_success)),
        },
        Step {
            name: "policy",
            what: "licences, sources, versions, what ships to phones".to_owned(),
            action: Box::new(|| policy::run(workspace).map(Outcome::from_success)),
        },
        command("clippy", workspace.cargo(&clippy)),
        Step {
            name: "bindings",
            what: "the library and its Python bindings".to_owned(),
            action: Box::new(|| python::run(workspace)),
        },
        tests_of(test),
        Step {
            name: "kotlin",
            what: "the facade and the workers of android on the JVM".to_owned(),
            action: Box::new(|| kotlin::run(workspace, Ask::Test)),
        },
        Step {
            name: "size",
            what: "the library for phones against its budget".to_owned(),
            action: Box::new(|| size::run(workspace, None)),
        },
        Step {
            name: "phone",
            what: "the same library, stripped, from Python".to_owned(),
            action: Box::new(|| phone::test(workspace)),
        },
        command("doc tests", workspace.cargo(&["test", "--workspace", "--doc", "--locked"])),
        command("rustdoc", doc),
    ]
}

fn command(name: &'static str, mut command: Command) -> Step<'static> {
    Step {
        name,
        what: shown(&command),
        action: Box::new(move || succeeds(&mut command).map(Outcome::from_success)),
    }
}

fn tests_of(mut command: Command) -> Step<'static> {
    let failed = |said: Option<String>| said.map_or(Outcome::Passed, Outcome::Failed);
    Step {
        name: "tests",
        what: shown(&command),
        action: Box::new(move || {
            failures::of_tests(&mut command, &mut std::io::stdout()).map(failed)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_is_a_failed_step() {
        let mut failing = Workspace::here().cargo(&["no-such-command"]);
        failing.stderr(std::process::Stdio::null());
        assert!(!all_fine(&run_all(vec![command("cargo", failing)])));
    }

    #[test]
    fn no_step_runs_the_benches() {
        let workspace = Workspace::here();
        let steps = steps(&workspace);
        let tests = steps.iter().find(|step| step.name == "tests").map(|step| step.what.as_str());
        let tests = tests.unwrap_or_default();
        assert!(tests.contains("--tests") && !tests.contains("--all-targets"), "{tests}");
    }
}
