//! Ollama's own API: NDJSON over `/api/chat` or `/api/generate`.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::dialect::decode::{End, Finish, Piece, Text, WireError, bad_line, fail_on};
use crate::dialect::discover::{DiscoverError, error_text, read};
use crate::dialect::json::{Count, error_message, words};
use crate::dialect::lines::LONGEST_LINE;
use crate::dialect::page::{Page, count, embeds, fact, objects, text};
use crate::dialect::state::{PageOwner, StatePage, read_slots};
use crate::dialect::{Dialect, Discovery, Http, PullProgress, SIMULATOR, given};
use crate::event::{DialectId, LoadedModel, Model, Route, ServerFigures, ServerSample};
use crate::plan::{Api, Plan};

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

async fn discover(http: &Http, url: &str) -> Result<Discovery, DiscoverError> {
    let page = Page::get(http, &format!("{url}/api/version")).await?;
    let version = page.json().and_then(|page| text(&page, "version"));
    let Some(version) = version else {
        let why = format!("/api/version answered {}", page.words());
        return Err(if page.is_refusal() {
            DiscoverError::Refused(why)
        } else {
            DiscoverError::NotSpoken(why)
        });
    };
    // Others answer `/api/version`, too: llama-swap, Open WebUI. The list of models is Ollama's own.
    let list = Page::get(http, &format!("{url}/api/tags")).await?;
    let is_list = |page: &Value| {
        let models = page.get("models");
        models.is_some_and(|models| models.is_array() || models.is_null())
    };
    let tags = list
        .json()
        .filter(is_list)
        .ok_or_else(|| DiscoverError::NotSpoken(format!("/api/tags answered {}", list.words())))?;
    if objects(&tags, "models").any(is_koboldcpp) {
        let why = "/api/tags lists the model of a KoboldCpp";
        return Err(DiscoverError::NotSpoken(why.to_owned()));
    }
    let mut models: Vec<Model> = objects(&tags, "models").filter_map(model).collect();
    // A server without /api/ps is an old one: then nothing is known to be loaded.
    let loaded = fact(http, format!("{url}/api/ps"))
        .await
        .unwrap_or_default();
    for tag in objects(&loaded, "models") {
        let name = text(tag, "name");
        if let Some(model) = models
            .iter_mut()
            .find(|model| Some(&model.name) == name.as_ref())
        {
            model.loaded = true;
            model.memory_bytes = count(tag, "size");
            model.vram_bytes = count(tag, "size_vram");
            model.context = count(tag, "context_length").or(model.context);
        }
    }
    models.sort_by_key(|model| !model.loaded);
    Ok(Discovery {
        dialect: &Ollama,
        url: url.to_owned(),
        server: Some(format!("ollama {version}")),
        slots: None,
        simulated: page.server() == Some(SIMULATOR),
        route: Route::default(),
        is_loading: false,
        models,
    })
}

/// KoboldCpp answers as Ollama does, but only some of it.
fn is_koboldcpp(tag: &Value) -> bool {
    text(tag, "name").is_some_and(|name| name.starts_with("koboldcpp/"))
}

/// A model of `/api/tags`.
fn model(tag: &Value) -> Option<Model> {
    let none = Value::Null;
    let details = tag.get("details").unwrap_or(&none);
    let abilities = tag.get("capabilities").and_then(Value::as_array);
    let abilities: Option<Vec<&str>> =
        abilities.map(|all| all.iter().filter_map(Value::as_str).collect());
    let name = text(tag, "name").or_else(|| text(tag, "model"))?;
    Some(Model {
        embeds: embeds(None, abilities.as_deref()),
        thinks: abilities.map(|abilities| abilities.contains(&"thinking")),
        name,
        size_bytes: count(tag, "size"),
        quantization: text(details, "quantization_level"),
        parameters: text(details, "parameter_size"),
        context: count(tag, "context_length").or_else(|| count(details, "context_length")),
        family: text(details, "family"),
        ..Model::default()
    })
}

/// The models in memory, from `/api/ps`; without models it is another page, for example an error.
fn read_loaded(body: &[u8]) -> Option<ServerSample> {
    let page: Value = serde_json::from_slice(body).ok()?;
    page.get("models")?.as_array()?;
    let models = objects(&page, "models").filter_map(|model| {
        Some(LoadedModel {
            name: text(model, "name")?,
            size_bytes: count(model, "size"),
            vram_bytes: count(model, "size_vram"),
            context: count(model, "context_length"),
        })
    });
    Some(ServerSample {
        source: "/api/ps".to_owned(),
        models: models.collect(),
        ..ServerSample::default()
    })
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
