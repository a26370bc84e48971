//! Looks for servers: at the address that was named, else wherever one may be on this machine, at all places at once.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::dialect::{Access, DIALECTS, Dialect, DiscoverError, Discovery, discover};
use crate::probe::gpu::SysRoot;
use crate::probe::process::{ListeningServer, listening};

/// How long a place may take that nobody named: unless a process says that a server listens there, it is no sign of one
/// that something accepts a connection.
const QUICK: Duration = Duration::from_millis(300);
/// How long a server may take whose process is known: it may be busy.
const PATIENT: Duration = Duration::from_secs(3);

/// Where to look.
#[derive(Debug, Clone)]
pub struct Search {
    /// The address that was named.
    pub url: Option<String>,
    /// Its dialect, where the user said so.
    pub dialect: Option<&'static dyn Dialect>,
    /// What lets in at that address, and only there.
    pub access: Access,
}

/// A place where a server may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its address.
    pub url: String,
    /// Who is there, or usually is.
    pub who: String,
    /// Whether a process says so.
    is_seen: bool,
    /// What its command line says of its slots.
    slots: Option<u32>,
}

/// What was found at a place, or what went wrong there.
pub type Look = (Place, Result<Discovery, String>);

/// The ports that servers of models use unless told otherwise.
pub fn usual_places() -> Vec<Place> {
    let usual = DIALECTS.iter().flat_map(|dialect| dialect.usual_servers());
    let place = |(url, who): &(&str, &str)| Place {
        url: (*url).to_owned(),
        who: (*who).to_owned(),
        is_seen: false,
        slots: None,
    };
    usual.map(place).collect()
}

impl From<ListeningServer> for Place {
    fn from(server: ListeningServer) -> Self {
        Self {
            url: server.url,
            who: server.name.to_owned(),
            is_seen: true,
            slots: server.slots,
        }
    }
}

impl Search {
    /// Looks once: the servers that were found, or each address that was tried, and what went wrong there.
    pub async fn look(&self) -> Result<Vec<Discovery>, Vec<(String, String)>> {
        if let Some(url) = &self.url {
            let found = discover(url, self.dialect, &self.access).await;
            return match found {
                Ok(found) => Ok(vec![found]),
                Err(error) => Err(vec![(url.clone(), words(error))]),
            };
        }
        let mut found = Vec::new();
        let mut failed = Vec::new();
        for (place, result) in look_around(self.dialect).await {
            match result {
                Ok(server) => found.push(server),
                Err(why) => failed.push((place, why)),
            }
        }
        if found.is_empty() {
            Err(tried(failed))
        } else {
            Ok(found)
        }
    }
}

/// Each address that was tried, and what went wrong there; the usual ones at which the same went wrong as one.
fn tried(failed: Vec<(Place, String)>) -> Vec<(String, String)> {
    let (seen, mut usual): (Vec<_>, Vec<_>) =
        failed.into_iter().partition(|(place, _)| place.is_seen);
    let by_process = |(place, why): (Place, String)| (place.url, format!("{} ({why})", place.who));
    let mut tried: Vec<(String, String)> = seen.into_iter().map(by_process).collect();
    usual.sort_by(|(_, a), (_, b)| a.cmp(b));
    for alike in usual.chunk_by(|(_, a), (_, b)| a == b) {
        let places = alike
            .iter()
            .map(|(place, _)| format!("{} ({})", port_of(&place.url), place.who));
        let why = alike.first().map(|(_, why)| why.clone());
        tried.push((
            places.collect::<Vec<_>>().join(", "),
            why.unwrap_or_default(),
        ));
    }
    tried
}

/// The address of a usual place without what is the same for all.
fn port_of(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// Looks at all places of this machine at once. Nothing is sent there but what anybody may send.
pub async fn look_around(dialect: Option<&'static dyn Dialect>) -> Vec<Look> {
    let began = Instant::now();
    let usual = usual_places();
    let listening = async {
        let seen = tokio::task::spawn_blocking(|| listening(&SysRoot::default())).await;
        let seen = seen.unwrap_or_default().into_iter().map(Place::from);
        let seen: Vec<Place> = seen.collect();
        join_all(seen.into_iter().map(|place| look(place, dialect, began))).await
    };
    let usual = join_all(usual.into_iter().map(|place| look(place, dialect, began)));
    let (usual, mut all) = tokio::join!(usual, listening);
    // A process that is seen at a usual port says more of it.
    for (place, result) in usual {
        if all.iter().all(|(seen, _)| seen.url != place.url) {
            all.push((place, result));
        }
    }
    all.sort_by_key(|(_, result)| result.is_err());
    all
}

async fn look(place: Place, dialect: Option<&'static dyn Dialect>, began: Instant) -> Look {
    let patience = if place.is_seen { PATIENT } else { QUICK };
    let access = Access::default();
    let looking = discover(&place.url, dialect, &access);
    let result = match timeout_at(began + patience, looking).await {
        Ok(Ok(found)) => Ok(Discovery {
            server: found
                .server
                .or_else(|| place.is_seen.then(|| place.who.clone())),
            slots: found.slots.or(place.slots),
            ..found
        }),
        Ok(Err(error)) => Err(words(error)),
        Err(_) => Err(format!("no answer within {} ms", patience.as_millis())),
    };
    (place, result)
}

fn words(error: DiscoverError) -> String {
    match error {
        DiscoverError::NoAnswer(why) => why,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_places_where_the_same_went_wrong_are_named_together() {
        let place = |url: &str, who: &str, is_seen| Place {
            url: url.to_owned(),
            who: who.to_owned(),
            is_seen,
            slots: None,
        };
        let failed = vec![
            (
                place("http://127.0.0.1:1", "a", false),
                "refused".to_owned(),
            ),
            (place("http://127.0.0.1:2", "b", true), "refused".to_owned()),
            (
                place("http://127.0.0.1:3", "c", false),
                "no answer".to_owned(),
            ),
            (
                place("http://127.0.0.1:4", "d", false),
                "refused".to_owned(),
            ),
        ];
        let tried = tried(failed);
        let tried: Vec<(&str, &str)> = tried
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(
            tried,
            [
                ("http://127.0.0.1:2", "b (refused)"),
                ("127.0.0.1:3 (c)", "no answer"),
                ("127.0.0.1:1 (a), 127.0.0.1:4 (d)", "refused"),
            ]
        );
    }
}
