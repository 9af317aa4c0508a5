//! Plain text layouts in time order without times: a line of `user item item ...` for each user
//! (as S3-Rec distributes its data), and a line of `user item` for each event (as SASRec does).

use std::collections::HashMap;
use std::path::Path;

use noctule_core::base::limits::ITEMS_MAX;
use noctule_core::catalogue::Item;

use super::table::{read_text, shortened};
use super::{EVENTS_MAX, Interaction, Interactions, Names, ReadCounts, bare_item};
use crate::{Error, Result};

/// Reads a text file in the layout that its lines show: two words in every line are a user and an
/// item ([`read_pairs`]), otherwise a line is a user's sequence ([`read_sequences`]).
///
/// # Errors
/// Those of the layout's reader.
pub fn read_text_file(path: &Path) -> Result<Interactions> {
    let text = read_text(path)?;
    let is_pair = |line: &str| matches!(line.split_whitespace().count(), 0 | 2);
    if text.lines().all(is_pair) { read_pairs(path) } else { read_sequences(path) }
}

/// Reads lines of `user item item ...`, items in time order. A user who is there twice is an
/// error; the same item twice in a line is two events.
///
/// # Errors
/// [`Error::Field`] with the line, [`Error::Empty`], [`Error::Encoding`], [`Error::File`].
pub fn read_sequences(path: &Path) -> Result<Interactions> {
    let text = read_text(path)?;
    let mut builder = Builder::new(path);
    for (number, line) in text.lines().enumerate() {
        builder.line = number as u64 + 1;
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let known = builder.users.names.len();
        let user = builder.users.index(name);
        if builder.users.names.len() == known {
            let reason = format!("{:?} has a line already", shortened(name));
            return Err(builder.error("user", reason));
        }
        let mut items = words.peekable();
        if items.peek().is_none() {
            return Err(builder.error("item", "the user has no item"));
        }
        for item in items {
            builder.push(user, item)?;
        }
    }
    Ok(builder.finish())
}

/// Reads lines of `user item`, in time order.
///
/// # Errors
/// [`Error::Field`] with the line, [`Error::Empty`], [`Error::Encoding`], [`Error::File`].
pub fn read_pairs(path: &Path) -> Result<Interactions> {
    let text = read_text(path)?;
    let mut builder = Builder::new(path);
    for (number, line) in text.lines().enumerate() {
        builder.line = number as u64 + 1;
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (None, ..) => {}
            (Some(user), Some(item), None) => {
                let user = builder.users.index(user);
                builder.push(user, item)?;
            }
            _ => return Err(builder.error("row", "two words, a user and an item, are needed")),
        }
    }
    Ok(builder.finish())
}

struct Builder<'a> {
    path: &'a Path,
    line: u64,
    users: Names,
    items: Vec<Item>,
    index: HashMap<String, u32>,
    events: Vec<Interaction>,
}

impl<'a> Builder<'a> {
    fn new(path: &'a Path) -> Self {
        let (users, items, index) = (Names::default(), Vec::new(), HashMap::new());
        Self { path, line: 0, users, items, index, events: Vec::new() }
    }

    fn error(&self, field: &str, reason: impl Into<String>) -> Error {
        Error::field(self.path, self.line, field, reason)
    }

    fn push(&mut self, user: u32, name: &str) -> Result<()> {
        let item = match self.index.get(name) {
            Some(item) => *item,
            None => {
                if self.items.len() == ITEMS_MAX {
                    return Err(self.error("item", format!("more than {ITEMS_MAX} items")));
                }
                let item = bare_item(name);
                self.items.push(item.map_err(|error| self.error("item", error.to_string()))?);
                let index = self.items.len() as u32 - 1;
                self.index.insert(name.to_owned(), index);
                index
            }
        };
        if self.events.len() == EVENTS_MAX {
            return Err(self.error("row", format!("more than {EVENTS_MAX} events")));
        }
        self.events.push(Interaction { user, item, at_ms: None, context: None, weight: 1.0 });
        Ok(())
    }

    fn finish(self) -> Interactions {
        Interactions {
            users: self.users.names,
            places: Vec::new(),
            items: self.items,
            events: self.events,
            counts: ReadCounts::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, reader: fn(&Path) -> Result<Interactions>) -> Result<Interactions> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.txt");
        std::fs::write(&path, text).unwrap();
        reader(&path)
    }

    #[test]
    fn both_layouts_give_the_same_events() {
        let lines = read("a 1 2\nb 2 1\n", read_sequences).unwrap();
        let pairs = read("a 1\na 2\n\nb 2\nb 1\n", read_pairs).unwrap();
        assert_eq!(lines, pairs);
        let chosen: Vec<_> = lines.events.iter().map(|event| (event.user, event.item)).collect();
        assert_eq!(chosen, [(0, 0), (0, 1), (1, 1), (1, 0)]);
    }

    #[test]
    fn a_broken_line_is_named() {
        let line = |text, reader| match read(text, reader) {
            Err(Error::Field { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(line("a 1\nb\n", read_sequences), 2);
        assert_eq!(line("a 1\na 2\n", read_sequences), 2);
        assert_eq!(line("a 1\na 2 3\n", read_pairs), 2);
        assert!(matches!(read(" \n", read_pairs), Err(Error::Empty { .. })));
    }
}
