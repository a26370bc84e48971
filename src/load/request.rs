//! One request: sent, read, measured. Each of its attempts is an [`Attempt`] on an open connection.
//!
//! ```text
//!            connect            first byte      first token          final chunk
//!   (open) ────────> sent ───────────────> … ─────────────> tokens ────────────> done
//!      └── refused     └─ reset, http_NNN      └ empty          └ truncated, unfinished,
//!                         timeout_first                           stream_error, bad_line,
//!                                                                 not_streamed, web_page,
//!                                                                 timeout_next, timeout_total
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response, StatusCode, header};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::dialect::address::redirected;
use crate::dialect::decode::{Decoder, Finish, WireError};
use crate::dialect::{Access, Dialect, error_message, is_refusal, redirect_text};
use crate::event::{
    EventKind, FailureKind, Outcome, RequestRecord, ServerFigures, Stamp, Warning, WarningKind,
};
use crate::plan::Timeouts;

use crate::load::connector::Connector;
use crate::load::failures::{before_the_head, failed, inside_the_body, no_connection};
use crate::load::in_flight::{AnswerCache, Slot};
use crate::load::socket::Connection;
use crate::load::timeline::Reporter;
use crate::load::timers::Timers;
use crate::load::token_stats::{Arrivals, TokenStats};

/// The longest body of an error that is read, bytes.
const ERROR_BODY: usize = 64 << 10;

/// How long the body of an error may take: its status is what counts.
const ERROR_PATIENCE: Duration = Duration::from_secs(2);

/// How long the end of a body may take after its final chunk.
const AFTER_THE_END: Duration = Duration::from_millis(500);

/// What all requests of a run share.
pub(crate) struct RequestContext {
    /// How the server is spoken to.
    pub(crate) dialect: &'static dyn Dialect,
    /// The server's base address, for what is not timed.
    pub(crate) url: String,
    pub(crate) model: String,
    /// The path they are posted to.
    pub(crate) path: String,
    /// Where the server redirected them on itself: later ones go there directly.
    pub(crate) redirected: OnceLock<String>,
    /// Whether it was said that they go over HTTP/2.
    pub(crate) told_http2: OnceLock<()>,
    /// The path of a light request that any such server answers.
    pub(crate) light_path: String,
    /// The path of a request that tells whether the server has loaded its model.
    pub(crate) health_path: String,
    /// What lets them in.
    pub(crate) access: Access,
    /// Which way they go.
    pub(crate) connector: Connector,
    /// The body of each prompt.
    pub(crate) bodies: Vec<Bytes>,
    /// When they count as failed.
    pub(crate) timeouts: Timeouts,
    /// Where they are reported.
    pub(crate) reporter: Reporter,
    /// Where their answers can be looked at.
    pub(crate) answers: Arc<AnswerCache>,
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
    /// Whether its events are reported (warm-up requests are not).
    pub(crate) announce: bool,
}

/// What a user holds from request to request.
pub(crate) struct UserSlot {
    pub(crate) connection: Option<Connection>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) tokens: TokenStats,
}

impl RequestContext {
    /// Sends one request from `user_slot` and reads its answer to the end. Never fails: what goes wrong is
    /// in the record.
    pub(crate) async fn ask(
        &self,
        user_slot: &mut UserSlot,
        spec: RequestSpec,
        cancel: &CancellationToken,
    ) -> RequestRecord {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        user_slot.slot.begin(id, user_slot.tokens.room());
        let now = self.reporter.clock.now();
        let mut record = blank(id, spec, now);
        if spec.announce {
            self.reporter.fact_at(now, started(id, spec));
        }
        let result = loop {
            user_slot.tokens.clear();
            let result = self.attempt(user_slot, spec, cancel, &mut record).await;
            record.ended = record.ended.max(record.sent);
            match result {
                Err(AttemptError::Stale(_)) if record.retries == Some(0) => {
                    record.retries = Some(1);
                }
                // Only the direct way is measured, which later requests take from the start.
                Err(AttemptError::Redirected) => {}
                result => break result,
            }
        };
        record.outcome = match result {
            Ok(Finish {
                figures,
                reason,
                unread_parts,
            }) => {
                record.server = figures;
                record.unread_parts = (unread_parts > 0).then_some(unread_parts);
                Outcome::Done { reason }
            }
            Err(AttemptError::Failed(error) | AttemptError::Stale(error)) => Outcome::Failed {
                kind: error.kind,
                message: error.message,
            },
            Err(AttemptError::Cancelled | AttemptError::Redirected) => Outcome::Cancelled,
        };
        let answer = Arc::new(user_slot.slot.end());
        if spec.announce {
            self.answers.keep(id, Arc::clone(&answer));
        }
        record.answer = Some(answer);
        let tokens = &mut user_slot.tokens;
        record.first_token = tokens.first_token;
        record.first_answer = tokens.first_answer;
        record.last_token = tokens.last_token;
        record.chunks = tokens.chunks;
        record.thinking_chunks = Some(tokens.thinking_chunks);
        record.itl_us = tokens.gaps();
        record
    }

    /// One attempt: on a kept connection, else on a new one, which is kept if it can be.
    async fn attempt(
        &self,
        user_slot: &mut UserSlot,
        spec: RequestSpec,
        cancel: &CancellationToken,
        record: &mut RequestRecord,
    ) -> Result<Finish, AttemptError> {
        let began = Instant::now();
        record.sent = self.reporter.clock.stamp(began);
        let mut timers = Timers::new(self.timeouts, began);
        let mut connection = match user_slot.connection.take() {
            Some(connection) => connection,
            None => self.connect(&mut timers, cancel, record).await?,
        };
        let attempt = Attempt {
            load: self,
            connection: &mut connection,
            spec,
            cancel,
        };
        let result = attempt
            .run(&user_slot.slot, &mut user_slot.tokens, &mut timers, record)
            .await;
        record.sent = connection.sent().unwrap_or(record.sent);
        if result.is_err() {
            record.ended = self.reporter.clock.now();
        }
        // After a broken stream its rest would come in the way of the next answer; an error with its
        // whole body is an answer like any other.
        let whole = match &result {
            Ok(_) | Err(AttemptError::Redirected) => true,
            Err(AttemptError::Failed(error)) => matches!(error.kind, FailureKind::Http(_)),
            Err(_) => false,
        };
        if whole && connection.is_reusable().await {
            user_slot.connection = Some(connection);
        }
        result
    }

    async fn connect(
        &self,
        timers: &mut Timers,
        cancel: &CancellationToken,
        record: &mut RequestRecord,
    ) -> Result<Connection, AttemptError> {
        let clock = self.reporter.clock;
        let opened = tokio::select! {
            biased;
            opened = Connection::open(&self.connector, clock) => opened,
            error = timers.expired(None) => return Err(self.over(record, error.into())),
            () = cancel.cancelled() => return Err(self.over(record, AttemptError::Cancelled)),
        };
        match opened {
            Ok((connection, took)) => {
                record.connect_us = Some(took.connect_us);
                record.tls_us = took.tls_us;
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
        record.ended = self.reporter.clock.now();
        why
    }

    /// The request that asks prompt number `prompt`.
    fn request(
        &self,
        connection: &Connection,
        prompt: u32,
    ) -> Result<Request<Full<Bytes>>, WireError> {
        let body = usize::try_from(prompt)
            .ok()
            .and_then(|index| self.bodies.get(index));
        let body = body.cloned().unwrap_or_default();
        match self.redirected.get() {
            Some(path) => self.http_at(connection, Method::POST, path, body),
            None => self.http(connection, Method::POST, &self.path, body),
        }
    }

    /// Takes note of a redirect that keeps the method and the server; whether it is one, and the first.
    fn follow(&self, response: &Response<Incoming>) -> bool {
        let keeps_method = matches!(
            response.status(),
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        );
        let location = response.headers().get(header::LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let here = self.connector.url().join(&self.path);
        let to = match (location, here) {
            (Some(location), Ok(here)) if keeps_method => redirected(&here, location),
            _ => None,
        };
        let Some(to) = to else { return false };
        let path = match to.query() {
            Some(query) => format!("{}?{query}", to.path()),
            None => to.path().to_owned(),
        };
        if self.redirected.set(path).is_ok() {
            let text = format!(
                "The server redirects {} to {}: requests go there directly",
                self.path,
                to.path()
            );
            self.warn(WarningKind::Other, text);
        }
        true
    }

    /// A request of this run's server, with its query.
    pub(crate) fn http(
        &self,
        connection: &Connection,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, WireError> {
        self.http_at(connection, method, &self.access.with_query(path), body)
    }

    fn http_at(
        &self,
        connection: &Connection,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, WireError> {
        let is_http2 = connection.is_http2();
        let request = Request::builder().method(method);
        let mut request = if is_http2 || self.connector.names_server() {
            let url = self.connector.url();
            request.uri(format!("{}://{}{path}", url.scheme(), url.authority()))
        } else {
            request.uri(path)
        };
        if let Some(headers) = request.headers_mut() {
            for (name, value) in self.dialect.headers() {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            headers.extend(self.access.credentials.headers().clone());
            // HTTP/2 has it in the address.
            if let (false, Ok(host)) = (is_http2, HeaderValue::try_from(self.connector.host())) {
                headers.insert(header::HOST, host);
            }
        }
        request
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("tokometer/", env!("CARGO_PKG_VERSION")),
            )
            .body(Full::new(body))
            .map_err(|error| failed(FailureKind::Protocol, error.to_string()))
    }
}

/// Why an attempt broke off.
enum AttemptError {
    /// A failure of its own kind.
    Failed(WireError),
    /// The server sent it elsewhere on itself, as is known from now on: it is sent there.
    Redirected,
    /// The connection had gone stale before a byte was read: worth one more try.
    Stale(WireError),
    /// The user gave it up.
    Cancelled,
}

impl From<WireError> for AttemptError {
    fn from(error: WireError) -> Self {
        Self::Failed(error)
    }
}

/// One request on an open connection.
struct Attempt<'a> {
    load: &'a RequestContext,
    connection: &'a mut Connection,
    spec: RequestSpec,
    cancel: &'a CancellationToken,
}

impl Attempt<'_> {
    /// Sends the request and reads its answer to the end.
    async fn run(
        mut self,
        slot: &Slot,
        tokens: &mut TokenStats,
        timers: &mut Timers,
        record: &mut RequestRecord,
    ) -> Result<Finish, AttemptError> {
        let is_direct = self.load.redirected.get().is_some();
        let response = self.head(timers).await?;
        record.head = self.connection.read();
        let status = response.status();
        let follow = !is_direct && self.load.follow(&response);
        let location = response.headers().get(header::LOCATION);
        let elsewhere = location
            .filter(|_| status.is_redirection())
            .map(|location| redirect_text(status.as_u16(), location.as_bytes()));
        let compressed = compression(&response);
        let mut body = response.into_body();
        if let Some(how) = compressed {
            let status = status.as_u16();
            let message = format!(
                "{how}-compressed answer (status {status}), which was not asked for: switch it off in the server or the proxy before it"
            );
            return Err(failed(FailureKind::Protocol, message).into());
        }
        if !status.is_success() {
            let said = self.error_body(&mut body, timers).await?;
            if follow {
                return Err(AttemptError::Redirected);
            }
            let mut message = match elsewhere {
                Some(elsewhere) => elsewhere,
                None if said.is_empty() => status.to_string(),
                None => said,
            };
            if is_refusal(status) {
                message = format!("{message} ({})", self.load.access.credentials.advice());
            }
            return Err(failed(FailureKind::Http(status.as_u16()), message).into());
        }
        self.stream(&mut body, slot, tokens, timers, record).await
    }

    /// Sends the request, waits for the head of the answer.
    async fn head(&mut self, timers: &mut Timers) -> Result<Response<Incoming>, AttemptError> {
        let request = self.load.request(self.connection, self.spec.prompt)?;
        let was_used = self.connection.used;
        let answer = tokio::select! {
            biased;
            answer = self.connection.send(request) => answer,
            error = timers.expired(None) => return Err(error.into()),
            () = self.cancel.cancelled() => return Err(AttemptError::Cancelled),
        };
        answer.map_err(|error| {
            let failure = before_the_head(&error);
            let nothing_read = self.connection.died_unanswered(&error);
            if was_used && nothing_read && failure.kind == FailureKind::Reset {
                AttemptError::Stale(failure)
            } else {
                AttemptError::Failed(failure)
            }
        })
    }

    /// Reads the stream to its end. The last stamp is that of the final chunk.
    async fn stream(
        &mut self,
        body: &mut Incoming,
        slot: &Slot,
        tokens: &mut TokenStats,
        timers: &mut Timers,
        record: &mut RequestRecord,
    ) -> Result<Finish, AttemptError> {
        let sent = self.connection.sent().unwrap_or(record.sent);
        let mut decoder = Decoder::new(self.load.dialect);
        loop {
            if decoder.is_over() {
                self.end_of_body(body).await;
                break;
            }
            let Some(bytes) = self.next(body, timers, tokens.last_token).await? else {
                break;
            };
            let at = self.connection.read().unwrap_or(sent);
            record.first_byte = record.first_byte.or(Some(at));
            let had_token = tokens.first_token.is_some();
            let mut arrivals = Arrivals {
                tokens,
                answer: slot.answer(),
                at,
                sent,
            };
            let fed = decoder.feed(&bytes, &mut arrivals);
            drop(arrivals);
            record.ended = at;
            slot.publish(tokens.chunks, tokens.is_thinking());
            if !had_token && tokens.first_token.is_some() {
                self.announce(tokens, record.id, sent);
            }
            fed?;
        }
        let at = record.ended;
        let mut arrivals = Arrivals {
            tokens,
            answer: slot.answer(),
            at,
            sent,
        };
        Ok(decoder.finish(&mut arrivals)?)
    }

    /// After the final chunk only the end of the body is missing. A server that keeps it open, or
    /// breaks it off, has answered all the same; but the connection is of no more use.
    async fn end_of_body(&mut self, body: &mut Incoming) {
        let rest = async { while let Some(Ok(_)) = self.connection.frame(body).await {} };
        if tokio::time::timeout(AFTER_THE_END, rest).await.is_err() {
            self.connection.mark_unusable();
        }
    }

    /// The next bytes of the body; None at its end.
    async fn next(
        &mut self,
        body: &mut Incoming,
        timers: &mut Timers,
        last_token: Option<Stamp>,
    ) -> Result<Option<Bytes>, AttemptError> {
        let quiet_since = last_token.map(|at| self.load.reporter.clock.instant(at));
        loop {
            let frame = tokio::select! {
                biased;
                frame = self.connection.frame(body) => frame,
                error = timers.expired(quiet_since) => return Err(error.into()),
                () = self.cancel.cancelled() => return Err(AttemptError::Cancelled),
            };
            match frame {
                None => return Ok(None),
                // A frame without data holds trailers.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => return Err(inside_the_body(&error).into()),
            }
        }
    }

    /// What the body of an error says, as far as it comes; a body that breaks off or stalls does not
    /// hide the status.
    async fn error_body(
        &mut self,
        body: &mut Incoming,
        timers: &mut Timers,
    ) -> Result<String, AttemptError> {
        let mut read = Vec::new();
        let all = async {
            while let Some(bytes) = self.next(body, timers, None).await? {
                read.extend_from_slice(&bytes);
                if read.len() > ERROR_BODY {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let whole = match tokio::time::timeout(ERROR_PATIENCE, all).await {
            Ok(Err(AttemptError::Cancelled)) => return Err(AttemptError::Cancelled),
            Ok(Ok(whole)) => whole,
            Ok(Err(_)) | Err(_) => false,
        };
        if !whole {
            self.connection.mark_unusable();
        }
        Ok(error_message(&read))
    }

    fn announce(&self, tokens: &TokenStats, id: u64, sent: Stamp) {
        if let Some(at) = tokens.first_token.filter(|_| self.spec.announce) {
            let ttft_us = at.0.saturating_sub(sent.0);
            let thinking = tokens.first_thinking;
            let cycle = self.spec.cycle;
            self.load.reporter.fact_at(
                at,
                EventKind::FirstToken {
                    id,
                    cycle,
                    ttft_us,
                    thinking,
                },
            );
        }
    }
}

fn started(id: u64, spec: RequestSpec) -> EventKind {
    EventKind::RequestStarted {
        id,
        cycle: spec.cycle,
        user: spec.user,
        round: spec.round,
    }
}

/// How the body is compressed, if it is.
fn compression(response: &Response<Incoming>) -> Option<String> {
    let encoding = response.headers().get(header::CONTENT_ENCODING)?;
    let encoding = String::from_utf8_lossy(encoding.as_bytes())
        .trim()
        .to_lowercase();
    (!matches!(encoding.as_str(), "" | "identity")).then_some(encoding)
}

fn blank(id: u64, spec: RequestSpec, now: Stamp) -> RequestRecord {
    RequestRecord {
        id,
        cycle: spec.cycle,
        user: spec.user,
        round: spec.round,
        prompt: spec.prompt,
        sent: now,
        head: None,
        first_byte: None,
        first_token: None,
        first_answer: None,
        last_token: None,
        ended: now,
        chunks: 0,
        thinking_chunks: Some(0),
        itl_us: Vec::new(),
        connect_us: None,
        tls_us: None,
        retries: Some(0),
        unread_parts: None,
        server: ServerFigures::default(),
        outcome: Outcome::Cancelled,
        answer: None,
    }
}
