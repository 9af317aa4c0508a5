//! What the collector is compared with: the OpenTelemetry Collector, and a bare loop on the disk.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::process::{Running, wait_for};

/// OTLP over HTTP in, a file out; without a queue between them, an answer comes when the exporter
/// has taken the records. It does not check them, does not look for repeats, and writes through
/// never: its file is buffered for up to a second.
pub(crate) fn otelcol(folder: &Path) -> crate::Result<Option<Running>> {
    let Some(program) = build()? else { return Ok(None) };
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let config = format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}'}}}}}}}}\n\
         exporters: {{file: {{path: '{}'}}}}\n\
         service:\n  telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}\n  \
         pipelines: {{logs: {{receivers: [otlp], exporters: [file]}}}}\n",
        folder.join("records.json").display()
    );
    let path = folder.join("otelcol.yaml");
    fs::write(&path, config)?;
    let child = Command::new(program)
        .arg("--config")
        .arg(format!("file:{}", path.display()))
        .stdout(Stdio::null())
        .spawn()?;
    let running = Running::new(child, address);
    wait_for(address)?;
    Ok(Some(running))
}

/// The program, built the first time; none without Go or without the network.
fn build() -> crate::Result<Option<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("../../target/otelcol");
    let program = target.join("otelcol");
    if program.exists() {
        return Ok(Some(program));
    }
    fs::create_dir_all(&target)?;
    eprintln!("building the OpenTelemetry Collector into {}", target.display());
    let build = Command::new("go")
        .args(["build", "-ldflags=-s -w", "-o"])
        .arg(fs::canonicalize(&target)?.join("otelcol"))
        .arg(".")
        .current_dir(root.join("benches/collect/otelcol"))
        .status();
    Ok(build.is_ok_and(|status| status.success()).then_some(program))
}

/// Bytes per second that one loop writes to a file of `folder` and through to the disk, in groups.
pub(crate) fn bare_loop(folder: &Path, group_bytes: usize, groups: usize) -> crate::Result<f64> {
    let mut file = File::create(folder.join("bare"))?;
    let group = vec![b'x'; group_bytes];
    let begun = Instant::now();
    for _ in 0..groups {
        file.write_all(&group)?;
        file.sync_data()?;
    }
    Ok((group_bytes * groups) as f64 / begun.elapsed().as_secs_f64())
}
