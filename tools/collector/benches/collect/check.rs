//! Whether everything that was acknowledged is in the output, once.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noctule_collector::{Collector, Settings};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use crate::batches::{Form, installation, make};

/// What a check found.
pub(crate) struct Lost {
    acknowledged: u64,
    missing: u64,
    doubled: u64,
}

impl Lost {
    pub(crate) fn is_none(&self) -> bool {
        self.missing == 0 && self.doubled == 0
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, missing, doubled } = self;
        write!(f, "{acknowledged} events acknowledged, {missing} lost, {doubled} doubled")
    }
}

/// Recovers the output of a killed collector and compares it with what was acknowledged.
pub(crate) fn lost(output: &Path, acknowledged: &[u64]) -> crate::Result<Lost> {
    Collector::start(Settings::new(([127, 0, 0, 1], 0).into(), output))?.stop()?;
    let mut stored: HashMap<String, Vec<bool>> = HashMap::new();
    let mut doubled = 0;
    for path in parquet_files(output)? {
        read(&path, |installation, sequence| {
            let seen = stored.entry(installation).or_default();
            let at = usize::try_from(sequence).unwrap_or(0);
            if seen.len() <= at {
                seen.resize(at + 1, false);
            }
            doubled += u64::from(seen[at]);
            seen[at] = true;
        })?;
    }
    let (mut total, mut missing) = (0, 0);
    for device in acknowledged {
        let events = u64::from(make(*device, Form::Batch).events);
        let seen = stored
            .get(&installation(*device))
            .map_or(0, |seen| seen.iter().filter(|seen| **seen).count() as u64);
        total += events;
        missing += events.saturating_sub(seen);
    }
    Ok(Lost { acknowledged: total, missing, doubled })
}

fn parquet_files(folder: &Path) -> crate::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(parquet_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    Ok(found)
}

fn read(path: &Path, mut found: impl FnMut(String, i64)) -> crate::Result<()> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let schema = reader.metadata().file_metadata().schema();
    let wanted = ["installation", "sequence"];
    let fields = schema.get_fields().iter().filter(|field| wanted.contains(&field.name()));
    let fields = fields.map(Arc::clone).collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(fields).build()?;
    for row in reader.get_row_iter(Some(projection))? {
        let mut identity = (None, None);
        for (name, field) in row?.into_columns() {
            match field {
                Field::Str(text) if name == "installation" => identity.0 = Some(text),
                Field::Long(number) if name == "sequence" => identity.1 = Some(number),
                _ => {}
            }
        }
        if let (Some(installation), Some(sequence)) = identity {
            found(installation, sequence);
        }
    }
    Ok(())
}
