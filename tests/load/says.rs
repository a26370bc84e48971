//! What servers say: heads, chunks, lines.

use tokio_util::sync::CancellationToken;

use crate::server::{Server, Step};

pub(crate) const HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
/// The chunk that ends a body.
pub(crate) const LAST: &str = "0\r\n\r\n";

pub(crate) fn say(text: impl AsRef<str>) -> Step {
    Step::Say(text.as_ref().as_bytes().to_vec())
}

/// A chunk of the body.
pub(crate) fn chunk(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// A line of `/api/chat` with a part of the answer.
pub(crate) fn token(text: &str) -> String {
    let line = serde_json::json!({ "model": "m", "message": { "role": "assistant", "content": text }, "done": false });
    format!("{line}\n")
}

/// A line of `/api/chat` with a part of the thinking.
pub(crate) fn thought(text: &str) -> String {
    let line = serde_json::json!({ "model": "m",
        "message": { "role": "assistant", "content": "", "thinking": text }, "done": false });
    format!("{line}\n")
}

/// The final line.
pub(crate) fn done(tokens: u64) -> String {
    let line = serde_json::json!({ "model": "m", "message": { "role": "assistant", "content": "" },
        "done": true, "done_reason": "stop", "eval_count": tokens, "eval_duration": 1_000_000_000,
        "prompt_eval_count": 9, "prompt_eval_duration": 250_000_000, "load_duration": 500_000_000,
        "total_duration": 2_000_000_000 });
    format!("{line}\n")
}

/// A whole answer of two tokens, at once.
pub(crate) fn answer() -> Step {
    say(whole())
}

pub(crate) fn whole() -> String {
    [
        HEAD.to_owned(),
        chunk(token("Time ")),
        chunk(token("is.")),
        chunk(done(2)),
        LAST.to_owned(),
    ]
    .concat()
}

/// A whole answer of two tokens once the gate is open.
pub(crate) fn answer_after(gate: &CancellationToken) -> Vec<Step> {
    vec![Step::Await(gate.clone()), answer()]
}

/// The head and one token; the stream goes on.
pub(crate) fn begin() -> Step {
    say([HEAD, &chunk(token("Time "))].concat())
}

/// The rest of a stream that [`begin`] began.
pub(crate) fn end() -> Step {
    say([chunk(token("is.")), chunk(done(2)), LAST.to_owned()].concat())
}

/// A server whose first `held` answers wait for the gate.
pub(crate) async fn holding(held: usize) -> (Server, CancellationToken) {
    let gate = CancellationToken::new();
    let opens = gate.clone();
    let server = Server::scripted(move |asked| {
        if asked.number < held {
            answer_after(&opens)
        } else {
            vec![answer()]
        }
    })
    .await;
    (server, gate)
}
