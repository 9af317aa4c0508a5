//! Who is at the other end of a connection.

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;

use crate::listener::BoundedListener;
use crate::tls::{Fingerprint, TlsListener};

/// What a connection shows of its client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// The client certificate, when one was asked for and given.
    pub(crate) certificate: Option<Fingerprint>,
}

impl Connected<IncomingStream<'_, BoundedListener>> for Peer {
    fn connect_info(_: IncomingStream<'_, BoundedListener>) -> Self {
        Self { certificate: None }
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let chain = stream.io().get_ref().1.peer_certificates();
        let own = chain.and_then(<[_]>::first);
        Self { certificate: own.map(|certificate| Fingerprint::of(certificate)) }
    }
}
