//! An S3-compatible server from PyPI (moto) on this machine: two publishers at once, what a
//! registry is asked for, and stores with bad manners. In builds with the feature `cloud`.
//!
//! It is looked for in `target/moto`; `cargo dev servers` puts it there. What an S3 client is set
//! up from is the environment, so each test does its work in a process of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use noctule_releases::registry::{GcOptions, PublishOptions, Registry};
use noctule_releases::{Error, pack};

use crate::publishers::{COMMITS, FOLDER, LINE, assert_all_there};
use crate::releases::{NOW_MS, Workplace, at, input, key, open, signed};

/// Time for the server to answer.
const START_MAX: Duration = Duration::from_secs(120);
const LOCATION: &str = "s3://releases/town";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/registry/s3_server.py");
/// Long after the last blob was written.
const LATER_MS: i64 = 4_000_000_000_000;

/// The server; killed when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server with an empty bucket and the manners that `s3_server.py` describes.
fn server(manners: &str) -> Option<Server> {
    let moto = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("moto/bin");
    if !moto.join("moto_server").exists() {
        eprintln!("skipped: no S3-compatible server: no target/moto/bin/moto_server");
        return None;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(moto.join("python"));
    command.args([SCRIPT, &port.to_string(), manners]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut server = Server { child, port };
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(server.child.try_wait().unwrap().is_none(), "moto ended");
        assert!(begun.elapsed() < START_MAX, "moto does not answer");
        std::thread::sleep(Duration::from_millis(100));
    }
    server.make_bucket();
    Some(server)
}

impl Server {
    fn make_bucket(&self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!(
            "PUT /releases HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n",
            self.port
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.split(' ').nth(1) == Some("200"), "{answer}");
    }

    /// This test program again, for the one test `name`, with the registry in the bucket.
    fn process(&self, name: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([name, "--exact", "--ignored", "--nocapture"]).env(FOLDER, LOCATION);
        command.env("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port));
        command.env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        // Of other programs: no store is to be set up from these.
        command.env("TOKEN", "secret").env("REGION", "moon").env("BUCKET", "other");
        command.env("NO_PROXY", "127.0.0.1").stdout(Stdio::null());
        command
    }

    #[track_caller]
    fn run(&self, name: &str) {
        assert!(self.process(name).status().unwrap().success(), "{name}");
    }
}

#[test]
fn two_processes_publish_to_one_bucket_and_lose_nothing() {
    let Some(server) = server("one-by-one") else { return };
    let children = ["one", "two"]
        .map(|line| server.process("publishers::as_a_process").env(LINE, line).spawn().unwrap());
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    server.run("s3::asked_as_a_process");
}

#[test]
#[ignore = "the process that the test above starts"]
fn asked_as_a_process() {
    assert_all_there(Path::new(LOCATION));
    let place = Workplace::new();
    let registry = Registry::open(LOCATION).unwrap();
    let keys = [key().public()];
    registry.fetch(&at("one@newest-one"), &keys, &place.path("out")).unwrap();
    registry.alias(&at("one@2"), "old").unwrap();
    let state = registry.promote(&at("two@3"), "champion").unwrap();
    assert_eq!(
        (state.lines["one"].aliases["old"], state.lines["two"].versions[&3].percent),
        (2, 100)
    );
    registry.halt(&at("two@4")).unwrap();
    let all = GcOptions { keep: 2, grace: Duration::ZERO, dry_run: false };
    let collected = registry.at_time(LATER_MS).collect_garbage(&all).unwrap();
    assert!(collected.versions.contains(&"two@1".to_owned()), "{:?}", collected.versions);
    let registry = Registry::open(LOCATION).unwrap();
    assert!(registry.examine().unwrap().findings.is_empty());
    for kept in ["one@old", "two@champion", "two@4", &format!("two@{COMMITS}")] {
        registry.fetch(&at(kept), &keys, &place.path(kept)).unwrap();
    }
}

#[test]
fn a_file_of_several_parts_goes_up_and_comes_back() {
    let Some(server) = server("one-by-one") else { return };
    server.run("s3::several_parts_as_a_process");
}

#[test]
#[ignore = "the process that the test above starts"]
fn several_parts_as_a_process() {
    let place = Workplace::new();
    let mut input = input("town", 1, 1);
    let items = 100_000;
    let item = |index: usize| {
        let title = format!("{index:0>200}");
        let item = serde_json::json!({"id": format!("item-{index}"), "title": title});
        serde_json::from_value(item).unwrap()
    };
    input.catalogue = (0..items).map(item).collect();
    input.popularity.resize(items, 0.0);
    input.context_popularity = vec![input.popularity.clone()];
    pack(&input, &key(), &place.path("release")).unwrap();
    let registry = open(Path::new(LOCATION));
    registry.publish(&place.path("release"), &signed(PublishOptions::default())).unwrap();
    let largest =
        registry.state().unwrap().lines["town"].versions[&1].blobs().map(|it| it.length).max();
    assert!(largest.unwrap() > 16 << 20, "{largest:?} bytes are less than three parts");
    assert!(registry.examine().unwrap().findings.is_empty());
    registry.fetch(&at("town@1"), &[key().public()], &place.path("out")).unwrap();
}

#[test]
fn a_store_that_does_not_hear_the_condition_is_refused_before_the_first_commit() {
    let Some(server) = server("deaf") else { return };
    server.run("s3::refused_as_a_process");
}

#[test]
#[ignore = "the process that the test above starts"]
fn refused_as_a_process() {
    let place = Workplace::new();
    let registry = open(Path::new(LOCATION));
    let release = place.release("town", 1, 1);
    let refused = registry.publish(&release, &signed(PublishOptions::default()));
    assert!(matches!(&refused, Err(Error::Unconditional { .. })), "{refused:?}");
    assert_eq!(registry.state().unwrap().number, 0);
}

#[test]
fn a_commit_whose_answer_got_lost_is_not_taken_for_that_of_another() {
    let Some(server) = server("lossy") else { return };
    server.run("s3::lost_answers_as_a_process");
}

#[test]
#[ignore = "the process that the test above starts"]
fn lost_answers_as_a_process() {
    let place = Workplace::new();
    let registry = || open(Path::new(LOCATION)).at_time(NOW_MS);
    for version in 1..=4 {
        let release = place.release("town", version, version);
        registry().publish(&release, &signed(PublishOptions::default())).unwrap();
    }
    for _ in 0..4 {
        registry().refresh().unwrap();
    }
    assert_eq!(registry().state().unwrap().number, 8, "one commit for each command");
    let all = GcOptions { keep: 1, grace: Duration::ZERO, dry_run: false };
    for _ in 0..2 {
        registry().at_time(LATER_MS).collect_garbage(&all).unwrap();
    }
    assert!(registry().examine().unwrap().findings.is_empty());
}
