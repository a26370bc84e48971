//! A fixed timeline of a small run, for the tests of its readers.

use std::sync::Arc;

use chrono::{TimeZone, Utc};
use tokometer::event::{
    Answer, ClientCost, CycleEnd, Event, EventKind, FailureKind, InFlight, Outcome, Phase, Piece,
    RequestRecord, RunEnd, RunInfo, ServerFigures, Stamp, Warning, WarningKind,
};
use tokometer::event::{Dialect, Model, Target};
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
            dialect: Dialect::Ollama,
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
        },
        machine: Machine {
            arch: "aarch64".to_owned(),
            ..Machine::default()
        },
        imported: None,
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
        Piece {
            end: 4,
            at_us: at(first - sent).0,
            thinking: true,
        },
        Piece {
            end: 9,
            at_us: at(last - sent).0,
            thinking: false,
        },
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
        thinking_chunks: tokens / 4,
        itl_us: vec![50_000, u64::from(tokens.saturating_sub(1))],
        connect_us: None,
        retries: 0,
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

/// A request that the server turned away.
pub(crate) fn refused(id: u64, cycle: u32, sent: f64, ended: f64) -> RequestRecord {
    RequestRecord {
        head: Some(at(ended)),
        first_byte: None,
        first_token: None,
        first_answer: None,
        last_token: None,
        ended: at(ended),
        chunks: 0,
        thinking_chunks: 0,
        itl_us: vec![],
        server: ServerFigures::default(),
        outcome: Outcome::Failed {
            kind: FailureKind::Http(503),
            message: "=server busy,\u{1b}[2J\nplease try again".to_owned(),
        },
        answer: None,
        ..answered(id, cycle, [sent, sent + 0.1, ended], 1)
    }
}

/// The events of a cycle that starts at `start` and holds these requests.
pub(crate) fn cycle(number: u32, users: u32, start: f64, requests: &[RequestRecord]) -> Vec<Event> {
    let connect_us = vec![210; usize::try_from(users).unwrap()];
    let opened = EventKind::ConnectionsOpened {
        cycle: number,
        connect_us,
        failed: 0,
    };
    let started = EventKind::CycleStarted {
        cycle: number,
        users,
    };
    let mut events = vec![event(start, started), event(start + 0.1, opened)];
    for request in requests {
        let what = EventKind::RequestStarted {
            id: request.id,
            cycle: number,
            user: request.user,
            round: request.round,
        };
        events.push(Event {
            at: request.sent,
            what,
        });
        if let Some(first) = request.first_token {
            let what = EventKind::FirstToken {
                id: request.id,
                cycle: number,
                ttft_us: first.0 - request.sent.0,
                thinking: true,
            };
            events.push(Event { at: first, what });
        }
        events.push(Event {
            at: request.ended,
            what: EventKind::RequestEnded(Box::new(request.clone())),
        });
    }
    let end = requests
        .iter()
        .map(|r| r.ended.secs())
        .fold(start, f64::max);
    for tenths in 0..tokometer::text::numbers::floor_u64((end - start - 0.1) * 10.0) {
        let now = start + 0.2 + tenths as f64 / 10.0;
        events.push(progress(number, now, requests));
    }
    events.sort_by_key(|event| event.at);
    let why = CycleEnd::Done;
    events.push(event(end, EventKind::CycleEnded { cycle: number, why }));
    events
}

fn progress(cycle: u32, now: f64, requests: &[RequestRecord]) -> Event {
    let flying = requests
        .iter()
        .filter(|r| r.sent <= at(now) && at(now) < r.ended);
    let requests = flying.map(|request| {
        let streamed = request
            .first_token
            .map_or(0.0, |first| at(now).since(first));
        InFlight {
            id: request.id,
            tokens: u32::try_from(tokometer::text::numbers::floor_u64(streamed * 20.0)).unwrap(),
            phase: Phase::Thinking,
        }
    });
    let requests = requests.collect();
    event(now, EventKind::Progress { cycle, requests })
}

/// A run of 1 and 2 users, the second with a failure, and then 1 again.
pub(crate) fn run(simulated: bool) -> Vec<Event> {
    let warm = EventKind::WarmedUp {
        number: 1,
        of: 1,
        ttft_s: Some(0.41),
        error: None,
    };
    let loaded = EventKind::ModelLoaded {
        took_s: 3.25,
        server_s: Some(3.2),
    };
    let mut events = vec![
        event(0.0, EventKind::RunStarted(Box::new(info(simulated)))),
        event(3.25, loaded),
        event(4.5, warm),
    ];
    events.extend(cycle(0, 1, 5.0, &[answered(1, 0, [5.1, 5.6, 12.6], 256)]));
    let rest = EventKind::RestStarted {
        seconds: 3.0,
        next_users: 2,
    };
    events.push(event(12.6, rest));
    let two = [
        answered(2, 1, [16.0, 17.0, 29.75], 256),
        refused(3, 1, 16.0, 16.2),
    ];
    events.extend(cycle(1, 2, 15.6, &two));
    let failures = Warning {
        kind: WarningKind::Failures,
        text: "1 of 2 requests failed at 2 users: server\u{9b}31m busy.".to_owned(),
    };
    events.push(event(29.8, EventKind::Warning(failures)));
    events.extend(cycle(
        2,
        1,
        33.0,
        &[answered(4, 2, [33.1, 33.7, 41.7], 256)],
    ));
    let cost = ClientCost {
        cpu_s: Some(0.12),
        rss_bytes: Some(31_000_000),
        dropped_progress: 0,
    };
    events.push(event(41.8, EventKind::Client(cost)));
    events.push(event(41.8, EventKind::RunEnded { why: RunEnd::Done }));
    events
}
