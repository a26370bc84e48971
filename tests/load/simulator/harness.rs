//! Starting a simulator and asking it, for the tests of this folder.

use std::sync::Arc;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokometer::sim::{Profile, SimConfig, Simulator};

pub(crate) const PLAIN: &str = "fast:1b";
pub(crate) const THINKS: &str = "fast-think:1b";

pub(crate) fn start_with(faults: &[&str], change: impl FnOnce(&mut Profile)) -> Simulator {
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

pub(crate) fn start() -> Simulator {
    start_with(&[], |_| {})
}

/// A client of plain http.
pub(crate) fn client() -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    // Loopback must not go through a proxy of the environment.
    let builder = Client::builder().no_proxy();
    builder.tls_backend_preconfigured(config).build().unwrap()
}

pub(crate) async fn post(sim: &Simulator, path: &str, body: &Value) -> Response {
    try_post(sim, path, body).await.unwrap()
}

pub(crate) async fn try_post(
    sim: &Simulator,
    path: &str,
    body: &Value,
) -> reqwest::Result<Response> {
    let url = format!("{}{path}", sim.url());
    client().post(url).json(body).send().await
}

pub(crate) async fn get(sim: &Simulator, path: &str) -> Response {
    let url = format!("{}{path}", sim.url());
    client().get(url).send().await.unwrap()
}

pub(crate) async fn error_of(response: Response, status: u16) -> String {
    assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
    let body: Value = response.json().await.unwrap();
    assert_eq!(keys(&body), ["error"]);
    body["error"].as_str().unwrap().to_owned()
}

pub(crate) fn chat(model: &str, tokens: u32) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "What is time?" }],
            "options": { "num_predict": tokens, "seed": 1 } })
}

pub(crate) fn generate(model: &str, tokens: u32) -> Value {
    json!({ "model": model, "prompt": "What is time?", "options": { "num_predict": tokens, "seed": 1 } })
}

pub(crate) fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

pub(crate) fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Asserts that both have the same keys, however deep, in objects and in arrays of objects.
pub(crate) fn same_shape(got: &Value, captured: &str) {
    let want: Value = serde_json::from_str(captured).unwrap();
    compare(got, &want);
}

pub(crate) fn compare(got: &Value, want: &Value) {
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

pub(crate) fn say(lines: &[Value], field: &str) -> String {
    lines
        .iter()
        .filter_map(|l| l["message"][field].as_str())
        .collect()
}
