//! Calls to an MLflow server, each bounded in time and in what it answers.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, RequestBuilder};

use super::{Server, SignIn};
use crate::{Error, Result};

/// Bytes of an answer in JSON.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Time to reach the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a call without a file.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Time for a file: 4 GiB at 2 MB/s.
const FILE_TIMEOUT: Duration = Duration::from_secs(2_200);
/// Pages of a search.
const PAGES_MAX: usize = 1_000;

/// An MLflow server.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    base: String,
    sign_in: SignIn,
}

/// A version of a registered model.
#[derive(Debug, Clone, Default)]
pub(super) struct ModelVersion {
    /// MLflow's own number of it.
    pub(super) version: String,
    pub(super) run_id: String,
    /// Where its files are.
    pub(super) source: String,
    pub(super) tags: Vec<(String, String)>,
}

impl ModelVersion {
    fn of(value: &Value) -> Self {
        Self {
            version: text(&value["version"]),
            run_id: text(&value["run_id"]),
            source: text(&value["source"]),
            tags: pairs(&value["tags"], "key", "value"),
        }
    }

    pub(super) fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub(super) fn new(server: &Server) -> Result<Self> {
        let uri = server.uri.as_str();
        if !uri.starts_with("http://") && !uri.starts_with("https://") {
            return Err(Error::reference(uri, "must be the http(s) address of an MLflow server"));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .build();
        let base = uri.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.new_agent(), base, sign_in: server.sign_in.clone() })
    }

    /// A request that may take `time` and says who asks.
    fn request<Body>(&self, request: RequestBuilder<Body>, time: Duration) -> RequestBuilder<Body> {
        let request = request.config().timeout_global(Some(time)).build();
        match self.sign_in.header() {
            Some(header) => request.header("authorization", header),
            None => request,
        }
    }

    /// Asks for `path`, with a query; none when there is no such thing.
    pub(super) fn find(&self, path: &str) -> Result<Option<Value>> {
        let url = format!("{}/api/2.0/mlflow/{path}", self.base);
        let request = self.request(self.agent.get(&url), CALL_TIMEOUT);
        let (status, value) = answer(&url, request.call())?;
        // An alias or a model that is not there is told by one of two codes.
        let code = value["error_code"].as_str().unwrap_or_default();
        let missing = code == "RESOURCE_DOES_NOT_EXIST"
            || (code == "INVALID_PARAMETER_VALUE" && path.contains("alias="));
        if missing { Ok(None) } else { checked(&url, status, value).map(Some) }
    }

    /// Posts `body`; none when what it makes is there already.
    pub(super) fn make(&self, path: &str, body: &Value) -> Result<Option<Value>> {
        let url = format!("{}/api/2.0/mlflow/{path}", self.base);
        let request = self.request(self.agent.post(&url), CALL_TIMEOUT);
        let request = request.header("content-type", "application/json");
        let (status, value) = answer(&url, request.send(body.to_string()))?;
        if value["error_code"] == "RESOURCE_ALREADY_EXISTS" {
            return Ok(None);
        }
        checked(&url, status, value).map(Some)
    }

    /// Posts `body`, which makes something new or changes something.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let made = self.make(path, body)?;
        made.ok_or_else(|| self.failed(path, "says that it is there already"))
    }

    /// Sends the file at `from` to the artifact `path` below `root`.
    pub(super) fn send_file(&self, root: &str, path: &str, from: &Path) -> Result<()> {
        let url = self.artifact_url(root, path)?;
        let file = File::open(from).map_err(Error::file(from, "opening"))?;
        let length = file.metadata().map_err(Error::file(from, "reading"))?.len();
        let request = self.request(self.agent.put(&url), FILE_TIMEOUT);
        let request = request.header("content-type", "application/octet-stream");
        let request = request.header("content-length", length.to_string());
        let (status, value) = answer(&url, request.send(&file))?;
        checked(&url, status, value).map(|_| ())
    }

    /// Copies the artifact `path` below `root`, of at most `limit` bytes, to `to`.
    pub(super) fn fetch_file(&self, root: &str, path: &str, limit: u64, to: &Path) -> Result<()> {
        let url = self.artifact_url(root, path)?;
        let request = self.request(self.agent.get(&url), FILE_TIMEOUT);
        let mut response = request.call().map_err(no_answer(&url))?;
        let status = response.status().as_u16();
        if status != 200 {
            return checked(&url, status, json_of(&url, &mut response)?).map(|_| ());
        }
        let mut options = File::options();
        let opened = options.write(true).create_new(true).open(to);
        let mut file = opened.map_err(Error::file(to, "making"))?;
        let mut body = response.body_mut().as_reader().take(limit + 1);
        let mut piece = vec![0; 1 << 16];
        let mut length = 0;
        loop {
            let read = body.read(&mut piece).map_err(|error| http(&url, error.to_string()))?;
            if read == 0 {
                break;
            }
            length += read as u64;
            if length > limit {
                return Err(http(&url, format!("sends more than the {limit} bytes it may have")));
            }
            file.write_all(&piece[..read]).map_err(Error::file(to, "writing"))?;
        }
        file.sync_all().map_err(Error::file(to, "flushing"))
    }

    /// The versions of the model `name`, newest first.
    pub(super) fn versions(&self, name: &str) -> Result<Vec<ModelVersion>> {
        let mut versions = Vec::new();
        let mut token = String::new();
        for _ in 0..PAGES_MAX {
            let filter = format!("filter=name%3D%27{name}%27&max_results=200");
            let path = format!("model-versions/search?{filter}&page_token={token}");
            let Some(page) = self.find(&path)? else { break };
            let found = page["model_versions"].as_array().map(Vec::as_slice).unwrap_or_default();
            versions.extend(found.iter().map(ModelVersion::of));
            token = percent_encoded(&text(&page["next_page_token"]));
            if token.is_empty() {
                break;
            }
        }
        Ok(versions)
    }

    /// The version that `alias` of the model `name` points at.
    pub(super) fn by_alias(&self, name: &str, alias: &str) -> Result<Option<ModelVersion>> {
        let found = self.find(&format!("registered-models/alias?name={name}&alias={alias}"))?;
        Ok(found.map(|value| ModelVersion::of(&value["model_version"])))
    }

    /// The aliases of the model `name`, each with MLflow's number of its version.
    pub(super) fn aliases(&self, name: &str) -> Result<Vec<(String, String)>> {
        let found = self.find(&format!("registered-models/get?name={name}"))?;
        let found = found.unwrap_or_default();
        Ok(pairs(&found["registered_model"]["aliases"], "alias", "version"))
    }

    /// The metrics of a run, by name.
    pub(super) fn metrics(&self, run_id: &str) -> Result<Vec<(String, String)>> {
        let found = self.find(&format!("runs/get?run_id={}", percent_encoded(run_id)))?;
        Ok(pairs(&found.unwrap_or_default()["run"]["data"]["metrics"], "key", "value"))
    }

    /// Sets a tag of a version.
    pub(super) fn tag(&self, name: &str, version: &str, key: &str, value: &str) -> Result<()> {
        let body = json!({"name": name, "version": version, "key": key, "value": value});
        self.post("model-versions/set-tag", &body).map(|_| ())
    }

    /// The address of an artifact behind the server's proxy.
    fn artifact_url(&self, root: &str, path: &str) -> Result<String> {
        let reason = "keeps its artifacts elsewhere: start `mlflow server` with --serve-artifacts";
        let below = root.strip_prefix("mlflow-artifacts:");
        let below = below.ok_or_else(|| http(root, reason.to_owned()))?;
        // Either `/<path>` or `//<host>/<path>`, the host being the server itself.
        let below = match below.strip_prefix("//") {
            Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
            None => below,
        };
        let parts: Vec<String> = below
            .split('/')
            .chain(path.split('/'))
            .filter(|part| !part.is_empty())
            .map(percent_encoded)
            .collect();
        Ok(format!("{}/api/2.0/mlflow-artifacts/artifacts/{}", self.base, parts.join("/")))
    }

    pub(super) fn failed(&self, path: &str, reason: impl Into<String>) -> Error {
        http(&format!("{}/api/2.0/mlflow/{path}", self.base), reason.into())
    }
}

type Answer = std::result::Result<Response<ureq::Body>, ureq::Error>;

fn answer(url: &str, sent: Answer) -> Result<(u16, Value)> {
    let mut response = sent.map_err(no_answer(url))?;
    let status = response.status().as_u16();
    Ok((status, json_of(url, &mut response)?))
}

/// The body as JSON; as a text when it is none and says that the call failed.
fn json_of(url: &str, response: &mut Response<ureq::Body>) -> Result<Value> {
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    let body = body.map_err(no_answer(url))?;
    match serde_json::from_slice(&body) {
        Ok(value) => Ok(value),
        Err(_) if body.is_empty() => Ok(json!({})),
        Err(error) if response.status().is_success() => Err(http(url, error.to_string())),
        Err(_) => {
            let start: String = String::from_utf8_lossy(&body).chars().take(200).collect();
            Ok(json!({ "message": start }))
        }
    }
}

fn checked(url: &str, status: u16, value: Value) -> Result<Value> {
    if (200..300).contains(&status) {
        return Ok(value);
    }
    let said = value["message"].as_str().unwrap_or_default();
    let said: String = said.chars().take(400).collect();
    Err(http(url, format!("answered {status}: {said}")))
}

fn no_answer(url: &str) -> impl FnOnce(ureq::Error) -> Error {
    move |error| http(url, error.to_string())
}

fn http(url: &str, reason: String) -> Error {
    Error::Http { url: url.to_owned(), reason }
}

/// A text, or a number as one: MLflow writes versions in both ways.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn pairs(list: &Value, key: &str, value: &str) -> Vec<(String, String)> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|entry| (text(&entry[key]), text(&entry[value]))).collect()
}

/// RFC 3986, everything but the unreserved characters.
fn percent_encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let encode = |byte: u8| match plain(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_asked_of_the_servers_own_proxy() {
        let client = Client::new(&Server::open("http://127.0.0.1:5000/")).unwrap();
        let proxy = "http://127.0.0.1:5000/api/2.0/mlflow-artifacts/artifacts";
        for root in ["mlflow-artifacts:/1/a b/artifacts", "mlflow-artifacts://h:1/1/a b/artifacts"]
        {
            let url = client.artifact_url(root, "release/manifest.json").unwrap();
            assert_eq!(url, format!("{proxy}/1/a%20b/artifacts/release/manifest.json"));
        }
        for root in ["s3://bucket/1", "/var/lib/mlruns/1"] {
            let error = client.artifact_url(root, "release/x").unwrap_err();
            assert!(error.to_string().contains("--serve-artifacts"), "{error}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for uri in ["mlruns", "sqlite:///mlflow.db", "ftp://host"] {
            assert!(
                matches!(Client::new(&Server::open(uri)), Err(Error::Reference { .. })),
                "{uri}"
            );
        }
    }

    #[test]
    fn a_server_that_is_not_there_is_named() {
        // Port 9 of this machine: nobody listens.
        let client = Client::new(&Server::open("http://127.0.0.1:9")).unwrap();
        let error = client.find("experiments/get-by-name?experiment_name=x").unwrap_err();
        assert!(error.to_string().starts_with("http://127.0.0.1:9/api/2.0/"), "{error}");
    }
}
