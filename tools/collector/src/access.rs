//! Which app may send, with which bearer token (RFC 6750).

use std::collections::BTreeMap;
use std::hint::black_box;

/// Why a request is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The app is not on the list.
    UnknownApp,
    /// The app needs a token, and this is none of its own.
    WrongToken,
}

/// The list of apps; empty lets everyone in.
#[derive(Debug)]
pub(crate) struct Access(BTreeMap<String, Option<String>>);

impl Access {
    pub(crate) fn new(apps: BTreeMap<String, Option<String>>) -> Self {
        Self(apps)
    }

    /// Lets `app` in with the value of its `authorization` header.
    pub(crate) fn check(&self, app: &str, authorization: Option<&[u8]>) -> Result<(), Denied> {
        if self.0.is_empty() {
            return Ok(());
        }
        let Some(token) = self.0.get(app).ok_or(Denied::UnknownApp)? else { return Ok(()) };
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
        Access::new(apps.map(|(app, token)| (app.to_owned(), token.map(str::to_owned))).into())
    }

    #[test]
    fn an_empty_list_lets_everyone_in() {
        assert_eq!(Access::new(BTreeMap::new()).check("any", None), Ok(()));
    }

    #[test]
    fn an_app_needs_its_own_token() {
        let access = access();
        assert_eq!(access.check("town", Some(b"Bearer s3cret")), Ok(()));
        assert_eq!(access.check("town", Some(b"bearer s3cret ")), Ok(()));
        for wrong in
            ["Bearer s3cre", "Bearer s3crets3cret", "Bearer ", "Basic s3cret", "", "Bearer s3creT"]
        {
            let answer = access.check("town", Some(wrong.as_bytes()));
            assert_eq!(answer, Err(Denied::WrongToken), "{wrong}");
        }
        assert_eq!(access.check("town", None), Err(Denied::WrongToken));
    }

    #[test]
    fn an_app_without_a_token_is_open_and_an_unknown_one_closed() {
        assert_eq!(access().check("open", None), Ok(()));
        assert_eq!(access().check("other", Some(b"Bearer s3cret")), Err(Denied::UnknownApp));
    }
}
