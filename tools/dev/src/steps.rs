//! Runs named steps one after another and says in the end how each of them went.

use std::time::{Duration, Instant};

use crate::error::Result;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// It found something; what is worth repeating in the end, in whole lines, may be empty.
    Failed(String),
    /// It could not run here, and why; not a failure.
    Skipped(String),
}

impl Outcome {
    pub(crate) fn from_success(success: bool) -> Self {
        if success { Self::Passed } else { Self::Failed(String::new()) }
    }

    /// Anything but a failure.
    pub(crate) fn is_fine(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }
}

/// One step: a name, what is done in words or as a command line, and the doing.
pub(crate) struct Step<'a> {
    pub(crate) name: &'static str,
    pub(crate) what: String,
    pub(crate) action: Box<dyn FnOnce() -> Result<Outcome> + 'a>,
}

/// A step that has been run.
pub(crate) struct Finished {
    name: &'static str,
    outcome: Outcome,
    elapsed: Duration,
}

/// Runs every step, also after a failed one, so that one run shows all there is to mend.
pub(crate) fn run_all(steps: Vec<Step<'_>>) -> Vec<Finished> {
    let count = steps.len();
    let mut finished = Vec::with_capacity(count);
    for (index, step) in steps.into_iter().enumerate() {
        println!("\n==> [{}/{count}] {}: {}", index + 1, step.name, step.what);
        let start = Instant::now();
        let outcome = (step.action)().unwrap_or_else(|error| {
            eprintln!("{}: {error}", step.name);
            Outcome::Failed(format!("{error}\n"))
        });
        let elapsed = start.elapsed();
        println!("<== {}: {} in {:.1} s", step.name, word(&outcome), elapsed.as_secs_f64());
        finished.push(Finished { name: step.name, outcome, elapsed });
    }
    finished
}

/// Whether no step failed.
pub(crate) fn all_fine(finished: &[Finished]) -> bool {
    finished.iter().all(|step| step.outcome.is_fine())
}

/// What failed steps said, one line for each step, then one for the whole.
pub(crate) fn table(finished: &[Finished]) -> String {
    let mut text = String::from("\n");
    for step in finished {
        if let Outcome::Failed(said) = &step.outcome {
            text.push_str(said);
        }
    }
    text.push_str("\nstep            outcome       seconds\n");
    for step in finished {
        let seconds = step.elapsed.as_secs_f64();
        text.push_str(&format!("{:<15} {:<10} {seconds:>10.1}", step.name, word(&step.outcome)));
        if let Outcome::Skipped(reason) = &step.outcome {
            text.push_str(&format!("  {reason}"));
        }
        text.push('\n');
    }
    let total: Duration = finished.iter().map(|step| step.elapsed).sum();
    let failed: Vec<&str> =
        finished.iter().filter(|step| !step.outcome.is_fine()).map(|step| step.name).collect();
    let verdict =
        if failed.is_empty() { "PASS".to_owned() } else { format!("FAIL: {}", failed.join(", ")) };
    text.push_str(&format!("{:<15} {:<10} {:>10.1}\n{verdict}", "all", "", total.as_secs_f64()));
    text
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed(_) => "FAILED",
        Outcome::Skipped(_) => "skipped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn step(name: &'static str, outcome: Result<Outcome>) -> Step<'static> {
        Step { name, what: "a test".to_owned(), action: Box::new(move || outcome) }
    }

    #[test]
    fn a_failed_step_fails_the_whole_and_the_rest_still_runs() {
        let finished = run_all(vec![
            step("one", Ok(Outcome::Failed("the reason\n".to_owned()))),
            step("two", Ok(Outcome::Passed)),
        ]);
        assert_eq!(finished.len(), 2);
        assert!(!all_fine(&finished));
        let table = table(&finished);
        assert!(table.contains("the reason") && table.ends_with("FAIL: one"), "{table}");
    }

    #[test]
    fn an_error_is_a_failure() {
        let finished = run_all(vec![step("one", Err(Error::Usage("no".to_owned())))]);
        assert!(!all_fine(&finished));
    }

    #[test]
    fn a_skipped_step_passes_and_its_reason_stands_in_the_table() {
        let finished = run_all(vec![step("one", Ok(Outcome::Skipped("no python3".to_owned())))]);
        assert!(all_fine(&finished));
        let table = table(&finished);
        assert!(table.contains("no python3") && table.ends_with("PASS"), "{table}");
    }
}
