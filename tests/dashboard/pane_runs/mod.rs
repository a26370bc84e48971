//! Runs told as events, with readable figures, for tests of what is drawn from them.

pub(crate) mod any;
pub(crate) mod machine;
pub(crate) mod screen;

use std::sync::Arc;

use tokometer::event::{
    CycleEnd, Event, EventKind, FailureKind, InFlight, Outcome, Phase, RequestRecord, RunEnd,
    RunInfo, ServerFigures, Stamp, Warning, WarningKind,
};
use tokometer::metrics::state::RunState;
use tokometer::plan::Plan;

use crate::story::{self, Story};

fn micros(seconds: f64) -> u64 {
    tokometer::text::numbers::floor_u64(seconds * 1e6)
}

/// A run of these levels that has loaded and warmed its model.
pub(crate) fn loaded(levels: &[u32]) -> Story {
    let plan = Plan {
        levels: levels.to_vec(),
        ..Plan::default()
    };
    let mut story = Story::new(info(plan));
    let loaded = EventKind::ModelLoaded {
        took_s: 3.8,
        server_s: Some(3.7),
    };
    story.push_at(story::at(4.0), loaded);
    story
}

impl Story {
    /// Lets time pass, seconds.
    pub(crate) fn pass(&mut self, seconds: f64) {
        self.now.0 += micros(seconds);
    }

    /// A warning.
    pub(crate) fn warn(&mut self, kind: WarningKind, text: &str) {
        let text = text.to_owned();
        self.push(EventKind::Warning(Warning { kind, text }));
    }

    /// Opens a cycle and sends one request of each user. Returns the first id.
    pub(crate) fn begin(&mut self, users: u32, upcoming: &[u32]) -> u64 {
        let first = self.next_id();
        self.open(users);
        self.push(EventKind::LevelsChanged {
            upcoming: upcoming.to_vec(),
        });
        self.connect(users, 0.02, 310);
        for user in 0..users {
            self.ask(first + u64::from(user), user);
        }
        first
    }

    /// Requests count from 1.
    fn next_id(&self) -> u64 {
        let is_start = |event: &&Event| matches!(event.what, EventKind::RequestStarted { .. });
        let before = self.events.iter().filter(is_start).count();
        u64::try_from(before).unwrap() + 1
    }

    /// A whole cycle: each user is answered with 200 tokens at `speed` tokens a second after
    /// `wait` seconds, later users a little slower; the first `failing` users get a 503.
    pub(crate) fn cycle(
        &mut self,
        users: u32,
        upcoming: &[u32],
        speed: f64,
        wait: f64,
        failing: u32,
    ) {
        let first = self.begin(users, upcoming);
        let sent = self.now.0;
        let cycle = self.cycle;
        for user in 0..failing {
            let mut record = record(first + u64::from(user), cycle, user, sent, wait, speed);
            record.ended = Stamp(sent + 2_000);
            failed(
                &mut record,
                FailureKind::Http(503),
                "server busy, please try again",
            );
            self.answer(record);
        }
        let mut records: Vec<RequestRecord> = (failing..users)
            .map(|user| {
                let slower = 1.0 + f64::from(user) * 0.01;
                let id = first + u64::from(user);
                record(id, cycle, user, sent, wait * slower, speed / slower)
            })
            .collect();
        records.sort_by_key(|r| r.ended);
        let last = records.last().map_or(sent, |r| r.ended.0);
        for now in (sent..last).step_by(500_000) {
            let requests = in_flight(&records, now);
            self.push_at(Stamp(now), EventKind::Progress { cycle, requests });
        }
        for record in records {
            self.answer(record);
        }
        self.close(CycleEnd::Done);
        if let Some(next_users) = upcoming.first().copied() {
            self.rest(3.0, next_users);
            self.pass(3.0);
        }
    }

    /// A cycle of eight users, twelve seconds in: one done, one refused, one cut off, two queued,
    /// two thinking, one answering.
    pub(crate) fn running(&mut self, upcoming: &[u32]) {
        let first = self.begin(8, upcoming);
        let (cycle, sent) = (self.cycle, self.now.0);
        let mut refused = record(first, cycle, 0, sent, 1.0, 10.0);
        refused.ended = Stamp(sent + 400);
        failed(&mut refused, FailureKind::Refused, "connection refused");
        self.answer(refused);
        for (user, thinking) in [(1, false), (2, true), (3, true), (4, true), (5, false)] {
            let ttft_us = 700_000 + 40_000 * user;
            let first = EventKind::FirstToken {
                id: first + user,
                cycle,
                ttft_us,
                thinking,
            };
            self.push_at(Stamp(sent + ttft_us), first);
        }
        for tenth in (8..=120_u32).step_by(5) {
            self.now = Stamp(sent + u64::from(tenth) * 100_000);
            let moved = |user: u64, share: u32, phase| InFlight {
                id: first + user,
                tokens: 1 + (tenth - 8) * share / 8,
                phase,
            };
            let requests = vec![
                moved(1, 18, Phase::Answering),
                moved(2, 9, Phase::Thinking),
                moved(3, 9, Phase::Thinking),
                moved(4, 13, Phase::Answering),
                moved(5, 5, Phase::Answering),
            ];
            self.push(EventKind::Progress { cycle, requests });
        }
        let done = record(first + 1, cycle, 1, sent, 0.74, 21.0);
        self.answer(done);
        let mut cut = record(first + 5, cycle, 5, sent, 0.9, 6.0);
        cut.chunks = 71;
        cut.ended = self.now;
        failed(
            &mut cut,
            FailureKind::Truncated,
            "the stream broke off inside a chunk",
        );
        self.answer(cut);
    }

    /// The end.
    pub(crate) fn end(&mut self, why: RunEnd) {
        self.push(EventKind::RunEnded { why });
    }

    /// The state it amounts to.
    pub(crate) fn state(&self) -> RunState {
        RunState::from_events(&self.events)
    }
}

/// Where requests that were never interrupted stand at an instant.
fn in_flight(records: &[RequestRecord], now: u64) -> Vec<InFlight> {
    let stand = |r: &RequestRecord| {
        let first = r.first_token?.0;
        let share = now.saturating_sub(first) as f64 / r.last_token?.since(r.first_token?) / 1e6;
        let tokens = tokometer::text::numbers::floor_u64(f64::from(r.chunks) * share.min(1.0));
        Some(InFlight {
            id: r.id,
            tokens: u32::try_from(tokens).ok()?,
            phase: Phase::Answering,
        })
    };
    records.iter().filter_map(stand).collect()
}

/// A request answered with 200 tokens, 80 of them thinking.
pub(crate) fn record(
    id: u64,
    cycle: u32,
    user: u32,
    sent: u64,
    wait: f64,
    speed: f64,
) -> RequestRecord {
    let first = sent + micros(wait);
    let step = micros(1.0 / speed);
    let last = first + step * 199;
    let times = [sent, first, last].map(|micros| Stamp(micros).secs());
    let record = story::answered(id, cycle, times, 198);
    RequestRecord {
        user,
        head: Some(Stamp(first - 2_000)),
        first_byte: Some(Stamp(first - 1_000)),
        first_answer: Some(Stamp(first + step * 80)),
        ended: Stamp(last + 3_000),
        thinking_chunks: Some(80),
        itl_us: vec![step, 196, step * 2, 1],
        unread_parts: None,
        server: ServerFigures {
            prompt_tokens: Some(26),
            output_tokens: Some(200),
            prompt_eval_s: Some(0.11),
            eval_s: Some((last - first) as f64 / 1e6 * 0.99),
            total_s: Some((last - sent) as f64 / 1e6),
            ..record.server
        },
        outcome: Outcome::Done {
            reason: Some("length".to_owned()),
        },
        answer: Some(Arc::default()),
        ..record
    }
}

/// Makes a failure of a record: what came is lost.
pub(crate) fn failed(record: &mut RequestRecord, kind: FailureKind, message: &str) {
    if record.ended < record.first_token.unwrap_or_default() {
        record.head = None;
        story::fail(record, kind, message);
    } else {
        record.first_answer = None;
        record.server = ServerFigures::default();
        let message = message.to_owned();
        record.outcome = Outcome::Failed { kind, message };
    }
}

fn info(plan: Plan) -> RunInfo {
    RunInfo {
        id: "2026-11-21T16-02-11_deepseek-r1-7b".to_owned(),
        started_at: chrono::DateTime::UNIX_EPOCH,
        plan,
        ..story::info(false)
    }
}
