//! What the server tells of itself: its slots and the models in its memory.

use serde::Deserialize;

use crate::dialect::Dialect;
use crate::event::{LoadedModel, ServerSample};
use crate::probe::gpu::ServerPids;
use crate::probe::http::Fetch;
use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source};
use crate::text::numbers::u32_of;

/// Ticks between two questions: a server under load has better things to do.
const EVERY: u32 = 5;

/// A server that is asked for its state: Ollama's `/api/ps`, a llama-server's `/slots`.
#[derive(Debug)]
pub struct ServerState {
    base: String,
    processes: ServerPids,
    fetch: Option<Fetch>,
    round: u32,
}

impl ServerState {
    /// The server at `base`, for example `http://127.0.0.1:11434`. The port of Ollama's model runner is
    /// told by `processes`.
    pub fn new(base: &str, processes: ServerPids) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            processes,
            fetch: None,
            round: 0,
        }
    }

    fn ask(&mut self) -> Result<Vec<Observation>, Fault> {
        let fetch = match self.fetch.take() {
            Some(fetch) => fetch,
            None => Fetch::new()?,
        };
        let runner = self.processes.runner_port();
        let slots_at = match runner {
            Some(port) => format!("http://127.0.0.1:{port}/slots"),
            None => format!("{}/slots", self.base),
        };
        let body = |url: &str| {
            let mut bytes = Vec::new();
            fetch
                .get(url, |piece| bytes.extend_from_slice(piece))
                .map(|()| bytes)
        };
        let models = body(&format!("{}/api/ps", self.base));
        let slots = body(&slots_at);
        let mut seen = Vec::new();
        seen.extend(models.as_deref().ok().and_then(parse_models));
        seen.extend(slots.as_deref().ok().and_then(parse_slots));
        self.fetch = Some(fetch);
        match (models, slots) {
            (Err(fault), Err(_)) if fault.kind == FaultKind::Silent => Err(fault),
            (Err(_), Err(_)) => Err(Fault::absent("the server has neither /api/ps nor /slots")),
            _ => Ok(seen.into_iter().map(Observation::Server).collect()),
        }
    }
}

impl Source for ServerState {
    fn name(&self) -> String {
        "server".to_owned()
    }

    fn read(&mut self, _: &Pace) -> Result<Vec<Observation>, Fault> {
        let due = self.round.is_multiple_of(EVERY);
        self.round = self.round.wrapping_add(1);
        if due { self.ask() } else { Ok(Vec::new()) }
    }
}

#[derive(Debug, Deserialize)]
struct Slot {
    n_ctx: Option<u64>,
    is_processing: Option<bool>,
}

/// The answer of a llama-server's `/slots`.
pub fn parse_slots(body: &[u8]) -> Option<ServerSample> {
    let slots: Vec<Slot> = serde_json::from_slice(body).ok()?;
    if slots.is_empty() {
        return None;
    }
    let busy = slots
        .iter()
        .map(|slot| slot.is_processing.map(usize::from))
        .sum::<Option<usize>>();
    Some(ServerSample {
        source: "/slots".to_owned(),
        slots: Some(u32_of(slots.len())),
        slots_busy: busy.map(u32_of),
        context: slots.iter().map(|slot| slot.n_ctx).sum(),
        ..ServerSample::default()
    })
}

#[derive(Debug, Deserialize)]
struct Running {
    models: Option<Vec<RunningModel>>,
}

#[derive(Debug, Deserialize)]
struct RunningModel {
    name: String,
    size: Option<u64>,
    size_vram: Option<u64>,
    context_length: Option<u64>,
}

/// The answer of Ollama's `/api/ps`.
pub fn parse_models(body: &[u8]) -> Option<ServerSample> {
    let running: Running = serde_json::from_slice(body).ok()?;
    let models = running.models?.into_iter().map(|model| LoadedModel {
        name: crate::probe::source::short(&model.name),
        size_bytes: model.size,
        vram_bytes: model.size_vram,
        context: model.context_length,
    });
    Some(ServerSample {
        source: "/api/ps".to_owned(),
        models: models.collect(),
        ..ServerSample::default()
    })
}

/// What to say where a cycle has more users than the server has slots: the rest wait in line, and how
/// to change it. None where all are answered at once.
pub fn waiting_hint(
    users: u32,
    slots: Option<u32>,
    family: Option<&str>,
    dialect: &dyn Dialect,
) -> Option<String> {
    let slots = slots.filter(|slots| *slots < users)?;
    let waiting = users - slots;
    let change = dialect.slots_hint(users, family);
    let change = change.map_or_else(String::new, |change| format!(": {change}"));
    Some(format!(
        "{slots} of {users} users are answered at once, {waiting} wait in the queue{change}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Ollama, OpenAi};

    #[test]
    fn models_tell_their_share_on_the_gpu() {
        let body = br#"{"models":[{"name":"a:latest","size":37025217,"size_vram":2359296,"context_length":4096},
            {"name":"b","size":100,"size_vram":100},{"name":"c","size":100,"size_vram":0},{"name":"d"}]}"#;
        let models = parse_models(body).unwrap().models;
        let shares: Vec<Option<f64>> = models.iter().map(LoadedModel::gpu_share).collect();
        assert!((shares[0].unwrap() - 0.0637).abs() < 1e-4);
        assert_eq!(shares[1..], [Some(1.0), Some(0.0), None]);
        assert_eq!(parse_models(b"404 page not found"), None);
    }

    #[test]
    fn slots_are_counted() {
        let body = br#"[{"id":0,"n_ctx":4096,"is_processing":true},{"id":1,"n_ctx":4096,"is_processing":false}]"#;
        let server = parse_slots(body).unwrap();
        assert_eq!((server.slots, server.slots_busy), (Some(2), Some(1)));
        assert_eq!(server.context, Some(8192));
        assert_eq!(parse_slots(br#"{"error":"disabled"}"#), None);
        assert_eq!(parse_slots(b"[]"), None);
    }

    #[test]
    fn who_waits_is_told_how_to_change_it() {
        let hint = waiting_hint(16, Some(1), Some("qwen2"), &Ollama).unwrap();
        assert!(hint.contains("15 wait in the queue") && hint.contains("OLLAMA_NUM_PARALLEL=16"));
        let fixed = waiting_hint(16, Some(1), Some("qwen3next"), &Ollama).unwrap();
        assert!(!fixed.contains("OLLAMA_NUM_PARALLEL"));
        let runner = waiting_hint(8, Some(4), None, &OpenAi).unwrap();
        assert!(runner.contains("llama-server -np 8") && runner.contains("share the context"));
        assert_eq!(waiting_hint(4, Some(4), None, &Ollama), None);
        assert_eq!(waiting_hint(4, None, None, &Ollama), None);
    }
}
