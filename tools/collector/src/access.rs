//! Which app may send, with which bearer token (RFC 6750) or client certificate, and how much.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use uuid::Uuid;

use crate::batch::Refused;
use crate::rates::{Limiter, TooMuch};
use crate::tls::Fingerprint;

/// Why a request is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The app is not on the list.
    UnknownApp,
    /// The app needs a token, and this is none of its own.
    WrongToken,
    /// The app needs a client certificate, and this is none of its own.
    WrongCertificate,
}

/// What a request shows of who sends it.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    /// Value of the `authorization` header.
    pub(crate) authorization: Option<Vec<u8>>,
    /// The client certificate of the connection; its authority was checked by the handshake.
    pub(crate) certificate: Option<Fingerprint>,
}

/// What a batch must pass before its events are looked at, and a deletion before it is stored.
#[derive(Debug)]
pub(crate) struct Gate {
    access: Access,
    limiter: Limiter,
    started: Instant,
}

impl Gate {
    pub(crate) fn new(access: Access, limiter: Limiter) -> Self {
        Self { access, limiter, started: Instant::now() }
    }

    /// Lets an app in.
    pub(crate) fn admit(&self, app: &str, shown: &Credentials) -> Result<(), Refused> {
        self.access.check(app, shown).map_err(|denied| match denied {
            Denied::UnknownApp => Refused::UnknownApp { app: app.to_owned() },
            Denied::WrongToken => Refused::WrongToken,
            Denied::WrongCertificate => Refused::WrongCertificate,
        })
    }

    /// Takes a request with so many events from the allowance of its senders.
    pub(crate) fn allow(&self, app: &str, installation: Uuid, events: u32) -> Result<(), Refused> {
        let now_s = self.started.elapsed().as_secs_f64();
        let taken = self.limiter.take(app, installation, events, now_s);
        taken
            .map_err(|TooMuch { sender, retry_after_s }| Refused::TooMuch { sender, retry_after_s })
    }
}

/// The list of apps; empty lets everyone in.
#[derive(Debug)]
pub(crate) struct Access {
    tokens: BTreeMap<String, Option<String>>,
    certificates: BTreeMap<String, Vec<Fingerprint>>,
}

impl Access {
    /// The apps with their tokens, and those that need a certificate.
    pub(crate) fn new(
        mut tokens: BTreeMap<String, Option<String>>,
        certificates: BTreeMap<String, Vec<Fingerprint>>,
    ) -> Self {
        for app in certificates.keys() {
            tokens.entry(app.clone()).or_default();
        }
        Self { tokens, certificates }
    }

    /// Lets `app` in with what was shown.
    fn check(&self, app: &str, shown: &Credentials) -> Result<(), Denied> {
        if self.tokens.is_empty() {
            return Ok(());
        }
        let token = self.tokens.get(app).ok_or(Denied::UnknownApp)?;
        if let Some(own) = self.certificates.get(app) {
            let shown = shown.certificate.ok_or(Denied::WrongCertificate)?;
            if !own.contains(&shown) {
                return Err(Denied::WrongCertificate);
            }
        }
        let Some(token) = token else { return Ok(()) };
        let authorization = shown.authorization.as_deref();
        let sent = authorization.and_then(bearer).ok_or(Denied::WrongToken)?;
        if same_bytes(sent, token.as_bytes()) { Ok(()) } else { Err(Denied::WrongToken) }
    }
}

/// The token of a `Bearer` header; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Compares in a time that depends on the length of `sent` only, so that nobody can guess a token
/// byte by byte.
fn same_bytes(sent: &[u8], token: &[u8]) -> bool {
    let mut difference = u8::from(sent.len() != token.len());
    for (index, byte) in sent.iter().enumerate() {
        // A token is never empty; past its end the comparison goes on with bytes that do not count.
        let expected = token.get(index % token.len().max(1)).copied().unwrap_or_default();
        difference = black_box(difference | (byte ^ expected));
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        let apps = [("town", Some("s3cret")), ("open", None)];
        let apps = apps.map(|(app, token)| (app.to_owned(), token.map(str::to_owned)));
        let certificates = [("sealed".to_owned(), vec![Fingerprint::of(b"one")])];
        Access::new(apps.into(), certificates.into())
    }

    fn check(access: &Access, app: &str, authorization: Option<&[u8]>) -> Result<(), Denied> {
        let authorization = authorization.map(<[u8]>::to_vec);
        access.check(app, &Credentials { authorization, certificate: None })
    }

    #[test]
    fn an_empty_list_lets_everyone_in() {
        assert_eq!(check(&Access::new(BTreeMap::new(), BTreeMap::new()), "any", None), Ok(()));
    }

    #[test]
    fn an_app_needs_its_own_token() {
        let access = access();
        assert_eq!(check(&access, "town", Some(b"Bearer s3cret")), Ok(()));
        assert_eq!(check(&access, "town", Some(b"bearer s3cret ")), Ok(()));
        for wrong in
            ["Bearer s3cre", "Bearer s3crets3cret", "Bearer ", "Basic s3cret", "", "Bearer s3creT"]
        {
            let answer = check(&access, "town", Some(wrong.as_bytes()));
            assert_eq!(answer, Err(Denied::WrongToken), "{wrong}");
        }
        assert_eq!(check(&access, "town", None), Err(Denied::WrongToken));
    }

    #[test]
    fn of_100_000_random_tokens_none_is_let_in() {
        let access = access();
        let mut state = 1u64;
        for _ in 0..100_000 {
            // Xorshift (Marsaglia 2003): lengths from 0 to 12, the real one's among them.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let text = format!("Bearer {:x}", u128::from(state) * 0x9e37_79b9);
            let length = 7 + (state % 13) as usize;
            let sent = &text.as_bytes()[..length.min(text.len())];
            assert_eq!(check(&access, "town", Some(sent)), Err(Denied::WrongToken));
        }
    }

    #[test]
    fn an_app_with_certificates_needs_one_of_its_own() {
        let access = access();
        let shown = |certificate: Option<&[u8]>| Credentials {
            authorization: None,
            certificate: certificate.map(Fingerprint::of),
        };
        assert_eq!(access.check("sealed", &shown(Some(b"one"))), Ok(()));
        for wrong in [None, Some(b"two".as_slice())] {
            assert_eq!(access.check("sealed", &shown(wrong)), Err(Denied::WrongCertificate));
        }
        assert_eq!(access.check("town", &shown(Some(b"one"))), Err(Denied::WrongToken));
    }

    #[test]
    fn an_app_without_a_token_is_open_and_an_unknown_one_closed() {
        assert_eq!(check(&access(), "open", None), Ok(()));
        let unknown = check(&access(), "other", Some(b"Bearer s3cret"));
        assert_eq!(unknown, Err(Denied::UnknownApp));
    }
}
