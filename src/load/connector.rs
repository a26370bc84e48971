//! How connections to a server are made: over TCP or a socket's file, through a proxy if there is one, with TLS.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::Url;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::dialect::address::{of_localhost, request_base, socket_file};
use crate::dialect::{Access, is_http_2, tls_advice};
use crate::event::RunClock;
use crate::platform;

use crate::load::stamped::{Stamped, Stamps};

/// The longest answer of a proxy that is asked for a tunnel, bytes.
const LONGEST_HEAD: usize = 8 << 10;

/// What bytes go over.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects to one server.
pub(crate) struct Connector {
    place: Place,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// What the proxy is asked to connect to, where it does not read the requests itself.
    tunnel: Option<String>,
    /// Whether requests name the whole address, for a proxy that reads them.
    names_server: bool,
    /// Whether HTTP/2 is spoken without asking.
    http2: bool,
    url: Url,
}

/// Where connections go.
enum Place {
    Addresses(Vec<SocketAddr>),
    File(PathBuf),
}

/// A connection that is open, and how long that took, microseconds.
pub(crate) struct Opened {
    pub(crate) stream: Box<dyn Io>,
    pub(crate) stamps: Arc<Stamps>,
    pub(crate) took: Opening,
    pub(crate) http2: bool,
}

/// How long a connection took to open, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) connect_us: u64,
    /// The handshake that followed, of a server of https.
    pub(crate) tls_us: Option<u64>,
}

impl Connector {
    /// How the server at `url` is connected to. Looks its host up.
    pub(crate) async fn find(url: &str, access: &Access) -> Result<Self, String> {
        let config = access.tls(url).map_err(|error| format!("{url}: {error}"))?;
        let file = socket_file(url);
        let url = Url::parse(request_base(url)).map_err(|error| format!("{url}: {error}"))?;
        let (host, port) = host_and_port(&url)?;
        let tls = match config {
            Some(config) => {
                let name = ServerName::try_from(host.clone());
                Some((config, name.map_err(|error| format!("{host}: {error}"))?))
            }
            None => None,
        };
        let proxy = access.proxy.as_ref().filter(|_| file.is_none());
        let place = match (file, proxy.map(crate::dialect::Proxy::host_and_port)) {
            (Some(file), _) => Place::File(file),
            (None, Some((host, port))) => Place::Addresses(resolve(host, port).await?),
            (None, None) => Place::Addresses(resolve(&host, port).await?),
        };
        let is_proxied = proxy.is_some();
        let authority = format!("{}:{port}", url.host_str().unwrap_or_default());
        Ok(Self {
            place,
            tunnel: (is_proxied && tls.is_some()).then_some(authority),
            names_server: is_proxied && tls.is_none(),
            tls,
            http2: access.http2,
            url,
        })
    }

    /// Whether whoever is on the way can read what is sent.
    pub(crate) fn is_readable_on_the_way(&self) -> bool {
        match &self.place {
            Place::Addresses(addresses) => {
                self.tls.is_none() && !addresses.iter().all(|at| at.ip().is_loopback())
            }
            Place::File(_) => false,
        }
    }

    /// Whether a request names the whole address, over HTTP/1.1.
    pub(crate) fn names_server(&self) -> bool {
        self.names_server
    }

    /// The server's address, without a path of its API.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The `Host` header.
    pub(crate) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port();
        port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Opens a connection, to the first address that answers.
    pub(crate) async fn open(&self, clock: RunClock) -> io::Result<Opened> {
        let stamps = Stamps::new(clock);
        let began = clock.now();
        let stream: Box<dyn Io> = match &self.place {
            Place::Addresses(addresses) => {
                let mut stream = TcpStream::connect(addresses.as_slice()).await?;
                stream.set_nodelay(true)?;
                if let Some(to) = &self.tunnel {
                    tunnel(&mut stream, to).await?;
                }
                stamped(stream, &stamps)
            }
            Place::File(file) => stamped(platform::socket_file::connect(file).await?, &stamps),
        };
        let connected = clock.now();
        let opened = Opened {
            stream,
            stamps,
            took: Opening {
                connect_us: connected.0.saturating_sub(began.0),
                tls_us: None,
            },
            http2: self.http2,
        };
        let Some((config, name)) = &self.tls else {
            return Ok(opened);
        };
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), opened.stream).await;
        let stream = stream.map_err(|error| handshake_failed(&error))?;
        Ok(Opened {
            http2: self.http2 || is_http_2(stream.get_ref().1.alpn_protocol()),
            took: Opening {
                tls_us: Some(clock.now().0.saturating_sub(connected.0)),
                ..opened.took
            },
            stream: Box::new(stream),
            stamps: opened.stamps,
        })
    }
}

fn stamped(stream: impl Io + 'static, stamps: &Arc<Stamps>) -> Box<dyn Io> {
    let stamps = Arc::clone(stamps);
    Box::new(Stamped { stream, stamps })
}

/// A handshake that failed, and what to do about it.
fn handshake_failed(error: &io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner.and_then(tls_advice) {
        Some(advice) => io::Error::new(error.kind(), format!("TLS: {error} ({advice})")),
        None => io::Error::new(error.kind(), format!("TLS: {error}")),
    }
}

/// Has the proxy at the other end of `stream` connect it to `to`.
async fn tunnel(stream: &mut TcpStream, to: &str) -> io::Result<()> {
    let asked = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
    stream.write_all(asked.as_bytes()).await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head is for TLS.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == LONGEST_HEAD {
            return Err(io::Error::other("the proxy's answer is not HTTP"));
        }
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let first = head.lines().next().unwrap_or_default();
    match first.split(' ').nth(1) {
        Some(status) if status.starts_with('2') => Ok(()),
        _ => Err(io::Error::other(format!(
            "the proxy does not connect to {to}: {first}"
        ))),
    }
}

/// The host, without brackets, and the port of an address.
fn host_and_port(url: &Url) -> Result<(String, u16), String> {
    let host = url.host_str().ok_or_else(|| format!("{url} has no host"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    Ok((bare.to_owned(), url.port_or_known_default().unwrap_or(80)))
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if host == "localhost" {
        return Ok(of_localhost(port).to_vec());
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((bare, port)).await;
    let found = found.map_err(|error| format!("cannot resolve {host}: {error}"))?;
    Ok(found.collect())
}
