//! `/api/chat` and `/api/generate`: from the request's bytes to an answer that begins.

use crate::sim::answer::{Answer, Plan, cut};
use crate::sim::ask::{CompletionRequest, read};
use crate::sim::draft::{Draft, prompt_tokens};
use crate::sim::fault::{Fault, FaultKind};
use crate::sim::model_store::Keep;
use crate::sim::reply::{Refusal, SimBody, json_body, stream};
use crate::sim::shared_state::SharedState;
use crate::sim::wire::{Lines, Style};
use hyper::{Response, StatusCode};
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Why there is no regular response.
#[derive(Debug)]
pub(super) enum Stop {
    /// The client gets an answer that says so.
    Refused(Refusal),
    /// The connection goes, without a word.
    Cut(io::Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Answers a request, with the headers as soon as the first token is there.
pub(super) async fn complete(
    server: &Arc<SharedState>,
    style: Style,
    body: &[u8],
) -> Result<Response<SimBody>, Stop> {
    let received = server.clock.now();
    let ask: CompletionRequest = read(body)?;
    let keep = ask.keep()?;
    let thinks = thinks(server, &ask)?;
    let Some(prompt_bytes) = ask.prompt_bytes(style) else {
        return load(server, style, &ask, keep).await;
    };
    let (nth, fault) = server.count();
    if let Some(refusal) = fault.and_then(refusal) {
        return Err(refusal.into());
    }

    let mut draft = Draft::new(&server.profile, server.seed, nth);
    if let Some(seed) = ask.seed() {
        draft = draft.with_content_of(&Draft::new(&server.profile, server.seed, seed));
    }
    let (ready, context) = acquire(server, &ask, keep)?;
    let context = u32::try_from(context).unwrap_or(u32::MAX);
    let prompt_tokens = prompt_tokens(prompt_bytes).min(context);
    let room = (context - prompt_tokens).max(1);
    let extent = draft.extent(thinks, Some(ask.limit().map_or(room, |n| n.min(room))));
    let job = draft.job(extent.tokens, prompt_tokens, ready);
    let prefill = server.scaled(job.prefill_s);
    let Ok(ticket) = server.submit(&ask.model, job) else {
        return Err(Refusal::busy().into());
    };
    let plan = Plan {
        style,
        model: ask.model,
        extent,
        words: draft.words,
        received,
        load: ready.max(server.clock.now()).saturating_sub(received),
        prompt_tokens,
        prefill,
        fault: fault.filter(|f| f.kind.inside()).map(|f| (f.kind, f.after)),
    };
    begin(server, Answer::new(plan, ticket), ask.stream, fault).await
}

async fn begin(
    server: &SharedState,
    answer: Answer,
    streamed: Option<bool>,
    fault: Option<Fault>,
) -> Result<Response<SimBody>, Stop> {
    match fault {
        Some(f) if f.kind == FaultKind::SlowHeader => {
            answer.first_token_due().await;
            let late = server.clock.now().saturating_add(server.scaled(f.delay_s));
            server.sleep_until(late).await;
        }
        Some(f) if f.after == 0 && f.kind == FaultKind::Cut => {
            answer.first_token_due().await;
            return Err(Stop::Cut(cut()));
        }
        Some(f) if f.after == 0 && f.kind == FaultKind::Stall => pending().await,
        _ => {}
    }
    if streamed == Some(false) {
        return answer.whole().await.map_err(Stop::Cut);
    }
    answer.first_token_due().await;
    Ok(stream(answer.lines()))
}

/// Whether this answer starts with thinking; an error where the model is missing or cannot.
fn thinks(server: &SharedState, ask: &CompletionRequest) -> Result<bool, Refusal> {
    let store = server.models();
    let model = store
        .find(&ask.model)
        .ok_or_else(|| Refusal::no_model(&ask.model))?;
    match (model.spec.thinking, ask.think()) {
        (false, Some(true)) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("\"{}\" does not support thinking", ask.model),
        )),
        (can, wish) => Ok(can && wish != Some(false)),
    }
}

fn refusal(fault: Fault) -> Option<Refusal> {
    match fault.kind {
        FaultKind::Status500 => Some(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "llama runner process has terminated: exit status 2",
        )),
        FaultKind::Status503 => Some(Refusal::busy()),
        _ => None,
    }
}

fn acquire(
    server: &SharedState,
    ask: &CompletionRequest,
    keep: Keep,
) -> Result<(Duration, u64), Refusal> {
    server
        .models()
        .acquire(&ask.model, ask.context(), keep, server.clock.now())
        .ok_or_else(|| Refusal::no_model(&ask.model))
}

/// An empty prompt loads the model, or unloads it if it is to be kept for no time.
async fn load(
    server: &SharedState,
    style: Style,
    ask: &CompletionRequest,
    keep: Keep,
) -> Result<Response<SimBody>, Stop> {
    let reason = if keep == Keep::For(Duration::ZERO) {
        server.models().unload(&ask.model, server.clock.now());
        "unload"
    } else {
        let (ready, _) = acquire(server, ask, keep)?;
        server.models().release(&ask.model, server.clock.now());
        server.sleep_until(ready).await;
        "load"
    };
    Ok(json_body(Lines::new(style, &ask.model).no_answer(reason)))
}
