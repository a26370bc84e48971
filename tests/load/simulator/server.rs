//! Connections, queue, start and end.

use super::harness::*;
use pretty_assertions::assert_eq;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokometer::sim::{SimConfig, SimError, Simulator};

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
    let client = client();
    let head = client.head(sim.url()).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.text().await.unwrap(), "");
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
        let client = client();
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
async fn a_client_that_leaves_the_queue_frees_its_place() {
    let sim = start_with(&[], |p| {
        p.slots = 1;
        p.queue = 1;
        p.decode.speeds[0].tok_s = 0.0002;
    });
    let _first = post(&sim, "/api/chat", &chat(PLAIN, 4)).await;
    let impatient = async {
        // Each takes the only place in the line and gives up; the next can only wait as well if
        // the place was freed, and is refused until then.
        let mut waited = 0;
        while waited < 3 {
            let body = chat(PLAIN, 1);
            let patience = Duration::from_millis(100);
            match tokio::time::timeout(patience, post(&sim, "/api/chat", &body)).await {
                Ok(refused) => assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE),
                Err(_) => waited += 1,
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), impatient)
        .await
        .unwrap();
}

#[tokio::test]
async fn hundreds_of_users_get_their_answers() {
    let sim = start();
    let client = client();
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
async fn starting_fails_clearly() {
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
}

#[tokio::test]
async fn stopping_frees_the_port() {
    // Another process may take the port in between, but not each time.
    let freed = (0..10).any(|_| {
        let sim = start();
        let port = sim.addr().port();
        sim.stop();
        Simulator::start(SimConfig::default(), port).is_ok_and(|again| again.addr().port() == port)
    });
    assert!(freed);
}
