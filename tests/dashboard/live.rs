//! A server, and a run against it: cycles of 1, 2 and 4 users over, 8 users in the middle.

use tokometer::dialect::{Discovery, Ollama};
use tokometer::event::Model;
use tokometer::event::{
    CycleEnd, Event, EventKind, FailureKind, InFlight, Outcome, Phase, RequestRecord, RunEnd,
    RunInfo, ServerFigures, Stamp, Warning, WarningKind,
};
use tokometer::plan::Plan;

use crate::story::{self, Story};

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
        is_loading: false,
        dialect: &Ollama,
        url: "http://localhost:11434".to_owned(),
        server: Some("ollama 0.33.0".to_owned()),
        slots: Some(4),
        simulated,
        route: tokometer::event::Route::default(),
        models: models(),
    }
}

/// One event at so many milliseconds.
pub(crate) fn event(millis: u64, what: EventKind) -> Event {
    story::event(millis as f64 / 1000.0, what)
}

fn info(simulated: bool) -> RunInfo {
    let found = server(simulated);
    RunInfo {
        id: "2026-11-21T16-02-11_deepseek-r1-7b".to_owned(),
        plan: Plan::default(),
        target: found.target(&found.models[0]),
        ..story::info(simulated)
    }
}

/// The first event of a run.
pub(crate) fn started(simulated: bool) -> Event {
    Story::new(info(simulated)).events.remove(0)
}

fn record(id: u64, cycle: u32, user: u32, sent: Stamp) -> RequestRecord {
    let first = Stamp(sent.0 + 600_000);
    let last = Stamp(first.0 + 200 * 50_000);
    let times = [sent, first, last].map(Stamp::secs);
    RequestRecord {
        user,
        head: Some(Stamp(sent.0 + 300_000)),
        first_answer: Some(first),
        ended: Stamp(last.0 + 1000),
        thinking_chunks: Some(0),
        itl_us: Vec::new(),
        unread_parts: None,
        server: ServerFigures {
            output_tokens: Some(200),
            ..ServerFigures::default()
        },
        answer: None,
        ..story::answered(id, cycle, times, 200)
    }
}

impl Story {
    /// A cycle up to its last first token; ids count from `first_id`. Gives when all were sent.
    fn begin_at(&mut self, at: Stamp, users: u32, first_id: u64) -> Stamp {
        self.now = at;
        self.open(users);
        self.connect(users, 0.01, 150);
        let sent = self.now;
        for user in 0..users {
            let id = first_id + u64::from(user);
            self.now = sent;
            self.ask(id, user);
            if user < 6 {
                let first = EventKind::FirstToken {
                    id,
                    cycle: self.cycle,
                    ttft_us: 600_000,
                    thinking: true,
                };
                self.push_at(Stamp(sent.0 + 600_000), first);
            }
        }
        sent
    }
}

/// Everything up to the middle of the fourth cycle.
pub(crate) fn running(simulated: bool) -> Vec<Event> {
    let mut story = Story::new(info(simulated));
    let loaded = EventKind::ModelLoaded {
        took_s: 2.0,
        server_s: Some(1.9),
    };
    story.push_at(story::at(2.0), loaded);
    let warm = EventKind::WarmedUp {
        number: 1,
        of: 1,
        ttft_s: Some(0.2),
        error: None,
    };
    story.push_at(story::at(3.0), warm);
    let mut id = 1;
    for users in [1, 2, 4] {
        let begins = Stamp((4 + u64::from(story.cycle) * 20) * 1_000_000);
        let sent = story.begin_at(begins, users, id);
        for user in 0..users {
            let mut record = record(id, story.cycle, user, sent);
            if users == 4 && user == 3 {
                record.outcome = Outcome::Failed {
                    kind: FailureKind::Http(503),
                    message: "server busy\u{1b}]0;owned\u{7}".to_owned(),
                };
            }
            story.answer(record);
            id += 1;
        }
        story.now = Stamp(begins.0 + 15_000_000);
        story.close(CycleEnd::Done);
        story.rest(3.0, users * 2);
    }
    story.begin_at(story::at(64.0), 8, id);
    let warning = Warning {
        kind: WarningKind::Slots,
        text: "8 users, 4 slots: the rest wait in line.".to_owned(),
    };
    story.push_at(story::at(65.0), EventKind::Warning(warning));
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
        let cycle = story.cycle;
        let now = Stamp(65_000_000 + u64::from(step) * 100_000);
        story.push_at(now, EventKind::Progress { cycle, requests });
    }
    story.events
}

/// The end of a run in its fourth cycle.
pub(crate) fn over() -> Vec<Event> {
    let mut story = Story::from_cycle(3);
    story.now = story::at(67.9);
    story.close(CycleEnd::Stopped);
    let why = RunEnd::Stopped;
    story.push_at(story::at(68.0), EventKind::RunEnded { why });
    story.events
}

/// A rest of ten seconds in a run that has had one cycle.
pub(crate) fn resting() -> Vec<Event> {
    let mut story = Story::new(info(false));
    story.begin_at(story::at(4.0), 1, 1);
    story.now = story::at(9.0);
    story.close(CycleEnd::Done);
    story.rest(10.0, 2);
    story.events
}
