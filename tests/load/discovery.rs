//! Which server answers at an address: known by several signs, asked by GET only, whatever the pages lack.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::{Value, json};
use tokometer::dialect::{Access, DiscoverError, Discovery, discover};
use tokometer::session::search::{look_around, usual_places};
use tokometer::session::serve::{self, Session, SessionOptions};
use tokometer::session::{SessionCommand, SessionEvent};
use tokometer::sim::SimConfig;

use crate::bench::PATIENCE;
use crate::server::{Asked, Manners, Server, Step, json as answer};

type Heads = Arc<Mutex<Vec<String>>>;

/// A server of these pages; all others are not found. It notes what it is asked.
fn server(pages: Vec<(&'static str, Value)>) -> (String, Heads) {
    let heads = Heads::default();
    let noted = Arc::clone(&heads);
    let url = Server::of_pages(move |asked: &Asked| {
        noted.lock().unwrap().push(asked.head.clone());
        let path = asked.head.split(' ').nth(1).unwrap();
        let page = pages.iter().find(|(at, _)| *at == path);
        vec![Step::Say(match page {
            Some((_, Value::String(text))) => page_of(text),
            Some((_, body)) => answer(200, &body.to_string()),
            None => answer(404, r#"{"error":"File Not Found"}"#),
        })]
    });
    (format!("http://{url}"), heads)
}

/// A whole answer that is not an object: a page, or a status line with its body.
fn page_of(text: &str) -> Vec<u8> {
    match text.split_once('|') {
        Some((status, body)) => answer(status.parse().unwrap(), body),
        None => answer(200, text),
    }
}

async fn look(url: &str) -> Result<Discovery, DiscoverError> {
    discover(url, None, &Access::default()).await
}

fn names(found: &Discovery) -> Vec<&str> {
    found
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect()
}

fn list(owner: &str, ids: &[&str]) -> Value {
    let model = |id: &&str| json!({ "id": id, "object": "model", "owned_by": owner });
    json!({ "object": "list", "data": ids.iter().map(model).collect::<Vec<_>>() })
}

fn llama_server() -> Vec<(&'static str, Value)> {
    let model = json!({ "id": "m.gguf", "owned_by": "llamacpp",
        "meta": { "n_ctx": 4096, "n_ctx_train": 32768, "n_params": 7_600_000_000_u64, "size": 4_000, "ftype": "Q4_K_M" } });
    vec![
        ("/v1/models", json!({ "models": [], "data": [model] })),
        ("/health", json!({ "status": "ok" })),
        (
            "/props",
            json!({ "default_generation_settings": { "n_ctx": 2048 }, "total_slots": 4, "build_info": "b9" }),
        ),
    ]
}

fn lm_studio() -> Vec<(&'static str, Value)> {
    let own = json!({ "data": [
        { "id": "qwen3-8b", "type": "llm", "arch": "qwen3", "quantization": "4bit", "state": "loaded",
          "max_context_length": 40960, "loaded_context_length": 8192 },
        { "id": "embedder", "type": "embeddings", "state": "loaded" },
        { "id": "unloaded", "type": "vlm", "state": "not-loaded", "max_context_length": 100 },
    ] });
    let unexpected = json!({ "error": "Unexpected endpoint or method. (GET /api/version)" });
    vec![
        (
            "/v1/models",
            list("organization_owner", &["embedder", "unloaded", "qwen3-8b"]),
        ),
        ("/api/v0/models", own),
        ("/api/version", unexpected.clone()),
        ("/props", unexpected.clone()),
        ("/health", unexpected),
    ]
}

fn router() -> Vec<(&'static str, Value)> {
    let model = |id: &str, status: &str| json!({ "id": id, "owned_by": "llamacpp", "status": { "value": status } });
    let props = json!({ "default_generation_settings": { "n_ctx": 512 }, "total_slots": 2 });
    vec![
        (
            "/v1/models",
            json!({ "data": [model("a b", "unloaded"), model("c/d", "loaded")] }),
        ),
        ("/props", json!({ "role": "router", "build_info": "b9" })),
        ("/props?model=c%2Fd&autoload=false", props),
    ]
}

fn ollama(tags: Value) -> Vec<(&'static str, Value)> {
    vec![
        ("/api/version", json!({ "version": "0.33.0", "more": 1 })),
        ("/api/tags", tags),
        (
            "/api/ps",
            json!({ "models": [null, { "name": "b", "size": 9, "size_vram": null }] }),
        ),
    ]
}

fn tags() -> Value {
    json!({ "models": [
        { "name": "nomic-embed-text:latest", "details": null },
        null,
        { "name": "a", "size": "big", "details": { "quantization_level": "Q8_0", "family": null } },
        { "name": "b", "capabilities": ["completion", "thinking"] },
        { "digest": "without a name" },
    ] })
}

#[rstest]
#[case::llama_server(llama_server(), "llama.cpp b9", Some(4), &["m.gguf"])]
#[case::router(router(), "llama.cpp b9", Some(2), &["c/d", "a b"])]
#[case::vllm(
    vec![("/v1/models", list("vllm", &["m"])), ("/version", json!({ "version": "0.12.0" }))],
    "vLLM 0.12.0", None, &["m"]
)]
#[case::lm_studio(lm_studio(), "LM Studio", Some(4), &["qwen3-8b", "unloaded", "embedder"])]
#[case::sglang(
    vec![
        ("/v1/models", list("sglang", &["m"])),
        ("/get_server_info", json!({ "version": "0.5.1", "max_running_requests": 48, "model_path": "m" })),
    ],
    "SGLang 0.5.1", Some(48), &["m"]
)]
#[case::llama_swap(
    vec![
        ("/api/version", json!({ "version": "251", "commit": "0b", "build_date": "2026" })),
        ("/v1/models", list("llama-swap", &["a", "b"])),
        ("/running", json!({ "running": [{ "model": "b", "state": "ready" }] })),
    ],
    "llama-swap 251", None, &["b", "a"]
)]
#[case::litellm(
    vec![("/v1/models", list("openai", &["m"])), ("/health/liveliness", json!("\"I'm alive!\"LiteLLM"))],
    "", None, &["m"]
)]
#[case::ollama(ollama(tags()), "ollama 0.33.0", None, &["b", "a", "nomic-embed-text:latest"])]
#[case::ollama_without_models(ollama(json!({ "models": null })), "ollama 0.33.0", None, &[])]
#[case::of_no_known_kind(vec![("/v1/models", list("me", &["bge-m3", "m"]))], "", None, &["m", "bge-m3"])]
#[case::null_everywhere(vec![("/v1/models", json!({ "data": null, "object": null }))], "", None, &[])]
#[tokio::test]
async fn a_server_is_known_by_its_pages(
    #[case] pages: Vec<(&'static str, Value)>,
    #[case] name: &str,
    #[case] slots: Option<u32>,
    #[case] models: &[&str],
) {
    let (url, heads) = server(pages);
    let found = look(&url).await.unwrap();
    if !name.is_empty() {
        assert_eq!(found.server.as_deref(), Some(name), "{found:?}");
    }
    assert_eq!(found.slots, slots, "{found:?}");
    assert_eq!(names(&found), models, "{found:?}");
    assert!(!found.is_loading, "{found:?}");
    for head in heads.lock().unwrap().iter() {
        assert!(head.starts_with("GET "), "{head}");
    }
}

#[tokio::test]
async fn the_context_in_use_and_what_is_loaded_are_told() {
    let (url, _) = server(llama_server());
    let llama = look(&url).await.unwrap().models.remove(0);
    assert_eq!((llama.context, llama.loaded), (Some(2048), true));
    assert_eq!(llama.quantization.as_deref(), Some("Q4_K_M"));
    let (url, _) = server(lm_studio());
    let [qwen, other, embedder] = look(&url).await.unwrap().models.try_into().unwrap();
    assert_eq!((qwen.context, qwen.loaded), (Some(8192), true));
    assert_eq!((other.context, other.loaded), (Some(100), false));
    assert!(!embedder.answers() && qwen.answers());
    let (url, _) = server(router());
    let [loaded, not] = look(&url).await.unwrap().models.try_into().unwrap();
    assert_eq!(
        (loaded.context, loaded.loaded, not.loaded),
        (Some(512), true, false)
    );
}

#[rstest]
#[case::at_all(vec![
    ("/v1/models", json!("503|{\"error\":{\"message\":\"Loading model\",\"type\":\"unavailable_error\",\"code\":503}}")),
])]
#[case::behind_its_list(vec![
    ("/v1/models", list("llamacpp", &["m"])),
    ("/health", json!("503|{\"error\":{\"message\":\"Loading model\",\"code\":503}}")),
])]
#[tokio::test]
async fn a_server_that_loads_its_model_is_found(#[case] pages: Vec<(&'static str, Value)>) {
    let (url, _) = server(pages);
    assert!(look(&url).await.unwrap().is_loading);
}

#[rstest]
#[case::a_page(
    vec![
        ("/api/version", json!({ "version": "0.6.5" })),
        ("/api/tags", json!("<!doctype html><title>Open WebUI</title>")),
        ("/v1/models", json!("<!doctype html><title>Open WebUI</title>")),
    ],
    "a web page (Open WebUI)"
)]
#[case::busy(vec![("/v1/models", json!("503|{\"error\":\"overloaded\"}"))], "overloaded")]
#[case::no_json(vec![("/v1/models", json!("hello"))], "not JSON: hello")]
#[tokio::test]
async fn what_is_no_server_of_models_is_told(
    #[case] pages: Vec<(&'static str, Value)>,
    #[case] words: &str,
) {
    let (url, _) = server(pages);
    let error = look(&url).await.unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[tokio::test]
async fn a_connection_that_has_gone_stale_is_tried_again() {
    // Every connection answers one request, and closes when it is asked another.
    let seen = Mutex::new(Vec::new());
    let url = Server::of_pages(move |asked: &Asked| {
        let mut seen = seen.lock().unwrap();
        if seen.contains(&asked.connection) {
            return vec![Step::Reset];
        }
        seen.push(asked.connection);
        let path = asked.head.split(' ').nth(1).unwrap();
        vec![Step::Say(match path {
            "/api/version" => answer(200, r#"{"version":"1"}"#),
            "/api/tags" | "/api/ps" => answer(200, r#"{"models":[{"name":"m"}]}"#),
            _ => answer(404, "{}"),
        })]
    });
    let found = look(&format!("http://{url}")).await.unwrap();
    assert_eq!((names(&found), found.models[0].loaded), (vec!["m"], true));
}

/// A session that looks for a server at `url`.
async fn searching(url: &str) -> Session {
    let session = serve::start(SessionOptions {
        access: Access::default(),
        url: Some(url.to_owned()),
        dialect: None,
        simulator: SimConfig::default(),
        runs: None,
        reports: None,
    });
    let session = session.unwrap();
    session.commands.send(SessionCommand::Search).await.unwrap();
    session
}

/// The next that comes of the search: whether a server was found, and whether it is ready.
async fn next(session: &mut Session) -> Option<bool> {
    loop {
        let event = tokio::time::timeout(PATIENCE, session.events.recv()).await;
        match event.unwrap().unwrap() {
            SessionEvent::Found(found) => return Some(!found.is_loading),
            SessionEvent::NotFound { .. } => return None,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_server_that_starts_later_and_one_that_loads_appear_by_themselves() {
    let first = Server::scripted(|_| Vec::new()).await;
    let (url, port) = (first.url(), first.port());
    first.stop_listening().await;
    drop(first);
    let mut session = searching(&url).await;
    assert_eq!(next(&mut session).await, None);
    let loads = Arc::new(AtomicBool::new(true));
    let loading = Arc::clone(&loads);
    let manners = Manners {
        is_of_pages: true,
        ..Manners::new(move |asked| {
            let is_list = asked.head.starts_with("GET /v1/models ");
            let page = match (is_list, loading.load(Ordering::SeqCst)) {
                (true, false) => answer(200, r#"{"data":[{"id":"m"}]}"#),
                (true, true) => answer(503, r#"{"error":{"message":"Loading model"}}"#),
                (false, _) => answer(404, "{}"),
            };
            vec![Step::Say(page)]
        })
    };
    let _second = Server::start_at(port, manners).await;
    assert_eq!(next(&mut session).await, Some(false));
    loads.store(false, Ordering::SeqCst);
    assert_eq!(next(&mut session).await, Some(true));
}

#[tokio::test]
async fn all_places_are_looked_at_at_once() {
    // The first look starts what later ones find running.
    let mut took = Vec::new();
    for _ in 0..5 {
        let began = std::time::Instant::now();
        let looked = look_around(None).await;
        took.push(began.elapsed());
        let silent = looked.iter().filter(|(_, found)| found.is_err()).count();
        assert!(looked.len() >= usual_places().len() && silent > 0);
    }
    let best = took.iter().min().unwrap();
    assert!(best.as_millis() < 400, "{took:?}");
}
