//! Noctule's own layout: a directory with
//!
//! - `catalogue.jsonl`: one [`Item`] a line, as in a release;
//! - `interactions.csv`: `user,item,at_ms,context,weight`; the last three may be empty (no time, no
//!   context, weight 1); a context is the name or the index of one of the plan;
//! - `users.csv`, where places are known: `user,latitude,longitude`.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use noctule_core::base::limits::{ITEMS_MAX, LINE_BYTES_MAX};
use noctule_core::base::{ContextId, GeoPoint};
use noctule_core::catalogue::Item;

use super::table::{self, Encoding, Row, Table, shortened};
use super::{EVENTS_MAX, Interaction, Interactions, Names, ReadCounts};
use crate::{Error, Result};

/// Reads `directory`; `contexts` are those of the plan, in its order. Rows that repeat user, item,
/// time and context of an earlier row are counted and left out; events are put in time order.
///
/// # Errors
/// Typed errors that name the file, line and column: see [`Error`].
pub fn read_directory(directory: &Path, contexts: &[ContextId]) -> Result<Interactions> {
    let items = read_catalogue(&directory.join("catalogue.jsonl"))?;
    let index: HashMap<&str, u32> =
        items.iter().enumerate().map(|(index, item)| (item.id.as_str(), index as u32)).collect();
    let path = directory.join("interactions.csv");
    let columns = ["user", "item", "at_ms", "context", "weight"];
    let mut table = Table::open(&path, Encoding::Utf8, &columns)?;
    let (mut users, mut events, mut seen) = (Names::default(), Vec::new(), HashSet::new());
    let mut counts = ReadCounts::default();
    while let Some(row) = table.next_row()? {
        let event = interaction(&row, &index, &mut users, contexts)?;
        if !seen.insert((event.user, event.item, event.at_ms, event.context)) {
            counts.duplicates += 1;
        } else if events.len() < EVENTS_MAX {
            events.push(event);
        } else {
            return Err(row.error(0, format!("more than {EVENTS_MAX} events")));
        }
    }
    events.sort_by_key(|event| event.at_ms);
    let places = read_places(&directory.join("users.csv"), &users)?;
    Ok(Interactions { users: users.names, places, items, events, counts })
}

fn interaction(
    row: &Row<'_>,
    index: &HashMap<&str, u32>,
    users: &mut Names,
    contexts: &[ContextId],
) -> Result<Interaction> {
    if row.text(0).is_empty() {
        return Err(row.error(0, "is empty"));
    }
    let Some(item) = index.get(row.text(1)).copied() else {
        let reason = format!("{:?} is not in catalogue.jsonl", shortened(row.text(1)));
        return Err(row.error(1, reason));
    };
    let at_ms = if row.text(2).is_empty() { None } else { Some(row.value(2)?) };
    let weight = if row.text(4).is_empty() { 1.0 } else { row.number(4)? as f32 };
    if !(weight > 0.0 && weight.is_finite()) {
        return Err(row.error(4, format!("{weight} is not above 0")));
    }
    let context = context(row, contexts)?;
    Ok(Interaction { user: users.index(row.text(0)), item, at_ms, context, weight })
}

fn context(row: &Row<'_>, contexts: &[ContextId]) -> Result<Option<u16>> {
    let text = row.text(3);
    if text.is_empty() {
        return Ok(None);
    }
    let named = contexts.iter().position(|context| context.as_str() == text);
    let numbered = || text.parse().ok().filter(|index: &usize| *index < contexts.len());
    match named.or_else(numbered).and_then(|index| u16::try_from(index).ok()) {
        Some(index) => Ok(Some(index)),
        None => Err(row.error(3, format!("{:?} is no context of the plan", shortened(text)))),
    }
}

/// Reads a catalogue: one [`Item`] a line.
///
/// # Errors
/// [`Error::Field`] with the line for what is no item or an id that is there twice,
/// [`Error::Encoding`], [`Error::Empty`], [`Error::TooLarge`], [`Error::File`].
pub fn read_catalogue(path: &Path) -> Result<Vec<Item>> {
    let mut reader = BufReader::new(table::open(path)?);
    let (mut items, mut lines, mut bytes) = (Vec::<Item>::new(), HashMap::new(), Vec::new());
    for line in 1.. {
        bytes.clear();
        let bounded = reader.by_ref().take(LINE_BYTES_MAX as u64 + 1);
        let read = { bounded }.read_until(b'\n', &mut bytes);
        if read.map_err(Error::file(path, "reading"))? == 0 {
            break;
        }
        let too_large = |what, limit: usize| Error::TooLarge {
            path: path.to_path_buf(),
            what,
            found: limit as u64 + 1,
            limit: limit as u64,
        };
        if bytes.len() > LINE_BYTES_MAX {
            return Err(too_large("length of a line", LINE_BYTES_MAX));
        }
        if items.len() == ITEMS_MAX {
            return Err(too_large("number of items", ITEMS_MAX));
        }
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::Encoding { path: path.to_path_buf(), line })?;
        let item: Item = serde_json::from_str(text)
            .map_err(|error| Error::field(path, line, "item", error.to_string()))?;
        if let Some(first) = lines.insert(item.id.clone(), line) {
            let reason = format!("{:?} is in line {first} already", item.id);
            return Err(Error::field(path, line, "id", reason));
        }
        items.push(item);
    }
    if items.is_empty() {
        return Err(Error::Empty { path: path.to_path_buf() });
    }
    Ok(items)
}

fn read_places(path: &Path, users: &Names) -> Result<Vec<Option<GeoPoint>>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut table = Table::open(path, Encoding::Utf8, &["user", "latitude", "longitude"])?;
    let mut places = vec![None; users.names.len()];
    while let Some(row) = table.next_row()? {
        let point = GeoPoint::new(row.number(1)?, row.number(2)?);
        let point = point.map_err(|error| row.error(1, error.to_string()))?;
        if let Some(user) = users.index.get(row.text(0)) {
            places[*user as usize] = Some(point);
        }
    }
    Ok(places)
}

/// Writes `data` into `directory`, which is made where it is missing.
///
/// # Errors
/// [`Error::File`], and [`Error::Data`] when an event names a context that `contexts` lacks.
pub fn write_directory(
    data: &Interactions,
    contexts: &[ContextId],
    directory: &Path,
) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(Error::file(directory, "making the directory"))?;
    write_catalogue(&data.items, &directory.join("catalogue.jsonl"))?;
    let path = directory.join("interactions.csv");
    write_rows(&path, ["user", "item", "at_ms", "context", "weight"], |rows| {
        for event in &data.events {
            let context = match event.context {
                None => "",
                Some(index) => match contexts.get(usize::from(index)) {
                    Some(context) => context.as_str(),
                    None => return Err(Error::data(format!("context {index} has no name"))),
                },
            };
            let at_ms = event.at_ms.map_or_else(String::new, |at_ms| at_ms.to_string());
            let user = data.users[event.user as usize].as_str();
            let item = data.items[event.item as usize].id.as_str();
            rows([user, item, &at_ms, context, &event.weight.to_string()])?;
        }
        Ok(())
    })?;
    if data.places.iter().all(Option::is_none) {
        return Ok(());
    }
    write_rows(&directory.join("users.csv"), ["user", "latitude", "longitude"], |rows| {
        for (user, place) in data.users.iter().zip(&data.places) {
            if let Some(place) = place {
                rows([user, &place.latitude.to_string(), &place.longitude.to_string()])?;
            }
        }
        Ok(())
    })
}

/// Writes one row of text fields.
type WriteRow<'a, const N: usize> = dyn FnMut([&str; N]) -> Result<()> + 'a;

fn write_rows<const N: usize>(
    path: &Path,
    header: [&str; N],
    body: impl FnOnce(&mut WriteRow<'_, N>) -> Result<()>,
) -> Result<()> {
    let file = File::create(path).map_err(Error::file(path, "creating"))?;
    let mut writer = csv::Writer::from_writer(file);
    let mut row = |fields: [&str; N]| {
        writer
            .write_record(fields)
            .map_err(|error| Error::file(path, "writing")(std::io::Error::other(error.to_string())))
    };
    row(header)?;
    body(&mut row)?;
    writer.flush().map_err(Error::file(path, "writing"))
}

/// Writes `items` as a catalogue, one JSON object a line.
///
/// # Errors
/// [`Error::File`].
pub fn write_catalogue(items: &[Item], path: &Path) -> Result<()> {
    let file = File::create(path).map_err(Error::file(path, "creating"))?;
    let mut writer = BufWriter::new(file);
    for item in items {
        let written = serde_json::to_writer(&mut writer, item).map_err(std::io::Error::from);
        written.and_then(|()| writer.write_all(b"\n")).map_err(Error::file(path, "writing"))?;
    }
    writer.flush().map_err(Error::file(path, "writing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts() -> Vec<ContextId> {
        ["lunch", "dinner"].map(|name| ContextId::new(name).unwrap()).to_vec()
    }

    fn read(catalogue: &str, interactions: &str) -> Result<Interactions> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("catalogue.jsonl"), catalogue).unwrap();
        std::fs::write(directory.path().join("interactions.csv"), interactions).unwrap();
        read_directory(directory.path(), &contexts())
    }

    const CATALOGUE: &str = "{\"id\":\"a\",\"title\":\"A\"}\n{\"id\":\"b\",\"title\":\"B\"}\n";

    #[test]
    fn what_was_written_is_read_back() {
        let text = "user,item,at_ms,context,weight\nu,b,5,dinner,2\nv,a,7,0,0.25\nu,a,,,\n";
        let mut data = read(CATALOGUE, text).unwrap();
        assert_eq!(data.events[0].at_ms, None);
        let last = data.events[2];
        assert_eq!((last.at_ms, last.context, last.weight), (Some(7), Some(0), 0.25));
        data.places = vec![Some(GeoPoint { latitude: 1.5, longitude: -2.0 }), None];
        let directory = tempfile::tempdir().unwrap();
        write_directory(&data, &contexts(), directory.path()).unwrap();
        assert_eq!(read_directory(directory.path(), &contexts()).unwrap(), data);
    }

    #[test]
    fn visits_repeat_but_the_same_row_twice_is_a_duplicate() {
        let text = "user,item,at_ms,context,weight\nu,a,1,,\nu,a,2,,\nu,a,1,,3\n";
        let data = read(CATALOGUE, text).unwrap();
        assert_eq!((data.events.len(), data.counts.duplicates), (2, 1));
    }

    #[test]
    fn what_does_not_fit_names_its_line_and_column() {
        let cases = [
            ("u,c,1,,", "item"),
            ("u,a,x,,", "at_ms"),
            ("u,a,1,tea,", "context"),
            ("u,a,1,2,", "context"),
            ("u,a,1,,0", "weight"),
            (",a,1,,", "user"),
        ];
        for (row, name) in cases {
            let error = read(CATALOGUE, &format!("user,item,at_ms,context,weight\n{row}\n"));
            let error = error.unwrap_err();
            assert!(
                matches!(&error, Error::Field { line: 2, field, .. } if field == name),
                "{row}: {error}"
            );
        }
    }

    #[test]
    fn a_broken_catalogue_names_its_line() {
        let twice = format!("{CATALOGUE}{{\"id\":\"a\",\"title\":\"again\"}}\n");
        let error = read(&twice, "").unwrap_err();
        assert!(matches!(&error, Error::Field { line: 3, field, .. } if field == "id"), "{error}");
        assert!(matches!(read("{}\n", ""), Err(Error::Field { line: 1, .. })));
        assert!(matches!(read("", ""), Err(Error::Empty { .. })));
        let long = format!("{{\"id\":\"a\",\"title\":\"{}\"}}\n", "x".repeat(LINE_BYTES_MAX));
        assert!(matches!(read(&long, ""), Err(Error::TooLarge { .. })));
    }
}
