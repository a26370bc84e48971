//! A server, and a run against it: cycles of 1, 2 and 4 users over, 8 users in the middle.

use chrono::{DateTime, Utc};
use tokometer::dialect::Discovery;
use tokometer::event::{
    CycleEnd, Event, EventKind, FailureKind, InFlight, Outcome, Phase, RequestRecord, RunEnd,
    RunInfo, ServerFigures, Stamp, Warning, WarningKind,
};
use tokometer::event::{Dialect, Model};
use tokometer::plan::Plan;
use tokometer::platform::Machine;

const SECOND: u64 = 1_000_000;

/// The models of the server.
pub(crate) fn models() -> Vec<Model> {
    let model = |name: &str, bytes, parameters: &str, loaded| Model {
        name: name.to_owned(),
        size_bytes: Some(bytes),
        quantization: Some("Q4_K_M".to_owned()),
        parameters: Some(parameters.to_owned()),
        context: Some(4096),
        loaded,
        ..Model::default()
    };
    vec![
        model("deepseek-r1:7b", 4_683_075_271, "7.6B", true),
        model("llama3.2:latest", 2_019_393_189, "3.2B", false),
        Model {
            name: "mystery\u{1b}[2J".to_owned(),
            ..Model::default()
        },
    ]
}

/// The server.
pub(crate) fn server(simulated: bool) -> Discovery {
    Discovery {
        dialect: Dialect::Ollama,
        url: "http://localhost:11434".to_owned(),
        server: Some("ollama 0.33.0".to_owned()),
        slots: Some(4),
        simulated,
        models: models(),
    }
}

/// One event at so many milliseconds.
pub(crate) fn event(millis: u64, what: EventKind) -> Event {
    Event {
        at: Stamp(millis * 1000),
        what,
    }
}

/// The first event of a run.
pub(crate) fn started(simulated: bool) -> Event {
    let found = server(simulated);
    let started_at: DateTime<Utc> = "2026-11-21T16:02:11Z".parse().unwrap();
    let info = RunInfo {
        id: "2026-11-21T16-02-11_deepseek-r1-7b".to_owned(),
        tokometer: "0.1.0".to_owned(),
        started_at,
        simulated,
        plan: Plan::default(),
        target: found.target(&found.models[0]),
        machine: Machine::default(),
        imported: None,
    };
    event(0, EventKind::RunStarted(Box::new(info)))
}

fn record(id: u64, cycle: u32, user: u32, sent: u64, wait: u64, tokens: u32) -> RequestRecord {
    let first = Stamp(sent + wait);
    let last = Stamp(first.0 + u64::from(tokens) * 50_000);
    RequestRecord {
        id,
        cycle,
        user,
        round: 0,
        prompt: 0,
        sent: Stamp(sent),
        head: Some(Stamp(sent + wait / 2)),
        first_byte: Some(first),
        first_token: Some(first),
        first_answer: Some(first),
        last_token: Some(last),
        ended: Stamp(last.0 + 1000),
        chunks: tokens,
        thinking_chunks: 0,
        itl_us: Vec::new(),
        connect_us: None,
        retries: 0,
        server: ServerFigures {
            output_tokens: Some(u64::from(tokens)),
            ..ServerFigures::default()
        },
        outcome: Outcome::Done {
            reason: Some("stop".to_owned()),
        },
        answer: None,
    }
}

/// A cycle up to its last first token; ids count from `first_id`.
fn opening(events: &mut Vec<Event>, cycle: u32, users: u32, first_id: u64, at: u64) {
    events.push(event(at, EventKind::CycleStarted { cycle, users }));
    let opened = EventKind::ConnectionsOpened {
        cycle,
        connect_us: vec![150; users as usize],
        failed: 0,
    };
    events.push(event(at + 10, opened));
    for user in 0..users {
        let id = first_id + u64::from(user);
        let started = EventKind::RequestStarted {
            id,
            cycle,
            user,
            round: 0,
        };
        events.push(event(at + 10, started));
        if user < 6 {
            let first = EventKind::FirstToken {
                id,
                cycle,
                ttft_us: 600_000,
                thinking: true,
            };
            events.push(event(at + 610, first));
        }
    }
}

/// Everything up to the middle of the fourth cycle.
pub(crate) fn running(simulated: bool) -> Vec<Event> {
    let mut events = vec![
        started(simulated),
        event(
            2000,
            EventKind::ModelLoaded {
                took_s: 2.0,
                server_s: Some(1.9),
            },
        ),
        event(
            3000,
            EventKind::WarmedUp {
                number: 1,
                of: 1,
                ttft_s: Some(0.2),
                error: None,
            },
        ),
    ];
    let mut id = 1;
    for (cycle, users) in [(0, 1), (1, 2), (2, 4)] {
        let at = 4000 + u64::from(cycle) * 20_000;
        opening(&mut events, cycle, users, id, at);
        for user in 0..users {
            let mut record = record(id, cycle, user, (at + 10) * 1000, 600_000, 200);
            if users == 4 && user == 3 {
                record.outcome = Outcome::Failed {
                    kind: FailureKind::Http(503),
                    message: "server busy\u{1b}]0;owned\u{7}".to_owned(),
                };
            }
            let ended = record.ended;
            events.push(Event {
                at: ended,
                what: EventKind::RequestEnded(Box::new(record)),
            });
            id += 1;
        }
        let why = CycleEnd::Done;
        events.push(event(at + 15_000, EventKind::CycleEnded { cycle, why }));
        let seconds = 3.0;
        let next_users = users * 2;
        events.push(event(
            at + 15_000,
            EventKind::RestStarted {
                seconds,
                next_users,
            },
        ));
    }
    opening(&mut events, 3, 8, id, 64_000);
    let warning = Warning {
        kind: WarningKind::Slots,
        text: "8 users, 4 slots: the rest wait in line.".to_owned(),
    };
    events.push(event(65_000, EventKind::Warning(warning)));
    for step in 1..=20_u32 {
        let requests = (0..8_u32)
            .map(|user| InFlight {
                id: id + u64::from(user),
                tokens: if user < 6 { step * 2 } else { 0 },
                phase: match user {
                    0..3 => Phase::Answering,
                    3..6 => Phase::Thinking,
                    _ => Phase::Queued,
                },
            })
            .collect();
        let cycle = 3;
        let at = 65_000 + u64::from(step) * 100;
        events.push(event(at, EventKind::Progress { cycle, requests }));
    }
    events
}

/// The end of a run in its fourth cycle.
pub(crate) fn over() -> Vec<Event> {
    let why = CycleEnd::Stopped;
    let ended = EventKind::CycleEnded { cycle: 3, why };
    let why = RunEnd::Stopped;
    vec![
        event(67_900, ended),
        event(68_000, EventKind::RunEnded { why }),
    ]
}

/// A rest of ten seconds in a run that has had one cycle.
pub(crate) fn resting() -> Vec<Event> {
    let mut events = vec![started(false)];
    opening(&mut events, 0, 1, 1, 4000);
    let why = CycleEnd::Done;
    events.push(event(9000, EventKind::CycleEnded { cycle: 0, why }));
    let rest = EventKind::RestStarted {
        seconds: 10.0,
        next_users: 2,
    };
    events.push(Event {
        at: Stamp(9 * SECOND),
        what: rest,
    });
    events
}
