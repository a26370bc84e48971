//! One cycle of a run as it is now, and what of it counts: which requests finished, succeeded and failed, what
//! they waited and how many tokens they brought. Every figure of a cycle or of a level begins here.

use std::collections::BTreeMap;
use std::sync::Arc;
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
    /// Times of the TLS handshakes that followed, seconds.
    pub tls_s: Vec<f64>,
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

/// A wait that may not be over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaitSoFar {
    /// Its mean, seconds: at least this where some still wait.
    pub mean_s: Option<f64>,
    /// Requests that still wait, and already longer than the others did.
    pub still_waiting: usize,
}

impl WaitSoFar {
    /// In words: `600 ms`, or `≥ 5.13 s` while some still wait.
    pub fn text(&self) -> String {
        let least = if self.still_waiting > 0 { "≥ " } else { "" };
        format!("{least}{}", crate::text::numbers::seconds(self.mean_s))
    }
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
                connect_us,
                tls_us,
                failed,
                ..
            } => {
                let seconds = |times: &[u64]| times.iter().map(|us| *us as f64 / 1e6).collect();
                self.opened = Some(event.at);
                self.connect_s = seconds(connect_us);
                self.tls_s = seconds(tls_us);
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
                self.forget_times();
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

    /// The answers that are replayed are kept elsewhere; here only texts are read again.
    fn forget_times(&mut self) {
        for record in self.requests.iter_mut().rev().take(ANSWERS_KEPT) {
            if let Some(answer) = &mut record.answer {
                *answer = Arc::new(answer.without_times());
            }
        }
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

    /// Mean speed of the requests that succeeded and of those that have streamed for a while, tokens a second each. What
    /// ends first is quick: the ones in flight belong to it.
    pub fn speed_so_far_tok_s(&self, now: Stamp) -> Option<f64> {
        let live = self.in_flight.values();
        let live = live.filter(|live| live.tokens >= STREAMED);
        let ended = self.succeeded().filter_map(RequestRecord::speed_tok_s);
        mean(ended.chain(live.filter_map(|live| live.speed_tok_s(now))))
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

    /// The wait so far, at the instant `now`. A request that has no token yet and has already waited longer than the
    /// others did counts with the wait it has had.
    pub fn wait_so_far(&self, now: Stamp) -> WaitSoFar {
        let known = self.mean_wait_s();
        let live = self.in_flight.values();
        let waiting = live.filter(|live| live.first_token.is_none());
        let waited = waiting.map(|live| now.since(live.sent));
        let longer: Vec<f64> = waited
            .filter(|waited| known.is_none_or(|known| *waited > known))
            .collect();
        let all = self.waits_s().chain(longer.iter().copied());
        WaitSoFar {
            mean_s: mean(all),
            still_waiting: longer.len(),
        }
    }

    /// Whether the load is steady: nearly all users are in flight, and what streams has streamed for a while. Neither the
    /// start nor the tail of a cycle is like that.
    pub fn is_steady(&self) -> bool {
        let in_flight = self.in_flight.len() as f64;
        let streaming = self.in_flight.values();
        in_flight >= FULL * f64::from(self.users)
            && streaming.map(|live| live.tokens).max() >= Some(STREAMED)
    }

    /// Of the wait, how many requests met its limit so far, and how many are known to have met or missed it: one in
    /// flight that has waited longer has missed it.
    pub fn met_wait(&self, limits: &Limits, now: Stamp) -> (u64, u64) {
        let ended = self.samples().map(|sample| sample.meets_wait(limits));
        let live = self.in_flight.values().map(|live| {
            let waited = live.first_token.unwrap_or(now).since(live.sent);
            (live.first_token.is_some() || waited > limits.wait_s)
                .then_some(waited <= limits.wait_s)
        });
        sample::met(ended.chain(live))
    }

    /// The same of the speed, of the requests that ended.
    pub fn met_speed(&self, limits: &Limits) -> (u64, u64) {
        sample::met(self.samples().map(|sample| sample.meets_speed(limits)))
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

/// The load is steady while this share of the users is in flight.
const FULL: f64 = 0.95;
/// A request that streamed fewer tokens has no speed to go by.
const STREAMED: u32 = 10;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Stamp {
        Stamp(floor_u64(seconds * 1e6))
    }

    /// 32 users: 19 had their first token after 760 ms, 13 have none; `tokens` each since then.
    fn crowd(tokens: u32) -> CycleState {
        let mut cycle = CycleState {
            users: 32,
            ..CycleState::default()
        };
        for user in 0..32 {
            let live = Live {
                id: u64::from(user),
                user,
                round: 0,
                sent: at(1.0),
                first_token: (user < 19).then(|| at(1.76)),
                tokens: if user < 19 { tokens } else { 0 },
                phase: Phase::Queued,
            };
            cycle.in_flight.insert(live.id, live);
        }
        cycle
    }

    #[test]
    fn a_request_that_still_waits_counts_with_the_wait_it_has_had() {
        let cycle = crowd(50);
        let so_far = cycle.wait_so_far(at(12.0));
        assert_eq!(so_far.text(), "≥ 4.92 s");
        assert_eq!(so_far.still_waiting, 13);
        // As long as it has not waited longer than the others, nothing is known of it.
        let so_far = cycle.wait_so_far(at(1.7));
        assert_eq!(
            (so_far.text().as_str(), so_far.still_waiting),
            ("760 ms", 0)
        );
        let limits = Limits::default();
        assert_eq!(cycle.met_wait(&limits, at(10.9)), (19, 19));
        assert_eq!(cycle.met_wait(&limits, at(11.1)), (19, 32));
    }

    #[test]
    fn the_load_stands_between_the_start_and_the_tail() {
        assert!(!crowd(2).is_steady(), "the first tokens");
        let mut cycle = crowd(50);
        assert!(cycle.is_steady());
        cycle.in_flight.retain(|id, _| *id >= 2);
        assert!(!cycle.is_steady(), "30 of 32 users");
    }
}
