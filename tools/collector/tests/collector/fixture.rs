//! What the tests send and read back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use noctule_collector::{Collector, RunningCollector, Settings};
use noctule_core::upload::Acknowledgement;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

/// 2026-11-20T08:00:00Z.
pub(crate) const MORNING_MS: i64 = 1_795_161_600_000;

pub(crate) fn start(output: &Path) -> RunningCollector {
    Collector::start(settings(output)).unwrap()
}

pub(crate) fn settings(output: &Path) -> Settings {
    Settings::new(([127, 0, 0, 1], 0).into(), output)
}

/// An HTTP client that reports every status as an answer.
pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

/// A batch to be sent.
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) header: Value,
    pub(crate) events: Vec<Value>,
}

/// Events `sequences` of an installation: impressions and clicks of a morning.
pub(crate) fn batch(
    app: &str,
    installation: u128,
    batch: u128,
    sequences: std::ops::RangeInclusive<u64>,
) -> Batch {
    let events: Vec<Value> = sequences
        .clone()
        .map(|sequence| {
            json!({
                "id": uuid(installation << 64 | u128::from(sequence)),
                "sequence": sequence,
                "at_ms": MORNING_MS + sequence as i64,
                "kind": if sequence % 3 == 0 { "click" } else { "impression" },
                "item": format!("café-{}", sequence % 7),
                "surface": "home",
                "context": "breakfast",
                "position": sequence % 7,
                "generation": 2,
                "propensity": 0.95,
                "release": "town@1",
                "arm": "model",
            })
        })
        .collect();
    let header = json!({
        "schema": 1,
        "batch_id": uuid(batch),
        "app": app,
        "installation": uuid(installation),
        "first_sequence": sequences.start(),
        "last_sequence": sequences.end(),
        "events": events.len(),
        "experiment": "town-1",
        "sent_at_ms": MORNING_MS,
        "library": "0.1.0",
        "dropped": 0,
    });
    Batch { header, events }
}

/// The text of a number as a UUID.
pub(crate) fn uuid(number: u128) -> String {
    let hex = format!("{number:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl Batch {
    pub(crate) fn text(&self) -> Vec<u8> {
        let lines: Vec<String> =
            std::iter::once(&self.header).chain(&self.events).map(Value::to_string).collect();
        (lines.join("\n") + "\n").into_bytes()
    }

    pub(crate) fn send(&self, agent: &Agent, address: SocketAddr) -> Answer {
        send(agent, address, &gzip(&self.text()), &[])
    }

    /// Sends and reads the acknowledgement of a 200.
    pub(crate) fn acknowledged(&self, agent: &Agent, address: SocketAddr) -> Acknowledgement {
        let answer = self.send(agent, address);
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// An answer of the collector.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

/// Posts a body; `headers` replace the usual ones, and an empty value leaves one out.
pub(crate) fn send(
    agent: &Agent,
    address: SocketAddr,
    body: &[u8],
    headers: &[(&str, &str)],
) -> Answer {
    try_send(agent, address, body, headers).unwrap()
}

pub(crate) fn try_send(
    agent: &Agent,
    address: SocketAddr,
    body: &[u8],
    headers: &[(&str, &str)],
) -> Result<Answer, ureq::Error> {
    let mut all =
        BTreeMap::from([("content-type", "application/x-ndjson"), ("content-encoding", "gzip")]);
    all.extend(headers.iter().copied());
    let mut request = agent.post(format!("http://{address}/v1/batches"));
    for (name, value) in all.into_iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(name, value);
    }
    Answer::read(request.send(body)?)
}

impl Answer {
    pub(crate) fn read(mut response: Response<Body>) -> Result<Self, ureq::Error> {
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        Ok(Self { status, retry_after, body: response.body_mut().read_to_string()? })
    }
}

/// Files below `folder` whose name ends in `extension`.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every row of the output by column name, with the app of its folder.
pub(crate) fn rows(output: &Path) -> Vec<BTreeMap<String, Field>> {
    let paths = files(output, "parquet");
    // Folders that begin with an underscore are no partitions.
    let is_event = |path: &&PathBuf| {
        path.strip_prefix(output).unwrap().iter().all(|part| !part.as_encoded_bytes()[..1].eq(b"_"))
    };
    paths.iter().filter(is_event).flat_map(|path| rows_of(path)).collect()
}

/// Every rejected line by column name, with the app of its folder.
pub(crate) fn rejections(output: &Path) -> Vec<BTreeMap<String, Field>> {
    let folder = output.join("_rejected");
    if !folder.exists() {
        return Vec::new();
    }
    files(&folder, "parquet").iter().flat_map(|path| rows_of(path)).collect()
}

fn rows_of(path: &Path) -> Vec<BTreeMap<String, Field>> {
    let app = path.iter().find_map(|part| part.to_str()?.strip_prefix("app=")).unwrap();
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let mut row: BTreeMap<_, _> = row.unwrap().into_columns().into_iter().collect();
        row.insert("app".into(), Field::Str(app.to_owned()));
        row
    });
    rows.collect()
}

/// App, installation and sequence number of every row, sorted.
pub(crate) fn identities(output: &Path) -> Vec<(String, String, i64)> {
    let text = |field: &Field| match field {
        Field::Str(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    let mut identities: Vec<_> = rows(output)
        .iter()
        .map(|row| {
            let Field::Long(sequence) = row["sequence"] else { panic!("no sequence") };
            (text(&row["app"]), text(&row["installation"]), sequence)
        })
        .collect();
    identities.sort();
    identities
}
