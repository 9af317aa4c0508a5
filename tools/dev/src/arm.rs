//! `cargo dev arm`: are the kernels right, and the slates the same, on 64-bit Arm?
//!
//! Builds the tests of the core and the process that tells its slates for 64-bit Arm Linux, and
//! runs both under QEMU as two processors: one with every instruction that a kernel asks for, and
//! one with none of them, as many phones in use. The slates are those of this machine with each of
//! its kernels, or the task has found something.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{Workspace, output_of, shown, succeeds};
use crate::cross::Cross;
use crate::error::{Error, Result};

const CROSS: Cross = Cross {
    target: "aarch64-unknown-linux-gnu",
    compiler: "aarch64-linux-gnu-gcc",
    emulators: ["qemu-aarch64", "qemu-aarch64-static"],
    packages: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"],
};
/// Where Debian's cross-compiler keeps the shared libraries of programs for it.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";
/// Processors to be: with dotprod and i8mm, and without.
const PROCESSORS: [&str; 2] = ["max", "cortex-a53"];
/// Rooms of the core whose tests are run beside those of its kernels: all code that asks which
/// processor this is, and what rests on it.
const ROOMS: [&str; 4] = ["scoring::", "model::", "base::random", "base::geo"];
/// The process that tells its slates.
const CHILD: &str = "noctule-tests-child";
/// What a debug build takes for its fastest kernel.
const KERNEL: &str = "NOCTULE_KERNEL";

/// Runs everything; false when a test failed or slates differ.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let emulator = CROSS.make_ready()?;
    let child_here = build(workspace, None, &["build", "--workspace", "--bin", CHILD])?;
    let child_there = build(workspace, Some(&CROSS), &CHILD_BUILD)?;
    let mut fine = true;
    let mut slates = BTreeMap::new();
    for kernel in kernels(&mut Command::new(&child_here))? {
        let told = tell(Command::new(&child_here), &kernel, workspace)?;
        slates.insert(format!("{} {kernel}", std::env::consts::ARCH), told);
    }
    for processor in PROCESSORS {
        let child = || emulated(emulator, processor, &child_there);
        for kernel in kernels(&mut child())? {
            let told = tell(child(), &kernel, workspace)?;
            slates.insert(format!("aarch64 {processor} {kernel}"), told);
        }
    }
    fine &= compare(&slates);
    for (package, rooms) in [("noctule-core", &ROOMS[..]), ("noctule-kernels", &[])] {
        let tests = ["test", "-p", package, "--lib", "--no-run"];
        let tests = build(workspace, Some(&CROSS), &tests)?;
        for processor in PROCESSORS {
            let mut command = emulated(emulator, processor, &tests);
            // Emulation is slow: fewer random cases than on a processor.
            command.args(rooms).env("PROPTEST_CASES", "32");
            command.current_dir(workspace.root().join("core"));
            println!("\n==> {}", shown(&command));
            fine &= succeeds(&mut command)?;
        }
    }
    Ok(fine)
}

const CHILD_BUILD: [&str; 5] = ["build", "-p", "noctule-tests", "--bin", CHILD];

/// Builds what `arguments` ask for, for this machine or another, and gives the program.
fn build(workspace: &Workspace, cross: Option<&Cross>, arguments: &[&str]) -> Result<PathBuf> {
    let mut command = match cross {
        Some(cross) => cross.cargo(workspace, arguments),
        None => workspace.cargo(arguments),
    };
    command.args(["--locked", "--message-format", "json-render-diagnostics"]);
    println!("==> {}", shown(&command));
    let messages = output_of(command.stderr(std::process::Stdio::inherit()))?;
    program(&messages).ok_or_else(|| Error::Command {
        command: shown(&command),
        message: "it built no program".to_owned(),
    })
}

/// The last program that cargo says it has built.
fn program(messages: &str) -> Option<PathBuf> {
    let built = |line: &str| -> Option<PathBuf> {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    };
    messages.lines().rev().find_map(built)
}

fn emulated(emulator: &str, processor: &str, program: &Path) -> Command {
    let mut command = Command::new(emulator);
    command.args(["-cpu", processor, "-L", LIBRARIES]).arg(program);
    command
}

/// The kernels that a process has, the fastest first.
fn kernels(child: &mut Command) -> Result<Vec<String>> {
    Ok(output_of(child.arg("kernels"))?.lines().map(str::to_owned).collect())
}

/// The slates that a process tells with `kernel`.
fn tell(mut child: Command, kernel: &str, workspace: &Workspace) -> Result<Vec<String>> {
    let scratch = workspace.metadata(true)?.target_directory.join("arm").join(kernel);
    // What an earlier run left is in the way; nothing there is no error.
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir_all(&scratch)
        .map_err(|source| Error::Write { path: scratch.clone(), source })?;
    child.arg("slates").arg(&scratch).env(KERNEL, kernel);
    let told = output_of(&mut child)?;
    let mut lines = told.lines().map(str::to_owned);
    let used = lines.next().unwrap_or_default();
    if used != format!("kernel {kernel}") {
        let message = format!("it was to use {kernel} and says `{used}`");
        return Err(Error::Command { command: shown(&child), message });
    }
    Ok(lines.collect())
}

/// Whether all told the same; says where each differs from the first.
fn compare(slates: &BTreeMap<String, Vec<String>>) -> bool {
    let Some((first, expected)) = slates.iter().next_back() else { return false };
    let mut same = !expected.is_empty();
    for (name, found) in slates {
        let differs = (0..expected.len().max(found.len()))
            .filter(|at| expected.get(*at) != found.get(*at))
            .collect::<Vec<_>>();
        same &= differs.is_empty();
        println!("{name:32} {} of {} slates differ from {first}", differs.len(), expected.len());
        if let Some(at) = differs.first() {
            println!("  {:?}\n  {:?}", found.get(*at), expected.get(*at));
        }
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_last_that_cargo_built() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"executable\":\"/t/a\"}\n{\"executable\":\"/t/b\"}\n{\"success\":true}";
        assert_eq!(program(messages), Some(PathBuf::from("/t/b")));
        assert_eq!(program("nothing"), None);
    }

    #[test]
    fn slates_are_the_same_only_when_every_line_is() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let two = |a: &str, b: &str| {
            compare(&BTreeMap::from([("a".to_owned(), lines(a)), ("b".to_owned(), lines(b))]))
        };
        assert!(two("x y", "x y"));
        assert!(!two("x y", "x z"));
        assert!(!two("x y", "x"));
        assert!(!compare(&BTreeMap::new()));
    }
}
