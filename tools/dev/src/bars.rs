//! `cargo dev bars`: the promises of reliability at their full counts.
//!
//! The tests are those of `cargo dev test`, which take samples; here variables ask for the whole
//! number. Each bar ends with the line that its test prints, and the table at the end says which
//! hold. All of them take long: alone more than ten minutes each.

use crate::cargo::{Workspace, output_of, succeeds};
use crate::error::{Error, Result};

/// A promise, and the tests that hold it.
struct Bar {
    name: &'static str,
    promise: &'static str,
    /// Whether its test judges the figures, or only tells them.
    judged: bool,
    /// Variables that ask for the full count.
    asks: &'static [(&'static str, &'static str)],
    /// Arguments of `cargo test --workspace`, before and behind `--`.
    test: (&'static [&'static str], &'static [&'static str]),
}

const WHOLE: &[&str] = &["--test", "whole"];
const FAULTS: &[&str] = &["--test", "faults"];
const COLLECTOR: &[&str] = &["--test", "collector"];

const BARS: [Bar; 22] = [
    Bar {
        name: "R-01",
        promise: "2,000 kills of both sides with a bad network: nothing lost, nothing doubled",
        judged: true,
        asks: &[("NOCTULE_KILLS", "2000")],
        test: (&["--test", "pipeline"], &["kills::"]),
    },
    Bar {
        name: "R-01b",
        promise: "2,000 kills of a phone that records, learns, sends and installs",
        judged: true,
        asks: &[("NOCTULE_KILLS", "2000")],
        test: (WHOLE, &["kill::", "--skip", "night_kill", "--skip", "consent_kill"]),
    },
    Bar {
        name: "R-02",
        promise: "a loss of power at every call that changes a file, two images each",
        judged: true,
        asks: &[("NOCTULE_FAULTS", "all")],
        test: (FAULTS, &["loss_of_power", "power_went"]),
    },
    Bar {
        name: "R-03",
        promise: "a disk that fails at every call, once or for good",
        judged: true,
        asks: &[("NOCTULE_FAULTS", "all")],
        test: (FAULTS, &["disk_that_fails"]),
    },
    Bar {
        name: "R-04",
        promise: "a full disk and a read-only one",
        judged: true,
        asks: &[],
        test: (WHOLE, &["full_disk::", "read_only::"]),
    },
    Bar {
        name: "R-05",
        promise: "1,000 flipped bits each of database, log and release: no wrong slate",
        judged: true,
        asks: &[("NOCTULE_DATABASE_FLIPS", "1000"), ("NOCTULE_FLIPS", "1000")],
        test: (WHOLE, &["flips::", "integrity::a_flipped"]),
    },
    Bar {
        name: "R-06",
        promise: "500 databases with a spoiled page: none is given up, what can be read is kept",
        judged: true,
        asks: &[("NOCTULE_DAMAGED_FILES", "500")],
        test: (&["--lib", "--test", "whole"], &["rescue::"]),
    },
    Bar {
        name: "R-07",
        promise: "opening a killed profile of 100,000 events",
        judged: false,
        asks: &[("NOCTULE_REOPEN_EVENTS", "100000")],
        test: (WHOLE, &["reopening::"]),
    },
    Bar {
        name: "R-08",
        promise: "1,000 suspensions under eight threads",
        judged: true,
        asks: &[],
        test: (WHOLE, &["suspension::"]),
    },
    Bar {
        name: "R-10",
        promise: "odd places, another process, a newer schema",
        judged: true,
        asks: &[],
        test: (WHOLE, &["places::", "profiles::"]),
    },
    Bar {
        name: "R-11",
        promise: "clocks that jump",
        judged: true,
        asks: &[],
        test: (WHOLE, &["clocks::", "scheduled::"]),
    },
    Bar {
        name: "R-14",
        promise: "what each answer of the collector does to a batch",
        judged: true,
        asks: &[],
        test: (&["--lib", "--test", "whole"], &["upload", "pause::"]),
    },
    Bar {
        name: "R-17",
        promise: "8 threads record 12,500 events each, two send: right to the event",
        judged: true,
        asks: &[("NOCTULE_THREAD_EVENTS", "12500")],
        test: (WHOLE, &["threads::"]),
    },
    Bar {
        name: "R-18",
        promise: "10,000 random sequences against a model of queue and consent",
        judged: true,
        asks: &[("NOCTULE_SEQUENCES", "10000")],
        test: (WHOLE, &["queue_model::", "consent_model::"]),
    },
    Bar {
        name: "R-19",
        promise: "1,000 kills of the collector",
        judged: true,
        asks: &[("NOCTULE_KILLS", "1000")],
        test: (COLLECTOR, &["durability::", "stores::"]),
    },
    Bar {
        name: "R-20",
        promise: "1,000,000 events sent up to five times each, 100 restarts: stored once",
        judged: true,
        asks: &[("NOCTULE_EVENTS", "1000000"), ("NOCTULE_RESTARTS", "100")],
        test: (COLLECTOR, &["repeats::"]),
    },
    Bar {
        name: "R-21",
        promise: "limits, bombs, slow and ugly clients, JSON horrors, access",
        judged: true,
        asks: &[],
        test: (
            &["--lib", "--test", "collector"],
            &["bombs::", "limits::", "ugly::", "horrors::", "access::"],
        ),
    },
    Bar {
        name: "R-25",
        promise: "a collector with a full disk answers 503 and heals",
        judged: true,
        asks: &[],
        test: (COLLECTOR, &["full::", "full_disk"]),
    },
    Bar {
        name: "R-36",
        promise: "100,000 races of handles in 8 threads over the boundary, 10 minutes of calls",
        judged: true,
        asks: &[("NOCTULE_RACES", "100000"), ("NOCTULE_MIXED_SECONDS", "600")],
        test: (&["--test", "races"], &["handles_that", "mixed_calls"]),
    },
    Bar {
        name: "R-43",
        promise: "erasure, withdrawal and requests to delete, killed anywhere",
        judged: true,
        asks: &[],
        test: (WHOLE, &["erasure::", "consent::", "consent_kill::", "deletions::", "pseudonyms::"]),
    },
    Bar {
        name: "R-45",
        promise: "100,000 random events: no field that the format does not name",
        judged: true,
        asks: &[("NOCTULE_FIELD_EVENTS", "100000")],
        test: (WHOLE, &["fields::"]),
    },
    Bar {
        name: "R-46",
        promise: "private answers: bound, bias, budget",
        judged: true,
        asks: &[],
        test: (&["--lib", "--test", "pipeline"], &["private", "privacy"]),
    },
];

/// Runs the bars of these `names`, all without any; false when one does not hold.
pub(crate) fn run(workspace: &Workspace, names: &[&str]) -> Result<bool> {
    if let Some(unknown) = names.iter().find(|name| BARS.iter().all(|bar| bar.name != **name)) {
        let known = BARS.map(|bar| bar.name).join(", ");
        return Err(Error::Usage(format!("no such bar: `{unknown}`; there are {known}")));
    }
    let mut told = Vec::new();
    for bar in BARS.iter().filter(|bar| names.is_empty() || names.contains(&bar.name)) {
        println!("\n== {}: {}", bar.name, bar.promise);
        if let Some(filter) = idle_filter(workspace, bar)? {
            println!("no test is called {filter}");
            told.push((bar, false));
            continue;
        }
        let mut test = workspace.cargo(&["test", "--locked", "--workspace"]);
        test.args(bar.test.0).args(["--", "--nocapture"]).args(bar.test.1);
        test.envs(bar.asks.iter().copied());
        told.push((bar, succeeds(&mut test)?));
    }
    println!();
    for (bar, holds) in &told {
        println!("{:<6} {:<14} {}", bar.name, verdict(bar, *holds), bar.promise);
    }
    Ok(told.iter().all(|(_, holds)| *holds))
}

/// What the table says of a bar whose tests ended well or not.
fn verdict(bar: &Bar, ended_well: bool) -> &'static str {
    match (ended_well, bar.judged) {
        (false, _) => "DOES NOT HOLD",
        (true, true) => "holds",
        (true, false) => "told above",
    }
}

/// A filter of the bar that names no test at all, which would hold whatever the library does.
fn idle_filter(workspace: &Workspace, bar: &Bar) -> Result<Option<&'static str>> {
    let filters = bar.test.1.split(|argument| *argument == "--skip").next().unwrap_or_default();
    for filter in filters {
        let mut list = workspace.cargo(&["test", "--locked", "--workspace"]);
        list.args(bar.test.0).args(["--", "--list", filter]);
        if !output_of(&mut list)?.lines().any(|line| line.ends_with(": test")) {
            return Ok(Some(filter));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_bar_is_a_usage_error_that_lists_those_there_are() {
        let error = run(&Workspace::here(), &["R-99"]).unwrap_err();
        assert!(matches!(&error, Error::Usage(text) if text.contains("R-01,")), "{error}");
    }
}
