//! Small pages over HTTP, for monitors: never slow, never large.

use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::runtime::Runtime;

use crate::dialect::Access;
use crate::probe::source::{Fault, FaultKind};

/// The longest that a page may take, whatever its size.
const TIMEOUT: Duration = Duration::from_millis(800);
/// The largest page, bytes.
const LARGEST: usize = 8 << 20;

/// Fetches pages on the thread of its source, with what the first of them makes.
#[derive(Debug, Default)]
pub(crate) struct Fetch {
    made: Option<(Runtime, Client)>,
    access: Access,
    /// The server whose pages these are; empty for that of the first page.
    server: String,
}

impl Fetch {
    /// Fetches pages of the server at `url`, which is reached by `access`.
    pub(crate) fn of(url: &str, access: Access) -> Self {
        Self {
            made: None,
            access,
            server: url.to_owned(),
        }
    }

    /// Fetches `url` and hands each piece of its body to `take`, as it comes.
    pub(crate) fn get(&mut self, url: &str, take: impl FnMut(&[u8])) -> Result<(), Fault> {
        let server = if self.server.is_empty() {
            url
        } else {
            &self.server
        };
        let (runtime, client) = match &self.made {
            Some(made) => made,
            None => self.made.insert(client(&self.access, server)?),
        };
        let asked = self.access.with_query(url);
        runtime.block_on(fetch(client, (url, &asked), take))
    }
}

fn client(access: &Access, url: &str) -> Result<(Runtime, Client), Fault> {
    let died = |error: String| Fault::new(FaultKind::Died, error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| died(error.to_string()))?;
    // A key goes to the server that it is for, and nowhere else.
    let redirects = if access.has_secret() {
        Policy::none()
    } else {
        Policy::default()
    };
    let builder = access.builder(url).map_err(died)?;
    let client = builder.redirect(redirects).timeout(TIMEOUT).build();
    Ok((runtime, client.map_err(|error| died(error.to_string()))?))
}

/// Fetches `asked`; messages call it `url`.
async fn fetch(
    client: &Client,
    (url, asked): (&str, &str),
    mut take: impl FnMut(&[u8]),
) -> Result<(), Fault> {
    let answer = client.get(asked).send().await;
    let mut response = answer.map_err(|e| fault(url, &e))?;
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
