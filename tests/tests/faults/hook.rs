//! The library that is preloaded, and processes under it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The built library; none where there is no C compiler, which is said aloud.
pub(crate) fn library() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/hook.c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join("libnoctule_faults.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
    match compiler.output() {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            eprintln!("skipped: no C compiler: {error}");
            None
        }
    }
}

/// What happens to a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault<'a> {
    /// At this call, counted from 1; 0 only counts.
    pub(crate) at: u64,
    /// `exit`, `eio`, `enospc`, `short`; with `-on` behind it also at all later calls.
    pub(crate) kind: &'a str,
}

/// What became of a process.
pub(crate) struct Life {
    pub(crate) output: Output,
    /// Calls that were counted.
    pub(crate) calls: u64,
}

/// Runs `command` to its end with `fault` in the folder `watched`; what is synced is kept in
/// `shadow`.
pub(crate) fn run(
    command: &mut Command,
    fault: Fault<'_>,
    watched: &Path,
    shadow: Option<&Path>,
) -> Life {
    arm(command, fault, watched, shadow);
    let output = command.output().unwrap();
    Life { output, calls: calls(watched) }
}

/// Lets `command` start with `fault`.
pub(crate) fn arm(command: &mut Command, fault: Fault<'_>, watched: &Path, shadow: Option<&Path>) {
    let library = library().expect("asked for before");
    command
        .env("LD_PRELOAD", library)
        .env("NOCTULE_FAULT_DIR", watched)
        .env("NOCTULE_FAULT_AT", fault.at.to_string())
        .env("NOCTULE_FAULT_KIND", fault.kind)
        .env("NOCTULE_FAULT_COUNT", watched.with_extension("count"));
    if let Some(shadow) = shadow {
        command.env("NOCTULE_FAULT_SHADOW", shadow);
    }
}

/// The calls that the last process in `watched` made, as far as it came.
pub(crate) fn calls(watched: &Path) -> u64 {
    let text = std::fs::read_to_string(watched.with_extension("count"));
    text.ok().and_then(|text| text.trim().parse().ok()).expect("the library counts")
}
