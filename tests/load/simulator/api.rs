//! Endpoints, and the shapes of what they answer.

use super::harness::*;
use pretty_assertions::assert_eq;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

// The shapes below are lines of a real Ollama 0.33.0.
const TAG: &str = r#"{"models":[{"name":"tiny-think:latest","model":"tiny-think:latest","modified_at":"2026-11-21T16:29:45.974332129Z","size":3390555,"digest":"e512","details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"1.68M","quantization_level":"F16","context_length":32768,"embedding_length":256},"capabilities":["completion","thinking"]}]}"#;
const PS: &str = r#"{"models":[{"name":"tiny-chain:latest","model":"tiny-chain:latest","size":37025217,"digest":"cc72","details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"1.71M","quantization_level":"F16"},"expires_at":"2026-11-21T17:30:04.714648081Z","size_vram":2359296,"context_length":4096}]}"#;
const CHAT_TOKEN: &str = r#"{"model":"tiny-chain","created_at":"2026-11-21T17:20:03.479249669Z","message":{"role":"assistant","content":" w001"},"done":false}"#;
const CHAT_THOUGHT: &str = r#"{"model":"tiny-think","created_at":"2026-11-21T17:20:03.570277098Z","message":{"role":"assistant","content":"","thinking":" t002"},"done":false}"#;
const CHAT_END: &str = r#"{"model":"tiny-chain","created_at":"2026-11-21T17:20:03.494291747Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"length","total_duration":32215061,"load_duration":4634582,"prompt_eval_count":16,"prompt_eval_duration":5927000,"eval_count":24,"eval_duration":14719000}"#;
const GENERATE_END: &str = r#"{"model":"tiny-chain","created_at":"2026-11-21T17:20:02.951596588Z","response":"","done":true,"done_reason":"length","context":[259,768],"total_duration":43216340,"load_duration":2728080,"prompt_eval_count":16,"prompt_eval_duration":14516000,"eval_count":24,"eval_duration":10536000}"#;
const LOAD: &str = r#"{"model":"tiny-chain","created_at":"2026-11-21T17:20:02.886553791Z","response":"","done":true,"done_reason":"load"}"#;

#[tokio::test]
async fn models_are_listed_and_shown() {
    let sim = start();
    let tags: Value = get(&sim, "/api/tags").await.json().await.unwrap();
    same_shape(&tags, TAG);
    let names: Vec<_> = tags["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["name"])
        .collect();
    assert_eq!(names, [PLAIN, THINKS]);
    let show: Value = post(&sim, "/api/show", &json!({ "model": THINKS }))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        keys(&show),
        [
            "capabilities",
            "details",
            "model_info",
            "modelfile",
            "modified_at",
            "parameters",
            "template",
            "tensors"
        ]
    );
    assert_eq!(show["capabilities"], json!(["completion", "thinking"]));
    assert_eq!(show["model_info"]["qwen3.context_length"], 40960);
    assert_eq!(show["details"]["parameter_size"], "1.2B");
    let missing = post(&sim, "/api/show", &json!({ "model": "nope" })).await;
    assert_eq!(error_of(missing, 404).await, "model 'nope' not found");
}

#[tokio::test]
async fn chat_streams_line_by_line() {
    let sim = start();
    let sent = Instant::now();
    let response = post(&sim, "/api/chat", &chat(PLAIN, 24)).await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    let got = lines(&response.text().await.unwrap());
    let took = sent.elapsed();
    assert_eq!(got.len(), 25);
    for line in &got[..24] {
        same_shape(line, CHAT_TOKEN);
        assert_ne!(line["message"]["content"], "");
    }
    let end = &got[24];
    same_shape(end, CHAT_END);
    assert_eq!(
        (&end["done_reason"], &end["eval_count"]),
        (&json!("length"), &json!(24))
    );
    let ns = |key: &str| Duration::from_nanos(end[key].as_u64().unwrap());
    let parts = ns("load_duration") + ns("prompt_eval_duration") + ns("eval_duration");
    assert!(ns("total_duration") >= parts && ns("total_duration") <= took);
    // The first request loads the model: 0.2 s, fifty times faster.
    assert!(ns("load_duration") >= Duration::from_millis(4));
    // Never faster than the profile: 23 gaps at 100 tokens a second and a spread of 12.5 % at most, after the
    // load. The gaps alone may take less, where the first token came late.
    let least = 0.004 + 23.0 / 100.0 / 1.125 / 50.0;
    assert!(ns("total_duration") >= Duration::from_secs_f64(least));
}

#[tokio::test]
async fn a_seed_repeats_an_answer_streamed_or_not() {
    let sim = start();
    let streamed = lines(
        &post(&sim, "/api/chat", &chat(THINKS, 400))
            .await
            .text()
            .await
            .unwrap(),
    );
    let response = post(
        &sim,
        "/api/chat",
        &with(chat(THINKS, 400), "stream", json!(false)),
    )
    .await;
    assert!(response.content_length().is_some());
    let whole: Value = response.json().await.unwrap();
    assert_eq!(whole["message"]["content"], say(&streamed, "content"));
    assert_eq!(whole["message"]["thinking"], say(&streamed, "thinking"));
    assert_eq!(whole["done_reason"], "stop");
    assert_eq!(whole["eval_count"], streamed.len() - 1);
}

#[tokio::test]
async fn thinking_comes_first_and_can_be_switched_off() {
    let sim = start();
    let got = lines(
        &post(&sim, "/api/chat", &chat(THINKS, 400))
            .await
            .text()
            .await
            .unwrap(),
    );
    let thoughts = got
        .iter()
        .take_while(|l| l["message"]["thinking"].is_string())
        .count();
    assert!(thoughts > 2);
    same_shape(&got[1], CHAT_THOUGHT);
    assert!(
        got[thoughts..]
            .iter()
            .all(|l| l["message"]["thinking"].is_null())
    );
    assert!(!say(&got[thoughts..], "content").is_empty());
    let off = with(chat(THINKS, 400), "think", json!(false));
    let got = lines(&post(&sim, "/api/chat", &off).await.text().await.unwrap());
    assert_eq!(say(&got, "thinking"), "");
    let on = with(chat(PLAIN, 4), "think", json!(true));
    let error = error_of(post(&sim, "/api/chat", &on).await, 400).await;
    assert_eq!(error, "\"fast:1b\" does not support thinking");
}

#[tokio::test]
async fn generate_streams_with_context_and_an_empty_line_before_thinking() {
    let sim = start();
    let got = lines(
        &post(&sim, "/api/generate", &generate(PLAIN, 5))
            .await
            .text()
            .await
            .unwrap(),
    );
    assert_eq!(got.len(), 6);
    same_shape(&got[5], GENERATE_END);
    let context = got[5]["context"].as_array().unwrap().len();
    assert_eq!(
        context as u64,
        got[5]["prompt_eval_count"].as_u64().unwrap() + 5
    );
    let got = lines(
        &post(&sim, "/api/generate", &generate(THINKS, 5))
            .await
            .text()
            .await
            .unwrap(),
    );
    assert_eq!(got.len(), 7);
    assert_eq!(
        (&got[0]["response"], &got[0]["thinking"]),
        (&json!(""), &Value::Null)
    );
    assert_eq!(got[1]["response"], "");
    assert!(got[1]["thinking"].is_string());
    let whole = with(generate(PLAIN, 5), "stream", json!(false));
    let whole: Value = post(&sim, "/api/generate", &whole)
        .await
        .json()
        .await
        .unwrap();
    same_shape(&whole, GENERATE_END);
}

#[tokio::test]
async fn errors_have_ollamas_shapes() {
    let sim = start();
    let missing = post(&sim, "/api/chat", &chat("nope", 4)).await;
    assert_eq!(error_of(missing, 404).await, "model 'nope' not found");
    let client = client();
    let url = format!("{}/api/chat", sim.url());
    let broken = client.post(&url).body("{\"model\":").send().await.unwrap();
    assert_eq!(error_of(broken, 400).await, "unexpected EOF");
    assert_eq!(
        get(&sim, "/api/chat").await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        get(&sim, "/v1/nothing").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn an_empty_prompt_loads_and_no_keep_alive_unloads() {
    let sim = start();
    let running = async || -> Value { get(&sim, "/api/ps").await.json().await.unwrap() };
    assert_eq!(running().await, json!({ "models": [] }));
    let load: Value = post(&sim, "/api/generate", &json!({ "model": PLAIN }))
        .await
        .json()
        .await
        .unwrap();
    same_shape(&load, LOAD);
    let ps = running().await;
    same_shape(&ps, PS);
    assert_eq!(ps["models"][0]["name"], PLAIN);
    let unload = json!({ "model": PLAIN, "keep_alive": 0 });
    let unload: Value = post(&sim, "/api/chat", &unload).await.json().await.unwrap();
    assert_eq!(unload["done_reason"], "unload");
    assert_eq!(running().await, json!({ "models": [] }));
}

#[tokio::test]
async fn a_pulled_model_is_there_afterwards() {
    let sim = start();
    let pull = json!({ "model": "fast-extra:1b" });
    let got = lines(&post(&sim, "/api/pull", &pull).await.text().await.unwrap());
    assert_eq!(got[0], json!({ "status": "pulling manifest" }));
    assert_eq!(got.last().unwrap(), &json!({ "status": "success" }));
    let done: Vec<_> = got.iter().filter_map(|l| l["completed"].as_u64()).collect();
    assert!(done.len() > 2 && done.is_sorted());
    let total = got[1]["total"].as_u64();
    assert_eq!((total, done.last().copied()), (Some(1_321_098_331), total));
    let got = post(&sim, "/api/chat", &chat("fast-extra:1b", 2)).await;
    assert_eq!(got.status(), StatusCode::OK);
    let got = lines(
        &post(&sim, "/api/pull", &json!({ "model": "nope" }))
            .await
            .text()
            .await
            .unwrap(),
    );
    assert_eq!(
        got[1],
        json!({ "error": "pull model manifest: file does not exist" })
    );
    let quiet = json!({ "model": "nope", "stream": false });
    error_of(post(&sim, "/api/pull", &quiet).await, 500).await;
}
