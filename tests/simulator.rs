//! The simulated server as its clients see it, over real HTTP. How fast it is was tested without
//! a socket; here only bounds that hold on any machine are.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may fail where they stand"
)]

use pretty_assertions::assert_eq;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokometer::sim::{Profile, SimConfig, SimError, Simulator};

const PLAIN: &str = "fast:1b";
const THINKS: &str = "fast-think:1b";

fn start_with(faults: &[&str], change: impl FnOnce(&mut Profile)) -> Simulator {
    let mut profile = Profile::named("fast").unwrap();
    change(&mut profile);
    let config = SimConfig {
        profile,
        time_scale: 50.0,
        faults: faults.iter().map(|f| f.parse().unwrap()).collect(),
        seed: None,
    };
    Simulator::start(config, 0).unwrap()
}

fn start() -> Simulator {
    start_with(&[], |_| {})
}

async fn post(sim: &Simulator, path: &str, body: &Value) -> Response {
    try_post(sim, path, body).await.unwrap()
}

async fn try_post(sim: &Simulator, path: &str, body: &Value) -> reqwest::Result<Response> {
    let url = format!("{}{path}", sim.url());
    // Loopback must not go through a proxy of the environment.
    let client = Client::builder().no_proxy().build().unwrap();
    client.post(url).json(body).send().await
}

async fn get(sim: &Simulator, path: &str) -> Response {
    let client = Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", sim.url());
    client.get(url).send().await.unwrap()
}

async fn error_of(response: Response, status: u16) -> String {
    assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
    let body: Value = response.json().await.unwrap();
    assert_eq!(keys(&body), ["error"]);
    body["error"].as_str().unwrap().to_owned()
}

fn chat(model: &str, tokens: u32) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "What is time?" }],
            "options": { "num_predict": tokens, "seed": 1 } })
}

fn generate(model: &str, tokens: u32) -> Value {
    json!({ "model": model, "prompt": "What is time?", "options": { "num_predict": tokens, "seed": 1 } })
}

fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Asserts that both have the same keys, however deep, in objects and in arrays of objects.
fn same_shape(got: &Value, captured: &str) {
    let want: Value = serde_json::from_str(captured).unwrap();
    compare(got, &want);
}

fn compare(got: &Value, want: &Value) {
    assert_eq!(
        std::mem::discriminant(got),
        std::mem::discriminant(want),
        "{got} {want}"
    );
    if want.is_object() {
        assert_eq!(keys(got), keys(want));
        for key in keys(want) {
            compare(&got[key], &want[key]);
        }
    } else if let (Some(got), Some(want)) = (got.as_array(), want.as_array())
        && let (Some(got), Some(want)) = (got.first(), want.first())
    {
        compare(got, want);
    }
}

fn say(lines: &[Value], field: &str) -> String {
    lines
        .iter()
        .filter_map(|l| l["message"][field].as_str())
        .collect()
}

#[tokio::test]
async fn it_never_passes_for_a_real_server() {
    let sim = start();
    assert!(sim.addr().ip().is_loopback());
    let response = get(&sim, "/api/version").await;
    assert_eq!(response.headers()["server"], "tokometer-simulator");
    let version: Value = response.json().await.unwrap();
    assert_eq!(version, json!({ "version": "0.33.0-simulated" }));
    assert_eq!(
        get(&sim, "/").await.text().await.unwrap(),
        "Ollama is running"
    );
    let client = Client::builder().no_proxy().build().unwrap();
    let head = client.head(sim.url()).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.text().await.unwrap(), "");
}

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
    // Never faster than the profile: 23 gaps at 100 tokens a second and a spread of 12.5 % at most.
    assert!(ns("eval_duration") >= Duration::from_secs_f64(23.0 / 100.0 / 1.125 / 50.0 - 0.002));
}

#[tokio::test]
async fn headers_come_with_the_first_token() {
    let sim = start_with(&[], |p| p.prefill.base_s = [10.0, 10.0]);
    let sent = Instant::now();
    let response = post(&sim, "/api/chat", &chat(PLAIN, 2)).await;
    assert!(sent.elapsed() >= Duration::from_millis(200));
    assert_eq!(lines(&response.text().await.unwrap()).len(), 3);
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
    let client = Client::builder().no_proxy().build().unwrap();
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
async fn a_connection_is_kept_and_carries_many_requests() {
    let sim = start();
    let mut socket = tokio::net::TcpStream::connect(sim.addr()).await.unwrap();
    for _ in 0..3 {
        let body = chat(PLAIN, 2).to_string();
        let request = format!(
            "POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"\r\n0\r\n\r\n") {
            assert_ne!(socket.read_buf(&mut got).await.unwrap(), 0, "closed");
        }
        let got = String::from_utf8(got).unwrap();
        assert!(
            got.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"),
            "{got}"
        );
        // Every line is a chunk of its own: its length in hex before it.
        let bodies: Vec<_> = got.split("\r\n").filter(|l| l.starts_with('{')).collect();
        assert_eq!(bodies.len(), 3);
        for line in bodies {
            assert!(
                got.contains(&format!("\r\n{:X}\r\n{line}\r\n", line.len())),
                "{got}"
            );
        }
    }
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

#[tokio::test]
async fn requests_beyond_the_queue_are_refused_and_a_gone_client_frees_its_slot() {
    let sim = start_with(&[], |p| {
        p.slots = 1;
        p.queue = 1;
        // An answer that outlasts the test, unless its client goes.
        p.decode.speeds[0].tok_s = 0.0002;
    });
    let first = post(&sim, "/api/chat", &chat(PLAIN, 4)).await;
    // The first has begun and holds the only slot. Of two more, one waits and one is refused.
    let mut more = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let url = format!("{}/api/chat", sim.url());
        let client = Client::builder().no_proxy().build().unwrap();
        more.spawn(async move { client.post(url).json(&chat(PLAIN, 1)).send().await.unwrap() });
    }
    let refused = more.join_next().await.unwrap().unwrap();
    assert_eq!(
        error_of(refused, 503).await,
        "server busy, please try again.  maximum pending requests exceeded"
    );
    drop(first);
    let served = more.join_next().await.unwrap().unwrap();
    assert_eq!(lines(&served.text().await.unwrap()).len(), 2);
}

#[tokio::test]
async fn refusing_faults_strike_every_nth_request() {
    let sim = start_with(&["500:every=3", "503:every=2"], |_| {});
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(
            post(&sim, "/api/chat", &chat(PLAIN, 1))
                .await
                .status()
                .as_u16(),
        );
    }
    assert_eq!(statuses, [200, 503, 500, 503, 200, 500]);
}

#[tokio::test]
async fn a_cut_breaks_the_stream_after_its_tokens() {
    let sim = start_with(&["cut:after=3"], |_| {});
    let mut response = post(&sim, "/api/chat", &chat(PLAIN, 20)).await;
    let mut got = Vec::new();
    let error = loop {
        match response.chunk().await {
            Ok(Some(bytes)) => got.extend_from_slice(&bytes),
            Ok(None) => panic!("a clean end"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(lines(std::str::from_utf8(&got).unwrap()).len(), 3);
    let sim = start_with(&["cut:after=0"], |_| {});
    assert!(
        try_post(&sim, "/api/chat", &chat(PLAIN, 20))
            .await
            .unwrap_err()
            .is_request()
    );
}

#[tokio::test]
async fn garbage_stands_between_the_tokens_and_the_answer_goes_on() {
    let sim = start_with(&["garbage:after=2"], |_| {});
    let text = post(&sim, "/api/chat", &chat(PLAIN, 5))
        .await
        .text()
        .await
        .unwrap();
    let good: Vec<bool> = text
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).is_ok())
        .collect();
    assert_eq!(good, [true, true, false, true, true, true, true]);
}

#[tokio::test]
async fn an_error_object_or_a_bare_end_stops_the_stream() {
    let sim = start_with(&["error:after=2,every=2", "eof:after=4"], |_| {});
    let got = lines(
        &post(&sim, "/api/chat", &chat(PLAIN, 9))
            .await
            .text()
            .await
            .unwrap(),
    );
    assert_eq!(got.len(), 4);
    assert!(got.iter().all(|l| l["done"] == false));
    let got = lines(
        &post(&sim, "/api/chat", &chat(PLAIN, 9))
            .await
            .text()
            .await
            .unwrap(),
    );
    assert_eq!(got.len(), 3);
    assert_eq!(
        got[2],
        json!({ "error": "an error was encountered while running the model: unexpected EOF" })
    );
}

#[tokio::test]
async fn a_stall_leaves_the_connection_open_and_silent() {
    let sim = start_with(&["stall:after=2,every=2"], |_| {});
    // The same answer without the fault is complete in the time after which we stop waiting.
    let whole = post(&sim, "/api/chat", &chat(PLAIN, 5))
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(lines(&whole).len(), 6);
    let mut response = post(&sim, "/api/chat", &chat(PLAIN, 5)).await;
    let mut got = String::new();
    while got.lines().count() < 2 {
        let bytes = response.chunk().await.unwrap().unwrap();
        got.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    let more = tokio::time::timeout(Duration::from_millis(300), response.chunk()).await;
    assert!(more.is_err(), "{more:?}");
    assert_eq!(lines(&got).len(), 2);
}

#[tokio::test]
async fn a_slow_header_comes_late() {
    let sim = start_with(&["slow-header:delay=15"], |_| {});
    let sent = Instant::now();
    let response = post(&sim, "/api/chat", &chat(PLAIN, 5)).await;
    assert!(sent.elapsed() >= Duration::from_millis(300));
    assert_eq!(lines(&response.text().await.unwrap()).len(), 6);
}

#[tokio::test]
async fn hundreds_of_users_get_their_answers() {
    let sim = start();
    let client = Client::builder().no_proxy().build().unwrap();
    let mut users = tokio::task::JoinSet::new();
    for _ in 0..256 {
        let (client, url) = (client.clone(), format!("{}/api/generate", sim.url()));
        users.spawn(async move {
            let response = client
                .post(url)
                .json(&generate(PLAIN, 30))
                .send()
                .await
                .unwrap();
            lines(&response.text().await.unwrap()).pop().unwrap()
        });
    }
    let ends = users.join_all().await;
    assert!(ends.iter().all(|end| end["eval_count"] == 30), "{ends:?}");
}

#[tokio::test]
async fn starting_fails_clearly_and_stopping_frees_the_port() {
    let sim = start();
    let port = sim.addr().port();
    let taken = Simulator::start(SimConfig::default(), port).unwrap_err();
    assert!(
        matches!(taken, SimError::Listen { port: p, .. } if p == port),
        "{taken}"
    );
    let scale = SimConfig {
        time_scale: 0.0,
        ..SimConfig::default()
    };
    assert!(matches!(
        Simulator::start(scale, 0),
        Err(SimError::TimeScale(_))
    ));
    sim.stop();
    let again = Simulator::start(SimConfig::default(), port).unwrap();
    assert_eq!(again.addr().port(), port);
}
