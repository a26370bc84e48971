//! Each fault as the client sees it.

use super::harness::{PLAIN, chat, lines, post, start_with, try_post};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

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
