//! A connection that a user holds: HTTP/1.1 over a stream that stamps its own writes and reads.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::event::{RunClock, Stamp};

/// How long a connection may take to be ready for the next request once an answer was read. It is
/// ready at once, unless the server answered before it read the whole request.
const READY_PATIENCE: Duration = Duration::from_millis(500);

/// No stamp yet.
const NONE: u64 = u64::MAX;

/// The instants of a socket: when it was first written to for a request, and last read from.
#[derive(Debug)]
struct Stamps {
    clock: RunClock,
    sent: AtomicU64,
    read: AtomicU64,
    /// Reads since the request was sent; the one that finds the end is one as well.
    reads: AtomicU64,
}

impl Stamps {
    fn get(stamp: &AtomicU64) -> Option<Stamp> {
        Some(stamp.load(Ordering::Relaxed))
            .filter(|micros| *micros != NONE)
            .map(Stamp)
    }
}

/// What moves the bytes of a connection; it must be polled.
type Driver = Pin<Box<http1::Connection<Stamped, Full<Bytes>>>>;

/// An open connection.
pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Option<Driver>,
    stamps: Arc<Stamps>,
    /// Whether a request has been answered on it before.
    pub(crate) used: bool,
    spoiled: bool,
}

impl Connection {
    /// Connects to the first of `addresses` that answers; gives the time that took, microseconds.
    pub(crate) async fn open(addresses: &[SocketAddr], clock: RunClock) -> io::Result<(Self, u64)> {
        let began = clock.now();
        let stream = TcpStream::connect(addresses).await?;
        stream.set_nodelay(true)?;
        let took = clock.now().0.saturating_sub(began.0);
        let stamps = Arc::new(Stamps {
            clock,
            sent: AtomicU64::new(NONE),
            read: AtomicU64::new(NONE),
            reads: AtomicU64::new(0),
        });
        let stamped = Stamped {
            io: TokioIo::new(stream),
            stamps: Arc::clone(&stamps),
        };
        let (sender, driver) = http1::handshake(stamped).await.map_err(io::Error::other)?;
        Ok((
            Self {
                sender,
                driver: Some(Box::pin(driver)),
                stamps,
                used: false,
                spoiled: false,
            },
            took,
        ))
    }

    /// Hands `request` to the socket and waits for the head of its answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        self.stamps.sent.store(NONE, Ordering::Relaxed);
        self.stamps.read.store(NONE, Ordering::Relaxed);
        self.stamps.reads.store(0, Ordering::Relaxed);
        let answer = pin!(self.sender.send_request(request));
        drive(&mut self.driver, answer).await
    }

    /// The next frame of `body`.
    pub(crate) async fn frame(
        &mut self,
        body: &mut Incoming,
    ) -> Option<hyper::Result<Frame<Bytes>>> {
        let frame = pin!(poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)));
        drive(&mut self.driver, frame).await
    }

    /// When the request's first byte was handed to the socket.
    pub(crate) fn sent(&self) -> Option<Stamp> {
        Stamps::get(&self.stamps.sent)
    }

    /// When the socket was last read from, for this request. A frame that [`Connection::frame`] gave
    /// was complete at that instant: nothing is read while a frame waits to be taken.
    pub(crate) fn read(&self) -> Option<Stamp> {
        Stamps::get(&self.stamps.read)
    }

    /// Whether the request died of `error` before a byte of its answer was read.
    pub(crate) fn died_unanswered(&self, error: &hyper::Error) -> bool {
        let reads = self.stamps.reads.load(Ordering::Relaxed);
        // A cancelled request never left this side, whatever was read.
        error.is_canceled() || reads == 0 || (reads == 1 && error.is_incomplete_message())
    }

    /// The rest of an answer may still come: nothing can follow.
    pub(crate) fn mark_unusable(&mut self) {
        self.spoiled = true;
    }

    /// Whether another request can follow; to be asked once a body was read to its end.
    pub(crate) async fn is_reusable(&mut self) -> bool {
        self.used = true;
        if self.spoiled {
            return false;
        }
        let sender = &mut self.sender;
        let ready = pin!(poll_fn(|cx| sender.poll_ready(cx)));
        let ready = tokio::time::timeout(READY_PATIENCE, drive(&mut self.driver, ready)).await;
        matches!(ready, Ok(Ok(()))) && self.driver.is_some()
    }
}

/// Polls the connection, which moves the bytes, and then what waits for them, in one task.
async fn drive<F: Future>(driver: &mut Option<Driver>, mut waiting: Pin<&mut F>) -> F::Output {
    poll_fn(|cx| {
        // The end of the connection, good or bad, reaches `waiting` by itself.
        if driver
            .as_mut()
            .is_some_and(|driver| driver.as_mut().poll(cx).is_ready())
        {
            *driver = None;
        }
        waiting.as_mut().poll(cx)
    })
    .await
}

/// A TCP stream that stamps.
struct Stamped {
    io: TokioIo<TcpStream>,
    stamps: Arc<Stamps>,
}

impl Read for Stamped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        // A connection that broke off has sent nothing.
        if matches!(result, Poll::Ready(Ok(()))) {
            self.stamps
                .read
                .store(self.stamps.clock.now().0, Ordering::Relaxed);
            self.stamps.reads.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}

impl Write for Stamped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Stamped before the write: on a local socket the server may answer inside it.
        let before = self.stamps.clock.now();
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        if result.is_ready() && self.stamps.sent.load(Ordering::Relaxed) == NONE {
            self.stamps.sent.store(before.0, Ordering::Relaxed);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
