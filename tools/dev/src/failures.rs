//! What failed tests said, kept until the end, where the eye and the tail of a log find it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::cargo::shown;
use crate::error::{Error, Result};

/// Lines kept of what one failed test said, from its panic on.
const LINES_OF_A_TEST: usize = 12;

/// Failed tests of which something is kept.
const TESTS: usize = 20;

/// Runs a command that prints as Rust's test harness does, hands its output to `out` as it comes,
/// and returns what its failed tests said; `None` when the command succeeded.
pub(crate) fn of_tests(command: &mut Command, out: &mut dyn Write) -> Result<Option<String>> {
    let name = shown(command);
    let start = |source| Error::Start { command: name.clone(), source };
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(start)?;
    let mut failures = Failures::default();
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(start)? > 0 {
            // A closed terminal is no reason to stop the tests.
            let _ = out.write_all(&line);
            failures.hear(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }
    let status = child.wait().map_err(start)?;
    Ok(if status.success() { None } else { Some(failures.text()) })
}

/// The sections that the harness prints for failed tests.
#[derive(Debug, Default)]
struct Failures {
    /// Name of the test and its lines, what came before its panic taken away.
    tests: Vec<(String, Vec<String>)>,
    inside: bool,
}

impl Failures {
    fn hear(&mut self, line: &str) {
        let heading = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" ----"));
        if let Some(heading) = heading {
            self.inside = self.tests.len() < TESTS;
            if self.inside {
                let name = heading.strip_suffix(" stdout").unwrap_or(heading);
                self.tests.push((name.to_owned(), Vec::new()));
            }
        } else if line == "failures:" || line == "stack backtrace:" {
            self.inside = false;
        } else if self.inside
            && !line.is_empty()
            && let Some((_, lines)) = self.tests.last_mut()
        {
            if line.contains("panicked at") && !lines.iter().any(|l| l.contains("panicked at")) {
                lines.clear();
            }
            // Until a panic is seen the last lines are of interest, from then on the first.
            if lines.len() == LINES_OF_A_TEST {
                if lines[0].contains("panicked at") {
                    return;
                }
                lines.remove(0);
            }
            lines.push(line.to_owned());
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, lines) in &self.tests {
            text.push_str(&format!("failed: {name}\n"));
            for line in lines {
                text.push_str(&format!("    {line}\n"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 2 tests
test a::fine ... ok
test a::wrong ... FAILED

failures:

---- a::wrong stdout ----
some talk
thread 'a::wrong' (7) panicked at src/a.rs:3:5:
assertion failed: it is not so
stack backtrace:
   0: rust_begin_unwind

failures:
    a::wrong

test result: FAILED. 1 passed; 1 failed";

    fn heard(output: &str) -> String {
        let mut failures = Failures::default();
        output.lines().for_each(|line| failures.hear(line));
        failures.text()
    }

    #[test]
    fn a_failed_test_is_named_with_its_panic_and_without_its_backtrace() {
        let expected = "failed: a::wrong\n    thread 'a::wrong' (7) panicked at src/a.rs:3:5:\n    \
                        assertion failed: it is not so\n";
        assert_eq!(heard(OUTPUT), expected);
    }

    #[test]
    fn a_test_that_says_too_much_is_cut() {
        let talk: String = (0..1_000).map(|line| format!("line {line}\n")).collect();
        let text = heard(&format!("---- a stdout ----\n{talk}"));
        assert_eq!(text.lines().count(), LINES_OF_A_TEST + 1);
        assert!(text.ends_with("    line 999\n"), "{text}");
    }

    #[test]
    fn what_a_failing_command_printed_is_returned_and_a_good_one_has_nothing_to_say() {
        let print = |code: i32| {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("echo '---- b stdout ----'; echo no; exit {code}")]);
            command
        };
        let mut out = Vec::new();
        assert_eq!(of_tests(&mut print(0), &mut out).unwrap(), None);
        let failed = of_tests(&mut print(1), &mut out).unwrap();
        assert_eq!(failed.as_deref(), Some("failed: b\n    no\n"));
        assert_eq!(out, b"---- b stdout ----\nno\n".repeat(2));
    }
}
