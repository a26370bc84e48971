//! What the server has: `/api/tags`, `/api/ps`, `/api/show`, with Ollama's keys.

use crate::sim::ask::read;
use crate::sim::model_store::StoredModel;
use crate::sim::profile::ModelSpec;
use crate::sim::reply::{Refusal, SimBody, json};
use crate::sim::shared_state::SharedState;
use crate::sim::wire::rfc3339;
use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json as value};
use std::time::Duration;

/// The details of a model: those that all answers have, and what else this one says.
fn details(spec: &ModelSpec, more: &[(&str, u64)]) -> Value {
    let more = more.iter().map(|&(key, number)| (key, Value::from(number)));
    let all: [(&str, Value); 6] = [
        ("parent_model", "".into()),
        ("format", "gguf".into()),
        ("family", spec.family.as_str().into()),
        ("families", [spec.family.as_str()].into()),
        ("parameter_size", parameter_size(spec.parameters).into()),
        ("quantization_level", spec.quantization.as_str().into()),
    ];
    all.into_iter().chain(more).collect()
}

/// A parameter count as Ollama writes it: `7.6B`, `191.06M`.
fn parameter_size(count: u64) -> String {
    let count = count as f64;
    if count >= 1e9 {
        format!("{:.1}B", count / 1e9)
    } else {
        format!("{:.2}M", count / 1e6)
    }
}

fn capabilities(spec: &ModelSpec) -> &'static [&'static str] {
    if spec.thinking {
        &["completion", "thinking"]
    } else {
        &["completion"]
    }
}

/// `/api/tags`
pub(super) fn tags(server: &SharedState) -> Response<SimBody> {
    let modified_at = rfc3339(server.clock.date(Some(Duration::ZERO)));
    let store = server.models();
    let models = store.installed().map(|StoredModel { spec, digest, .. }| {
        let lengths = [
            ("context_length", spec.context),
            ("embedding_length", spec.embedding),
        ];
        value!({
            "name": spec.name,
            "model": spec.name,
            "modified_at": modified_at,
            "size": spec.size_bytes,
            "digest": digest,
            "details": details(spec, &lengths),
            "capabilities": capabilities(spec),
        })
    });
    json(&value!({ "models": models.collect::<Value>() }))
}

/// `/api/ps`
pub(super) fn ps(server: &SharedState) -> Response<SimBody> {
    let store = server.models();
    let models = store.running(server.clock.now()).map(|running| {
        let spec = &running.model.spec;
        // Weights and the context's memory, at a size that grows with both; all of it on the GPU.
        let per_token = spec.embedding.saturating_mul(16);
        let size = spec
            .size_bytes
            .saturating_add(running.context.saturating_mul(per_token));
        value!({
            "name": spec.name,
            "model": spec.name,
            "size": size,
            "digest": running.model.digest,
            "details": details(spec, &[]),
            "expires_at": rfc3339(server.clock.date(running.expires)),
            "size_vram": size,
            "context_length": running.context,
        })
    });
    json(&value!({ "models": models.collect::<Value>() }))
}

/// A request that names a model; `name` is the older spelling.
#[derive(Deserialize)]
pub(super) struct Named {
    model: Option<String>,
    name: Option<String>,
    /// Whether to stream, where that means something.
    pub(super) stream: Option<bool>,
}

impl Named {
    /// The name, or Ollama's complaint.
    pub(super) fn model(self) -> Result<String, Refusal> {
        self.model
            .into_iter()
            .chain(self.name)
            .find(|name| !name.is_empty())
            .ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "model is required"))
    }
}

/// `/api/show`
pub(super) fn show(server: &SharedState, body: &[u8]) -> Result<Response<SimBody>, Refusal> {
    let name = read::<Named>(body)?.model()?;
    let store = server.models();
    let spec = &store
        .find(&name)
        .ok_or_else(|| Refusal::no_model(&name))?
        .spec;
    let family = &spec.family;
    Ok(json(&value!({
        "modelfile": "# simulated by tokometer: there is no model file",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": details(spec, &[]),
        "model_info": {
            "general.architecture": family,
            "general.parameter_count": spec.parameters,
            "general.simulated_by": "tokometer",
            (format!("{family}.context_length")): spec.context,
            (format!("{family}.embedding_length")): spec.embedding,
        },
        "tensors": [],
        "capabilities": capabilities(spec),
        "modified_at": rfc3339(server.clock.date(Some(Duration::ZERO))),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts_read_as_ollamas() {
        assert_eq!(parameter_size(7_615_616_512), "7.6B");
        assert_eq!(parameter_size(191_060_000), "191.06M");
        assert_eq!(parameter_size(1_682_176), "1.68M");
    }
}
