//! Which server speaks the OpenAI API: llama-server, vLLM, LM Studio, SGLang and others are known by several signs each, for
//! what one answers another may answer too.

use futures_util::future::join_all;
use serde_json::Value;

use crate::dialect::discover::DiscoverError;
use crate::dialect::page::{Page, count, embeds, fact, objects, slots, text};
use crate::dialect::{Discovery, Http, OpenAi};
use crate::event::{Model, Route};
use crate::text::numbers::u32_of;

/// LM Studio answers so many requests at once, whatever the model.
const LM_STUDIO_SLOTS: u32 = 4;
/// Models of a router that are asked about one by one.
const CHILDREN: usize = 4;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    LlamaServer,
    LlamaSwap,
    LmStudio,
    Vllm,
    SgLang,
    KoboldCpp,
    TabbyApi,
    LiteLlm,
    Ollama,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::LlamaServer => "llama.cpp",
            Self::LlamaSwap => "llama-swap",
            Self::LmStudio => "LM Studio",
            Self::Vllm => "vLLM",
            Self::SgLang => "SGLang",
            Self::KoboldCpp => "KoboldCpp",
            Self::TabbyApi => "TabbyAPI",
            Self::LiteLlm => "LiteLLM",
            Self::Ollama => "ollama",
        }
    }

    /// What the list of models says of who made it.
    fn from_list(list: &Page, models: &Value) -> Option<Self> {
        let mut owners = objects(models, "data").filter_map(|model| text(model, "owned_by"));
        let owner = owners.next();
        match (owner.as_deref(), list.server()) {
            (Some("llamacpp"), _) | (_, Some("llama.cpp")) => Some(Self::LlamaServer),
            (Some("llama-swap"), _) => Some(Self::LlamaSwap),
            (Some("vllm"), _) => Some(Self::Vllm),
            (Some("sglang"), _) => Some(Self::SgLang),
            (Some("koboldcpp"), _) => Some(Self::KoboldCpp),
            (Some("tabbyAPI"), _) => Some(Self::TabbyApi),
            (Some("library"), _) => Some(Self::Ollama),
            _ => None,
        }
    }
}

/// What the pages beside the list of models say.
#[derive(Debug, Default)]
struct Facts {
    /// llama-server's `/props`.
    props: Option<Value>,
    /// LM Studio's own list.
    studio: Option<Value>,
    /// SGLang's `/get_server_info`.
    info: Option<Value>,
    /// The page with the version.
    version: Option<Value>,
    /// llama-swap's models in memory.
    running: Option<Value>,
    /// LiteLLM's sign of life.
    alive: Option<Value>,
    is_loading: bool,
}

impl Facts {
    /// Asks only the pages that a server of this kind has; all of them where it is not known.
    async fn get(http: &Http, url: &str, kind: Option<Kind>) -> Self {
        let ask = async |kinds: &[Kind], path: &str| match kind {
            Some(kind) if !kinds.contains(&kind) => None,
            _ => fact(http, format!("{url}{path}")).await,
        };
        let version = match kind {
            Some(Kind::Vllm) => Some("/version"),
            Some(Kind::LlamaSwap | Kind::Ollama) => Some("/api/version"),
            Some(Kind::KoboldCpp) => Some("/api/extra/version"),
            _ => None,
        };
        let health = async || match kind {
            None | Some(Kind::LlamaServer) => {
                let page = Page::get(http, &format!("{url}/health")).await;
                page.is_ok_and(|page| page.is_loading())
            }
            Some(_) => false,
        };
        let version = async || fact(http, format!("{url}{}", version?)).await;
        let (props, studio, info, alive, running, version, is_loading) = tokio::join!(
            ask(&[Kind::LlamaServer], "/props"),
            ask(&[Kind::LmStudio], "/api/v0/models"),
            ask(&[Kind::SgLang], "/get_server_info"),
            ask(&[Kind::LiteLlm], "/health/liveliness"),
            ask(&[Kind::LlamaSwap], "/running"),
            version(),
            health(),
        );
        Self {
            props,
            studio,
            info,
            version,
            running,
            alive,
            is_loading,
        }
    }

    /// The kind of a server whose list of models did not say it.
    fn kind(&self) -> Option<Kind> {
        let has = |page: &Option<Value>, keys: &[&str]| {
            let page = page.as_ref();
            page.is_some_and(|page| keys.iter().any(|key| page.get(key).is_some()))
        };
        // To whatever it does not know it says so, with 200.
        let unexpected = self.studio.as_ref().and_then(|page| text(page, "error"));
        let is_studio = unexpected.is_some_and(|said| said.starts_with("Unexpected endpoint"));
        if is_studio || self.has_studio_list() {
            Some(Kind::LmStudio)
        } else if has(&self.props, &["total_slots", "default_generation_settings"]) {
            Some(Kind::LlamaServer)
        } else if has(
            &self.info,
            &["max_running_requests", "max_total_num_tokens"],
        ) {
            Some(Kind::SgLang)
        } else if self.alive.as_ref().and_then(Value::as_str) == Some("I'm alive!") {
            Some(Kind::LiteLlm)
        } else {
            None
        }
    }

    fn version(&self, kind: Kind) -> Option<String> {
        let (page, key) = match kind {
            Kind::LlamaServer => (&self.props, "build_info"),
            Kind::SgLang => (&self.info, "version"),
            _ => (&self.version, "version"),
        };
        text(page.as_ref()?, key)
    }

    fn slots(&self, kind: Kind) -> Option<u32> {
        match kind {
            Kind::LlamaServer => slots(self.props.as_ref()?, "total_slots"),
            Kind::LmStudio => self.has_studio_list().then_some(LM_STUDIO_SLOTS),
            Kind::SgLang => slots(self.info.as_ref()?, "max_running_requests"),
            _ => None,
        }
    }

    /// Whether there is LM Studio's own list.
    fn has_studio_list(&self) -> bool {
        let studio = self.studio.as_ref();
        let mut listed = studio.into_iter().flat_map(|page| objects(page, "data"));
        listed.any(|model| text(model, "state").is_some())
    }

    /// What LM Studio's own list says of a model.
    fn studio(&self, name: &str) -> Option<&Value> {
        let mut models = objects(self.studio.as_ref()?, "data");
        models.find(|model| text(model, "id").as_deref() == Some(name))
    }

    fn is_running(&self, name: &str) -> bool {
        let running = self.running.as_ref();
        let mut running = running
            .into_iter()
            .flat_map(|page| objects(page, "running"));
        running.any(|model| text(model, "model").as_deref() == Some(name))
    }

    /// A model of the list, with what the other pages say of it.
    fn model(&self, listed: &Value, kind: Option<Kind>) -> Option<Model> {
        let name = text(listed, "id")?;
        let none = Value::Null;
        let meta = listed.get("meta").unwrap_or(&none);
        let studio = self.studio(&name).unwrap_or(&none);
        let status = listed
            .get("status")
            .and_then(|status| text(status, "value"));
        let loaded = match (&status, kind) {
            (_, Some(Kind::LlamaSwap)) => self.is_running(&name),
            (Some(status), _) => status == "loaded",
            (_, Some(Kind::LmStudio)) => text(studio, "state").as_deref() == Some("loaded"),
            (_, Some(Kind::LlamaServer | Kind::Vllm | Kind::SgLang)) => true,
            _ => false,
        };
        let context = [
            count(studio, "loaded_context_length"),
            count(meta, "n_ctx"),
            count(listed, "max_model_len"),
            count(studio, "max_context_length"),
            count(meta, "n_ctx_train"),
        ];
        Some(Model {
            embeds: embeds(text(studio, "type").as_deref(), None),
            size_bytes: count(meta, "size"),
            quantization: text(meta, "ftype").or_else(|| text(studio, "quantization")),
            parameters: count(meta, "n_params").map(parameters),
            context: context.into_iter().flatten().next(),
            family: text(studio, "arch"),
            loaded,
            name,
            ..Model::default()
        })
    }
}

pub(super) async fn discover(http: &Http, url: &str) -> Result<Discovery, DiscoverError> {
    let list_url = format!("{url}/v1/models");
    let list = Page::get(http, &list_url).await?;
    let mut found = Discovery {
        dialect: &OpenAi,
        url: url.to_owned(),
        server: None,
        slots: None,
        simulated: false,
        route: Route::default(),
        is_loading: list.is_loading(),
        models: Vec::new(),
    };
    if found.is_loading {
        let is_llama = list.server() == Some("llama.cpp");
        found.server = is_llama.then(|| Kind::LlamaServer.name().to_owned());
        return Ok(found);
    }
    let why = || format!("{list_url}: {}", list.words());
    if list.is_refusal() {
        return Err(DiscoverError::Refused(why()));
    }
    // A list without models may be null.
    let is_list = |page: &Value| {
        let data = page.get("data");
        data.is_some_and(|data| data.is_array() || data.is_null())
    };
    let models = list.json().filter(is_list);
    let models = models.ok_or_else(|| DiscoverError::NotSpoken(why()))?;
    let listed = Kind::from_list(&list, &models);
    let facts = Facts::get(http, url, listed).await;
    let kind = listed.or_else(|| facts.kind());
    let all = objects(&models, "data").filter_map(|model| facts.model(model, kind));
    found.models = all.collect();
    found.models.sort_by_key(|model| !model.loaded);
    found.is_loading = facts.is_loading;
    if let Some(kind) = kind {
        let version = facts.version(kind).map(|version| format!(" {version}"));
        found.server = Some(format!("{}{}", kind.name(), version.unwrap_or_default()));
        found.slots = facts.slots(kind);
    }
    if kind == Some(Kind::LlamaServer) && !found.is_loading {
        ask_llama_server(http, &mut found, facts.props.as_ref()).await;
    }
    Ok(found)
}

/// Of a llama-server: the context of a slot, and, of a router, what the servers of its models say.
async fn ask_llama_server(http: &Http, found: &mut Discovery, props: Option<&Value>) {
    let context = |props: &Value| count(props.get("default_generation_settings")?, "n_ctx");
    let of_one = props.filter(|_| found.models.len() == 1);
    if let (Some(model), Some(props)) = (found.models.first_mut(), of_one) {
        model.context = context(props).filter(|n| *n > 0).or(model.context);
    }
    if found.slots.is_some() {
        return;
    }
    if found.models.len() == 1
        && let Some(page) = fact(http, format!("{}/slots", found.url)).await
    {
        found.slots = page
            .as_array()
            .map(|all| u32_of(all.len()))
            .filter(|n| *n > 0);
        return;
    }
    let loaded = found.models.iter_mut().filter(|model| model.loaded);
    let base = format!("{}/props", found.url);
    let children = join_all(loaded.take(CHILDREN).map(async |model| {
        let asked = [("model", model.name.as_str()), ("autoload", "false")];
        let url = reqwest::Url::parse_with_params(&base, asked).ok()?;
        let props = fact(http, url.to_string()).await?;
        model.context = context(&props).or(model.context);
        slots(&props, "total_slots")
    }));
    found.slots = children.await.into_iter().flatten().next();
}

/// A count of parameters as users write it: `7.6B`, `1.71M`.
fn parameters(count: u64) -> String {
    let count = count as f64;
    if count >= 1e9 {
        format!("{:.1}B", count / 1e9)
    } else {
        format!("{:.2}M", count / 1e6)
    }
}
