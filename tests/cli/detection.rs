//! What a server is taken for, by what it says.

use serde_json::Value;

use crate::canned::{self, Asked, Canned, Said, json, missing};
use crate::headless::{levels, valid};
use crate::process::{Ended, Place};

fn run(server: &Canned) -> Ended {
    let url = format!("--url={}", server.url);
    Place::new().run(&["--json", "--users=1", "--rest=0s", &url])
}

#[test]
fn a_router_that_has_a_version_is_not_ollama() {
    let server = Canned::start(|asked| match asked.path() {
        "/api/version" => json(r#"{"version":"v170","commit":"abc","build_date":"today"}"#),
        _ => canned::openai(asked),
    });
    let ended = run(&server);
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(summary["target"]["dialect"], "openai");
    assert_eq!(levels(&summary), [(1, 1, 0)]);
}

fn page(_: &Asked) -> Said {
    let page = "<!doctype html>\n<html><head><title>Open WebUI</title></head></html>";
    ("200 OK", "text/html", page.to_owned())
}

#[test]
fn a_web_page_is_called_one() {
    let of_people = Canned::start(page);
    let with_version = Canned::start(|asked| match asked.path() {
        "/api/version" => json(r#"{"version":"0.6.5"}"#),
        _ => page(asked),
    });
    for server in [of_people, with_version] {
        let ended = run(&server);
        assert_eq!(ended.code, 1, "{ended:?}");
        let said = "neither as Ollama (/api/version) nor as an OpenAI server";
        assert!(ended.err.contains(said), "{}", ended.err);
        assert!(
            ended.err.contains("a web page (Open WebUI)"),
            "{}",
            ended.err
        );
    }
}

#[test]
fn a_model_that_embeds_is_never_chosen_by_itself() {
    let server = Canned::start(|asked| match asked.path() {
        "/v1/models" => {
            json(r#"{"data":[{"id":"text-embedding-nomic-embed-text-v1.5"},{"id":"qwen3"}]}"#)
        }
        _ => canned::openai(asked),
    });
    let ended = run(&server);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(valid(&ended.out)["target"]["model"], "qwen3");
    let alone = Canned::start(|asked| match asked.path() {
        "/v1/models" => json(r#"{"data":[{"id":"bge-m3"}]}"#),
        _ => missing(),
    });
    let ended = run(&alone);
    assert_eq!(ended.code, 1, "{ended:?}");
    for said in ["has no model that answers prompts", "bge-m3"] {
        assert!(ended.err.contains(said), "{}", ended.err);
    }
}

#[test]
fn every_kind_of_failure_is_told_once_in_the_servers_words() {
    let server = Canned::start(|asked| match asked.path() {
        "/v1/chat/completions" if asked.body.contains("second") => (
            "400 Bad Request",
            "application/json",
            r#"{"error":{"message":"Model is not llm."}}"#.to_owned(),
        ),
        "/v1/chat/completions" => canned::events(&[r#"{"error":{"message":"out of memory"}}"#]),
        _ => canned::openai(asked),
    });
    let place = Place::new();
    let prompts = place.directory.path().join("prompts");
    std::fs::write(&prompts, "first\nsecond\nthird\n").unwrap();
    let prompts = format!("--prompts={}", prompts.display());
    let url = format!("--url={}", server.url);
    let load = [
        "--users=3",
        "--warmup=0",
        "--rest=0s",
        "--no-record",
        &prompts,
        &url,
    ];
    let ended = place.run(&[&load[..], &["--json"]].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
    let failures = &valid(&ended.out)["failures"];
    let expected: Value = serde_json::json!([
        { "kind": "stream_error", "count": 2, "first_message": "out of memory", "status": null },
        { "kind": "http_400", "count": 1, "first_message": "Model is not llm.", "status": 400 },
    ]);
    assert_eq!(*failures, expected);
    let ended = place.run(&[&load[..], &["--headless"]].concat());
    let said =
        "\nFailed:\n  2 × error in the stream: out of memory\n  1 × HTTP 400: Model is not llm.\n";
    assert!(ended.out.contains(said), "{}", ended.out);
}
