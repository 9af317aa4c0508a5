//! Data of any layout behind one path.

use std::path::{Path, PathBuf};

use noctule_core::release::Plan;

use super::events::{self, ReadWarning, TableSettings};
use super::{
    Interactions, feedback, read_catalogue, read_directory, read_movielens, read_pairs,
    read_restaurants, read_sequences,
};
use crate::clicks::{Showings, read_feedback};
use crate::{Error, Result};

/// A data set with what is known of how it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dataset {
    /// The interactions.
    pub data: Interactions,
    /// What to know about the files.
    pub warnings: Vec<ReadWarning>,
    /// For each event the propensity of the slot that showed it; only of feedback, else empty.
    pub propensities: Vec<Option<f64>>,
}

impl From<Interactions> for Dataset {
    fn from(data: Interactions) -> Self {
        Self { data, ..Self::default() }
    }
}

impl From<events::EventTable> for Dataset {
    fn from(table: events::EventTable) -> Self {
        Self { data: table.data, warnings: table.warnings, propensities: Vec::new() }
    }
}

/// Reads what is at `path`, whichever layout it has:
///
/// - a file: a table of events by its ending ([`events::read_events`]), or `.txt` with a line of
///   `user item item ...` for each user, or of `user item` for each event;
/// - a folder with `catalogue.jsonl` and `interactions.csv` (Noctule's own), or with
///   `catalogue.jsonl` and `interactions.parquet` or `.jsonl`;
/// - MovieLens (`movies.csv`) or UCI restaurants (`geoplaces2.csv`);
/// - the collector's folder (`app=<app>`), of `app` or of the only app there is;
/// - a folder with a single table called `interactions`, `events` or `ratings`.
///
/// Events with a time and no context get theirs from `plan`, in UTC.
///
/// # Errors
/// [`Error::File`] when nothing can be read there, [`Error::Layout`] when it is none of these, and
/// those of the layout's reader.
pub fn read_source(
    path: &Path,
    plan: &Plan,
    settings: &TableSettings,
    app: Option<&str>,
) -> Result<Dataset> {
    let contexts: Vec<_> = plan.contexts.iter().map(|context| context.id.clone()).collect();
    let settings = TableSettings { contexts, ..settings.clone() };
    let metadata = std::fs::metadata(path).map_err(Error::file(path, "opening"))?;
    let mut dataset = if metadata.is_dir() {
        read_folder(path, &settings, app)?
    } else if path.extension().is_some_and(|ending| ending == "txt") {
        read_text_layout(path)?.into()
    } else {
        events::read_events(path, &settings)?.into()
    };
    dataset.data.assign_contexts(plan, 0);
    Ok(dataset)
}

fn read_folder(folder: &Path, settings: &TableSettings, app: Option<&str>) -> Result<Dataset> {
    let has = |name: &str| folder.join(name).is_file();
    if has("catalogue.jsonl") && has("interactions.csv") {
        return Ok(read_directory(folder, &settings.contexts)?.into());
    }
    let catalogue = folder.join("catalogue.jsonl");
    if let Some(app) = app.map(str::to_owned).or(only_app(folder)?) {
        let items = catalogue.is_file().then(|| read_catalogue(&catalogue)).transpose()?;
        let showings = Showings::of(read_feedback(folder, &app)?);
        let found = feedback::choices(&showings, &settings.contexts, items)?;
        let mut dataset = Dataset::from(found.data);
        dataset.propensities = found.propensities;
        if found.unknown_items > 0 {
            let what =
                format!("{} choices of items that it lacks are left out", found.unknown_items);
            dataset.warnings.push(ReadWarning { path: catalogue, line: 0, what });
        }
        return Ok(dataset);
    }
    if has("catalogue.jsonl") {
        if let Some(path) = table_in(folder, &["interactions"]) {
            let items = Some(read_catalogue(&catalogue)?);
            let settings = TableSettings { catalogue: items, ..settings.clone() };
            return Ok(events::read_events(&path, &settings)?.into());
        }
        // The reader of the layout says what is missing.
        return Ok(read_directory(folder, &settings.contexts)?.into());
    }
    if has("movies.csv") {
        return Ok(read_movielens(folder)?.into());
    }
    if has("geoplaces2.csv") {
        return Ok(read_restaurants(folder)?.into());
    }
    match table_in(folder, &["interactions", "events", "ratings"]) {
        Some(path) => Ok(events::read_events(&path, settings)?.into()),
        None => Err(Error::Layout { path: folder.to_path_buf() }),
    }
}

/// The first table with one of the `stems`.
fn table_in(folder: &Path, stems: &[&str]) -> Option<PathBuf> {
    let endings = || events::ENDINGS.split(", ");
    let names = stems.iter().flat_map(|stem| endings().map(move |end| format!("{stem}.{end}")));
    names.map(|name| folder.join(name)).find(|path| path.is_file())
}

/// The name in `app=<name>` when `folder` has one such folder.
fn only_app(folder: &Path) -> Result<Option<String>> {
    let entries = std::fs::read_dir(folder).map_err(Error::file(folder, "listing"))?;
    let mut apps = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::file(folder, "listing"))?;
        if let Some(app) = entry.file_name().to_str().and_then(|name| name.strip_prefix("app=")) {
            apps.push(app.to_owned());
        }
    }
    apps.sort();
    match apps.as_slice() {
        [] => Ok(None),
        [app] => Ok(Some(app.clone())),
        several => {
            let reason = format!("{} holds several: {}", folder.display(), several.join(", "));
            Err(Error::setting("app", reason))
        }
    }
}

/// Lines of two words are events, longer ones are users with all their items.
fn read_text_layout(path: &Path) -> Result<Interactions> {
    let text = super::table::read_text(path)?;
    let pairs = text.lines().all(|line| line.split_whitespace().nth(2).is_none());
    drop(text);
    if pairs { read_pairs(path) } else { read_sequences(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        serde_json::from_str(r#"{"surfaces":[],"contexts":[]}"#).unwrap_or_else(|error| {
            panic!("a plan without surfaces is read: {error}");
        })
    }

    fn read(files: &[(&str, &str)], path: &str) -> Result<Dataset> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        read_source(&folder.path().join(path), &plan(), &TableSettings::default(), None)
    }

    #[test]
    fn text_files_are_lists_of_users_or_of_events() {
        let lists = read(&[("a.txt", "u a b\nv a\n")], "a.txt").unwrap();
        let pairs = read(&[("a.txt", "u a\nu b\nv a\n")], "a.txt").unwrap();
        assert_eq!(lists, pairs);
    }

    #[test]
    fn a_table_is_found_in_a_folder_with_and_without_a_catalogue() {
        let table = ("events.csv", "user,item\nu,a\n");
        assert_eq!(read(&[table], "").unwrap().data.items.len(), 1);
        let catalogue = "{\"id\":\"a\",\"title\":\"A\"}\n{\"id\":\"b\",\"title\":\"B\"}\n";
        let lines = ("interactions.jsonl", "{\"user\":1,\"item\":\"a\"}\n");
        let found = read(&[("catalogue.jsonl", catalogue), lines], "").unwrap();
        assert_eq!(found.data.items.len(), 2);
        let other = ("interactions.jsonl", "{\"user\":1,\"item\":\"c\"}\n");
        let refused = read(&[("catalogue.jsonl", catalogue), other], "");
        assert!(matches!(refused, Err(Error::Field { line: 1, .. })), "{refused:?}");
    }

    #[test]
    fn what_is_no_data_is_told_apart() {
        assert!(matches!(read(&[("a.md", "x")], ""), Err(Error::Layout { .. })));
        assert!(matches!(read(&[], "nowhere"), Err(Error::File { .. })));
        let two = read(&[("app=a/x", ""), ("app=b/x", "")], "");
        assert!(matches!(two, Err(Error::Setting { field: "app", .. })));
    }
}
