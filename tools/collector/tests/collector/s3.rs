//! The same with an S3-compatible server from PyPI (moto) on this machine.
//!
//! It is looked for in `target/moto`; `cargo dev servers` puts it there.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::ClientOptions;
use object_store::aws::AmazonS3Builder;
use object_store::prefix::PrefixStore;

use crate::stores::{Shared, kill_two, runtime};

/// Time for the server to answer.
const START_MAX: Duration = Duration::from_secs(120);
const SCRIPT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../releases/tests/registry/s3_server.py");

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
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!(
        "PUT /feedback HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n",
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.split(' ').nth(1) == Some("200"), "{answer}");
    Some(server)
}

impl Server {
    fn shared(&self) -> Shared {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let store = AmazonS3Builder::new()
            .with_bucket_name("feedback")
            .with_endpoint(&endpoint)
            .with_region("us-east-1")
            .with_access_key_id("test")
            .with_secret_access_key("test")
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .build()
            .unwrap();
        let environment = [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("NO_PROXY", "127.0.0.1"),
        ];
        Shared {
            url: "s3://feedback/from/phones".into(),
            environment: environment.map(|(key, value)| (key, value.to_owned())).into(),
            store: Arc::new(PrefixStore::new(store, "from/phones")),
            runtime: runtime(),
        }
    }
}

#[test]
fn two_collectors_that_are_killed_leave_the_union_in_a_bucket_exactly_once() {
    let Some(server) = server("one-by-one") else { return };
    kill_two(&server.shared());
}

#[test]
fn a_bucket_whose_answers_get_lost_loses_nothing_and_doubles_nothing() {
    let Some(server) = server("lossy") else { return };
    kill_two(&server.shared());
}
