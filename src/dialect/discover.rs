//! Is there a server, which one, which models. Untimed, over reqwest.

use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use serde::de::DeserializeOwned;

use crate::dialect::address::{of_localhost, redirected};
use crate::dialect::{Access, DIALECTS, Dialect, Discovery, Http, tls};
use crate::event::Model;
use crate::text::sanitize::one_line;

/// How long a server may take to say who it is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// Redirects in a row that are followed.
const MOST_REDIRECTS: usize = 3;

/// Why an address gave no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoverError {
    /// Nobody answered.
    #[error("{0}")]
    NoAnswer(String),
    /// Something answered, but not in the dialect in which it was asked.
    #[error("{0}")]
    NotSpoken(String),
    /// Something answered that speaks no dialect known here.
    #[error("something answers there, but {tried}: {why}")]
    Unknown {
        /// The dialects in which it was asked, for example `neither as Ollama (/api/version) nor …`.
        tried: String,
        /// What it answered.
        why: String,
    },
    /// A server wants a key, or another one.
    #[error("{0}")]
    Refused(String),
    /// A request failed.
    #[error("{0}")]
    Failed(String),
}

/// Looks at the server at `url`; asks only in `dialect` where one is given.
pub async fn discover(
    url: &str,
    dialect: Option<&'static dyn Dialect>,
    access: &Access,
) -> Result<Discovery, DiscoverError> {
    let http = client(access, url)?;
    let mut refused = None;
    let tried: Vec<&'static dyn Dialect> = match dialect {
        Some(dialect) => vec![dialect],
        None => DIALECTS
            .iter()
            .copied()
            .filter(|dialect| dialect.is_detected())
            .collect(),
    };
    let mut answers = Vec::new();
    for dialect in &tried {
        let http = http.speaking(*dialect);
        match dialect.discover(&http, http.base()).await {
            Ok(found) => {
                return Ok(Discovery {
                    // Its server may be told apart by what another dialect asks.
                    dialect: *dialect,
                    url: url.to_owned(),
                    route: access.route(),
                    models: answering_first(found.models),
                    ..found
                });
            }
            Err(DiscoverError::NoAnswer(why)) if answers.is_empty() => {
                let why = match access.unused_proxy(url) {
                    Some(variable) => format!(
                        "{why} ({variable} is set, but not used: --proxy URL goes through a proxy)"
                    ),
                    None => why,
                };
                return Err(DiscoverError::NoAnswer(why));
            }
            Err(DiscoverError::NoAnswer(why) | DiscoverError::NotSpoken(why)) => answers.push(why),
            Err(DiscoverError::Refused(why)) => refused = Some(why),
            Err(failed) => return Err(failed),
        }
    }
    if let Some(why) = refused {
        return Err(DiscoverError::Refused(format!(
            "{why}; {}",
            access.credentials.advice()
        )));
    }
    let names: Vec<String> = tried
        .iter()
        .map(|dialect| format!("as {} ({})", dialect.server(), dialect.light_path()))
        .collect();
    let either = if names.len() > 1 { "neither" } else { "not" };
    Err(DiscoverError::Unknown {
        tried: format!("{either} {}", names.join(" nor ")),
        why: answers.join("; "),
    })
}

/// The models with those that only embed or rank at the end.
fn answering_first(mut models: Vec<Model>) -> Vec<Model> {
    models.sort_by_key(|model| !model.answers());
    models
}

/// A client for the server at `url` that goes there as `access` says.
pub(crate) fn client(access: &Access, url: &str) -> Result<Http, DiscoverError> {
    let built = access.builder(url).and_then(|builder| {
        let builder = builder
            .redirect(same_server())
            .resolve_to_addrs("localhost", &of_localhost(0))
            .connect_timeout(PATIENCE);
        builder.build().map_err(|error| error.to_string())
    });
    match built {
        Ok(client) => Ok(Http::new(client, access.clone(), url)),
        Err(why) => Err(DiscoverError::Failed(why)),
    }
}

/// Redirects are followed on the server that was asked, never to another.
fn same_server() -> Policy {
    Policy::custom(|attempt| {
        let Some(first) = attempt.previous().first() else {
            return attempt.stop();
        };
        let to = redirected(first, attempt.url().as_str());
        match (to, attempt.previous().len()) {
            (Some(_), ..=MOST_REDIRECTS) => attempt.follow(),
            _ => attempt.stop(),
        }
    })
}

/// What an answer other than 200 says; where it leads, if it was not followed there.
pub(crate) fn status_text(response: &reqwest::Response) -> String {
    let status = response.status();
    let location = response.headers().get(LOCATION);
    match location.filter(|_| status.is_redirection()) {
        Some(location) => redirect_text(status.as_u16(), location.as_bytes()),
        None => status.to_string(),
    }
}

/// An answer that leads elsewhere. A query of its address may hold a secret.
pub(crate) fn redirect_text(status: u16, location: &[u8]) -> String {
    let location = String::from_utf8_lossy(location);
    let location = location.split(['?', '#']).next().unwrap_or_default();
    format!("{status}, a redirect to {location}, which is not followed")
}

/// Whether a server wants a key, or another one.
pub(crate) fn is_refusal(status: reqwest::StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403)
}

/// The innermost cause of an error, which names what a person can fix.
pub(crate) fn error_text(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    let mut advice = tls_advice(cause);
    while let Some(source) = cause.source() {
        cause = source;
        advice = advice.or_else(|| tls_advice(cause));
    }
    match advice {
        Some(advice) => format!("{cause} ({advice})"),
        None => cause.to_string(),
    }
}

/// What to do about a TLS error, which may be inside errors of input and output.
fn tls_advice(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    match error.downcast_ref::<std::io::Error>() {
        Some(io) => tls_advice(io.get_ref()?),
        None => tls::advice(error.downcast_ref()?),
    }
}

pub(crate) async fn read<T: DeserializeOwned>(
    url: &str,
    answer: Result<reqwest::Response, reqwest::Error>,
) -> Result<T, DiscoverError> {
    let failed = |why: String| DiscoverError::Failed(format!("{url}: {why}"));
    let response = answer.map_err(|error| failed(error_text(&error)))?;
    let (status, said) = (response.status(), status_text(&response));
    let body = response
        .bytes()
        .await
        .map_err(|error| failed(error_text(&error)))?;
    if !status.is_success() {
        return Err(failed(format!(
            "{said}: {}",
            crate::dialect::json::error_message(&body)
        )));
    }
    serde_json::from_slice(&body).map_err(|error| match web_page(&body) {
        Some(page) => failed(page),
        None => failed(error.to_string()),
    })
}

/// A page for people, by its title.
pub(crate) fn web_page(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    if !text.trim_start().starts_with('<') {
        return None;
    }
    let title = text.split_once("<title>").map(|(_, rest)| rest);
    let title = title.and_then(|rest| Some(rest.split_once('<')?.0.trim()));
    Some(match title.filter(|title| !title.is_empty()) {
        Some(title) => format!("a web page ({})", one_line(title, 60)),
        None => "a web page".to_owned(),
    })
}
