//! Files that several commands read and write: data sets, plans and other JSON documents.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use noctule_core::base::json;
use noctule_core::base::limits::MANIFEST_BYTES_MAX;
use noctule_core::release::Plan;
use noctule_simulator::recorded::recorded_plan;
use noctule_simulator::town::town_plan;
use noctule_trainer::datasets::{Dataset, Interactions, TableSettings, read_source};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The plan beside a data set or a model.
pub(crate) const PLAN_FILE: &str = "plan.json";

/// What reading data is called in errors.
const READ: &str = "read the data";

/// As [`read_with`], with the defaults of everything.
pub(crate) fn read(path: &Path, plan: Option<&Path>) -> Result<(Interactions, Plan)> {
    let (dataset, plan) = read_with(path, plan, &TableSettings::default(), None)?;
    Ok((dataset.data, plan))
}

/// Reads the data at `path` and the plan of its slates.
///
/// The plan is that in the file `plan`, else that in `plan.json` of the directory, else one that
/// fits the data: meals where items have opening hours, else morning and evening.
pub(crate) fn read_with(
    path: &Path,
    plan: Option<&Path>,
    settings: &TableSettings,
    app: Option<&str>,
) -> Result<(Dataset, Plan)> {
    let read = |plan: &Plan| read_source(path, plan, settings, app).map_err(Error::failed(READ));
    let beside = path.join(PLAN_FILE);
    let given = plan.map(Path::to_path_buf).or_else(|| beside.is_file().then_some(beside));
    if let Some(file) = given {
        let plan: Plan = read_json(READ, &file)?;
        return Ok((read(&plan)?, plan));
    }
    let meals = town_plan().map_err(Error::failed(READ))?;
    let mut dataset = read(&meals)?;
    let plan = recorded_plan(&dataset.data.items).map_err(Error::failed(READ))?;
    if plan.contexts != meals.contexts {
        for event in &mut dataset.data.events {
            event.context = None;
        }
        dataset.data.assign_contexts(&plan, 0);
    }
    Ok((dataset, plan))
}

/// Reads a JSON document of bounded length; errors name the file, the field and the line.
pub(crate) fn read_json<T: DeserializeOwned>(action: &'static str, path: &Path) -> Result<T> {
    let at = |reason: &dyn std::fmt::Display| Error::at(action, path, reason);
    let file = File::open(path).map_err(|error| at(&error))?;
    let mut bytes = Vec::new();
    file.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| at(&error))?;
    if bytes.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(at(&format!("more than {MANIFEST_BYTES_MAX} bytes")));
    }
    json::parse(&bytes).map_err(|refusal| at(&refusal))
}

/// Writes a JSON document for people and programs.
pub(crate) fn write_json(action: &'static str, path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).map_err(Error::failed(action))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|error| Error::at(action, path, error))
}

/// `path` with `ending` behind its whole name.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
