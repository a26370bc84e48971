//! A stream that stamps its own writes and reads. Below TLS: its stamps are those of the bytes on the wire.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::event::{RunClock, Stamp};

/// No stamp yet.
const NONE: u64 = u64::MAX;

/// The instants of a socket: when it was first written to for a request, and last read from.
#[derive(Debug)]
pub(crate) struct Stamps {
    clock: RunClock,
    sent: AtomicU64,
    read: AtomicU64,
}

impl Stamps {
    pub(crate) fn new(clock: RunClock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            sent: AtomicU64::new(NONE),
            read: AtomicU64::new(NONE),
        })
    }

    /// Before a request.
    pub(crate) fn clear(&self) {
        self.sent.store(NONE, Ordering::Relaxed);
        self.read.store(NONE, Ordering::Relaxed);
    }

    /// When the first byte was handed to the socket.
    pub(crate) fn sent(&self) -> Option<Stamp> {
        get(&self.sent)
    }

    /// When the socket was last read from.
    pub(crate) fn read(&self) -> Option<Stamp> {
        get(&self.read)
    }
}

fn get(stamp: &AtomicU64) -> Option<Stamp> {
    let micros = stamp.load(Ordering::Relaxed);
    (micros != NONE).then_some(Stamp(micros))
}

/// A stream that stamps.
pub(crate) struct Stamped<S> {
    pub(crate) stream: S,
    pub(crate) stamps: Arc<Stamps>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Stamped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        // A connection that broke off has sent nothing.
        if matches!(result, Poll::Ready(Ok(()))) {
            self.stamps
                .read
                .store(self.stamps.clock.now().0, Ordering::Relaxed);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stamped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Stamped before the write: on a local socket the server may answer inside it.
        let before = self.stamps.clock.now();
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        if result.is_ready() && self.stamps.sent.load(Ordering::Relaxed) == NONE {
            self.stamps.sent.store(before.0, Ordering::Relaxed);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
