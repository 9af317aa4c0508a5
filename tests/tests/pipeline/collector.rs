//! A collector in a process of its own, and what it has stored.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use noctule_collector::{Collector, Settings};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

const OUTPUT: &str = "NOCTULE_PIPELINE_OUTPUT";

/// The body of the process: a collector that makes Parquet often, until it is killed.
#[test]
fn process() {
    let Some(output) = env::var_os(OUTPUT) else { return };
    let output = PathBuf::from(output);
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), &output);
    settings.flush_every = Duration::from_millis(30);
    let collector = Collector::start(settings).unwrap();
    let told = output.join("_address.tmp");
    fs::write(&told, collector.address().to_string()).unwrap();
    fs::rename(told, output.join("_address")).unwrap();
    loop {
        thread::park();
    }
}

/// Starts it, and waits until it says where it listens.
pub(crate) fn start(output: &Path) -> (Child, SocketAddr) {
    let address = output.join("_address");
    let _ = fs::remove_file(&address);
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "collector::process"]).env(OUTPUT, output);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    loop {
        if let Some(address) = fs::read_to_string(&address).ok().and_then(|text| text.parse().ok())
        {
            return (child, address);
        }
        assert!(child.try_wait().unwrap().is_none(), "the collector has ended");
        assert!(begun.elapsed() < Duration::from_secs(60), "the collector does not start");
        thread::sleep(Duration::from_millis(2));
    }
}

/// By sequence number the generations of all rows with it.
pub(crate) fn stored(output: &Path) -> BTreeMap<u64, Vec<i64>> {
    // A start recovers what is left in the journal, a stop makes Parquet of it.
    let settings = Settings::new("127.0.0.1:0".parse().unwrap(), output);
    Collector::start(settings).unwrap().stop().unwrap();
    let mut rows: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    let mut installations = std::collections::BTreeSet::new();
    for path in parquet_below(&output.join("app=town")) {
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        for row in reader.get_row_iter(None).unwrap() {
            let columns: BTreeMap<String, Field> =
                row.unwrap().into_columns().into_iter().collect();
            let number = |name: &str| match &columns[name] {
                Field::Long(number) => *number,
                other => panic!("{name}: {other:?}"),
            };
            let sequence = u64::try_from(number("sequence")).unwrap();
            rows.entry(sequence).or_default().push(number("generation"));
            installations.insert(columns["installation"].to_string());
        }
    }
    assert!(installations.len() <= 1, "{installations:?}");
    rows
}

fn parquet_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| match path.is_dir() {
        true => parquet_below(&path),
        false => vec![path],
    };
    let files = entries.flat_map(below);
    files.filter(|path| path.extension().is_some_and(|end| end == "parquet")).collect()
}
