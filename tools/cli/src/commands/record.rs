//! `noctule record`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use noctule_core::base::Error as CoreError;
use noctule_core::base::json as strict;
use noctule_core::base::limits::{EVENTS_PER_CALL_MAX, LINE_BYTES_MAX};
use noctule_core::feedback::FeedbackEvent;
use serde_json::json;

use super::profile::Profile;
use crate::error::{Error, Result};
use crate::output::{Output, grouped};

const FAILED: &str = "record";

/// Record feedback events in a profile: all of them or none.
#[derive(Debug, Args)]
#[command(after_help = "\
EVENTS holds one event a line:
  {\"kind\": \"impression\", \"item\": \"r0007\", \"surface\": \"home\", \"position\": 0}
  {\"kind\": \"conversion\", \"item\": \"r0007\", \"at_ms\": 1767862800000}
Kinds: impression, click, dwell, like, dislike, hide, conversion, or the app's own.

Examples:
  noctule record profile --app town events.jsonl
  echo '{\"kind\": \"like\", \"item\": \"r0007\"}' | noctule record profile --app town -")]
pub(crate) struct Record {
    #[command(flatten)]
    profile: Profile,

    /// File of events, or - for standard input.
    #[arg(value_name = "EVENTS")]
    events: PathBuf,
}

/// Records.
pub(crate) fn run(asked: &Record, output: Output) -> Result<()> {
    let path = &asked.events;
    let events = if path.as_os_str() == "-" {
        read(path, std::io::stdin().lock())?
    } else {
        let file = File::open(path).map_err(|error| Error::at(FAILED, path, error))?;
        read(path, BufReader::new(file))?
    };
    let (lines, events): (Vec<u64>, Vec<FeedbackEvent>) = events.into_iter().unzip();
    let library = asked.profile.open(FAILED, &[])?;
    let receipt = library.record(&events).map_err(|error| located(path, &lines, error))?;
    if !receipt.stored {
        let consent = library.consent();
        return Err(Error::failed::<String>(FAILED)(format!("the profile's consent is {consent}")));
    }
    let status = library.status().map_err(Error::failed(FAILED))?;
    let json = json!({ "recorded": events.len(), "pending": status.pending_events });
    let (count, pending) = (grouped(events.len() as u64), grouped(status.pending_events));
    output.print(&json, &format!("{count} events recorded, {pending} wait to be sent"))
}

/// Reads the events with their lines, from 1; empty lines are skipped.
fn read(path: &Path, mut reader: impl BufRead) -> Result<Vec<(u64, FeedbackEvent)>> {
    let mut events = Vec::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let mut bounded = reader.by_ref().take(LINE_BYTES_MAX as u64 + 1);
        let read = bounded.read_until(b'\n', &mut line);
        read.map_err(|error| Error::at(FAILED, path, error))?;
        if line.is_empty() {
            break;
        }
        let at = |reason: &dyn std::fmt::Display| {
            Error::failed::<String>(FAILED)(format!("{}:{number}: {reason}", path.display()))
        };
        if line.len() > LINE_BYTES_MAX {
            return Err(at(&format!("the line is longer than {LINE_BYTES_MAX} bytes")));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if events.len() == EVENTS_PER_CALL_MAX {
            return Err(at(&format!("more than {EVENTS_PER_CALL_MAX} events; split the file")));
        }
        events.push((number, strict::parse(&line).map_err(|refusal| at(&refusal))?));
    }
    Ok(events)
}

/// The library counts events from 0 (`events[3].position`); people count lines.
fn located(path: &Path, lines: &[u64], error: CoreError) -> Error {
    if let CoreError::InvalidInput { field, reason } = &error
        && let Some((index, rest)) =
            field.strip_prefix("events[").and_then(|rest| rest.split_once(']'))
        && let Some(line) = index.parse::<usize>().ok().and_then(|index| lines.get(index))
    {
        let (field, file) = (rest.trim_start_matches('.'), path.display());
        return Error::failed::<String>(FAILED)(format!("{file}:{line}: {field}: {reason}"));
    }
    Error::failed(FAILED)(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_are_skipped_and_still_counted() {
        let text =
            "\n{\"kind\": \"like\", \"item\": \"a\"}\n\n{\"kind\": \"hide\", \"item\": \"b\"}";
        let events = read("e".as_ref(), text.as_bytes()).unwrap();
        assert_eq!(events.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn a_wrong_line_is_named_with_its_field() {
        let text = "{\"kind\": \"like\", \"item\": \"a\"}\n{\"kind\": \"like\", \"itm\": \"a\"}";
        let error = read("e.jsonl".as_ref(), text.as_bytes()).unwrap_err().line();
        assert!(error.starts_with("failed to record: e.jsonl:2: itm: unknown field"), "{error}");
    }

    #[test]
    fn the_index_of_the_library_becomes_a_line() {
        let error = CoreError::invalid("events[1].position", "is negative");
        let text = located("e.jsonl".as_ref(), &[4, 9], error).line();
        assert_eq!(text, "failed to record: e.jsonl:9: position: is negative");
    }

    #[test]
    fn an_endless_line_is_refused_at_its_bound() {
        let text = vec![b' '; LINE_BYTES_MAX + 1];
        let error = read("e".as_ref(), text.as_slice()).unwrap_err().line();
        assert!(error.contains("e:1: the line is longer"), "{error}");
    }
}
