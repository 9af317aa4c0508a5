//! `cargo dev planted`: does a test notice the obvious bugs?
//!
//! Each bug is planted into the sources, the test that is to find it is built and run, and the
//! sources are put back. A bug that nothing notices, or that does not even compile, is a finding.
//! The task wants a tree without changes: if it is killed in between, `git checkout .` mends it.

use std::path::PathBuf;

use crate::cargo::{Workspace, output_of, succeeds};
use crate::error::{Error, Result};

/// A bug and the test that is to find it.
struct Plant {
    /// What goes wrong with it.
    bug: &'static str,
    file: &'static str,
    /// Text that is there once, and what takes its place.
    edits: &'static [(&'static str, &'static str)],
    /// Arguments of `cargo test --workspace`, before and behind `--`.
    test: (&'static [&'static str], &'static [&'static str]),
}

const PLANTS: [Plant; 12] = [
    Plant {
        bug: "what must survive a loss of power is not forced out of the system's cache",
        file: "core/src/store/connection.rs",
        edits: &[
            ("\"PRAGMA synchronous = FULL\"", "\"PRAGMA synchronous = NORMAL\""),
            ("\"synchronous\", \"full\"", "\"synchronous\", \"normal\""),
        ],
        test: (&["--test", "faults"], &["device"]),
    },
    Plant {
        bug: "the numbers of events that were removed are used again",
        file: "core/src/store/migrations/001_first.sql",
        edits: &[("WHEN old.sequence > (SELECT last_sequence FROM recorder)", "WHEN 0")],
        test: (&["--lib"], &["feedback"]),
    },
    Plant {
        bug: "any answer counts as an acknowledgement, and so does none",
        file: "core/src/upload/rows.rs",
        edits: &[("_ => self.batch = Some(batch),", "_ => self.settle(&batch),")],
        test: (&["--test", "whole"], &["queue_model"]),
    },
    Plant {
        bug: "a batch has another name in every attempt",
        file: "core/src/upload/rows.rs",
        edits: &[(
            "Some(batch) => Batch { events, ..batch },",
            "Some(batch) => Batch { id: Uuid::now_v7().into_bytes(), events, ..batch },",
        )],
        test: (&["--test", "whole"], &["uploads"]),
    },
    Plant {
        bug: "events that were set aside are removed with those that were acknowledged after them",
        file: "core/src/upload/standing/rows.rs",
        edits: &[(
            "events::remove_through(transaction, through, &queue.kept())",
            "events::remove_through(transaction, through, &[])",
        )],
        test: (&["--test", "whole"], &["queue_model"]),
    },
    Plant {
        bug: "erasure deletes rows and leaves their bytes in the files",
        file: "core/src/runtime/erase.rs",
        edits: &[("    store.scrub()?;\n", "")],
        test: (&["--test", "whole"], &["erasure"]),
    },
    Plant {
        bug: "an acknowledgement that nobody signed counts although keys are set",
        file: "core/src/upload/rows.rs",
        edits: &[("(keys.is_empty() || acknowledged.is_signed_by(keys))", "keys.len() < 99")],
        test: (&["--lib"], &["upload"]),
    },
    Plant {
        bug: "the files of a release are put in place before they are forced out",
        file: "core/src/release/pass.rs",
        edits: &[(
            "            target.sync_all().map_err(Error::file(path, \"flushing\"))?;\n",
            "",
        )],
        test: (&["--test", "faults"], &["device"]),
    },
    Plant {
        bug: "the collector acknowledges before its journal is forced out",
        file: "tools/collector/src/journal.rs",
        edits: &[(
            "self.file.write_all(lines).and_then(|()| self.file.sync_data())",
            "self.file.write_all(lines)",
        )],
        test: (&["--test", "faults"], &["collector"]),
    },
    Plant {
        bug: "the collector renames a Parquet file into place before it is forced out",
        file: "tools/collector/src/disk.rs",
        edits: &[(
            "        file.sync_all().map_err(Error::file(&temporary, \"write through\"))?;\n",
            "        drop(file);\n",
        )],
        test: (&["--test", "faults"], &["collector"]),
    },
    Plant {
        bug: "a collector that starts does not know what it has stored",
        file: "tools/collector/src/compaction.rs",
        edits: &[(
            "if part.is_none_or(|number| segments.iter().all(|(segment, _)| *segment != number)) {",
            "if part.is_some_and(|number| segments.iter().any(|(other, _)| *other == number)) {",
        )],
        test: (&["--test", "collector"], &["repeats"]),
    },
    Plant {
        bug: "a segment is removed before its Parquet is there",
        file: "tools/collector/src/compaction.rs",
        edits: &[(
            "        let mut parts = publish_events(&self.output, number, &contents.events)?;\n",
            "        disk::remove(segment)?;\n        \
             let mut parts = publish_events(&self.output, number, &contents.events)?;\n",
        )],
        test: (&["--test", "faults"], &["collector"]),
    },
];

/// Plants the bugs whose number, from 1, is asked for; all without one. False when one was not
/// found.
pub(crate) fn run(workspace: &Workspace, numbers: &[&str]) -> Result<bool> {
    let wanted = chosen(numbers)?;
    let mut git = std::process::Command::new("git");
    git.current_dir(workspace.root()).args(["status", "--porcelain", "--untracked-files=no"]);
    if !output_of(&mut git)?.is_empty() {
        return Err(Error::Usage("the tree has changes: commit or stash them first".into()));
    }
    let mut told = Vec::new();
    for number in wanted {
        let plant = &PLANTS[number];
        println!("\n==> {}: {}", number + 1, plant.bug);
        let found = try_out(workspace, plant)?;
        told.push((number + 1, found, plant.bug));
    }
    println!();
    for (number, found, bug) in &told {
        println!("{number:>3}  {}  {bug}", if *found { "found    " } else { "NOT FOUND" });
    }
    Ok(told.iter().all(|(_, found, _)| *found))
}

fn chosen(numbers: &[&str]) -> Result<Vec<usize>> {
    if numbers.is_empty() {
        return Ok((0..PLANTS.len()).collect());
    }
    let number = |text: &&str| {
        let number =
            text.parse::<usize>().ok().filter(|number| (1..=PLANTS.len()).contains(number));
        let wrong = || Error::Usage(format!("`{text}` is none of 1 to {}", PLANTS.len()));
        number.map(|number| number - 1).ok_or_else(wrong)
    };
    numbers.iter().map(number).collect()
}

/// Whether the test fails with the bug, after it was built with it.
fn try_out(workspace: &Workspace, plant: &Plant) -> Result<bool> {
    let _planted = Planted::new(workspace.root().join(plant.file), plant.edits)?;
    let (before, behind) = plant.test;
    let command = |more: &[&str]| {
        let mut command = workspace.cargo(&["test", "--locked", "--workspace"]);
        command.args(before).args(more);
        command
    };
    if !succeeds(&mut command(&["--no-run"]))? {
        println!("it does not compile");
        return Ok(false);
    }
    let mut test = command(&["--"]);
    test.args(behind).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    Ok(!succeeds(&mut test)?)
}

/// A file with a bug in it; dropped, it is as it was.
struct Planted {
    path: PathBuf,
    before: String,
}

impl Planted {
    fn new(path: PathBuf, edits: &[(&str, &str)]) -> Result<Self> {
        let before = std::fs::read_to_string(&path)
            .map_err(|source| Error::Read { path: path.clone(), source })?;
        let mut text = before.clone();
        for (from, to) in edits {
            if text.matches(from).count() != 1 {
                let (path, times) = (path.display(), text.matches(from).count());
                return Err(Error::Usage(format!("{path}: {from:?} is there {times} times")));
            }
            text = text.replacen(from, to, 1);
        }
        std::fs::write(&path, text)
            .map_err(|source| Error::Write { path: path.clone(), source })?;
        Ok(Self { path, before })
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        if let Err(error) = std::fs::write(&self.path, &self.before) {
            eprintln!("{} still has the bug: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_still_fits_the_sources_and_leaves_them_as_they_were() {
        let workspace = Workspace::here();
        for plant in &PLANTS {
            let path = workspace.root().join(plant.file);
            let text = std::fs::read_to_string(&path).unwrap();
            for (from, to) in plant.edits {
                assert_eq!(text.matches(from).count(), 1, "{}: {from:?}", plant.file);
                assert_ne!(from, to);
            }
        }
    }

    #[test]
    fn what_is_planted_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("source");
        std::fs::write(&path, "one two").unwrap();
        let planted = Planted::new(path.clone(), &[("two", "three")]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one three");
        drop(planted);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one two");
        assert!(Planted::new(path, &[("four", "")]).is_err());
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        assert_eq!(chosen(&[]).unwrap().len(), PLANTS.len());
        assert_eq!(chosen(&["1", "3"]).unwrap(), [0, 2]);
        for wrong in ["0", "99", "two"] {
            assert!(chosen(&[wrong]).is_err());
        }
    }
}
