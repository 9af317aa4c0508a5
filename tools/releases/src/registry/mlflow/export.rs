//! From the registry to MLflow.

use noctule_core::release::{MANIFEST_FILE, ReleaseName, SIGNATURE_FILE};
use serde::Serialize;
use serde_json::{Value, json};

use super::client::{Client, ModelVersion};
use super::metrics::{metrics, named};
use super::{MANIFEST_TAG, RELEASE_FOLDER, Server, VERSION_TAG};
use crate::registry::{Reference, Registry, Version};
use crate::staging::Staging;
use crate::{Error, PublicKey, Result};

/// Characters of a value at MLflow that is no longer sent whole.
const PARAMETER_CHARACTERS_MAX: usize = 6_000;

/// What became of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Name and version.
    pub release: String,
    /// MLflow's number of the model version.
    pub model_version: String,
    /// The run that holds the files.
    pub run_id: String,
    /// Whether MLflow had this release already; then only tags and aliases were brought up to
    /// date.
    pub was_there: bool,
}

impl Registry {
    /// Exports a release to an MLflow server, files, lineage, tags and aliases. The
    /// release is verified with `keys` first.
    ///
    /// An export that is cut short leaves a run that no model version refers to.
    ///
    /// # Errors
    /// Those of [`Registry::fetch`]; [`Error::Http`] with what the server said.
    pub fn export_to_mlflow(
        &self,
        reference: &Reference,
        keys: &[PublicKey],
        server: &Server,
    ) -> Result<Exported> {
        let client = Client::new(server)?;
        let state = self.state()?;
        let (release, version) = state.resolve(reference)?;
        let sha256 = &version.manifest.sha256;
        let existing = client.versions(&release.name)?;
        let existing = existing.into_iter().find(|it| it.tag(MANIFEST_TAG) == Some(sha256));
        let was_there = existing.is_some();
        let there = match existing {
            Some(there) => there,
            None => self.send(&client, &release, version, keys)?,
        };
        for (key, value) in &version.tags {
            client.tag(&release.name, &there.version, key, value)?;
        }
        let halted = version.halted.to_string();
        let percent = version.percent.to_string();
        client.tag(&release.name, &there.version, "noctule.halted", &halted)?;
        client.tag(&release.name, &there.version, "noctule.percent", &percent)?;
        for alias in state.aliases_of(&release) {
            let (name, version) = (&release.name, &there.version);
            let body = json!({"name": name, "alias": alias, "version": version});
            client.post("registered-models/alias", &body)?;
        }
        let (model_version, run_id) = (there.version, there.run_id);
        Ok(Exported { release: release.to_string(), model_version, run_id, was_there })
    }

    /// Makes the run with the files, then the model version that refers to it.
    fn send(
        &self,
        client: &Client,
        release: &ReleaseName,
        version: &Version,
        keys: &[PublicKey],
    ) -> Result<ModelVersion> {
        let staging = Staging::beside(&std::env::temp_dir().join("noctule-export"))?;
        let directory = staging.path.join(RELEASE_FOLDER);
        let reference = Reference::version(&release.name, release.version);
        self.fetch(&reference, keys, &directory)?;
        let (run_id, root) = begin_run(client, release, version, self.now_ms())?;
        let names = [MANIFEST_FILE, SIGNATURE_FILE].into_iter();
        for name in names.chain(version.files.keys().map(String::as_str)) {
            let path = format!("{RELEASE_FOLDER}/{name}");
            client.send_file(&root, &path, &directory.join(name))?;
        }
        let end = json!({"run_id": run_id, "status": "FINISHED", "end_time": self.now_ms()});
        client.post("runs/update", &end)?;
        let name = &release.name;
        client.make("registered-models/create", &json!({ "name": name }))?;
        let source = format!("{}/{RELEASE_FOLDER}", root.trim_end_matches('/'));
        let tags = list([
            (VERSION_TAG, release.version.to_string()),
            (MANIFEST_TAG, version.manifest.sha256.clone()),
        ]);
        let body = json!({"name": name, "source": source, "run_id": run_id, "tags": tags});
        let made = client.post("model-versions/create", &body)?;
        let number = match &made["model_version"]["version"] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(client.failed("model-versions/create", "answered without a version")),
        };
        Ok(ModelVersion { version: number, run_id, source, tags: Vec::new() })
    }
}

/// A run with the lineage; gives its id and where its artifacts are.
fn begin_run(
    client: &Client,
    release: &ReleaseName,
    version: &Version,
    now_ms: i64,
) -> Result<(String, String)> {
    let tags = list([
        (VERSION_TAG, release.version.to_string()),
        (MANIFEST_TAG, version.manifest.sha256.clone()),
    ]);
    let run = client.post(
        "runs/create",
        &json!({
            "experiment_id": experiment(client, &release.name)?,
            "run_name": release.to_string(),
            "start_time": now_ms,
            "tags": tags,
        }),
    )?;
    let info = &run["run"]["info"];
    let (run_id, root) = (info["run_id"].as_str(), info["artifact_uri"].as_str());
    let (Some(run_id), Some(root)) = (run_id, root) else {
        return Err(client.failed("runs/create", "answered without run_id and artifact_uri"));
    };
    let params = version.lineage.iter().map(|(key, value)| {
        let value: String = value.chars().take(PARAMETER_CHARACTERS_MAX).collect();
        json!({"key": named(key), "value": value})
    });
    let metrics = metrics(&version.lineage)
        .into_iter()
        .map(|(key, value)| json!({"key": key, "value": value, "timestamp": now_ms, "step": 0}));
    // At most 100 parameters and 1,000 metrics are taken in one call.
    let (params, metrics): (Vec<Value>, Vec<Value>) = (params.collect(), metrics.collect());
    for params in params.chunks(100) {
        client.post("runs/log-batch", &json!({"run_id": run_id, "params": params}))?;
    }
    for metrics in metrics.chunks(1_000) {
        client.post("runs/log-batch", &json!({"run_id": run_id, "metrics": metrics}))?;
    }
    Ok((run_id.to_owned(), root.to_owned()))
}

/// The id of the experiment of the line, which is made when there is none.
fn experiment(client: &Client, name: &str) -> Result<String> {
    let full = format!("noctule/{name}");
    let find = format!("experiments/get-by-name?experiment_name=noctule%2F{name}");
    for _ in 0..2 {
        if let Some(found) = client.find(&find)? {
            let id = found["experiment"]["experiment_id"].as_str();
            return id.map(str::to_owned).ok_or_else(|| {
                client.failed("experiments/get-by-name", "answered without experiment_id")
            });
        }
        // Another may make it at the same time; then it is found in the second round.
        client.make("experiments/create", &json!({ "name": full }))?;
    }
    Err(Error::Http { url: find, reason: "the experiment is not there after making it".into() })
}

fn list<const N: usize>(tags: [(&str, String); N]) -> Vec<Value> {
    tags.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}
