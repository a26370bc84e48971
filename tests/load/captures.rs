//! Real streams of real servers, replayed byte for byte: every one gives the same tokens and the
//! same outcome, however the bytes are cut and however slowly they come.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokometer::dialect::Access;

use tokometer::dialect::{Completions, Dialect, Llama, Ollama, OpenAi};
use tokometer::event::{Event, EventKind, Outcome, RequestRecord};
use tokometer::plan::{Api, Plan};
use tokometer::session::serve;
use tokometer::session::serve::SessionOptions;
use tokometer::session::{SessionCommand, SessionEvent};

use crate::server::{Manners, Server, Step, json};

/// How the bytes of a capture are cut, and how long to wait between two pieces.
#[derive(Debug, Clone, Copy)]
struct Pace {
    cut: usize,
    pause: Duration,
}

impl Pace {
    fn whole() -> Self {
        Self::cut(usize::MAX)
    }

    fn cut(cut: usize) -> Self {
        Self {
            cut,
            pause: Duration::ZERO,
        }
    }
}

/// The bytes of a capture, head and all.
fn capture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures");
    std::fs::read(folder.join(format!("{name}.http"))).unwrap()
}

/// A server that speaks as the recorded one did: it answers every timed request with the capture, and closes.
async fn replay(name: &str, pace: Pace) -> Server {
    let bytes = capture(name);
    let manners = Manners {
        canned: recorded,
        load: Some(vec![Step::Say(capture("ollama-load-empty-prompt"))]),
        ..Manners::new(move |_| {
            let Pace { cut: size, pause } = pace;
            let bytes = bytes.clone();
            vec![Step::Pieces { bytes, size, pause }, Step::Close]
        })
    };
    Server::start(manners).await
}

/// What is asked beside, from the path.
fn recorded(head: &str) -> Vec<u8> {
    let name = match head.split(' ').nth(1).unwrap() {
        "/api/version" => "ollama-version",
        "/api/tags" => "ollama-tags",
        "/api/ps" => "ollama-ps",
        "/api/show" => "ollama-show",
        "/v1/models" => "vllm-models",
        "/version" => "vllm-version",
        _ => return json(404, r#"{"error":"not recorded"}"#),
    };
    capture(name)
}

/// What must come of a capture.
struct Expected {
    outcome: &'static str,
    chunks: u32,
    thinking: u32,
    /// The server's own count; None where it does not tell.
    tokens: Option<u64>,
}

const fn done(outcome: &'static str, chunks: u32, thinking: u32, tokens: u64) -> Expected {
    Expected {
        outcome,
        chunks,
        thinking,
        tokens: Some(tokens),
    }
}

const fn broken(outcome: &'static str, chunks: u32) -> Expected {
    Expected {
        outcome,
        chunks,
        thinking: 0,
        tokens: None,
    }
}

const OLLAMA: &[(&str, Expected)] = &[
    ("ollama-chat-stream", done("done length", 21, 0, 24)),
    ("ollama-chat-think", done("done length", 37, 24, 40)),
    ("ollama-chat-think-jinja", done("done length", 37, 24, 40)),
    ("ollama-chat-think-false", done("done length", 8, 0, 8)),
    ("ollama-chat-logprobs", done("done length", 4, 0, 4)),
    ("ollama-chat-nonstream", done("done length", 1, 0, 6)),
    ("ollama-chat-ctx-overflow", done("done length", 1, 0, 8)),
    ("ollama-chat-ctx-overflow-notruncate", broken("http_400", 0)),
    ("ollama-chat-token-repeat-abort", broken("unfinished", 31)),
    (
        "ollama-chat-midstream-runner-killed",
        broken("stream_error", 3),
    ),
    ("ollama-generate-stream", done("done length", 21, 0, 24)),
    (
        "ollama-generate-stream-stop",
        done("done stop", 129, 0, 133),
    ),
    ("ollama-generate-think", done("done length", 37, 24, 40)),
    ("ollama-generate-raw", done("done length", 6, 0, 6)),
    ("ollama-generate-nonstream", done("done length", 1, 0, 6)),
    (
        "ollama-generate-token-repeat-abort",
        broken("unfinished", 31),
    ),
    (
        "ollama-generate-nonstream-token-repeat-abort",
        broken("unfinished", 1),
    ),
    ("ollama-err-nomodel", broken("http_404", 0)),
    ("ollama-err-badjson", broken("http_400", 0)),
    ("ollama-err-think-unsupported", broken("http_400", 0)),
];

const OPENAI: &[(&str, Expected)] = &[
    ("llama-chat-stream-usage", done("done length", 21, 0, 24)),
    ("llama-chat-stream-nousage", done("done length", 6, 0, 6)),
    ("llama-chat-stream-stop", done("done stop", 129, 0, 133)),
    ("llama-chat-stream-think", done("done length", 37, 24, 40)),
    ("llama-chat-stream-logprobs", done("done length", 17, 0, 20)),
    (
        "llama-chat-stream-timings-per-token",
        done("done length", 4, 0, 4),
    ),
    ("llama-chat-midstream-killed", broken("truncated", 2)),
    // It is waited for until it has loaded.
    (
        "llama-chat-loading-503",
        broken("http_503: not its failure", 0),
    ),
    ("llama-err-404", broken("http_404", 0)),
    ("llama-err-ctx", broken("http_400", 0)),
    ("llama-err-badjson", broken("http_500", 0)),
    ("lcp-chat-stream-usage", broken("done length", 21)),
    ("lcp-err-ctx", broken("empty", 0)),
    ("lcp-err-badjson", broken("http_500", 0)),
    ("vllm-chat-stream-usage", done("done length", 21, 0, 24)),
    ("vllm-chat-stream-nousage", broken("done length", 3)),
    (
        "vllm-chat-stream-continuous-usage",
        done("done length", 3, 0, 3),
    ),
    ("vllm-chat-stream-stop", done("done stop", 129, 0, 133)),
    ("vllm-err-nomodel", broken("http_404", 0)),
    ("vllm-err-badjson", broken("http_400", 0)),
    ("ollama-v1-chat-stream-usage", done("done length", 6, 0, 6)),
    ("ollama-v1-chat-stream-nousage", broken("done length", 6)),
    (
        "ollama-v1-chat-stream-think",
        done("done length", 37, 24, 40),
    ),
    (
        "ollama-v1-chat-token-repeat-abort",
        broken("unfinished", 31),
    ),
    (
        "ollama-v1-chat-midstream-runner-killed",
        broken("unfinished", 2),
    ),
    ("ollama-v1-err-nomodel", broken("http_404", 0)),
    ("guidellm-mock-chat-stream", done("done stop", 8, 0, 8)),
    ("llama-v1-completions-stream", done("done length", 6, 0, 6)),
    (
        "vllm-completions-stream-usage",
        done("done length", 21, 0, 24),
    ),
    ("lcp-completions-stream", broken("done length", 4)),
    ("ollama-v1-completions-stream", done("done length", 6, 0, 6)),
    (
        "guidellm-mock-completions-stream",
        done("done stop", 4, 0, 4),
    ),
    ("vllm-err-ctx", broken("http_400", 0)),
    ("llama-chat-nonstream", broken("not_streamed", 0)),
    ("lcp-chat-nonstream", broken("not_streamed", 0)),
];

#[tokio::test(flavor = "multi_thread")]
async fn ollama_at_every_chunking() {
    for pace in [Pace::whole(), Pace::cut(1), Pace::cut(7), Pace::cut(64)] {
        for (name, expected) in OLLAMA {
            check(&Ollama, name, pace, expected).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_at_every_chunking() {
    for pace in [Pace::whole(), Pace::cut(1), Pace::cut(7), Pace::cut(64)] {
        for (name, expected) in OPENAI {
            check(&OpenAi, name, pace, expected).await;
        }
    }
}

/// The same bytes, asked for by the APIs that they are of.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_apis_at_every_chunking() {
    let own: (&'static dyn Dialect, &str) = (&Llama, "llama-completion-native-stream");
    for pace in [Pace::whole(), Pace::cut(1), Pace::cut(64)] {
        for (dialect, name) in [own, (&Completions, "llama-v1-completions-stream")] {
            let record = check(dialect, name, pace, &done("done length", 6, 0, 6)).await;
            assert_eq!(record.server.prompt_tokens, Some(3), "{name}");
        }
    }
}

/// The speed changes what is measured and nothing that is counted.
#[tokio::test(flavor = "multi_thread")]
async fn slow_streams_give_the_same_and_take_their_time() {
    let pace = Pace {
        cut: 90,
        pause: Duration::from_millis(3),
    };
    for (dialect, table) in [(&Ollama as &dyn Dialect, OLLAMA), (&OpenAi, OPENAI)] {
        let streamed = |(_, expected): &&(&str, Expected)| (3..40).contains(&expected.chunks);
        for (name, expected) in table.iter().filter(streamed) {
            let record = check(dialect, name, pace, expected).await;
            let pauses = capture(name).len() / pace.cut - 1;
            let paused_s = pace.pause.as_secs_f64() * pauses as f64;
            assert!(
                record.ended.since(record.sent) >= paused_s,
                "{name}: faster than the server"
            );
            let (first, last) = (record.first_token.unwrap(), record.last_token.unwrap());
            assert!(
                first < last && last <= record.ended,
                "{name}: stamps out of order"
            );
        }
    }
}

/// Replays one capture as the answer to the only request of a run, and checks what came of it.
async fn check(
    dialect: &'static dyn Dialect,
    name: &str,
    pace: Pace,
    expected: &Expected,
) -> RequestRecord {
    let server = replay(name, pace).await;
    let api = if name.contains("generate") {
        Api::Generate
    } else {
        Api::Chat
    };
    let record = only_request(&server.url(), dialect, api).await;
    let context = format!("{name} in pieces of {}: {record:?}", pace.cut);
    let outcome = match &record.outcome {
        Outcome::Done { reason } => format!("done {}", reason.as_deref().unwrap_or("-")),
        Outcome::Failed { kind, .. } => kind.to_string(),
        Outcome::ServerGone { kind, .. } => format!("{kind}: not its failure"),
        Outcome::Cancelled => "cancelled".to_owned(),
    };
    assert_eq!(outcome, expected.outcome, "{context}");
    assert_eq!(record.chunks, expected.chunks, "{context}");
    assert_eq!(record.thinking_chunks, Some(expected.thinking), "{context}");
    assert_eq!(record.server.output_tokens, expected.tokens, "{context}");
    let stamps = [
        Some(record.sent),
        record.head,
        record.first_byte,
        record.first_token,
        record.last_token,
        Some(record.ended),
    ];
    let known: Vec<_> = stamps.into_iter().flatten().collect();
    assert!(known.is_sorted(), "{context}");
    let gaps: u64 = record.itl_us.chunks(2).map(|pair| pair[1]).sum();
    assert_eq!(
        gaps,
        u64::from(expected.chunks.saturating_sub(1)),
        "{context}"
    );
    in_order(&record, name);
    record
}

/// The constructed models count: " w001 w002 …", thinking models first " t001 t002 …". An event that
/// was lost, doubled or moved breaks the count.
fn in_order(record: &RequestRecord, name: &str) {
    let answer = Arc::clone(record.answer.as_ref().unwrap());
    if name.contains("repeat") || name.contains("guidellm") {
        return;
    }
    for letter in ['t', 'w'] {
        let numbers: Vec<u32> = answer
            .text
            .split(letter)
            .filter_map(|rest| rest.get(..3)?.parse().ok())
            .collect();
        let last = numbers.last().copied().unwrap_or(0);
        assert!(
            numbers.iter().copied().eq(1..=last),
            "{name}: {}",
            answer.text
        );
    }
}

async fn only_request(url: &str, dialect: &'static dyn Dialect, api: Api) -> RequestRecord {
    let options = SessionOptions {
        access: Access::default(),
        url: Some(url.to_owned()),
        dialect: Some(dialect),
        simulator: tokometer::sim::SimConfig::default(),
        runs: None,
        reports: None,
    };
    let mut session = serve::start(options).unwrap();
    session.commands.send(SessionCommand::Search).await.unwrap();
    let plan = Plan {
        levels: vec![1],
        warmup: 0,
        api,
        ..Plan::default()
    };
    let mut events: Vec<Event> = Vec::new();
    let is_end = |event: &Event| matches!(event.what, EventKind::RequestEnded(_));
    while !events.iter().any(is_end) {
        match session.events.recv().await.unwrap() {
            SessionEvent::Found(found) => {
                let model = Box::new(found.models[0].clone());
                let plan = Box::new(plan.clone());
                session
                    .commands
                    .send(SessionCommand::Start { plan, model })
                    .await
                    .unwrap();
            }
            SessionEvent::NotFound { tried } => panic!("not found: {tried:?}"),
            SessionEvent::Events(more) => events.extend(more),
            SessionEvent::Finished { error, .. } => {
                assert_eq!(error, None);
                break;
            }
            _ => {}
        }
    }
    let ended = events.into_iter().find_map(|event| match event.what {
        EventKind::RequestEnded(record) => Some(*record),
        _ => None,
    });
    ended.unwrap()
}
