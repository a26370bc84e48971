//! What the server has: `/api/tags`, `/api/ps`, `/api/show`, in Ollama's order of keys.

use crate::sim::ask::read;
use crate::sim::model_store::StoredModel;
use crate::sim::profile::ModelSpec;
use crate::sim::reply::{Refusal, SimBody, json};
use crate::sim::shared_state::SharedState;
use crate::sim::wire::rfc3339;
use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as value};
use std::time::Duration;

#[derive(Serialize)]
struct Details {
    parent_model: &'static str,
    format: &'static str,
    family: String,
    families: [String; 1],
    parameter_size: String,
    quantization_level: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_length: Option<u64>,
}

impl Details {
    fn new(spec: &ModelSpec) -> Self {
        Self {
            parent_model: "",
            format: "gguf",
            family: spec.family.clone(),
            families: [spec.family.clone()],
            parameter_size: parameter_size(spec.parameters),
            quantization_level: spec.quantization.clone(),
            context_length: None,
            embedding_length: None,
        }
    }

    fn with_lengths(self, spec: &ModelSpec) -> Self {
        Self {
            context_length: Some(spec.context),
            embedding_length: Some(spec.embedding),
            ..self
        }
    }
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

#[derive(Serialize)]
struct Listing<T> {
    models: Vec<T>,
}

#[derive(Serialize)]
struct Tag {
    name: String,
    model: String,
    modified_at: String,
    size: u64,
    digest: String,
    details: Details,
    capabilities: &'static [&'static str],
}

/// `/api/tags`
pub(super) fn tags(server: &SharedState) -> Response<SimBody> {
    let modified_at = rfc3339(server.clock.date(Some(Duration::ZERO)));
    let tag = |model: &StoredModel| Tag {
        name: model.spec.name.clone(),
        model: model.spec.name.clone(),
        modified_at: modified_at.clone(),
        size: model.spec.size_bytes,
        digest: model.digest.clone(),
        details: Details::new(&model.spec).with_lengths(&model.spec),
        capabilities: capabilities(&model.spec),
    };
    json(&Listing {
        models: server.models().installed().map(tag).collect(),
    })
}

#[derive(Serialize)]
struct Loaded {
    name: String,
    model: String,
    size: u64,
    digest: String,
    details: Details,
    expires_at: String,
    size_vram: u64,
    context_length: u64,
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
        Loaded {
            name: spec.name.clone(),
            model: spec.name.clone(),
            size,
            digest: running.model.digest.clone(),
            details: Details::new(spec),
            expires_at: rfc3339(server.clock.date(running.expires)),
            size_vram: size,
            context_length: running.context,
        }
    });
    json(&Listing {
        models: models.collect(),
    })
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

#[derive(Serialize)]
struct Show {
    modelfile: &'static str,
    parameters: &'static str,
    template: &'static str,
    details: Details,
    model_info: Value,
    tensors: [Value; 0],
    capabilities: &'static [&'static str],
    modified_at: String,
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
    Ok(json(&Show {
        modelfile: "# simulated by tokometer: there is no model file",
        parameters: "",
        template: "{{ .Prompt }}",
        details: Details::new(spec),
        model_info: value!({
            "general.architecture": family,
            "general.parameter_count": spec.parameters,
            "general.simulated_by": "tokometer",
            (format!("{family}.context_length")): spec.context,
            (format!("{family}.embedding_length")): spec.embedding,
        }),
        tensors: [],
        capabilities: capabilities(spec),
        modified_at: rfc3339(server.clock.date(Some(Duration::ZERO))),
    }))
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
