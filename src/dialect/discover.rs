//! Is there a server, which one, which models. Untimed, over reqwest.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::dialect::Discovery;
use crate::event::{Dialect, Model};

/// How long a server may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(3);
/// Models that are asked about one by one.
const DETAILED_MODELS: usize = 40;

/// Why an address gave no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoverError {
    /// Nobody answered.
    #[error("{0}")]
    NoAnswer(String),
    /// Something answered that speaks no dialect known here.
    #[error(
        "something answers there, but neither as Ollama (/api/version) nor as an OpenAI server (/v1/models): {0}"
    )]
    Unknown(String),
    /// A request failed.
    #[error("{0}")]
    Failed(String),
}

/// Looks at the server at `url`; asks only in `dialect` where one is given.
pub async fn discover(url: &str, dialect: Option<Dialect>) -> Result<Discovery, DiscoverError> {
    let http = client()?;
    let mut answer = String::new();
    if dialect != Some(Dialect::OpenAi) {
        match http
            .get(format!("{url}/api/version"))
            .timeout(PATIENCE)
            .send()
            .await
        {
            Ok(response) => {
                let simulated = is_simulator(&response);
                let status = response.status();
                match response.json::<Version>().await {
                    Ok(Version { version }) if status.is_success() => {
                        return ollama(&http, url, &version, simulated).await;
                    }
                    _ => answer = format!("/api/version answered {status}"),
                }
            }
            Err(error) => return Err(DiscoverError::NoAnswer(plainly(&error))),
        }
    }
    if dialect == Some(Dialect::Ollama) {
        return Err(DiscoverError::Unknown(answer));
    }
    openai(&http, url).await.map_err(|error| match error {
        DiscoverError::Failed(why) if dialect.is_none() => {
            DiscoverError::Unknown(format!("{answer}; {why}"))
        }
        other => other,
    })
}

pub(crate) fn client() -> Result<reqwest::Client, DiscoverError> {
    // A benchmark talks to the server itself, never through the environment's proxy.
    let built = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(PATIENCE)
        .build();
    built.map_err(|error| DiscoverError::Failed(error.to_string()))
}

fn is_simulator(response: &reqwest::Response) -> bool {
    let server = response.headers().get(reqwest::header::SERVER);
    server.is_some_and(|name| name.as_bytes() == crate::dialect::SIMULATOR.as_bytes())
}

/// The innermost cause of an error, which names what a person can mend.
pub(crate) fn plainly(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

async fn get<T: DeserializeOwned>(http: &reqwest::Client, url: String) -> Result<T, DiscoverError> {
    let answer = http.get(&url).timeout(PATIENCE).send().await;
    read(&url, answer).await
}

pub(crate) async fn read<T: DeserializeOwned>(
    url: &str,
    answer: Result<reqwest::Response, reqwest::Error>,
) -> Result<T, DiscoverError> {
    let failed = |why: String| DiscoverError::Failed(format!("{url}: {why}"));
    let response = answer.map_err(|error| failed(plainly(&error)))?;
    let status = response.status();
    let body = response
        .bytes()
        .await
        .map_err(|error| failed(plainly(&error)))?;
    if !status.is_success() {
        return Err(failed(format!(
            "{status}: {}",
            crate::dialect::json::error_message(&body)
        )));
    }
    serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Tags {
    #[serde(default)]
    models: Vec<Tag>,
}

/// A model of `/api/tags` or `/api/ps`.
#[derive(Deserialize)]
struct Tag {
    name: String,
    size: Option<u64>,
    size_vram: Option<u64>,
    context_length: Option<u64>,
    #[serde(default)]
    details: Details,
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

async fn ollama(
    http: &reqwest::Client,
    url: &str,
    version: &str,
    simulated: bool,
) -> Result<Discovery, DiscoverError> {
    let tags: Tags = get(http, format!("{url}/api/tags")).await?;
    // A server without /api/ps is an old one: then nothing is known to be loaded.
    let loaded: Tags = get(http, format!("{url}/api/ps"))
        .await
        .unwrap_or(Tags { models: Vec::new() });
    let mut models: Vec<Model> = tags.models.into_iter().map(Model::from).collect();
    for tag in &loaded.models {
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
            model.take(&show);
        }
    }
    Ok(Discovery {
        dialect: Dialect::Ollama,
        url: url.to_owned(),
        server: Some(format!("ollama {version}")),
        slots: None,
        simulated,
        models,
    })
}

async fn show(http: reqwest::Client, url: String, model: String) -> Option<Show> {
    let url = format!("{url}/api/show");
    let answer = http
        .post(&url)
        .json(&json!({ "model": model }))
        .timeout(PATIENCE)
        .send()
        .await;
    read(&url, answer).await.ok()
}

impl From<Tag> for Model {
    fn from(tag: Tag) -> Self {
        let told = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            thinks: tag.capabilities.as_deref().map(can_think),
            name: tag.name,
            size_bytes: tag.size,
            quantization: told(tag.details.quantization_level),
            parameters: told(tag.details.parameter_size),
            context: tag.context_length.or(tag.details.context_length),
            family: told(tag.details.family),
            loaded: false,
            vram_bytes: None,
            memory_bytes: None,
        }
    }
}

impl Model {
    fn take(&mut self, show: &Show) {
        let own = show
            .model_info
            .iter()
            .find(|(key, _)| key.ends_with(".context_length"));
        let own = own.and_then(|(_, value)| value.as_u64());
        self.context = self.context.or(own);
        self.thinks = show.capabilities.as_deref().map(can_think).or(self.thinks);
    }
}

fn can_think(capabilities: &[String]) -> bool {
    capabilities
        .iter()
        .any(|capability| capability == "thinking")
}

#[derive(Deserialize)]
struct OpenAiModels {
    data: Vec<OpenAiModel>,
}

#[derive(Deserialize)]
struct OpenAiModel {
    id: String,
    max_model_len: Option<u64>,
    owned_by: Option<String>,
    #[serde(default)]
    meta: LlamaMeta,
}

/// What llama-server adds to a model.
#[derive(Deserialize, Default)]
struct LlamaMeta {
    n_ctx: Option<u64>,
    n_ctx_train: Option<u64>,
    n_params: Option<u64>,
    size: Option<u64>,
    ftype: Option<String>,
}

/// llama-server's `/props`.
#[derive(Deserialize)]
struct Props {
    total_slots: Option<u32>,
    build_info: Option<String>,
}

async fn openai(http: &reqwest::Client, url: &str) -> Result<Discovery, DiscoverError> {
    let models: OpenAiModels = get(http, format!("{url}/v1/models")).await?;
    let owner = models.data.first().and_then(|model| model.owned_by.clone());
    let props: Option<Props> = match owner.as_deref() {
        Some("llamacpp") => get(http, format!("{url}/props")).await.ok(),
        _ => None,
    };
    let server = match (owner.as_deref(), &props) {
        (
            Some("llamacpp"),
            Some(Props {
                build_info: Some(build),
                ..
            }),
        ) => Some(format!("llama.cpp {build}")),
        (Some("llamacpp"), _) => Some("llama.cpp".to_owned()),
        (Some("vllm"), _) => {
            let version: Option<Version> = get(http, format!("{url}/version")).await.ok();
            Some(version.map_or("vLLM".to_owned(), |v| format!("vLLM {}", v.version)))
        }
        _ => None,
    };
    Ok(Discovery {
        dialect: Dialect::OpenAi,
        url: url.to_owned(),
        server,
        slots: props.and_then(|props| props.total_slots),
        simulated: false,
        models: models.data.into_iter().map(Model::from).collect(),
    })
}

impl From<OpenAiModel> for Model {
    fn from(model: OpenAiModel) -> Self {
        // An OpenAI server lists what it serves: that is in memory. A router (several models) may not.
        let serves = model
            .owned_by
            .as_deref()
            .is_some_and(|by| by == "llamacpp" || by == "vllm");
        Self {
            name: model.id,
            size_bytes: model.meta.size,
            quantization: model.meta.ftype,
            parameters: model.meta.n_params.map(parameters),
            context: model
                .meta
                .n_ctx
                .or(model.max_model_len)
                .or(model.meta.n_ctx_train),
            loaded: serves,
            ..Self::default()
        }
    }
}

/// A count of parameters as people write it: `7.6B`, `1.71M`.
fn parameters(count: u64) -> String {
    let count = count as f64;
    if count >= 1e9 {
        format!("{:.1}B", count / 1e9)
    } else {
        format!("{:.2}M", count / 1e6)
    }
}
