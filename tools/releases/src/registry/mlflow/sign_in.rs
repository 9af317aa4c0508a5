//! How a client says to an MLflow server who it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Error, Result};

/// Who asks: nobody in particular, a user with a password (RFC 7617), or the bearer of a token
/// (RFC 6750).
///
/// ```
/// use noctule_releases::registry::mlflow::SignIn;
/// let variables = |name: &str| (name == "MLFLOW_TRACKING_TOKEN").then(|| "abc".to_owned());
/// assert_eq!(SignIn::of_variables(variables).unwrap(), SignIn::token("abc").unwrap());
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SignIn {
    /// The value of the header `authorization`.
    header: Option<String>,
}

impl SignIn {
    /// A user's name, without a colon, and the password.
    ///
    /// # Errors
    /// [`Error::SignIn`] for a name with a colon, or a control character in either.
    pub fn password(user: &str, password: &str) -> Result<Self> {
        if user.contains(':') {
            return Err(Error::SignIn { reason: "the user's name holds a colon" });
        }
        if user.chars().chain(password.chars()).any(char::is_control) {
            return Err(Error::SignIn { reason: "name or password holds a control character" });
        }
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        Ok(Self { header: Some(format!("Basic {encoded}")) })
    }

    /// A token.
    ///
    /// # Errors
    /// [`Error::SignIn`] when it holds something else than visible ASCII.
    pub fn token(token: &str) -> Result<Self> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::SignIn { reason: "a token is visible ASCII without spaces" });
        }
        Ok(Self { header: Some(format!("Bearer {token}")) })
    }

    /// What MLflow's own variables say: `MLFLOW_TRACKING_USERNAME` with
    /// `MLFLOW_TRACKING_PASSWORD`, else `MLFLOW_TRACKING_TOKEN`, as MLflow's client reads them.
    ///
    /// # Errors
    /// As [`Self::password`] and [`Self::token`], and for a name without a password or the reverse.
    pub fn of_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        let user = given("MLFLOW_TRACKING_USERNAME");
        let password = given("MLFLOW_TRACKING_PASSWORD");
        match (user, password, given("MLFLOW_TRACKING_TOKEN")) {
            (Some(user), Some(password), _) => Self::password(&user, &password),
            (None, None, Some(token)) => Self::token(&token),
            (None, None, None) => Ok(Self::default()),
            (None, Some(_), _) => {
                Err(Error::SignIn { reason: "MLFLOW_TRACKING_USERNAME is missing" })
            }
            (Some(_), None, _) => {
                Err(Error::SignIn { reason: "MLFLOW_TRACKING_PASSWORD is missing" })
            }
        }
    }

    pub(super) fn header(&self) -> Option<&str> {
        self.header.as_deref()
    }
}

impl std::fmt::Debug for SignIn {
    /// Without the secret, which would end in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.header.as_deref().and_then(|header| header.split(' ').next());
        f.debug_tuple("SignIn").field(&kind).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7617_is_encoded_as_there() {
        let sign_in = SignIn::password("Aladdin", "open sesame").unwrap();
        assert_eq!(sign_in.header(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    }

    #[test]
    fn half_a_sign_in_and_what_breaks_a_header_are_refused() {
        let only = |wanted: &'static str| move |name: &str| (name == wanted).then(|| "x".into());
        assert!(SignIn::of_variables(only("MLFLOW_TRACKING_USERNAME")).is_err());
        assert!(SignIn::of_variables(only("MLFLOW_TRACKING_PASSWORD")).is_err());
        assert!(SignIn::password("a:b", "c").is_err());
        assert!(SignIn::password("a", "c\r\nx: y").is_err());
        assert!(SignIn::token("a\r\nx: y").is_err());
        assert_eq!(SignIn::of_variables(|_| None).unwrap(), SignIn::default());
    }

    #[test]
    fn a_secret_is_not_in_what_is_printed_for_a_log() {
        let printed = format!("{:?}", SignIn::token("secret").unwrap());
        assert!(printed.contains("Bearer") && !printed.contains("secret"), "{printed}");
    }
}
