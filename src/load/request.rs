//! One request: sent, read, measured.
//!
//! ```text
//!            connect            first byte      first token          final chunk
//!   (open) ────────> sent ───────────────> … ─────────────> tokens ────────────> done
//!      └── refused     └─ reset, http_NNN      └ empty          └ truncated, unfinished,
//!                         timeout_first                           stream_error, bad_line,
//!                                                                 timeout_next, timeout_total
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, header};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::dialect::Dialect;
use crate::dialect::decode::{Finish, WireError};
use crate::event::{
    EventKind, FailureKind, Outcome, RequestRecord, ServerFigures, Stamp, Warning, WarningKind,
};
use crate::plan::Timeouts;

use crate::load::attempt::{Attempt, AttemptError};
use crate::load::failures::{failed, no_connection};
use crate::load::in_flight::{AnswerCache, Slot};
use crate::load::socket::Connection;
use crate::load::timeline::Reporter;
use crate::load::timers::Timers;
use crate::load::token_stats::TokenStats;

/// What all requests of a run share.
pub(crate) struct RequestContext {
    /// How the server is spoken to.
    pub(crate) dialect: &'static dyn Dialect,
    /// The server's base address, for what is not timed.
    pub(crate) url: String,
    pub(crate) model: String,
    /// The path they are posted to.
    pub(crate) path: String,
    /// The path of a light request that any such server answers.
    pub(crate) light_path: String,
    /// The `Host` header.
    pub(crate) host: String,
    /// Where they go.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The body of each prompt.
    pub(crate) bodies: Vec<Bytes>,
    /// When they count as failed.
    pub(crate) timeouts: Timeouts,
    /// Where they are reported.
    pub(crate) reporter: Reporter,
    /// Where their answers can be looked at.
    pub(crate) gallery: Arc<AnswerCache>,
    /// Whether the server is in this process, and needs descriptors of it.
    pub(crate) serves_itself: bool,
    /// The next request's id.
    pub(crate) next_id: AtomicU64,
}

/// Which request it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestSpec {
    pub(crate) cycle: u32,
    pub(crate) user: u32,
    pub(crate) round: u32,
    /// Which prompt.
    pub(crate) prompt: u32,
    /// Whether the time of each piece of the answer is kept.
    pub(crate) times: bool,
    /// Whether its events are reported (warm-up requests are not).
    pub(crate) announce: bool,
}

/// What a user holds from request to request.
pub(crate) struct UserSlot {
    pub(crate) connection: Option<Connection>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) tally: TokenStats,
}

impl RequestContext {
    /// Sends one request from `seat` and reads its answer to the end. Never fails: what goes wrong is
    /// in the record.
    pub(crate) async fn ask(
        &self,
        seat: &mut UserSlot,
        job: RequestSpec,
        cancel: &CancellationToken,
    ) -> RequestRecord {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        seat.slot.begin(id);
        let now = self.reporter.clock().now();
        let mut record = blank(id, job, now);
        if job.announce {
            let RequestSpec {
                cycle, user, round, ..
            } = job;
            self.reporter.fact_at(
                now,
                EventKind::RequestStarted {
                    id,
                    cycle,
                    user,
                    round,
                },
            );
        }
        loop {
            seat.tally.clear();
            let result = self.attempt(seat, job, cancel, &mut record).await;
            record.ended = record.ended.max(record.sent);
            match result {
                Err(AttemptError::Stale(_)) if record.retries == 0 => {
                    record.retries += 1;
                    continue;
                }
                Ok(finish) => {
                    record.server = finish.figures;
                    record.outcome = Outcome::Done {
                        reason: finish.reason,
                    };
                }
                Err(AttemptError::Failed(error) | AttemptError::Stale(error)) => {
                    record.outcome = Outcome::Failed {
                        kind: error.kind,
                        message: error.message,
                    };
                }
                Err(AttemptError::Cancelled) => record.outcome = Outcome::Cancelled,
            }
            break;
        }
        let answer = Arc::new(seat.slot.end());
        if job.announce {
            self.gallery.keep(id, Arc::clone(&answer));
        }
        record.answer = Some(answer);
        let tally = &mut seat.tally;
        record.first_token = tally.first_token;
        record.first_answer = tally.first_answer;
        record.last_token = tally.last_token;
        record.chunks = tally.chunks;
        record.thinking_chunks = tally.thinking_chunks;
        record.itl_us = tally.gaps();
        record
    }

    /// One attempt: on a kept connection, else on a new one, which is kept if it can be.
    async fn attempt(
        &self,
        seat: &mut UserSlot,
        job: RequestSpec,
        cancel: &CancellationToken,
        record: &mut RequestRecord,
    ) -> Result<Finish, AttemptError> {
        let began = Instant::now();
        record.sent = self.reporter.clock().stamp(began);
        let mut timers = Timers::new(self.timeouts, began);
        let mut connection = match seat.connection.take() {
            Some(connection) => connection,
            None => self.connect(&mut timers, cancel, record).await?,
        };
        let exchange = Attempt {
            load: self,
            connection: &mut connection,
            job,
            cancel,
        };
        let result = exchange
            .run(&seat.slot, &mut seat.tally, &mut timers, record)
            .await;
        record.sent = connection.sent().unwrap_or(record.sent);
        if result.is_err() {
            record.ended = self.reporter.clock().now();
        }
        // After a broken stream its rest would come in the way of the next answer; an error with its
        // whole body is an answer like any other.
        let whole = match &result {
            Ok(_) => true,
            Err(AttemptError::Failed(error)) => matches!(error.kind, FailureKind::Http(_)),
            Err(_) => false,
        };
        if whole && connection.is_reusable().await {
            seat.connection = Some(connection);
        }
        result
    }

    async fn connect(
        &self,
        timers: &mut Timers,
        cancel: &CancellationToken,
        record: &mut RequestRecord,
    ) -> Result<Connection, AttemptError> {
        let clock = self.reporter.clock();
        let opened = tokio::select! {
            biased;
            opened = Connection::open(&self.addresses, clock) => opened,
            error = timers.expired(None) => return Err(self.over(record, error.into())),
            () = cancel.cancelled() => return Err(self.over(record, AttemptError::Cancelled)),
        };
        match opened {
            Ok((connection, took)) => {
                record.connect_us = Some(took);
                Ok(connection)
            }
            Err(error) => Err(self.over(record, no_connection(&error).into())),
        }
    }

    /// Reports a warning.
    pub(crate) fn warn(&self, kind: WarningKind, text: String) {
        self.reporter
            .fact(EventKind::Warning(Warning { kind, text }));
    }

    fn over(&self, record: &mut RequestRecord, why: AttemptError) -> AttemptError {
        record.ended = self.reporter.clock().now();
        why
    }

    /// The request that asks prompt number `prompt`.
    pub(crate) fn request(&self, prompt: u32) -> Result<Request<Full<Bytes>>, WireError> {
        let body = usize::try_from(prompt)
            .ok()
            .and_then(|index| self.bodies.get(index));
        self.http(Method::POST, &self.path, body.cloned().unwrap_or_default())
    }

    /// A request of this run's server.
    pub(crate) fn http(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, WireError> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("tokometer/", env!("CARGO_PKG_VERSION")),
            )
            .body(Full::new(body))
            .map_err(|error| failed(FailureKind::Protocol, error.to_string()))
    }
}

fn blank(id: u64, job: RequestSpec, now: Stamp) -> RequestRecord {
    RequestRecord {
        id,
        cycle: job.cycle,
        user: job.user,
        round: job.round,
        prompt: job.prompt,
        sent: now,
        head: None,
        first_byte: None,
        first_token: None,
        first_answer: None,
        last_token: None,
        ended: now,
        chunks: 0,
        thinking_chunks: 0,
        itl_us: Vec::new(),
        connect_us: None,
        retries: 0,
        server: ServerFigures::default(),
        outcome: Outcome::Cancelled,
        answer: None,
    }
}
