//! Ollama's own API: NDJSON over `/api/chat` or `/api/generate`.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::dialect::decode::{End, Finish, Piece, Text, WireError, bad_line, fail_on};
use crate::dialect::discover::{
    DiscoverError, PATIENCE, Version, error_text, first_answer, get, is_refusal, is_simulator,
    read, status_text,
};
use crate::dialect::json::{Count, error_message, words};
use crate::dialect::lines::LONGEST_LINE;
use crate::dialect::state::{PageOwner, StatePage, read_slots};
use crate::dialect::{Dialect, Discovery, Http, PullProgress, given};
use crate::event::{DialectId, LoadedModel, Model, Route, ServerFigures, ServerSample};
use crate::plan::{Api, Plan};

/// Models that are asked about one by one.
const DETAILED_MODELS: usize = 40;
/// Families for which Ollama answers one request at a time, whatever its settings.
const SINGLE: [&str; 12] = [
    "mllama",
    "qwen3vl",
    "qwen3vlmoe",
    "qwen35",
    "qwen35moe",
    "qwen3next",
    "lfm2",
    "lfm2moe",
    "nemotron_h",
    "nemotron_h_moe",
    "nemotron_h_omni",
    "embedding",
];

/// Ollama's native API.
#[derive(Debug)]
pub struct Ollama;

impl Dialect for Ollama {
    fn id(&self) -> DialectId {
        DialectId::new("ollama")
    }

    fn server(&self) -> &'static str {
        "Ollama"
    }

    fn about(&self) -> &'static str {
        "Ollama's native API: NDJSON over `/api/…`"
    }

    fn light_path(&self) -> &'static str {
        "/api/version"
    }

    fn usual_servers(&self) -> &'static [(&'static str, &'static str)] {
        &[("http://127.0.0.1:11434", "Ollama")]
    }

    fn discover<'a>(
        &'a self,
        http: &'a Http,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Discovery, DiscoverError>> {
        Box::pin(discover(http, url))
    }

    fn lists_all_models(&self) -> bool {
        true
    }

    fn unsupported(&self, plan: &Plan) -> Vec<&'static str> {
        given(&[(plan.options.ignore_eos, "--ignore-eos")])
    }

    fn path(&self, api: Api) -> &'static str {
        match api {
            Api::Chat => "/api/chat",
            Api::Generate => "/api/generate",
        }
    }

    fn body(&self, model: &str, prompt: &str, plan: &Plan) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            model: &'a str,
            stream: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            prompt: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            messages: Option<Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            options: Option<Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            keep_alive: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            think: Option<bool>,
        }
        let is_chat = plan.api == Api::Chat;
        let body = Body {
            model,
            stream: true,
            prompt: (!is_chat).then_some(prompt),
            messages: is_chat.then(|| json!([{ "role": "user", "content": prompt }])),
            options: options(plan),
            keep_alive: plan.options.keep_alive.as_deref(),
            think: plan.think.as_flag(),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    fn read_line<'a>(&self, line: &'a [u8], finish: &mut Finish) -> Result<Piece<'a>, WireError> {
        if line.trim_ascii().is_empty() {
            return Ok(Piece::default());
        }
        let line: ChatLine<'a> = serde_json::from_slice(line).map_err(|_| bad_line(line))?;
        fail_on(line.error)?;
        let (answer, thinking) = match line.message {
            Some(ChatMessage { content, thinking }) => (content, thinking),
            None => (line.response, line.thinking),
        };
        let done = line.done.unwrap_or(false);
        if done {
            let seconds = |ns: Count| ns.0.map(|ns| ns as f64 / 1e9);
            finish.end_by(line.done_reason)?;
            finish.figures = ServerFigures {
                prompt_tokens: line.prompt_eval_count.0,
                output_tokens: line.eval_count.0,
                load_s: seconds(line.load_duration),
                prompt_eval_s: seconds(line.prompt_eval_duration),
                eval_s: seconds(line.eval_duration),
                total_s: seconds(line.total_duration),
            };
        }
        Ok(Piece {
            thinking: thinking.map(Text::Json),
            answer: answer.map(Text::Json),
            end: done.then_some(End::Stream),
        })
    }

    /// An empty prompt loads the model.
    fn load<'a>(
        &'a self,
        http: &'a Http,
        url: &'a str,
        model: &'a str,
        patience: Option<Duration>,
    ) -> Option<BoxFuture<'a, Result<Option<f64>, DiscoverError>>> {
        Some(Box::pin(load(http, url, model, patience)))
    }

    fn pull<'a>(
        &'a self,
        http: &'a Http,
        url: &'a str,
        model: &'a str,
        progress: PullProgress<'a>,
    ) -> Option<BoxFuture<'a, Result<(), DiscoverError>>> {
        Some(Box::pin(pull(http, url, model, progress)))
    }

    fn pull_command(&self, model: &str) -> Option<String> {
        Some(format!("ollama pull {model}"))
    }

    fn state_pages(&self) -> &'static [StatePage] {
        &[
            StatePage {
                path: "/api/ps",
                owner: PageOwner::Server,
                read: read_loaded,
            },
            StatePage {
                path: "/slots",
                owner: PageOwner::Runner,
                read: read_slots,
            },
        ]
    }

    fn slots_hint(&self, users: u32, family: Option<&str>) -> Option<String> {
        let one_by_one = family.is_some_and(|family| SINGLE.contains(&family));
        Some(if one_by_one {
            "Ollama answers one request at a time for this family of models".to_owned()
        } else {
            format!(
                "OLLAMA_NUM_PARALLEL={users} ollama serve answers them at once (the default is 1)"
            )
        })
    }
}

/// What a model is asked with; None for nothing.
fn options(plan: &Plan) -> Option<Value> {
    let asked = &plan.options;
    let all = [
        ("num_predict", plan.max_tokens.map(Value::from)),
        ("temperature", asked.temperature.map(Value::from)),
        ("seed", asked.seed.map(Value::from)),
        ("num_ctx", asked.num_ctx.map(Value::from)),
    ];
    let all = all
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let all: serde_json::Map<String, Value> = all.collect();
    (!all.is_empty()).then_some(Value::Object(all))
}

/// One line of Ollama's `/api/chat` or `/api/generate`.
#[derive(Debug, Deserialize)]
struct ChatLine<'a> {
    #[serde(borrow)]
    message: Option<ChatMessage<'a>>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    done: Option<bool>,
    #[serde(borrow)]
    done_reason: Option<&'a RawValue>,
    #[serde(default)]
    total_duration: Count,
    #[serde(default)]
    load_duration: Count,
    #[serde(default)]
    prompt_eval_count: Count,
    #[serde(default)]
    prompt_eval_duration: Count,
    #[serde(default)]
    eval_count: Count,
    #[serde(default)]
    eval_duration: Count,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct ChatMessage<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Tags {
    models: Option<Vec<Tag>>,
}

/// A model of `/api/tags` or `/api/ps`.
#[derive(Deserialize)]
struct Tag {
    name: String,
    size: Option<u64>,
    size_vram: Option<u64>,
    context_length: Option<u64>,
    details: Option<Details>,
    capabilities: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
struct Details {
    family: Option<String>,
    parameter_size: Option<String>,
    quantization_level: Option<String>,
    context_length: Option<u64>,
}

#[derive(Deserialize)]
struct Show {
    #[serde(default)]
    model_info: serde_json::Map<String, Value>,
    capabilities: Option<Vec<String>>,
}

async fn discover(http: &Http, url: &str) -> Result<Discovery, DiscoverError> {
    let answer = first_answer(http, &format!("{url}/api/version")).await?;
    let simulated = is_simulator(&answer);
    let (status, said) = (answer.status(), status_text(&answer));
    let version = match answer.json::<Version>().await {
        Ok(Version { version }) if status.is_success() => version,
        _ => {
            let why = format!("/api/version answered {said}");
            return Err(if is_refusal(status) {
                DiscoverError::Refused(why)
            } else {
                DiscoverError::NotSpoken(why)
            });
        }
    };
    // Others answer /api/version too: llama-swap, Open WebUI.
    let tags: Tags = get(http, format!("{url}/api/tags"))
        .await
        .map_err(|error| match error {
            DiscoverError::Failed(why) => DiscoverError::NotSpoken(why),
            other => other,
        })?;
    // A server without /api/ps is an old one: then nothing is known to be loaded.
    let loaded: Tags = get(http, format!("{url}/api/ps"))
        .await
        .unwrap_or(Tags { models: None });
    let mut models: Vec<Model> = tags.models.into_iter().flatten().map(Model::from).collect();
    for tag in loaded.models.iter().flatten() {
        if let Some(model) = models.iter_mut().find(|model| model.name == tag.name) {
            model.loaded = true;
            model.memory_bytes = tag.size;
            model.vram_bytes = tag.size_vram;
            model.context = tag.context_length.or(model.context);
        }
    }
    models.sort_by_key(|model| !model.loaded);
    let names: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
    let shown: Vec<Option<Show>> = stream::iter(names.into_iter().take(DETAILED_MODELS))
        .map(|name| show(http.clone(), url.to_owned(), name))
        .buffered(4)
        .collect()
        .await;
    for (model, show) in models.iter_mut().zip(shown) {
        if let Some(show) = show {
            add(model, &show);
        }
    }
    Ok(Discovery {
        dialect: &Ollama,
        url: url.to_owned(),
        server: Some(format!("ollama {version}")),
        slots: None,
        simulated,
        route: Route::default(),
        models,
    })
}

async fn show(http: Http, url: String, model: String) -> Option<Show> {
    let url = format!("{url}/api/show");
    let answer = http
        .post(&url)
        .json(&json!({ "model": model }))
        .timeout(PATIENCE)
        .send()
        .await;
    read(&url, answer).await.ok()
}

/// `/api/ps`: without models it is another page, for example an error.
#[derive(Deserialize)]
struct Loaded {
    models: Vec<Tag>,
}

/// The models in memory, from `/api/ps`.
fn read_loaded(body: &[u8]) -> Option<ServerSample> {
    let loaded: Loaded = serde_json::from_slice(body).ok()?;
    let models = loaded.models.into_iter().map(|model| LoadedModel {
        name: model.name,
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

impl From<Tag> for Model {
    fn from(tag: Tag) -> Self {
        let non_empty = |text: Option<String>| text.filter(|text| !text.is_empty());
        let details = tag.details.unwrap_or_default();
        Self {
            thinks: tag.capabilities.as_deref().map(can_think),
            name: tag.name,
            size_bytes: tag.size,
            quantization: non_empty(details.quantization_level),
            parameters: non_empty(details.parameter_size),
            context: tag.context_length.or(details.context_length),
            family: non_empty(details.family),
            loaded: false,
            vram_bytes: None,
            memory_bytes: None,
        }
    }
}

fn add(model: &mut Model, show: &Show) {
    let own = show
        .model_info
        .iter()
        .find(|(key, _)| key.ends_with(".context_length"));
    let own = own.and_then(|(_, value)| value.as_u64());
    model.context = model.context.or(own);
    model.thinks = show.capabilities.as_deref().map(can_think).or(model.thinks);
}

fn can_think(capabilities: &[String]) -> bool {
    capabilities
        .iter()
        .any(|capability| capability == "thinking")
}

async fn load(
    http: &Http,
    url: &str,
    model: &str,
    patience: Option<Duration>,
) -> Result<Option<f64>, DiscoverError> {
    #[derive(Deserialize)]
    struct Loaded {
        load_duration: Option<u64>,
    }
    let url = format!("{url}/api/generate");
    let mut request = http
        .post(&url)
        .json(&json!({ "model": model, "stream": false }));
    if let Some(patience) = patience {
        request = request.timeout(patience);
    }
    let loaded: Loaded = read(&url, request.send().await).await?;
    Ok(loaded.load_duration.map(|ns| ns as f64 / 1e9))
}

async fn pull(
    http: &Http,
    url: &str,
    model: &str,
    progress: PullProgress<'_>,
) -> Result<(), DiscoverError> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(default)]
        status: String,
        completed: Option<u64>,
        total: Option<u64>,
        error: Option<Value>,
    }
    let url = format!("{url}/api/pull");
    let failed = |why: String| DiscoverError::Failed(format!("{url}: {why}"));
    let answer = http
        .post(&url)
        .json(&json!({ "model": model }))
        .send()
        .await;
    let response = answer.map_err(|error| failed(error_text(&error)))?;
    let status = response.status();
    if !status.is_success() {
        let body = response.bytes().await.unwrap_or_default();
        return Err(failed(format!("{status}: {}", error_message(&body))));
    }
    let bytes = response
        .bytes_stream()
        .map(|part| part.map_err(std::io::Error::other));
    let reader = tokio_util::io::StreamReader::new(bytes);
    let codec = tokio_util::codec::LinesCodec::new_with_max_length(LONGEST_LINE);
    let mut lines = tokio_util::codec::FramedRead::new(reader, codec);
    let mut succeeded = false;
    while let Some(line) = lines.next().await {
        let line = line.map_err(|error| failed(error.to_string()))?;
        let line: Line = serde_json::from_str(&line).map_err(|error| failed(error.to_string()))?;
        if let Some(error) = line.error.as_ref().and_then(words) {
            return Err(failed(error));
        }
        succeeded |= line.status == "success";
        progress(
            &line.status,
            line.total.map(|total| (line.completed.unwrap_or(0), total)),
        );
    }
    if succeeded {
        Ok(())
    } else {
        Err(failed("the download broke off".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Think;

    #[test]
    fn models_have_their_share_on_the_gpu() {
        let body = br#"{"models":[{"name":"a:latest","size":37025217,"size_vram":2359296,"context_length":4096},
            {"name":"b","size":100,"size_vram":100},{"name":"c","size":100,"size_vram":0},{"name":"d"}]}"#;
        let models = read_loaded(body).unwrap().models;
        let shares: Vec<Option<f64>> = models.iter().map(LoadedModel::gpu_share).collect();
        assert!((shares[0].unwrap() - 0.0637).abs() < 1e-4);
        assert_eq!(shares[1..], [Some(1.0), Some(0.0), None]);
        assert_eq!(read_loaded(b"404 page not found"), None);
        assert_eq!(read_loaded(br#"{"error":"not found"}"#), None);
    }

    fn body(plan: &Plan) -> Value {
        serde_json::from_slice(&Ollama.body("m", "why \"?\"", plan)).unwrap()
    }

    #[test]
    fn it_is_asked_by_chat_or_generate() {
        let plan = Plan {
            think: Think::Off,
            ..Plan::default()
        };
        let expected = json!({
            "model": "m", "stream": true, "think": false, "options": { "num_predict": 256 },
            "messages": [{ "role": "user", "content": "why \"?\"" }],
        });
        assert_eq!(body(&plan), expected);
        assert_eq!(Ollama.path(plan.api), "/api/chat");
        let expected = json!({ "model": "m", "stream": true, "prompt": "why \"?\"" });
        assert_eq!(body(&Plan::study()), expected);
        assert_eq!(Ollama.path(Plan::study().api), "/api/generate");
    }
}
