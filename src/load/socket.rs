//! A connection that a user holds: HTTP over a stream that stamps its own writes and reads.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::rt::{Executor, Read, ReadBufCursor, Write};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::event::{RunClock, Stamp};

use crate::load::connector::{Connector, Io, Opening};
use crate::load::stamped::Stamps;

/// How long a connection may take to be ready for the next request once an answer was read. It is
/// ready at once, unless the server answered before it read the whole request.
const READY_PATIENCE: Duration = Duration::from_millis(500);

/// What moves the bytes of a connection; it must be polled.
type Driver = BoxFuture<'static, ()>;

/// An open connection.
pub(crate) struct Connection {
    sender: Sender,
    driver: Option<Driver>,
    stamps: Arc<Stamps>,
    /// Reads since the request was sent; the one that finds the end is one as well.
    reads: Arc<AtomicU64>,
    /// Whether a request has been answered on it before.
    pub(crate) used: bool,
    spoiled: bool,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match self {
            Self::Http1(sender) => sender.poll_ready(cx),
            Self::Http2(sender) => sender.poll_ready(cx),
        }
    }
}

impl Connection {
    /// Connects; gives the time that took.
    pub(crate) async fn open(
        connector: &Connector,
        clock: RunClock,
    ) -> io::Result<(Self, Opening)> {
        let opened = connector.open(clock).await?;
        let reads = Arc::<AtomicU64>::default();
        let counted = Counted {
            io: TokioIo::new(opened.stream),
            reads: Arc::clone(&reads),
        };
        let (sender, driver) = if opened.http2 {
            over_http2(counted).await
        } else {
            over_http1(counted).await
        }
        .map_err(io::Error::other)?;
        let connection = Self {
            sender,
            driver: Some(driver),
            stamps: opened.stamps,
            reads,
            used: false,
            spoiled: false,
        };
        Ok((connection, opened.took))
    }

    /// Whether it speaks HTTP/2, of which requests name the server in another way.
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    /// Hands `request` to the socket and waits for the head of its answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        self.stamps.clear();
        self.reads.store(0, Ordering::Relaxed);
        match &mut self.sender {
            Sender::Http1(sender) => {
                let answer = pin!(sender.send_request(request));
                drive(&mut self.driver, answer).await
            }
            Sender::Http2(sender) => {
                let answer = pin!(sender.send_request(request));
                drive(&mut self.driver, answer).await
            }
        }
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
        self.stamps.sent()
    }

    /// When the socket was last read from, for this request. A frame that [`Connection::frame`] gave
    /// was complete at that instant: nothing is read while a frame waits to be taken.
    pub(crate) fn read(&self) -> Option<Stamp> {
        self.stamps.read()
    }

    /// Whether the request died of `error` before a byte of its answer was read.
    pub(crate) fn died_unanswered(&self, error: &hyper::Error) -> bool {
        let reads = self.reads.load(Ordering::Relaxed);
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

async fn over_http1(io: Counted) -> hyper::Result<(Sender, Driver)> {
    let (sender, driver) = http1::handshake(io).await?;
    let driver = async { driver.await.unwrap_or_default() };
    Ok((Sender::Http1(sender), Box::pin(driver)))
}

async fn over_http2(io: Counted) -> hyper::Result<(Sender, Driver)> {
    let tasks = Tasks::default();
    let (sender, driver) = http2::handshake(tasks.clone(), io).await?;
    let mut driver = Box::pin(driver);
    let mut is_over = false;
    let driver = poll_fn(move |cx| {
        tasks.poll(cx);
        is_over = is_over || driver.as_mut().poll(cx).is_ready();
        if is_over && tasks.are_over() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    Ok((Sender::Http2(sender), Box::pin(driver)))
}

/// The tasks of an HTTP/2 connection. They are polled with it, in the task that waits for an answer: so a frame is
/// taken by whoever waits as soon as it was read, and its stamp is that of the read.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Vec<Driver>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.lock().push(Box::pin(task));
    }
}

impl Tasks {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Driver>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls all, those too that others begin meanwhile.
    fn poll(&self, cx: &mut Context<'_>) {
        let mut polled = Vec::new();
        loop {
            let begun = std::mem::take(&mut *self.lock());
            if begun.is_empty() {
                break;
            }
            for mut task in begun {
                if task.as_mut().poll(cx).is_pending() {
                    polled.push(task);
                }
            }
        }
        *self.lock() = polled;
    }

    fn are_over(&self) -> bool {
        self.lock().is_empty()
    }
}

/// A stream that counts its reads: of what was decrypted, where there is TLS.
struct Counted {
    io: TokioIo<Box<dyn Io>>,
    reads: Arc<AtomicU64>,
}

impl Read for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        if matches!(result, Poll::Ready(Ok(()))) {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}

impl Write for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
