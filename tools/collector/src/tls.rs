//! TLS: certificate and key, and which client certificate speaks for which app.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::serve::Listener;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::error::{Error, Result};
use crate::listener::{BoundedConnection, BoundedListener};

/// How a collector speaks TLS 1.2 and 1.3. The files are read once, at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the certificate chain, the collector's own first.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// Whose certificates are asked for.
    pub clients: Option<Clients>,
}

/// Mutual authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// PEM file of the authorities that sign client certificates. A client without a certificate
    /// may connect, and send for apps that are not in `apps`; one with another is turned away.
    pub authorities: PathBuf,
    /// SHA-256 fingerprints of the certificates of each app, in hex, as `openssl x509 -fingerprint
    /// -sha256` prints them. An app in this list may send with one of these only.
    pub apps: BTreeMap<String, Vec<String>>,
}

/// SHA-256 of a certificate in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// Reads 64 hexadecimal digits, with or without colons between the bytes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Clients {
    /// The apps and their certificates.
    pub(crate) fn fingerprints(&self) -> Result<BTreeMap<String, Vec<Fingerprint>>> {
        let read = |app: &String, texts: &Vec<String>| {
            let invalid = |reason: String| Error::InvalidSetting {
                setting: format!("tls.clients.apps.{app:.80}"),
                reason,
            };
            if texts.is_empty() {
                return Err(invalid("names no certificate".into()));
            }
            let parse = |text: &String| {
                Fingerprint::parse(text)
                    .ok_or_else(|| invalid(format!("{text:.100?} is no SHA-256 fingerprint")))
            };
            Ok((app.clone(), texts.iter().map(parse).collect::<Result<_>>()?))
        };
        self.apps.iter().map(|(app, texts)| read(app, texts)).collect()
    }
}

impl Tls {
    /// Reads the files.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor> {
        let invalid = |path: &Path, reason: String| Error::InvalidSetting {
            setting: format!("tls: {}", path.display()),
            reason,
        };
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| invalid(&self.key, format!("no private key: {error}")))?;
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(&self.certificate, error.to_string()))?;
        let config = match &self.clients {
            None => config.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(&clients.authorities)? {
                    let added = roots.add(authority);
                    added.map_err(|error| invalid(&clients.authorities, error.to_string()))?;
                }
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| invalid(&clients.authorities, error.to_string()))?;
                config.with_client_cert_verifier(verifier)
            }
        };
        let mut config = config
            .with_single_cert(chain, key)
            .map_err(|error| invalid(&self.certificate, error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// The certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let invalid = |reason: String| Error::InvalidSetting {
        setting: format!("tls: {}", path.display()),
        reason,
    };
    let read = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| invalid(format!("no certificates: {error}")))?;
    if read.is_empty() { Err(invalid("holds no certificate".into())) } else { Ok(read) }
}

/// A listener whose connections have finished their handshake.
///
/// Handshakes run beside each other, so that a client that dawdles in its own keeps nobody out;
/// each holds a place of the bounded listener and ends by its deadline.
pub(crate) struct TlsListener {
    inner: BoundedListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<BoundedConnection>, SocketAddr)>>,
}

impl TlsListener {
    pub(crate) fn new(inner: BoundedListener, acceptor: TlsAcceptor) -> Self {
        Self { inner, acceptor, handshakes: JoinSet::new() }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<BoundedConnection>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (stream, peer) = self.inner.accept() => {
                    let handshake = self.acceptor.accept(stream);
                    self.handshakes.spawn(async move { Some((handshake.await.ok()?, peer)) });
                }
                Some(ended) = self.handshakes.join_next() => {
                    if let Ok(Some(ready)) = ended {
                        return ready;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_as_openssl_prints_it() {
        let plain = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Fingerprint::parse(plain), Some(Fingerprint::of(b"")));
        assert_eq!(Fingerprint::of(b"").to_string(), plain);
        let bytes: Vec<&str> = (0..32).map(|byte| &plain[byte * 2..byte * 2 + 2]).collect();
        let printed = bytes.join(":").to_uppercase();
        assert_eq!(Fingerprint::parse(&printed), Some(Fingerprint::of(b"")));
        for wrong in ["", &plain[1..], &format!("{plain}0"), &plain.replace('e', "g"), "ü"] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }
}
