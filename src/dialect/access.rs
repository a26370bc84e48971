//! How the server that the user named is reached: what lets tokometer in, whom it trusts, which way it goes.

use std::fmt;
use std::sync::Arc;

use rustls::Error as TlsError;

use crate::dialect::Dialect;
use crate::dialect::address::{Query, is_near, request_base, socket_file};
use crate::dialect::credentials::Credentials;
use crate::dialect::tls::{self, Trust};
use crate::event::Route;
use crate::platform;

/// The way to the server that the user named; to another one, the default: no secret, no proxy, nothing unchecked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Access {
    pub credentials: Credentials,
    pub query: Option<Query>,
    pub trust: Trust,
    pub proxy: Option<Proxy>,
    /// The variable that names a proxy for such servers, which is not used.
    pub proxy_variable: Option<&'static str>,
    /// Whether HTTP/2 is spoken without asking.
    pub http2: bool,
}

impl Access {
    /// The variable whose proxy others would have used to the server at `url`.
    pub(crate) fn unused_proxy(&self, url: &str) -> Option<&'static str> {
        let is_used = self.proxy.is_some() || is_near(url);
        self.proxy_variable.filter(|_| !is_used)
    }

    /// Whether a secret is sent.
    pub fn has_secret(&self) -> bool {
        !self.credentials.is_empty() || self.query.is_some()
    }

    /// What files and screens say of it.
    pub fn route(&self) -> Route {
        Route {
            is_unchecked: self.trust == Trust::Anyone,
            proxy: self.proxy.as_ref().map(Proxy::to_string),
            http2: self.http2,
        }
    }

    /// The settings of TLS for connections to `url`; None where it is not https.
    pub(crate) fn tls(&self, url: &str) -> Result<Option<Arc<rustls::ClientConfig>>, TlsError> {
        let is_tls = url.starts_with("https://");
        is_tls.then(|| self.trust.config()).transpose()
    }

    /// A client for what is not timed, before its limits and redirects are set.
    pub(crate) fn builder(&self, url: &str) -> Result<reqwest::ClientBuilder, String> {
        let config = match self.tls(url) {
            Ok(Some(config)) => Ok((*config).clone()),
            Ok(None) => tls::of_nobody(),
            Err(error) => Err(error),
        };
        let config = config.map_err(|error| error.to_string())?;
        // A benchmark talks to the server itself, never through the environment's proxy.
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .tls_backend_preconfigured(config)
            .default_headers(self.credentials.headers().clone());
        if let Some(proxy) = &self.proxy {
            let proxy = reqwest::Proxy::all(proxy.to_string());
            builder = builder.proxy(proxy.map_err(|error| error.to_string())?);
        }
        if self.http2 {
            builder = builder.http2_prior_knowledge();
        }
        if let Some(file) = socket_file(url) {
            builder = platform::socket_file::through(builder, &file);
        }
        Ok(builder)
    }

    /// `path` with the secret query.
    pub(crate) fn with_query(&self, path: &str) -> String {
        match &self.query {
            None => path.to_owned(),
            Some(query) if path.contains('?') => format!("{path}&{}", query.as_str()),
            Some(query) => format!("{path}?{}", query.as_str()),
        }
    }
}

/// A proxy on the way: `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
}

impl Proxy {
    /// Reads `http://host:port` or `host:port`.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = reqwest::Url::parse(&with_scheme).map_err(|error| error.to_string())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a proxy with a password is not supported".to_owned());
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        match (url.scheme(), host) {
            ("http", Some(host)) => Ok(Self {
                host: host.to_owned(),
                port: url.port().unwrap_or(80),
            }),
            ("http", None) => Err("it has no host".to_owned()),
            (scheme, _) => Err(format!(
                "{scheme} proxies are not supported: only http://HOST:PORT"
            )),
        }
    }

    /// The address that is connected to.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

/// A client for what is not timed: it sends what lets it in, to the server that is asked and nobody else.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    access: Access,
    base: String,
    headers: &'static [(&'static str, &'static str)],
}

impl Http {
    pub(crate) fn new(client: reqwest::Client, access: Access, url: &str) -> Self {
        let base = request_base(url).to_owned();
        Self {
            client,
            access,
            base,
            headers: &[],
        }
    }

    /// The same, with the headers that a dialect adds.
    pub(crate) fn speaking(&self, dialect: &dyn Dialect) -> Self {
        Self {
            headers: dialect.headers(),
            ..self.clone()
        }
    }

    fn with_headers(&self, mut request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        request
    }

    /// What the addresses of its requests begin with.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn get(&self, url: &str) -> reqwest::RequestBuilder {
        self.with_headers(self.client.get(self.access.with_query(url)))
    }

    pub(crate) fn post(&self, url: &str) -> reqwest::RequestBuilder {
        self.with_headers(self.client.post(self.access.with_query(url)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("proxy:3128", "http://proxy:3128")]
    #[case("http://proxy:3128/", "http://proxy:3128")]
    #[case("http://proxy", "http://proxy:80")]
    #[case(" http://[::1]:8080", "http://[::1]:8080")]
    fn a_proxy_is_a_host_and_a_port(#[case] text: &str, #[case] proxy: &str) {
        assert_eq!(Proxy::from_text(text).unwrap().to_string(), proxy);
    }

    #[rstest]
    #[case("socks5://proxy:1080", "socks5 proxies are not supported")]
    #[case("https://proxy:1", "https proxies are not supported")]
    #[case("http://me:secret@proxy:1", "password is not supported")]
    #[case("http://", "empty host")]
    fn other_proxies_are_refused(#[case] text: &str, #[case] why: &str) {
        let error = Proxy::from_text(text).unwrap_err();
        assert!(
            error.contains(why) && !error.contains("secret"),
            "{text}: {error}"
        );
    }

    #[test]
    fn a_query_goes_with_every_request() {
        let (_, query) = crate::dialect::address::from_text("box?key=1").unwrap();
        let access = Access {
            query,
            ..Access::default()
        };
        assert_eq!(access.with_query("/v1/models"), "/v1/models?key=1");
        assert_eq!(access.with_query("/v1?a=2"), "/v1?a=2&key=1");
        assert!(access.has_secret() && !Access::default().has_secret());
    }
}
