//! What lets tokometer in: headers that go with every request to the server that the user named, and are written nowhere.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

/// Credentials that cannot be sent. It never shows their text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Nothing is there.
    #[error("it is empty")]
    Empty,
    /// It has characters that no header can have.
    #[error("it contains a line break or another character that a header cannot have")]
    Characters,
    /// No user and password.
    #[error("it is not USER:PASSWORD")]
    NoPassword,
    /// No header.
    #[error("it is not of the form `Name: value`")]
    NotAHeader,
    /// A header that is tokometer's own.
    #[error("the header {0} is set by tokometer itself")]
    Own(HeaderName),
}

/// Headers for the server that the user named, and where they came from.
#[derive(Clone, Default, PartialEq)]
pub struct Credentials {
    headers: HeaderMap,
    source: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.headers.keys()).finish()
    }
}

impl Credentials {
    /// An API key, from `source`: `Authorization: Bearer KEY`.
    pub fn with_key(self, key: &str, source: &str) -> Result<Self, CredentialError> {
        self.authorized(&format!("Bearer {}", some(key)?), source)
    }

    /// A user and a password, `USER:PASSWORD`, from `source`: `Authorization: Basic …`.
    pub fn with_basic(self, text: &str, source: &str) -> Result<Self, CredentialError> {
        let text = some(text)?;
        if !text.contains(':') {
            return Err(CredentialError::NoPassword);
        }
        self.authorized(&format!("Basic {}", BASE64_STANDARD.encode(text)), source)
    }

    /// A header, `Name: value`.
    pub fn with_header(mut self, text: &str) -> Result<Self, CredentialError> {
        let (name, value) = text.split_once(':').ok_or(CredentialError::NotAHeader)?;
        let name: HeaderName = name
            .trim()
            .parse()
            .map_err(|_| CredentialError::NotAHeader)?;
        if ["host", "content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
            return Err(CredentialError::Own(name));
        }
        let value = sensitive(value.trim())?;
        if name == AUTHORIZATION {
            self.source = Some("--header".to_owned());
        }
        self.headers.insert(name, value);
        Ok(self)
    }

    fn authorized(mut self, value: &str, source: &str) -> Result<Self, CredentialError> {
        self.headers.insert(AUTHORIZATION, sensitive(value)?);
        self.source = Some(source.to_owned());
        Ok(self)
    }

    /// The headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// What to do about a server that refuses: HTTP 401 or 403.
    pub(crate) fn advice(&self) -> String {
        match &self.source {
            Some(source) => format!("the server refuses the key of {source}"),
            None => "no key was sent: set OPENAI_API_KEY, or give --api-key-env NAME or \
                     --api-key-file FILE, with the server's --url"
                .to_owned(),
        }
    }
}

/// The text without the line break at the end of a file.
fn some(text: &str) -> Result<&str, CredentialError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(CredentialError::Empty);
    }
    Ok(text)
}

fn sensitive(value: &str) -> Result<HeaderValue, CredentialError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| CredentialError::Characters)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_key_is_a_bearer_and_shows_nowhere() {
        let key = Credentials::default()
            .with_key(" sk-secret\n", "--api-key-file")
            .unwrap();
        assert_eq!(key.headers()[AUTHORIZATION], "Bearer sk-secret");
        assert_eq!(format!("{key:?}"), r#"{"authorization"}"#);
        assert!(key.advice().contains("--api-key-file") && !key.advice().contains("secret"));
        let basic = Credentials::default().with_basic("me:pass", "x").unwrap();
        assert_eq!(basic.headers()[AUTHORIZATION], "Basic bWU6cGFzcw==");
        let both = key.with_header("X-Api-Key: other:secret").unwrap();
        assert_eq!(both.headers()["x-api-key"], "other:secret");
        assert_eq!(both.headers().len(), 2);
    }

    #[rstest]
    #[case("X-Key", "Name: value")]
    #[case("X Key: secret", "Name: value")]
    #[case("X-Key: sec\nret", "line break")]
    #[case("Host: secret", "host")]
    fn what_is_no_header_is_refused_without_its_value(#[case] text: &str, #[case] why: &str) {
        let error = Credentials::default()
            .with_header(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn no_key_is_no_key() {
        let empty = Credentials::default();
        assert_eq!(
            empty.clone().with_key(" \n", "x"),
            Err(CredentialError::Empty)
        );
        assert_eq!(
            empty.clone().with_key("a\nb", "x"),
            Err(CredentialError::Characters)
        );
        assert_eq!(
            empty.clone().with_basic("me", "x"),
            Err(CredentialError::NoPassword)
        );
        assert!(empty.is_empty() && empty.advice().contains("OPENAI_API_KEY"));
    }
}
