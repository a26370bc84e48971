//! Which sources a run has: those of this machine only where the target is on it.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

use regex::Regex;

use crate::dialect::address::socket_file;
use crate::dialect::{Access, Dialect};
use crate::event::RunClock;
use crate::probe::exporter::Exporter;
use crate::probe::gpu;
use crate::probe::gpu::simulated::{Load, Simulated};
use crate::probe::gpu::{Places, ServerPids};
use crate::probe::process::{Processes, Search};
use crate::probe::server::ServerState;
use crate::probe::source::Source;

/// What monitors are asked for.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The base address of the target.
    pub target: String,
    /// What is sent to the target.
    pub access: Access,
    /// How the target is spoken to; None leaves its own state out.
    pub dialect: Option<&'static dyn Dialect>,
    /// The load of the simulated server, if the target is that.
    pub simulated: Option<Load>,
    /// Addresses of Prometheus pages (`--exporter`).
    pub exporters: Vec<String>,
    /// The target is on another machine, whatever its address says (`--remote`).
    pub remote: bool,
    /// Processes to add by name or command line (`--match`).
    pub matching: Option<Regex>,
    /// Where the sources look.
    pub places: Places,
}

/// The sources of a run.
pub struct Sources {
    /// To be given to a [`Sampler`](crate::probe::sampler::Sampler).
    pub sources: Vec<Box<dyn Source>>,
    /// Why this machine is not measured, if it is not: to be said in the panes.
    pub not_here: Option<String>,
}

impl Setup {
    /// The sources that fit the target. Looks its host's address up, so it may take a while.
    pub fn sources(self, clock: RunClock) -> Sources {
        let exporters = self.exporters.iter().map(|address| {
            let source: Box<dyn Source> = Box::new(Exporter::new(address));
            source
        });
        let mut sources: Vec<Box<dyn Source>> = exporters.collect();
        if let Some(load) = self.simulated {
            sources.push(Box::new(Simulated::new(clock, load)));
            return Sources {
                sources,
                not_here: None,
            };
        }
        let processes = ServerPids::default();
        let state = self.dialect.and_then(|dialect| {
            let target = (self.target.as_str(), self.access.clone());
            ServerState::new(target, dialect, processes.clone())
        });
        if let Some(state) = state {
            sources.push(Box::new(state));
        }
        if self.remote || !is_local(&self.target) {
            let advice = if self.exporters.is_empty() {
                " (--exporter URL reads its figures)"
            } else {
                ""
            };
            return Sources {
                sources,
                not_here: Some(format!("the server is on another machine{advice}")),
            };
        }
        let search = Search {
            port: host_and_port(&self.target).map(|(_, port)| port),
            matching: self.matching,
            own_pid: None,
        };
        if let Ok(table) = Processes::new(search, &self.places.root, processes.clone()) {
            sources.push(Box::new(table));
        }
        sources.extend(gpu::sources(&self.places, &processes));
        Sources {
            sources,
            not_here: None,
        }
    }
}

/// Whether a server's address is one of this machine's: only such an address can be bound.
pub fn is_local(url: &str) -> bool {
    if socket_file(url).is_some() {
        return true;
    }
    let Some((host, _)) = host_and_port(url) else {
        return false;
    };
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let is_own = |ip: IpAddr| {
        ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok()
    };
    match host.parse() {
        Ok(ip) => is_own(ip),
        Err(_) => (host.as_str(), 0)
            .to_socket_addrs()
            .is_ok_and(|mut addresses| addresses.any(|address| is_own(address.ip()))),
    }
}

/// Host and port of an address; the port is the scheme's where none is written.
fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = reqwest::Url::parse(url).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((host, url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Ollama;

    fn names(setup: Setup) -> (Vec<String>, Option<String>) {
        let made = setup.sources(RunClock::start());
        (
            made.sources.iter().map(|source| source.name()).collect(),
            made.not_here,
        )
    }

    fn setup(target: &str) -> Setup {
        Setup {
            access: Access::default(),
            target: target.to_owned(),
            dialect: Some(&Ollama),
            ..Setup::default()
        }
    }

    #[test]
    fn this_machine_is_known() {
        for here in [
            "http://127.0.0.1:11434",
            "http://localhost:8080/v1",
            "http://[::1]:1",
            "http://0.0.0.0:1",
        ] {
            assert!(is_local(here), "{here}");
        }
        // Addresses kept for documentation: no machine has them.
        for there in [
            "http://192.0.2.1:11434",
            "http://[2001:db8::1]:1",
            "no address",
        ] {
            assert!(!is_local(there), "{there}");
        }
        assert_eq!(
            host_and_port("https://[2001:db8::1]/v1").unwrap(),
            ("2001:db8::1".to_owned(), 443)
        );
    }

    #[test]
    fn another_machine_is_measured_only_through_exporters() {
        let (local, not_here) = names(setup("http://127.0.0.1:11434"));
        assert!(local.contains(&"processes".to_owned()) && local.contains(&"nvidia".to_owned()));
        assert_eq!(not_here, None);
        let (remote_names, not_here) = names(setup("http://192.0.2.1:11434"));
        assert_eq!(remote_names, ["server"]);
        assert!(not_here.unwrap().contains("--exporter"));
        let mut remote = setup("http://192.0.2.1:11434");
        remote.exporters = vec!["192.0.2.1:9400".to_owned()];
        let (remote_names, not_here) = names(remote);
        assert_eq!(remote_names, ["http://192.0.2.1:9400/metrics", "server"]);
        assert!(!not_here.unwrap().contains("--exporter"));
        let mut tunnel = setup("http://127.0.0.1:11434");
        tunnel.remote = true;
        let (remote_names, not_here) = names(tunnel);
        assert_eq!((remote_names.len(), not_here.is_some()), (1, true));
    }

    #[test]
    fn a_simulated_server_has_a_simulated_gpu_alone() {
        let mut made_up = setup("http://127.0.0.1:1");
        made_up.simulated = Some(Load::default());
        assert_eq!(names(made_up), (vec!["simulated".to_owned()], None));
    }
}
