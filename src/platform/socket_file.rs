//! Sockets in the file system, where the system has them.

use std::io;
use std::path::Path;

/// Whether the system has any.
pub const ARE_KNOWN: bool = cfg!(unix);

/// A connection over one.
#[cfg(unix)]
pub type Stream = tokio::net::UnixStream;
#[cfg(not(unix))]
pub type Stream = tokio::net::TcpStream;

/// Connects to the server that listens at `file`.
#[cfg(unix)]
pub async fn connect(file: &Path) -> io::Result<Stream> {
    tokio::net::UnixStream::connect(file).await
}

#[cfg(not(unix))]
pub async fn connect(_: &Path) -> io::Result<Stream> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Has a client connect to `file`, whatever it asks for.
#[cfg(unix)]
pub fn through(builder: reqwest::ClientBuilder, file: &Path) -> reqwest::ClientBuilder {
    builder.unix_socket(file)
}

#[cfg(not(unix))]
pub fn through(builder: reqwest::ClientBuilder, _: &Path) -> reqwest::ClientBuilder {
    builder
}
