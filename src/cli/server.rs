//! Which server, and how it is reached: its address, keys, passwords and headers, whom to trust, and which way.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::output::UsageError;
use crate::cli::values::SERVER;
use crate::dialect::address::Query;
use crate::dialect::{Access, CredentialError, Credentials, Proxy, Trust, address};

/// The variable that most clients of such servers read.
const USUAL: &str = "OPENAI_API_KEY";

/// The address of a server, and who named it.
pub(crate) struct Address {
    pub(crate) url: String,
    pub(crate) query: Option<Query>,
    pub(crate) source: Option<&'static str>,
}

impl Default for Address {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:11434".to_owned(),
            query: None,
            source: None,
        }
    }
}

impl Address {
    /// The address of `--url`, else of `OLLAMA_HOST`, else Ollama's own.
    pub(crate) fn requested(url: Option<&str>, from_file: bool) -> Result<Self, UsageError> {
        let host = std::env::var("OLLAMA_HOST").unwrap_or_default();
        let (source, text) = match url {
            Some(url) if from_file => ("url of the configuration file", url),
            Some(url) => ("--url", url),
            None if host.trim().is_empty() => return Ok(Self::default()),
            None => ("OLLAMA_HOST", host.as_str()),
        };
        let (url, query) = address::from_text(text)
            .map_err(|error| UsageError::new(format!("{source}: {error}")))?;
        let source = Some(source);
        Ok(Self { url, query, source })
    }
}

/// Flags with secrets; none holds one itself, but for headers.
#[derive(Debug, Args, Clone, Default, PartialEq)]
pub struct AccessArgs {
    /// Environment variable with the server's API key [default: `OPENAI_API_KEY`]
    #[arg(long, value_name = "NAME", help_heading = SERVER)]
    pub api_key_env: Option<String>,
    /// File with the server's API key
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "api_key_env",
        help_heading = SERVER
    )]
    pub api_key_file: Option<PathBuf>,
    /// Environment variable with USER:PASSWORD
    #[arg(long, value_name = "NAME", conflicts_with_all = ["api_key_env", "api_key_file"], help_heading = SERVER)]
    pub basic_auth_env: Option<String>,
    /// File with USER:PASSWORD
    #[arg(long, value_name = "FILE", conflicts_with_all = ["api_key_env", "api_key_file", "basic_auth_env"], help_heading = SERVER)]
    pub basic_auth_file: Option<PathBuf>,
    /// Header to send to the server with every request (repeatable)
    #[arg(long = "header", value_name = "NAME: VALUE", help_heading = SERVER)]
    pub headers: Vec<String>,
    /// File with certificates to trust besides the system's: an authority's, or the server's own (PEM)
    #[arg(long, value_name = "FILE", conflicts_with = "insecure", help_heading = SERVER)]
    pub ca: Option<PathBuf>,
    /// Accept any certificate of the server
    #[arg(long, help_heading = SERVER)]
    pub insecure: bool,
    /// Go through this proxy; those of the environment are not used
    #[arg(long, value_name = "URL", help_heading = SERVER)]
    pub proxy: Option<String>,
    /// Speak HTTP/2 over plain http too; over https it is negotiated
    #[arg(long, help_heading = SERVER)]
    pub http2: bool,
}

impl AccessArgs {
    /// How the server at `address` is reached: nothing of it is for one that the user did not name.
    pub(crate) fn access(&self, address: &Address) -> Result<Access, UsageError> {
        let trust = match &self.ca {
            Some(file) => Trust::from_file(file)
                .map_err(|why| UsageError::new(format!("--ca {}: {why}", file.display())))?,
            None if self.insecure => Trust::Anyone,
            None => Trust::System,
        };
        let given = [
            ("--ca", self.ca.is_some()),
            ("--insecure", self.insecure),
            ("--proxy", self.proxy.is_some()),
            ("--http2", self.http2),
        ];
        if let (None, Some((flag, _))) = (address.source, given.iter().find(|(_, given)| *given)) {
            return Err(UsageError::new(format!(
                "{flag} is for a server that you name: give its address with --url"
            )));
        }
        // Its text may hold a password.
        let proxy = self.proxy.as_deref().map(Proxy::from_text).transpose();
        Ok(Access {
            credentials: self.credentials(address)?,
            query: address.query.clone(),
            trust,
            proxy: proxy.map_err(|why| UsageError::new(format!("--proxy: {why}")))?,
            proxy_variable: proxy_variable(&address.url),
            http2: self.http2,
        })
    }

    /// What is sent to the server at `address`: nothing to one that the user did not name.
    fn credentials(&self, address: &Address) -> Result<Credentials, UsageError> {
        let is_named = address.source.is_some();
        let mut credentials = Credentials::default();
        for (flag, secret, is_basic) in self.secrets()? {
            if !is_named {
                return Err(nobody(flag));
            }
            let source = secret.source;
            let added = if is_basic {
                credentials.with_basic(&secret.text, &source)
            } else {
                credentials.with_key(&secret.text, &source)
            };
            credentials = added.map_err(|error| wrong(&source, &error))?;
        }
        if is_named
            && credentials.is_empty()
            && let Some(key) = variable(USUAL)
        {
            let added = credentials.with_key(&key, USUAL);
            credentials = added.map_err(|error| wrong(USUAL, &error))?;
        }
        for header in &self.headers {
            if !is_named {
                return Err(nobody("--header"));
            }
            let added = credentials.with_header(header);
            credentials = added.map_err(|error| wrong("--header", &error))?;
        }
        Ok(credentials)
    }

    fn secrets(&self) -> Result<Vec<(&'static str, Secret, bool)>, UsageError> {
        let mut all = Vec::new();
        for (flag, name, is_basic) in [
            ("--api-key-env", &self.api_key_env, false),
            ("--basic-auth-env", &self.basic_auth_env, true),
        ] {
            if let Some(name) = name {
                all.push((flag, Secret::of_variable(flag, name)?, is_basic));
            }
        }
        for (flag, path, is_basic) in [
            ("--api-key-file", &self.api_key_file, false),
            ("--basic-auth-file", &self.basic_auth_file, true),
        ] {
            if let Some(path) = path {
                all.push((flag, Secret::of_file(flag, path)?, is_basic));
            }
        }
        Ok(all)
    }
}

/// A secret, and where it was.
struct Secret {
    text: String,
    source: String,
}

impl Secret {
    fn of_variable(flag: &str, name: &str) -> Result<Self, UsageError> {
        let text = variable(name).ok_or_else(|| {
            UsageError::new(format!(
                "{flag} {name}: the environment has no such variable, or it is empty"
            ))
        })?;
        let source = format!("{flag} {name}");
        Ok(Self { text, source })
    }

    fn of_file(flag: &str, path: &Path) -> Result<Self, UsageError> {
        let source = format!("{flag} {}", path.display());
        let text = std::fs::read_to_string(path)
            .map_err(|error| UsageError::new(format!("{source}: {error}")))?;
        Ok(Self { text, source })
    }
}

/// The variable that names a proxy for the server at `url`.
fn proxy_variable(url: &str) -> Option<&'static str> {
    let of_scheme = if url.starts_with("https:") {
        ["HTTPS_PROXY", "https_proxy"]
    } else {
        ["HTTP_PROXY", "http_proxy"]
    };
    let names = of_scheme.into_iter().chain(["ALL_PROXY", "all_proxy"]);
    names.into_iter().find(|name| variable(name).is_some())
}

fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    (!value.trim().is_empty()).then_some(value)
}

fn nobody(flag: &str) -> UsageError {
    UsageError::new(format!(
        "{flag}: secrets are sent only to a server that you name: give its address with --url"
    ))
}

fn wrong(source: &str, error: &CredentialError) -> UsageError {
    UsageError::new(format!("{source}: {error}"))
}
