//! The builder of runs, told as events.

use std::sync::Arc;

use chrono::{TimeZone, Utc};
use tokometer::dialect::{Dialect as _, Ollama};
use tokometer::event::{
    Answer, CycleEnd, Event, EventKind, FailureKind, Outcome, Piece, RequestRecord, RunInfo,
    ServerFigures, Stamp,
};
use tokometer::event::{Model, Remarks, Target};
use tokometer::plan::Plan;
use tokometer::platform::Machine;

/// The instant this many seconds into the run.
pub(crate) fn at(seconds: f64) -> Stamp {
    Stamp(tokometer::text::numbers::floor_u64((seconds * 1e6).round()))
}

pub(crate) fn event(seconds: f64, what: EventKind) -> Event {
    Event {
        at: at(seconds),
        what,
    }
}

/// A run in the making.
pub(crate) struct Story {
    /// What happened so far.
    pub(crate) events: Vec<Event>,
    pub(crate) now: Stamp,
    /// The cycle that goes on, or is next.
    pub(crate) cycle: u32,
}

impl Story {
    /// A run that starts.
    pub(crate) fn new(info: RunInfo) -> Self {
        let mut story = Self::from_cycle(0);
        story.push(EventKind::RunStarted(Box::new(info)));
        story
    }

    /// The part of a run that begins with this cycle.
    pub(crate) fn from_cycle(cycle: u32) -> Self {
        Self {
            events: Vec::new(),
            now: Stamp(0),
            cycle,
        }
    }

    /// Something that happens now.
    pub(crate) fn push(&mut self, what: EventKind) {
        let at = self.now;
        self.events.push(Event { at, what });
    }

    /// Something that happens at an instant, which is now from then on.
    pub(crate) fn push_at(&mut self, at: Stamp, what: EventKind) {
        self.now = at;
        self.push(what);
    }

    /// Begins the cycle.
    pub(crate) fn open(&mut self, users: u32) {
        let cycle = self.cycle;
        self.push(EventKind::CycleStarted { cycle, users });
    }

    /// So many seconds later the users' connections are open, each of which took `connect_us`.
    pub(crate) fn connect(&mut self, users: u32, later_s: f64, connect_us: u64) {
        let opened = EventKind::ConnectionsOpened {
            cycle: self.cycle,
            connect_us: vec![connect_us; usize::try_from(users).unwrap()],
            tls_us: Vec::new(),
            failed: 0,
        };
        self.push_at(at(self.now.secs() + later_s), opened);
    }

    /// A user asks.
    pub(crate) fn ask(&mut self, id: u64, user: u32) {
        self.push(EventKind::RequestStarted {
            id,
            cycle: self.cycle,
            user,
            round: 0,
        });
    }

    /// A request ends, now at the latest.
    pub(crate) fn answer(&mut self, record: RequestRecord) {
        let ended = record.ended.max(self.now);
        self.push_at(ended, EventKind::RequestEnded(Box::new(record)));
    }

    /// Ends the cycle.
    pub(crate) fn close(&mut self, why: CycleEnd) {
        let cycle = self.cycle;
        self.push(EventKind::CycleEnded { cycle, why });
        self.cycle += 1;
    }

    /// A rest.
    pub(crate) fn rest(&mut self, seconds: f64, next_users: u32) {
        self.push(EventKind::RestStarted {
            seconds,
            next_users,
        });
    }
}

/// A server whose texts try to steer the terminal.
pub(crate) fn info(simulated: bool) -> RunInfo {
    RunInfo {
        id: "a-run".to_owned(),
        tokometer: "0.1.0".to_owned(),
        started_at: Utc.with_ymd_and_hms(2026, 11, 21, 16, 2, 11).unwrap(),
        simulated,
        plan: Plan {
            levels: vec![1, 2],
            ..Plan::default()
        },
        target: Target {
            dialect: Ollama.id(),
            url: "http://127.0.0.1:11434".to_owned(),
            model: Model {
                name: "deepseek-r1:7b".to_owned(),
                size_bytes: Some(4_683_075_271),
                quantization: Some("Q4_K_M".to_owned()),
                parameters: Some("7.6B".to_owned()),
                ..Model::default()
            },
            server: Some("ollama 0.33.0".to_owned()),
            slots: Some(4),
            simulated,
            route: tokometer::event::Route::default(),
        },
        machine: Machine {
            arch: "aarch64".to_owned(),
            ..Machine::default()
        },
        imported: None,
        remarks: Remarks::default(),
        simulation: None,
    }
}

/// A request that ended well, at 20 gaps of 50 ms a second; sent, first and last token at these seconds.
pub(crate) fn answered(
    id: u64,
    cycle: u32,
    [sent, first, last]: [f64; 3],
    tokens: u32,
) -> RequestRecord {
    let pieces = vec![
        Piece::new(4, at(first - sent).0, true),
        Piece::new(9, at(last - sent).0, false),
    ];
    RequestRecord {
        id,
        cycle,
        user: u32::try_from(id % 2).unwrap(),
        round: 0,
        prompt: 0,
        sent: at(sent),
        head: Some(at(first - 0.01)),
        first_byte: Some(at(first)),
        first_token: Some(at(first)),
        first_answer: Some(at(first + 0.5)),
        last_token: Some(at(last)),
        ended: at(last),
        chunks: tokens,
        thinking_chunks: Some(tokens / 4),
        itl_us: vec![50_000, u64::from(tokens.saturating_sub(1))],
        connect_us: None,
        tls_us: None,
        retries: Some(0),
        unread_parts: None,
        server: ServerFigures {
            prompt_tokens: Some(12),
            output_tokens: Some(u64::from(tokens)),
            load_s: Some(0.02),
            prompt_eval_s: Some(0.3),
            eval_s: Some(last - first),
            total_s: Some(last - sent - 0.004),
        },
        outcome: Outcome::Done {
            reason: Some("stop".to_owned()),
        },
        answer: Some(Arc::new(Answer {
            text: "Time\u{1b}[31m".to_owned(),
            pieces,
        })),
    }
}

/// Makes a failure of a request of which nothing came.
pub(crate) fn fail(record: &mut RequestRecord, kind: FailureKind, message: &str) {
    record.first_byte = None;
    record.first_token = None;
    record.first_answer = None;
    record.last_token = None;
    record.chunks = 0;
    record.thinking_chunks = Some(0);
    record.itl_us.clear();
    record.server = ServerFigures::default();
    let message = message.to_owned();
    record.outcome = Outcome::Failed { kind, message };
}
