//! One cycle of a run as it stands, and what of it counts: which requests finished, succeeded and failed, what
//! they waited and how many tokens they brought. Every figure of a cycle or of a level begins here.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::event::{CycleEnd, Event, EventKind, InFlight, Phase, RequestRecord, Stamp};
use crate::metrics::level::LevelMetrics;
use crate::metrics::machine::CycleMachine;
use crate::metrics::sample;
use crate::metrics::sample::Sample;
use crate::plan::Limits;
use crate::text::numbers::{floor_u64, u32_of};

/// One cycle.
#[derive(Debug, Clone, Default)]
pub struct CycleState {
    /// Its number in the run.
    pub cycle: u32,
    /// Requests kept in flight.
    pub users: u32,
    /// When its connections began to be opened.
    pub started: Stamp,
    /// When its load began.
    pub opened: Option<Stamp>,
    /// When it ended.
    pub ended: Option<Stamp>,
    /// Why it ended.
    pub end: Option<CycleEnd>,
    /// Connect times, seconds.
    pub connect_s: Vec<f64>,
    /// Connections that could not be opened.
    pub connect_failed: u32,
    /// Requests that have ended, in the order of their ends.
    pub requests: Vec<RequestRecord>,
    /// Requests in flight, by id.
    pub in_flight: BTreeMap<u64, Live>,
    /// Throughput of the whole cycle over time: tokens in each second since its load began.
    pub tokens_per_second: Vec<f64>,
    /// What the machine did in it.
    pub machine: CycleMachine,
    /// What the client itself took, once it has ended.
    pub(crate) client: Option<ClientTime>,
    /// Non-empty chunks so far, ended requests and those in flight.
    pub chunks: u64,
    /// Chunk counts at the latest progress, for the current speed: stamp and chunks.
    pub(crate) recent: Vec<(Stamp, u64, u32)>,
    /// Chunks of ended requests.
    pub(crate) ended_chunks: u64,
    /// Its figures by these limits, until another request changes them: screens ask for them at every frame.
    pub(crate) figures: OnceLock<Box<(Limits, LevelMetrics)>>,
}

/// Processor time of the client, and the time in which it took that, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClientTime {
    pub(crate) cpu_s: f64,
    pub(crate) seconds: f64,
}

/// One request in flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Live {
    /// The request.
    pub id: u64,
    /// The user that asks.
    pub user: u32,
    /// Which of the user's requests.
    pub round: u32,
    /// When it was sent.
    pub sent: Stamp,
    /// When its first token arrived.
    pub first_token: Option<Stamp>,
    /// Non-empty chunks so far.
    pub tokens: u32,
    /// What it is doing.
    pub phase: Phase,
}

impl Live {
    /// Speed so far, tokens a second since the first token, at the instant `now`.
    pub fn speed_tok_s(&self, now: Stamp) -> Option<f64> {
        let seconds = now.since(self.first_token?);
        (self.tokens >= 2 && seconds > 0.0).then(|| f64::from(self.tokens - 1) / seconds)
    }
}

impl CycleState {
    pub(crate) fn apply(&mut self, event: &Event) {
        if !matches!(event.what, EventKind::Progress { .. }) {
            self.figures.take();
        }
        match &event.what {
            EventKind::ConnectionsOpened {
                connect_us, failed, ..
            } => {
                self.opened = Some(event.at);
                self.connect_s = connect_us
                    .iter()
                    .map(|micros| *micros as f64 / 1e6)
                    .collect();
                self.connect_failed = *failed;
            }
            EventKind::RequestStarted {
                id, user, round, ..
            } => {
                let live = Live {
                    id: *id,
                    user: *user,
                    round: *round,
                    sent: event.at,
                    first_token: None,
                    tokens: 0,
                    phase: Phase::Queued,
                };
                self.in_flight.insert(*id, live);
            }
            EventKind::FirstToken { id, thinking, .. } => {
                if let Some(live) = self.in_flight.get_mut(id) {
                    live.first_token = Some(event.at);
                    live.tokens = live.tokens.max(1);
                    live.phase = if *thinking {
                        Phase::Thinking
                    } else {
                        Phase::Answering
                    };
                }
            }
            EventKind::Progress { requests, .. } => self.progress(event.at, requests),
            EventKind::RequestEnded(record) => self.end_request(event.at, record),
            EventKind::CycleEnded { why, .. } => {
                self.ended = Some(event.at);
                self.end = Some(*why);
                self.in_flight.clear();
            }
            _ => {}
        }
    }

    fn progress(&mut self, at: Stamp, requests: &[InFlight]) {
        for now in requests {
            if let Some(live) = self.in_flight.get_mut(&now.id) {
                live.tokens = live.tokens.max(now.tokens);
                live.phase = now.phase;
            }
        }
        self.count(at);
    }

    fn end_request(&mut self, at: Stamp, record: &RequestRecord) {
        self.in_flight.remove(&record.id);
        self.ended_chunks += u64::from(record.chunks);
        self.requests.push(record.clone());
        // Older answers are on disk; here they would only grow.
        let old = self.requests.len().checked_sub(ANSWERS_KEPT + 1);
        if let Some(old) = old.and_then(|old| self.requests.get_mut(old)) {
            old.answer = None;
        }
        self.count(at);
    }

    /// Brings the token count, and with it the series over time, up to `at`.
    fn count(&mut self, at: Stamp) {
        let live: u64 = self
            .in_flight
            .values()
            .map(|live| u64::from(live.tokens))
            .sum();
        let total = (self.ended_chunks + live).max(self.chunks);
        let new = total - self.chunks;
        self.chunks = total;
        let second = usize::try_from(floor_u64(at.since(self.opened.unwrap_or(self.started))));
        let second = second.unwrap_or(usize::MAX).min(MAX_SECONDS);
        if self.tokens_per_second.len() <= second {
            self.tokens_per_second.resize(second + 1, 0.0);
        }
        if let Some(bucket) = self.tokens_per_second.get_mut(second) {
            *bucket += new as f64;
        }
        let streaming = self
            .in_flight
            .values()
            .filter(|live| live.first_token.is_some())
            .count();
        self.recent.push((at, total, u32_of(streaming)));
        let horizon = at.0.saturating_sub(RECENT_US);
        let stale = self
            .recent
            .iter()
            .take_while(|(stamp, _, _)| stamp.0 < horizon)
            .count();
        self.recent
            .drain(..stale.min(self.recent.len().saturating_sub(2)));
    }

    /// Throughput of the whole cycle over the last two seconds, tokens a second.
    pub fn current_system_tok_s(&self) -> Option<f64> {
        let (first, last) = (self.recent.first()?, self.recent.last()?);
        let seconds = last.0.since(first.0);
        (seconds > 0.2).then(|| (last.1 - first.1) as f64 / seconds)
    }

    /// Mean speed of the requests that are answering now, tokens a second each; of the ended ones
    /// where none is.
    pub fn current_speed_tok_s(&self, now: Stamp) -> Option<f64> {
        let live = self.in_flight.values();
        let live = live.filter_map(|live| live.speed_tok_s(now));
        mean(live).or_else(|| self.mean_speed_tok_s())
    }

    /// The log broke off at `at`, and what was in flight is lost. Returns how many requests.
    pub(crate) fn break_off(&mut self, at: Stamp) -> usize {
        self.figures.take();
        self.ended = Some(at);
        self.end = Some(CycleEnd::Stopped);
        let lost = self.in_flight.len();
        self.in_flight.clear();
        lost
    }

    /// Whether every request of the plan was made. One in progress, or cut short, has finished its fast
    /// requests first: it does not count for a level that has a whole one.
    pub fn is_whole(&self) -> bool {
        self.end == Some(CycleEnd::Done)
    }

    /// Requests that succeeded: only they have a part in a mean, a percentile or a throughput.
    pub fn succeeded(&self) -> impl Iterator<Item = &RequestRecord> {
        self.requests.iter().filter(|request| request.is_done())
    }

    /// The finished requests, as the limits see them.
    pub fn samples(&self) -> impl Iterator<Item = Sample> {
        self.requests.iter().filter_map(Sample::from_request)
    }

    /// How many requests met both limits, and how many can be judged.
    pub fn met(&self, limits: &Limits) -> (u64, u64) {
        sample::met(self.samples().map(|sample| sample.meets_both(limits)))
    }

    /// Requests that finished: succeeded or failed.
    pub fn finished(&self) -> usize {
        let finished = self.requests.iter().filter(|r| r.is_finished());
        finished.count()
    }

    /// Requests that failed.
    pub fn failed(&self) -> usize {
        let failed = self.requests.iter().filter(|r| r.failure().is_some());
        failed.count()
    }

    /// Failed requests by kind.
    pub fn failures(&self) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for (kind, _) in self.requests.iter().filter_map(RequestRecord::failure) {
            *kinds.entry(kind.to_string()).or_default() += 1;
        }
        kinds
    }

    /// Waits (TTFT) so far, seconds: of the requests that succeeded, and of those in flight whose first token came.
    /// One that fails later leaves them again.
    pub fn waits_s(&self) -> impl Iterator<Item = f64> {
        let ended = self.succeeded().filter_map(RequestRecord::ttft_s);
        let live = self.in_flight.values();
        ended.chain(live.filter_map(|live| live.first_token.map(|t| t.since(live.sent))))
    }

    /// Mean wait so far, seconds.
    pub fn mean_wait_s(&self) -> Option<f64> {
        mean(self.waits_s())
    }

    /// Mean speed, tokens a second.
    pub fn mean_speed_tok_s(&self) -> Option<f64> {
        mean(self.succeeded().filter_map(RequestRecord::speed_tok_s))
    }

    /// Output tokens.
    pub fn output_tokens(&self) -> u64 {
        self.succeeded().map(RequestRecord::output_tokens).sum()
    }

    /// First request sent → last one finished, seconds; cancelled ones left out.
    pub fn duration_s(&self) -> Option<f64> {
        self.span_s(RequestRecord::is_finished)
    }

    /// First request sent → last final chunk, seconds: what throughput is measured over.
    pub(crate) fn to_final_chunk_s(&self) -> Option<f64> {
        self.span_s(RequestRecord::is_done)
    }

    fn span_s(&self, ends: fn(&RequestRecord) -> bool) -> Option<f64> {
        let finished = || self.requests.iter().filter(|r| r.is_finished());
        let first = finished().map(|request| request.sent).min()?;
        let ends = finished().filter(|request| ends(request));
        ends.map(|request| request.ended.since(first))
            .reduce(f64::max)
    }

    /// Throughput: output tokens / (last final chunk − first sent), tokens a second.
    pub fn system_tok_s(&self) -> Option<f64> {
        let (tokens, seconds) = (self.output_tokens(), self.to_final_chunk_s()?);
        (tokens > 0 && seconds > 0.0).then(|| tokens as f64 / seconds)
    }

    /// Its figures so far: once it has ended those of its record; before that the waits of the requests in flight
    /// are among them.
    pub fn metrics(&self, limits: &Limits) -> LevelMetrics {
        let fold = || Box::new((*limits, LevelMetrics::so_far(self, limits)));
        let kept = self.figures.get_or_init(fold);
        let mut metrics = kept.1.clone();
        if kept.0 != *limits {
            metrics.judge(&[self], limits);
        }
        metrics.measure(&[self]);
        metrics
    }
}

/// How far the current throughput looks back.
const RECENT_US: u64 = 2_000_000;
/// Answers of ended requests kept in a cycle.
const ANSWERS_KEPT: usize = 256;
/// The longest series kept: a day.
const MAX_SECONDS: usize = 86_400;

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_u64), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}
