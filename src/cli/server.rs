//! Which server, and what lets tokometer in: its address, keys, passwords and headers.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::output::UsageError;
use crate::cli::values::SERVER;
use crate::dialect::{CredentialError, Credentials, address};

/// The variable that most clients of such servers read.
const USUAL: &str = "OPENAI_API_KEY";

/// The address of a server, and who named it.
pub(crate) struct Address {
    pub(crate) url: String,
    pub(crate) source: Option<&'static str>,
}

impl Default for Address {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:11434".to_owned(),
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
        let url = address::from_text(text)
            .map_err(|error| UsageError::new(format!("{source}: {error}")))?;
        let source = Some(source);
        Ok(Self { url, source })
    }
}

/// Flags with secrets; none holds one itself, but for headers.
#[derive(Debug, Args, Clone, Default, PartialEq)]
pub struct AuthArgs {
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
}

impl AuthArgs {
    /// What is sent to the server at `address`: nothing to one that the user did not name.
    pub(crate) fn credentials(&self, address: &Address) -> Result<Credentials, UsageError> {
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
