//! An S3-compatible server from PyPI (moto) on this machine: two publishers at once, then what a
//! registry is asked for. In builds with the feature `cloud`.
//!
//! It is looked for as `target/moto/bin/moto_server`; `cargo dev servers` puts it there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use noctule_releases::registry::{GcOptions, Registry};

use crate::publishers::{COMMITS, FOLDER, LINE, assert_all_there};
use crate::releases::{Workplace, at, key};

/// Time for the server to answer.
const START_MAX: Duration = Duration::from_secs(120);
const LOCATION: &str = "s3://releases/town";

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

fn server() -> Option<Server> {
    let moto = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("moto/bin/moto_server");
    if !moto.exists() {
        eprintln!("skipped: no S3-compatible server: no target/moto/bin/moto_server");
        return None;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(moto);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut server = Server { child, port };
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(server.child.try_wait().unwrap().is_none(), "moto ended");
        assert!(begun.elapsed() < START_MAX, "moto does not answer");
        std::thread::sleep(Duration::from_millis(100));
    }
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
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// This test program again, for the one test `name`, with the registry in the bucket.
    fn process(&self, name: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([name, "--exact", "--ignored"]).env(FOLDER, LOCATION);
        command.env("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port));
        command.env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.stdout(Stdio::null());
        command
    }
}

#[test]
fn two_processes_publish_to_one_bucket_and_lose_nothing() {
    let Some(server) = server() else { return };
    server.make_bucket();
    let children = ["one", "two"]
        .map(|line| server.process("publishers::as_a_process").env(LINE, line).spawn().unwrap());
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(server.process("s3::asked_as_a_process").status().unwrap().success());
}

#[test]
#[ignore = "the process that the test above starts"]
fn asked_as_a_process() {
    let location = std::env::var(FOLDER).unwrap();
    assert_all_there(Path::new(&location));
    let place = Workplace::new();
    let registry = Registry::open(&location).unwrap();
    let keys = [key().public()];
    registry.fetch(&at("one@newest-one"), &keys, &place.path("out")).unwrap();
    let all = GcOptions { keep: 2, grace: Duration::ZERO, dry_run: false };
    // Long after the last blob was written.
    registry.at_time(4_000_000_000_000).collect_garbage(&all).unwrap();
    let registry = Registry::open(&location).unwrap();
    assert!(registry.examine().unwrap().findings.is_empty());
    registry.fetch(&at(&format!("two@{COMMITS}")), &keys, &place.path("kept")).unwrap();
}
