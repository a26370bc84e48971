//! What the hot parts cost: the decoder, a request's bookkeeping, the fold, a frame.
//!
//! `cargo bench --bench units`. The first two are per stream of 1,000 tokens, so a millisecond is a
//! microsecond a token.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot measure")]

use std::sync::Mutex;
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use tokio::time::Instant;
use tokometer::dialect::decode::{Decoder, Sink};
use tokometer::dialect::{Dialect, Discovery, Ollama, OpenAi};
use tokometer::event::{
    Answer, Event, EventKind, InFlight, Outcome, Phase, RequestRecord, RunInfo, ServerFigures,
    Stamp,
};
use tokometer::event::{Model, Remarks, Target};
use tokometer::load::token_stats::{Arrivals, TokenStats};
use tokometer::metrics::state::RunState;
use tokometer::plan::Plan;
use tokometer::platform::Machine;
use tokometer::probe::gpu::{ServerPids, SysRoot};
use tokometer::probe::process::{Processes, Search};
use tokometer::session::SessionEvent;
use tokometer::tui::app::{App, Msg};
use tokometer::tui::{DashboardOptions, render};

fn main() {
    divan::main();
}

const TOKENS: u64 = 1_000;

struct Count(u64);

impl Sink for Count {
    fn chunk(&mut self, _thinking: bool) {
        self.0 += 1;
    }
    fn text(&mut self, text: &str, _thinking: bool) {
        black_box(text);
    }
    fn was_thinking(&mut self) {}
}

fn ollama_line(text: &str) -> String {
    format!(
        "{{\"model\":\"m\",\"created_at\":\"2026-11-21T17:20:03.479249669Z\",\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\"done\":false}}\n"
    )
}

fn openai_line(text: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"finish_reason\":null,\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}],\"created\":1795281601,\"id\":\"chatcmpl-7fMUY4cVdTG9r0kNDy53ad8ugJSkCp4w\",\"model\":\"m\",\"object\":\"chat.completion.chunk\"}}\n\n"
    )
}

#[divan::bench(args = ["ollama", "ollama-escapes", "openai"])]
fn decode(bencher: Bencher<'_, '_>, stream: &str) {
    let (dialect, line): (&'static dyn Dialect, _) = match stream {
        "ollama" => (&Ollama, ollama_line(" word")),
        "ollama-escapes" => (&Ollama, ollama_line("\\n\\u00e9\\\"")),
        _ => (&OpenAi, openai_line(" word")),
    };
    bencher.counter(ItemsCount::new(TOKENS)).bench(|| {
        let mut decoder = Decoder::new(dialect);
        let mut count = Count(0);
        for _ in 0..TOKENS {
            decoder
                .feed(black_box(line.as_bytes()), &mut count)
                .unwrap();
        }
        assert_eq!(count.0, TOKENS);
    });
}

/// What a worker does with each token beside decoding it: stamps, gaps, the answer's text.
#[divan::bench]
fn bookkeeping(bencher: Bencher<'_, '_>) {
    let answer = Mutex::new(Answer::default());
    let mut tally = TokenStats::with_capacity(1_000);
    bencher.counter(ItemsCount::new(TOKENS)).bench_local(|| {
        tally.clear();
        answer.lock().unwrap().text.clear();
        answer.lock().unwrap().pieces.clear();
        for number in 0..TOKENS {
            let at = Stamp(number * 10_000);
            let answer = answer.lock().unwrap();
            let sent = Stamp(0);
            let mut arrivals = Arrivals {
                tokens: &mut tally,
                answer,
                at,
                sent,
            };
            arrivals.text(" word", false);
            arrivals.chunk(false);
        }
        black_box(tally.gaps())
    });
}

/// A cycle of 256 users that asked four times each, with progress: the whole timeline folded.
#[divan::bench]
fn fold(bencher: Bencher<'_, '_>) {
    let events = events(256, 4);
    bencher
        .counter(ItemsCount::new(events.len()))
        .bench(|| RunState::from_events(black_box(&events)));
}

/// One look at the process table of this machine: at one a second, 10 ms are 1 % of a core.
#[divan::bench]
fn processes(bencher: Bencher<'_, '_>) {
    let search = Search {
        port: Some(1),
        ..Search::default()
    };
    let mut table = Processes::new(search, &SysRoot::default(), ServerPids::default()).unwrap();
    bencher.bench_local(|| table.sample());
}

/// A frame of a running cycle of 64 users.
#[divan::bench(args = [(80, 24), (120, 40), (200, 60)])]
fn frame(bencher: Bencher<'_, '_>, (width, height): (u16, u16)) {
    let mut app = running(Size { width, height });
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    bencher.bench_local(|| {
        app.update(Msg::Tick, Instant::now());
        terminal.draw(|frame| render::render(frame, &app)).unwrap();
    });
}

fn running(size: Size) -> App {
    let (mut app, _) = App::new(DashboardOptions::default(), size, Instant::now());
    let target = target();
    let found = Discovery {
        is_loading: false,
        dialect: &Ollama,
        url: target.url.clone(),
        server: target.server.clone(),
        slots: None,
        simulated: false,
        route: tokometer::event::Route::default(),
        models: vec![target.model.clone()],
    };
    let now = Instant::now() + Duration::from_secs(1);
    app.update(Msg::SessionEvent(SessionEvent::Found(found)), now);
    let mut running = events(64, 2);
    running.truncate(running.len() - 64);
    app.update(Msg::SessionEvent(SessionEvent::Events(running)), now);
    app
}

fn target() -> Target {
    Target {
        dialect: Ollama.id(),
        url: "http://127.0.0.1:11434".to_owned(),
        model: Model {
            name: "m".to_owned(),
            ..Model::default()
        },
        server: None,
        slots: None,
        simulated: false,
        route: tokometer::event::Route::default(),
    }
}

/// The events of a run with one cycle.
fn events(users: u32, rounds: u32) -> Vec<Event> {
    let info = RunInfo {
        id: "bench".to_owned(),
        tokometer: "0".to_owned(),
        started_at: chrono::DateTime::UNIX_EPOCH,
        simulated: false,
        plan: Plan {
            levels: vec![users],
            ..Plan::default()
        },
        target: target(),
        machine: Machine::default(),
        imported: None,
        remarks: Remarks::default(),
        simulation: None,
    };
    let mut events = vec![
        Event {
            at: Stamp(0),
            what: EventKind::RunStarted(Box::new(info)),
        },
        Event {
            at: Stamp(1),
            what: EventKind::CycleStarted { cycle: 0, users },
        },
        Event {
            at: Stamp(2),
            what: EventKind::ConnectionsOpened {
                cycle: 0,
                connect_us: vec![80; users as usize],
                tls_us: Vec::new(),
                failed: 0,
            },
        },
    ];
    for round in 0..rounds {
        let start = 1_000_000 + u64::from(round) * 3_000_000;
        let id = |user: u32| u64::from(round * users + user) + 1;
        for user in 0..users {
            let what = EventKind::RequestStarted {
                id: id(user),
                cycle: 0,
                user,
                round,
            };
            events.push(Event {
                at: Stamp(start),
                what,
            });
        }
        for tick in 1..25_u32 {
            let flight = |user| InFlight {
                id: id(user),
                tokens: tick * 4,
                phase: Phase::Answering,
            };
            let requests = (0..users).map(flight).collect();
            let at = Stamp(start + u64::from(tick) * 100_000);
            events.push(Event {
                at,
                what: EventKind::Progress { cycle: 0, requests },
            });
        }
        events.extend((0..users).map(|user| {
            let record = record(id(user), user, round, start);
            Event {
                at: record.ended,
                what: EventKind::RequestEnded(Box::new(record)),
            }
        }));
    }
    events
}

fn record(id: u64, user: u32, round: u32, start: u64) -> RequestRecord {
    let at = |ms: u64| Some(Stamp(start + ms * 1_000));
    RequestRecord {
        id,
        cycle: 0,
        user,
        round,
        prompt: 0,
        sent: Stamp(start),
        head: at(400),
        first_byte: at(400),
        first_token: at(400 + u64::from(user)),
        first_answer: at(400 + u64::from(user)),
        last_token: at(2_400),
        ended: Stamp(start + 2_400_000),
        chunks: 100,
        thinking_chunks: Some(0),
        itl_us: vec![20_000, 99],
        connect_us: None,
        tls_us: None,
        retries: Some(0),
        unread_parts: None,
        server: ServerFigures {
            output_tokens: Some(100),
            ..ServerFigures::default()
        },
        outcome: Outcome::Done { reason: None },
        answer: None,
    }
}
