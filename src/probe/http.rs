//! Small pages over HTTP, for monitors: never slow, never large.

use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::runtime::Runtime;

use crate::dialect::Credentials;
use crate::probe::source::{Fault, FaultKind};

/// The longest that a page may take, whatever its size.
const TIMEOUT: Duration = Duration::from_millis(800);
/// The largest page, bytes.
const LARGEST: usize = 8 << 20;

/// Fetches pages on the thread of its source, with what the first of them makes.
#[derive(Debug, Default)]
pub(crate) struct Fetch {
    made: Option<(Runtime, Client)>,
    credentials: Credentials,
}

impl Fetch {
    /// Sends these with each request.
    pub(crate) fn with(credentials: Credentials) -> Self {
        Self {
            made: None,
            credentials,
        }
    }

    /// Fetches `url` and hands each piece of its body to `take`, as it comes.
    pub(crate) fn get(&mut self, url: &str, take: impl FnMut(&[u8])) -> Result<(), Fault> {
        let (runtime, client) = match &self.made {
            Some(made) => made,
            None => self.made.insert(client(&self.credentials)?),
        };
        runtime.block_on(fetch(client, url, take))
    }
}

fn client(credentials: &Credentials) -> Result<(Runtime, Client), Fault> {
    let died = |error: String| Fault::new(FaultKind::Died, error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| died(error.to_string()))?;
    // A key goes to the server that it is for, and nowhere else.
    let redirects = if credentials.is_empty() {
        Policy::default()
    } else {
        Policy::none()
    };
    // Exporters and servers are in the local network: a proxy is never asked for them.
    let client = Client::builder()
        .no_proxy()
        .redirect(redirects)
        .default_headers(credentials.headers().clone())
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| died(error.to_string()))?;
    Ok((runtime, client))
}

async fn fetch(client: &Client, url: &str, mut take: impl FnMut(&[u8])) -> Result<(), Fault> {
    let mut response = client.get(url).send().await.map_err(|e| fault(url, &e))?;
    let status = response.status();
    if !status.is_success() {
        let why = format!("{url} answers with status {}", status.as_u16());
        return Err(Fault::new(FaultKind::Died, why));
    }
    let mut length = 0_usize;
    while let Some(piece) = response.chunk().await.map_err(|e| fault(url, &e))? {
        length = length.saturating_add(piece.len());
        if length > LARGEST {
            let why = format!("{url} is larger than {} MiB", LARGEST >> 20);
            return Err(Fault::new(FaultKind::Garbage, why));
        }
        take(&piece);
    }
    Ok(())
}

fn fault(url: &str, error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        let why = format!("{url} does not answer within {} ms", TIMEOUT.as_millis());
        return Fault::new(FaultKind::Silent, why);
    }
    if error.is_builder() {
        let why = format!("{url} is not an address");
        return Fault::new(FaultKind::Refused, why).fix("--exporter http://HOST:PORT/metrics");
    }
    let why = if error.is_connect() {
        format!("nothing answers at {url}")
    } else {
        format!("{url}: the connection broke off")
    };
    Fault::new(FaultKind::Died, why)
}
