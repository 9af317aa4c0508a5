//! The peers, in a Python process of their own that stays up for a case.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::Result;

const PACKAGES: [&str; 6] =
    ["numpy", "onnx", "onnxruntime", "faiss-cpu", "implicit", "ai-edge-litert"];

const IMPORTS: &str = "import numpy, onnx, onnxruntime, faiss, implicit, ai_edge_litert";

/// A library to compare with.
pub(crate) struct Peer {
    /// Whether it computes exact scores.
    pub(crate) exact: bool,
    /// Empty when it is not there.
    pub(crate) version: String,
    /// Why it is not there; empty when it is.
    pub(crate) missing: String,
}

/// The running process.
pub(crate) struct Peers {
    pub(crate) all: BTreeMap<String, Peer>,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
}

/// The Python of `target/peers`, made first when it is not there.
pub(crate) fn environment() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers");
    let python = target.join("bin/python");
    let mut import = Command::new(&python);
    let import = import.args(["-c", IMPORTS]).stderr(Stdio::null());
    if !import.status().is_ok_and(|status| status.success()) {
        println!("installing {} into target/peers", PACKAGES.join(", "));
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&target))?;
        let mut install = Command::new(&python);
        succeed(install.args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
    }
    Ok(python)
}

fn succeed(command: &mut Command) -> Result<()> {
    if command.status()?.success() { Ok(()) } else { Err(format!("{command:?} failed").into()) }
}

fn write(path: &Path, values: &[f32]) -> Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for value in values {
        file.write_all(&value.to_le_bytes())?;
    }
    Ok(file.flush()?)
}

impl Peers {
    /// Starts them with `sizes`: items, dimensions, best items and threads.
    pub(crate) fn start(
        python: &Path,
        embeddings: &[f32],
        queries: &[f32],
        sizes: [usize; 4],
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        write(&folder.path().join("items.f32"), embeddings)?;
        write(&folder.path().join("queries.f32"), queries)?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/peers.py");
        let mut command = Command::new(python);
        command.arg(script).arg(folder.path()).args(sizes.map(|size| size.to_string()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        let input = process.stdin.take().ok_or("no standard input")?;
        let output = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        let all = BTreeMap::new();
        let mut peers = Self { all, process, input, output, _folder: folder };
        let Value::Object(installed) = peers.line()? else { return Err("not an object".into()) };
        for (name, peer) in installed {
            let text = |field: &str| peer[field].as_str().unwrap_or_default().to_owned();
            let (version, missing) = (text("version"), text("missing"));
            let exact = peer["exact"].as_bool().unwrap_or(false);
            peers.all.insert(name, Peer { exact, version, missing });
        }
        Ok(peers)
    }

    /// Those that are installed.
    pub(crate) fn names(&self) -> Vec<String> {
        let there = self.all.iter().filter(|(_, peer)| peer.missing.is_empty());
        there.map(|(name, _)| name.clone()).collect()
    }

    /// Milliseconds that `name` takes for `count` queries from `first` on, and the items it finds.
    pub(crate) fn search(
        &mut self,
        name: &str,
        first: usize,
        count: usize,
    ) -> Result<(f64, Vec<Vec<u32>>)> {
        writeln!(self.input, "{name} {first} {count}")?;
        self.input.flush()?;
        let mut answer = self.line()?;
        let ms = answer["ms"].as_f64().ok_or("no time")?;
        Ok((ms, serde_json::from_value(answer["found"].take())?))
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(format!("the peers ended: {:?}", self.process.wait()?).into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // What is left is to end it; that it has ended already is as good.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
