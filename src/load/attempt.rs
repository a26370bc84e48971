//! One attempt of a request on an open connection: sent, read, stamped.

use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use crate::dialect::decode::{Decoder, Finish, WireError};
use crate::event::{EventKind, FailureKind, RequestRecord, Stamp};

use crate::load::failures::{before_the_head, failed, inside_the_body};
use crate::load::in_flight::Slot;
use crate::load::request::{RequestContext, RequestSpec};
use crate::load::socket::Connection;
use crate::load::timers::Timers;
use crate::load::token_stats::{Arrivals, TokenStats};

/// The longest body of an error that is read, bytes.
const ERROR_BODY: usize = 64 << 10;

/// How long the body of an error may take: its status is what counts.
const ERROR_PATIENCE: Duration = Duration::from_secs(2);

/// How long the end of a body may take after its final chunk.
const AFTER_THE_END: Duration = Duration::from_millis(500);

/// Why an exchange broke off.
pub(crate) enum AttemptError {
    /// A failure of its own kind.
    Failed(WireError),
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
pub(crate) struct Attempt<'a> {
    pub(crate) load: &'a RequestContext,
    pub(crate) connection: &'a mut Connection,
    pub(crate) job: RequestSpec,
    pub(crate) cancel: &'a CancellationToken,
}

impl Attempt<'_> {
    /// Sends the request and reads its answer to the end.
    pub(crate) async fn run(
        mut self,
        slot: &Slot,
        tally: &mut TokenStats,
        timers: &mut Timers,
        record: &mut RequestRecord,
    ) -> Result<Finish, AttemptError> {
        let response = self.head(timers).await?;
        record.head = self.connection.read();
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            let message = match self.error_body(&mut body, timers).await? {
                message if message.is_empty() => status.to_string(),
                message => message,
            };
            return Err(failed(FailureKind::Http(status.as_u16()), message).into());
        }
        self.stream(&mut body, slot, tally, timers, record).await
    }

    /// Sends the request, waits for the head of the answer.
    async fn head(&mut self, timers: &mut Timers) -> Result<Response<Incoming>, AttemptError> {
        let request = self.load.request(self.job.prompt)?;
        let was_used = self.connection.is_used();
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
        tally: &mut TokenStats,
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
            let Some(bytes) = self.next(body, timers, tally.last_token).await? else {
                break;
            };
            let at = self.connection.read().unwrap_or(sent);
            record.first_byte = record.first_byte.or(Some(at));
            let had_token = tally.first_token.is_some();
            let mut arrivals = Arrivals {
                tally,
                answer: slot.answer(),
                at,
                sent,
                times: self.job.times,
            };
            let fed = decoder.feed(&bytes, &mut arrivals);
            drop(arrivals);
            record.ended = at;
            slot.publish(tally.chunks, tally.is_thinking());
            if !had_token && tally.first_token.is_some() {
                self.announce(tally, record.id, sent);
            }
            fed?;
        }
        let at = record.ended;
        let mut arrivals = Arrivals {
            tally,
            answer: slot.answer(),
            at,
            sent,
            times: self.job.times,
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
        let quiet_since = last_token.map(|at| self.load.reporter.clock().instant(at));
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
        Ok(crate::dialect::error_message(&read))
    }

    fn announce(&self, tally: &TokenStats, id: u64, sent: Stamp) {
        if let Some(at) = tally.first_token.filter(|_| self.job.announce) {
            let ttft_us = at.0.saturating_sub(sent.0);
            let thinking = tally.first_thinking;
            let cycle = self.job.cycle;
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
