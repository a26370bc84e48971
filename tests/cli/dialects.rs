//! The APIs that must be asked for, and what a request asks of a server beside an answer.

use rstest::rstest;
use serde_json::{Value, json};

use crate::canned::{self, Asked, Canned, Said, events, json as said, missing};
use crate::headless::{levels, valid};
use crate::process::{Ended, Place};

/// A server that lists `/models/tiny.gguf` alone, and answers in every API of llama-server.
fn everything(asked: &Asked) -> Said {
    match asked.path() {
        "/v1/models" => said(r#"{"data":[{"id":"/models/tiny.gguf"}]}"#),
        "/v1/completions" => events(&[
            r#"{"choices":[{"text":"one","finish_reason":null}]}"#,
            r#"{"choices":[{"text":" two","finish_reason":"stop"}],"usage":{"completion_tokens":2}}"#,
            "[DONE]",
        ]),
        "/v1/messages" => events(&[
            r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"one"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" two"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
            r#"{"type":"message_stop"}"#,
        ]),
        "/completion" => events(&[
            r#"{"content":"one","stop":false}"#,
            r#"{"content":" two","stop":false}"#,
            r#"{"content":"","stop":true,"stop_type":"eos","tokens_predicted":2}"#,
        ]),
        _ => canned::openai(asked),
    }
}

fn run(place: &Place, server: &Canned, flags: &[&str]) -> Ended {
    let url = format!("--url={}", server.url);
    let load = ["--json", "--users=2", "--rest=0s", "--prompt=why?", &url];
    place.run(&[&load[..], flags].concat())
}

/// The body of the last request to this path.
fn posted(server: &Canned, path: &str) -> Value {
    let asked = server.asked();
    let last = asked.iter().rfind(|asked| asked.path() == path).unwrap();
    serde_json::from_str(&last.body).unwrap()
}

#[rstest]
#[case::completions("completions", "/v1/completions", json!({ "prompt": "why?", "max_tokens": 256, "stream_options": { "include_usage": true } }))]
#[case::anthropic("anthropic", "/v1/messages", json!({ "messages": [{ "role": "user", "content": "why?" }], "max_tokens": 256 }))]
#[case::llama("llama", "/completion", json!({ "prompt": "why?", "n_predict": 256 }))]
fn an_api_is_spoken_where_it_is_asked_for(
    #[case] dialect: &str,
    #[case] path: &str,
    #[case] mut body: Value,
) {
    let server = Canned::start(everything);
    let place = Place::new();
    let ended = run(&place, &server, &["--dialect", dialect]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(levels(&summary), [(2, 2, 0)]);
    assert_eq!(summary["target"]["dialect"], dialect);
    assert_eq!(summary["cycles"][0]["output_tokens"], 4);
    assert_eq!(summary["cycles"][0]["tokens_counted_by"], "server");
    let asked = posted(&server, path);
    body["model"] = "/models/tiny.gguf".into();
    body["stream"] = true.into();
    assert_eq!(asked, body);
    let all = server.asked();
    let mut own = all.iter().filter(|asked| asked.path().starts_with("/v1/"));
    let is_theirs = dialect == "anthropic";
    let version = "\r\nanthropic-version: 2023-06-01\r\n";
    assert!(own.all(|asked| asked.head.to_lowercase().contains(version) == is_theirs));
    // The folders of a model's file say nothing; its whole name is in the files.
    assert!(ended.err.contains("\nmodel   tiny.gguf\n"), "{}", ended.err);
    let directory = place.run_path().display().to_string();
    assert!(directory.ends_with("_tiny.gguf"), "{directory}");
    assert_eq!(summary["target"]["model"], "/models/tiny.gguf");
}

#[test]
fn a_request_asks_for_what_the_flags_say_and_the_body_is_merged_last() {
    let server = Canned::start(everything);
    let place = Place::new();
    let flags = [
        "--temperature=0",
        "--sampling-seed=7",
        "--ignore-eos",
        "--num-ctx=4096",
        "--keep-alive=30m",
        r#"--body={"top_k":1,"stream_options":{"more":1},"max_tokens":null}"#,
    ];
    let ended = run(&place, &server, &flags);
    assert_eq!(ended.code, 0, "{ended:?}");
    let asked = posted(&server, "/v1/chat/completions");
    let body = json!({
        "model": "/models/tiny.gguf", "stream": true, "temperature": 0.0, "seed": 7,
        "ignore_eos": true, "top_k": 1, "stream_options": { "include_usage": true, "more": 1 },
        "messages": [{ "role": "user", "content": "why?" }],
    });
    assert_eq!(asked, body);
    // What this API has no way to ask for is said.
    for flag in ["--num-ctx", "--keep-alive"] {
        let said = format!("{flag} changes nothing: /v1/chat/completions has no way");
        assert!(ended.err.contains(&said), "{}", ended.err);
    }
    let written: Value = serde_json::from_str(&place.file("run.json")).unwrap();
    let options = json!({ "temperature": 0.0, "seed": 7, "num_ctx": 4096, "keep_alive": "30m",
        "ignore_eos": true, "body": { "top_k": 1, "stream_options": { "more": 1 }, "max_tokens": null } });
    assert_eq!(written["plan"]["options"], options);
}

#[test]
fn ollama_takes_its_options() {
    let server = Canned::start(|asked| match asked.path() {
        "/api/version" => said(r#"{"version":"0.33.0"}"#),
        "/api/tags" => said(r#"{"models":[{"name":"m:latest"}]}"#),
        "/api/generate" => said(r#"{"load_duration":1}"#),
        "/api/chat" => said(
            "{\"message\":{\"content\":\"one\"},\"done\":false}\n{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"eval_count\":1}\n",
        ),
        _ => missing(),
    });
    let place = Place::new();
    let flags = [
        "--model=m",
        "--temperature=0.5",
        "--sampling-seed=7",
        "--num-ctx=4096",
        "--keep-alive=30m",
        "--ignore-eos",
    ];
    let ended = run(&place, &server, &flags);
    assert_eq!(ended.code, 0, "{ended:?}");
    let asked = posted(&server, "/api/chat");
    let options = json!({ "num_predict": 256, "temperature": 0.5, "seed": 7, "num_ctx": 4096 });
    assert_eq!(
        (&asked["options"], &asked["keep_alive"]),
        (&options, &json!("30m"))
    );
    let said = "--ignore-eos changes nothing: /api/chat has no way";
    assert!(ended.err.contains(said), "{}", ended.err);
}

#[rstest]
#[case::whole("/models/tiny.gguf", "/models/tiny.gguf")]
#[case::file("tiny.gguf", "/models/tiny.gguf")]
#[case::bare("tiny", "/models/tiny.gguf")]
#[case::not_listed("org/another", "org/another")]
fn the_model_is_asked_as_the_user_says(#[case] named: &str, #[case] asked_for: &str) {
    let server = Canned::start(everything);
    let place = Place::new();
    let ended = run(&place, &server, &["--model", named]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(posted(&server, "/v1/chat/completions")["model"], asked_for);
}

#[test]
fn a_server_that_lists_no_model_is_asked_for_the_named_one() {
    let server = Canned::start(|asked| match asked.path() {
        "/v1/models" => said(r#"{"data":[]}"#),
        _ => canned::openai(asked),
    });
    let place = Place::new();
    let ended = run(&place, &server, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("Name one with --model"), "{}", ended.err);
    let ended = run(&place, &server, &["--model=mine"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(valid(&ended.out)["target"]["model"], "mine");
}

#[rstest]
#[case(&["--body=[1]"], "not a JSON object")]
#[case(&["--body={"], "not JSON")]
#[case(&["--temperature=warm"], "not a number")]
fn what_cannot_be_asked_for_is_said(#[case] flags: &[&str], #[case] says: &str) {
    let ended = Place::new().run(&[&["--headless"], flags].concat());
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains(says), "{}", ended.err);
}
