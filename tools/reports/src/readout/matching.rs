//! Which impressions of a day were accepted.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::files::{Cells, Refused, Wrong, scan};

/// Accepting events of one day that are held: some two gigabytes.
const ACCEPTING_MAX: usize = 1 << 23;

const COLUMNS: [(&str, bool); 6] = [
    ("installation", true),
    ("kind", true),
    ("item", true),
    ("surface", false),
    ("context", false),
    ("generation", false),
];

/// What was accepted on one day: where, and from which generation where the event names one; and
/// whether an impression was there to be accepted.
#[derive(Debug, Default)]
pub(super) struct Accepting(HashMap<(Box<str>, Option<u64>), Cell<bool>>);

impl Accepting {
    /// Whether an impression of this place and generation was accepted.
    pub(super) fn has(&self, place: Box<str>, generation: Option<u64>) -> bool {
        let mut wanted = (place, None);
        let anywhere = self.shown(&wanted);
        wanted.1 = generation;
        let here = generation.is_some() && self.shown(&wanted);
        anywhere || here
    }

    fn shown(&self, wanted: &(Box<str>, Option<u64>)) -> bool {
        self.0.get(wanted).map(|shown| shown.set(true)).is_some()
    }

    /// How many of them accepted no impression that was looked at.
    pub(super) fn orphans(&self) -> u64 {
        self.0.values().filter(|shown| !shown.get()).count() as u64
    }
}

/// Installation, surface, context and item as one text that no other four make.
pub(super) fn place(
    installation: &str,
    surface: Option<&str>,
    context: Option<&str>,
    item: &str,
) -> Box<str> {
    let length = |text: Option<&str>| text.map_or(-1, |text| text.len() as i64);
    let (surface_length, context_length) = (length(surface), length(context));
    let (surface, context) = (surface.unwrap_or(""), context.unwrap_or(""));
    let head = format!("{}:{surface_length}:{context_length}:", installation.len());
    [&head, installation, surface, context, item].concat().into()
}

/// Reads what was accepted on the day of these files.
pub(super) fn accepting(files: &[PathBuf], accepted_by: &str) -> Result<Accepting> {
    let mut accepting = Accepting::default();
    for path in files {
        scan(path, &COLUMNS, |cells| {
            if cells.needed_text(1)? == accepted_by {
                accepting.0.entry(decode(&cells)?).or_default();
            }
            if accepting.0.len() > ACCEPTING_MAX {
                let (what, limit) = ("accepting events of one day", ACCEPTING_MAX);
                return Err(Refused::from(Error::TooManyGroups { what, limit }));
            }
            Ok(())
        })?;
    }
    Ok(accepting)
}

fn decode(cells: &Cells<'_, 6>) -> Result<(Box<str>, Option<u64>), Wrong> {
    let (installation, item) = (cells.needed_text(0)?, cells.needed_text(2)?);
    Ok((place(installation, cells.text(3)?, cells.text(4)?, item), cells.unsigned(5)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_differ_have_different_texts() {
        let places = [
            place("a", Some("b"), Some("c"), "d"),
            place("ab", None, Some("c"), "d"),
            place("a", Some("bc"), None, "d"),
            place("a", None, Some("bc"), "d"),
            place("a", Some(""), Some("bc"), "d"),
            place("a", Some("b"), None, "cd"),
            place("a", Some("b"), Some(""), "cd"),
        ];
        let distinct: std::collections::HashSet<_> = places.iter().collect();
        assert_eq!(distinct.len(), places.len());
    }
}
