//! `/api/pull`: a download that takes its time and says how far it is.

use crate::sim::ask::read;
use crate::sim::catalog::Named;
use crate::sim::reply::{self, Refusal, SimBody, error_json, stream};
use crate::sim::shared_state::SharedState;
use crate::text::numbers::floor_u64;
use bytes::Bytes;
use futures_util::stream::{iter, unfold};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What Ollama says of a model that its library does not have.
const NOT_THERE: &str = "pull model manifest: file does not exist";
/// Time between two progress lines, about.
const GRAIN_S: f64 = 0.05;

fn status(status: &str) -> Value {
    json!({ "status": status })
}

/// Lines, each with the time since the one before.
type Script = VecDeque<(Duration, String)>;

/// Answers a request for a download, and has the model at its end.
pub(super) async fn pull(
    server: &Arc<SharedState>,
    body: &[u8],
) -> Result<Response<SimBody>, Refusal> {
    let named: Named = read(body)?;
    let streamed = named.stream != Some(false);
    let name = named.model()?;
    let Some(mut script) = script(server, &name) else {
        if streamed {
            let start = status("pulling manifest");
            let lines = format!("{start}\n{}\n", error_json(NOT_THERE));
            return Ok(stream(iter([Ok(Bytes::from(lines))])));
        }
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, NOT_THERE));
    };
    if streamed {
        let state = (Arc::clone(server), name, script);
        let lines = unfold(state, |(server, name, mut script)| async move {
            let line = play(&server, &name, &mut script).await?;
            Some((Ok(Bytes::from(line)), (server, name, script)))
        });
        return Ok(stream(lines));
    }
    while play(server, &name, &mut script).await.is_some() {}
    Ok(reply::json(&status("success")))
}

/// The next line when its time has come; the model is there before the last one is.
async fn play(server: &SharedState, name: &str, script: &mut Script) -> Option<String> {
    let (pause, line) = script.pop_front()?;
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    if script.is_empty() {
        server.models().install(name);
    }
    Some(line)
}

/// What a download of the model says; None if the library does not have it.
fn script(server: &SharedState, name: &str) -> Option<Script> {
    let store = server.models();
    let model = store.known(name)?;
    let total = model.spec.size_bytes;
    let time = if model.installed {
        Duration::ZERO
    } else {
        server.scaled(total as f64 / (server.profile.pull_mb_s * 1e6))
    };
    let steps = floor_u64(time.as_secs_f64() / GRAIN_S).clamp(4, 400);
    let pause = Duration::try_from_secs_f64(time.as_secs_f64() / steps as f64).unwrap_or(time);
    let pulling = format!("pulling {}", model.digest.get(..12).unwrap_or_default());
    let mut script = Script::new();
    let mut say = |pause, progress: Value| script.push_back((pause, format!("{progress}\n")));
    say(Duration::ZERO, status("pulling manifest"));
    for step in 0..=steps {
        let progress = [
            ("status", Value::from(pulling.as_str())),
            ("digest", format!("sha256:{}", model.digest).into()),
            ("total", total.into()),
        ];
        // As Ollama: no `completed` before the first byte.
        let completed = total / steps * step + total % steps * step / steps;
        let completed = (step > 0).then(|| ("completed", completed.into()));
        let progress = progress.into_iter().chain(completed).collect();
        say(if step == 0 { Duration::ZERO } else { pause }, progress);
    }
    for end in ["verifying sha256 digest", "writing manifest", "success"] {
        say(Duration::ZERO, status(end));
    }
    Some(script)
}
