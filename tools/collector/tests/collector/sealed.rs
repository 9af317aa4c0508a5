//! TLS, and apps that are known by their certificates. The certificates in the folder of that name
//! were made with openssl for these tests: nothing else trusts them.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use noctule_collector::{Clients, Collector, Error, RunningCollector, Tls};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::deletions::deletion;
use crate::fixture::{batch, settings};

/// As `openssl x509 -noout -fingerprint -sha256` prints that of `client.pem`.
const CLIENT: &str = "9E:83:C0:78:D9:8C:ED:FC:78:32:AF:8E:B1:58:59:5B:\
    7A:08:A7:C5:45:F5:37:42:9D:F2:5B:CD:5E:6A:94:3D";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/collector/certificates").join(name)
}

fn tls(clients: Option<Clients>) -> Tls {
    Tls { certificate: file("server.pem"), key: file("server.key.pem"), clients }
}

/// A collector for `town`, which needs the client's certificate, and `open`, which does not.
fn sealed(folder: &Path) -> RunningCollector {
    let apps = [("town".to_owned(), vec![CLIENT.to_owned()])].into();
    let mut settings = settings(folder);
    settings.apps.insert("open".into(), None);
    settings.tls = Some(tls(Some(Clients { authorities: file("authority.pem"), apps })));
    Collector::start(settings).unwrap()
}

/// Posts a batch over TLS, with a client certificate or none; gives the status.
fn post(address: SocketAddr, app: &str, certificate: Option<&str>) -> io::Result<u16> {
    let body = batch(app, 7, 1, 1..=3).text();
    post_to(address, "batches", "x-ndjson", &body, certificate)
}

/// The same with a request to forget.
fn forget(address: SocketAddr, app: &str, certificate: Option<&str>) -> io::Result<u16> {
    let body = deletion(app, 7).to_string();
    post_to(address, "deletions", "json", body.as_bytes(), certificate)
}

fn post_to(
    address: SocketAddr,
    route: &str,
    subtype: &str,
    body: &[u8],
    certificate: Option<&str>,
) -> io::Result<u16> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("authority.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match certificate {
        None => config.with_no_client_auth(),
        Some(name) => {
            let own = CertificateDer::from_pem_file(file(&format!("{name}.pem"))).unwrap();
            let key = PrivateKeyDer::from_pem_file(file(&format!("{name}.key.pem"))).unwrap();
            config.with_client_auth_cert(vec![own], key).unwrap()
        }
    };
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(connection, stream);
    write!(
        stream,
        "POST /v1/{route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/{subtype}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    // Whether the other side ends TLS before the connection does not matter here.
    if let Err(error) = stream.read_to_end(&mut answer)
        && answer.is_empty()
    {
        return Err(error);
    }
    let text = String::from_utf8_lossy(&answer);
    text.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(|| io::Error::other(text))
}

#[test]
fn a_batch_comes_in_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.tls = Some(tls(None));
    let collector = Collector::start(settings).unwrap();
    assert_eq!(post(collector.address(), "town", None).unwrap(), 200);
    assert_eq!(collector.counts().stored_events, 3);
    collector.stop().unwrap();
}

#[test]
fn an_app_comes_in_with_its_own_certificate_only() {
    let folder = tempfile::tempdir().unwrap();
    let collector = sealed(folder.path());
    let address = collector.address();
    assert_eq!(post(address, "town", Some("client")).unwrap(), 200);
    assert_eq!(post(address, "town", Some("stranger")).unwrap(), 403);
    assert_eq!(post(address, "town", None).unwrap(), 403);
    assert_eq!(post(address, "open", None).unwrap(), 200);
    assert_eq!(post(address, "other", Some("client")).unwrap(), 403);
    assert!(post(address, "open", Some("foreign")).is_err(), "of an authority of its own");
}

#[test]
fn an_app_with_certificates_forgets_with_its_own_only() {
    let folder = tempfile::tempdir().unwrap();
    let collector = sealed(folder.path());
    let address = collector.address();
    assert_eq!(forget(address, "town", None).unwrap(), 403);
    assert_eq!(forget(address, "town", Some("stranger")).unwrap(), 403);
    assert_eq!(forget(address, "town", Some("client")).unwrap(), 200);
    assert_eq!(collector.counts().deletions, 1);
}

#[test]
fn clients_that_do_not_finish_their_handshake_keep_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let collector = sealed(folder.path());
    let address = collector.address();
    let mut silent: Vec<TcpStream> =
        (0..50).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut plain = TcpStream::connect(address).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("200"), "plain HTTP is not served");
    assert_eq!(post(address, "town", Some("client")).unwrap(), 200);
    silent[0].write_all(&[0x16]).unwrap();
}

#[test]
fn files_that_are_no_certificates_stop_the_start_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = || tls(None);
    let clients = |authorities: PathBuf, fingerprint: &str| {
        let apps = [("town".to_owned(), vec![fingerprint.to_owned()])].into();
        Some(Clients { authorities, apps })
    };
    let cases = [
        (Tls { certificate: file("none.pem"), ..good() }, "none.pem"),
        (Tls { certificate: file("server.key.pem"), ..good() }, "server.key.pem"),
        (Tls { key: file("server.pem"), ..good() }, "server.pem"),
        (Tls { key: file("client.key.pem"), ..good() }, "server.pem"),
        (Tls { clients: clients(file("none.pem"), CLIENT), ..good() }, "none.pem"),
        (Tls { clients: clients(file("authority.pem"), "abc"), ..good() }, "town"),
    ];
    for (tls, named) in cases {
        let mut settings = settings(folder.path());
        settings.tls = Some(tls);
        let error = Collector::start(settings).unwrap_err();
        assert!(matches!(error, Error::InvalidSetting { .. }), "{error:?}");
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
}
