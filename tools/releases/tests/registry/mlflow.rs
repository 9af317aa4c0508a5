//! A real MLflow server from PyPI on this machine: export, then import elsewhere.
//!
//! It is looked for as `target/mlflow/bin/mlflow` (`python3 -m venv target/mlflow` and
//! `target/mlflow/bin/pip install mlflow`), then as `mlflow` on the path.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use noctule_releases::registry::{PublishOptions, Registry, mlflow};

use crate::releases::{Workplace, at, key, open};

/// Time for the server to answer: it makes its database first.
const START_MAX: Duration = Duration::from_secs(240);

/// The server; killed when dropped.
struct Server {
    child: Child,
    uri: String,
}

impl Server {
    fn asked(&self) -> mlflow::Server {
        mlflow::Server::open(&self.uri)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The group: the server starts workers.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

fn command() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("mlflow");
    let ours = target.join("bin/mlflow");
    let answers = |path: &Path| {
        let mut command = Command::new(path);
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if ours.exists() {
        return Some(ours);
    }
    Some(PathBuf::from("mlflow")).filter(|path| answers(path))
}

fn server(place: &Workplace) -> Option<Server> {
    let Some(program) = command() else {
        eprintln!("skipped: no mlflow in target/mlflow, and none on the path");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = place.path("mlflow");
    std::fs::create_dir(&folder).unwrap();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new(program);
    command.args(["server", "--host", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--workers", "1", "--backend-store-uri", "sqlite:///mlflow.db"]);
    command.args(["--serve-artifacts", "--artifacts-destination", "./artifacts"]);
    command.env("MLFLOW_DISABLE_TELEMETRY", "true").env("DO_NOT_TRACK", "true");
    // Jobs are for evaluating language models and need packages that a registry does not.
    command.env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false");
    command.current_dir(&folder).stdout(log.try_clone().unwrap()).stderr(log);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut server =
        Server { child: command.spawn().unwrap(), uri: format!("http://127.0.0.1:{port}") };
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(server.child.try_wait().unwrap().is_none(), "mlflow ended:\n{}", log());
        assert!(begun.elapsed() < START_MAX, "mlflow does not answer:\n{}", log());
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("mlflow answered after {:.1} s", begun.elapsed().as_secs_f64());
    Some(server)
}

/// A registry with two versions, the second of which is a champion with a tag.
fn filled(place: &Workplace) -> Registry {
    place.publish(1, PublishOptions::default());
    let aliases = vec!["champion".into()];
    let tags = [("owner".to_owned(), "ada".to_owned())].into();
    place.publish(2, PublishOptions { aliases, tags, percent: 25, ..Default::default() });
    place.registry()
}

#[test]
fn a_release_goes_through_mlflow_and_comes_back_byte_for_byte() {
    let place = Workplace::new();
    let Some(server) = server(&place) else { return };
    let (registry, keys) = (filled(&place), [key().public()]);
    for version in ["town@1", "town@champion"] {
        let exported = registry.export_to_mlflow(&at(version), &keys, &server.asked()).unwrap();
        assert!(!exported.was_there);
    }
    let again = registry.export_to_mlflow(&at("town@2"), &keys, &server.asked()).unwrap();
    assert!(again.was_there, "the same release is not sent twice");

    let elsewhere = open(&place.path("elsewhere"));
    let imported =
        elsewhere.import_from_mlflow(&at("town@champion"), &keys, &server.asked()).unwrap();
    assert_eq!(imported.published.release, "town@2");
    let (here, there) = (registry.state().unwrap(), elsewhere.state().unwrap());
    let (sent, back) = (&here.lines["town"].versions[&2], &there.lines["town"].versions[&2]);
    assert_eq!(sent.blobs().collect::<Vec<_>>(), back.blobs().collect::<Vec<_>>());
    assert_eq!((&sent.tags, &sent.lineage), (&back.tags, &back.lineage));
    assert_eq!(here.lines["town"].aliases, there.lines["town"].aliases);
    assert_eq!(back.percent, 0, "offered to nobody before someone says so");
    elsewhere.import_from_mlflow(&at("town@1"), &keys, &server.asked()).unwrap();
    assert!(elsewhere.examine().unwrap().findings.is_empty());
    elsewhere.fetch(&at("town@1"), &keys, &place.path("out")).unwrap();

    let missing = elsewhere.import_from_mlflow(&at("town@7"), &keys, &server.asked());
    assert!(missing.unwrap_err().to_string().contains("town@7 at MLflow"));
    let missing = elsewhere.import_from_mlflow(&at("town@nobody"), &keys, &server.asked());
    assert!(missing.unwrap_err().to_string().contains("town@nobody at MLflow"));
    python_sees_it(&place, &server);
}

/// MLflow's own client finds the figures, the tags and the files where it expects them.
fn python_sees_it(place: &Workplace, server: &Server) {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("mlflow/bin/python");
    if !python.exists() {
        return eprintln!("skipped: mlflow's own client: no target/mlflow/bin/python");
    }
    let script = "
import sys, mlflow
client = mlflow.MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])
version = client.get_model_version_by_alias('town', 'champion')
run = client.get_run(version.run_id)
names = sorted(f.path for f in client.list_artifacts(version.run_id, 'release'))
print(version.tags['noctule.version'], version.tags['owner'], run.data.metrics['ndcg_at_10'],
      run.data.params['data'], run.info.status, len(names), names[-1])
";
    let mut command = Command::new(python);
    command.args(["-c", script, &server.uri]).current_dir(place.path("mlflow"));
    let output = command.env("MLFLOW_DISABLE_TELEMETRY", "true").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.trim(), "2 ada 0.0002 rows 2 FINISHED 4 release/manifest.sig");
}

/// What a server that refuses everybody was asked, line by line.
fn refused_request(sign_in: mlflow::SignIn) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        let lines = reader.lines().map(Result::unwrap).take_while(|line| !line.is_empty());
        let lines: Vec<String> = lines.collect();
        let answer = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 3\r\n\r\nno\n";
        stream.write_all(answer.as_bytes()).unwrap();
        lines
    });
    let place = Workplace::new();
    let registry = filled(&place);
    let asked = mlflow::Server { uri, sign_in };
    let error = registry.export_to_mlflow(&at("town@1"), &[key().public()], &asked).unwrap_err();
    assert!(error.to_string().contains("answered 401"), "{error}");
    server.join().unwrap()
}

#[test]
fn who_asks_is_said_to_the_server_and_nothing_when_nobody_is_named() {
    let named = |lines: &[String]| -> Vec<String> {
        let lines = lines.iter().filter(|line| line.starts_with("authorization:"));
        lines.cloned().collect()
    };
    let sign_in = mlflow::SignIn::password("ada", "secret").unwrap();
    let asked = refused_request(sign_in);
    assert_eq!(named(&asked), ["authorization: Basic YWRhOnNlY3JldA=="]);
    assert!(named(&refused_request(mlflow::SignIn::default())).is_empty());
}
