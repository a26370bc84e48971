//! What goes over the wire: bodies and headers as the server sees them, and odd but legal answers.

use rstest::rstest;
use serde_json::{Value, json};
use tokometer::dialect::{Dialect, Ollama, OpenAi};
use tokometer::event::{Outcome, WarningKind};
use tokometer::plan::{Api, CycleShape, Plan, Think};

use crate::bench::{Bench, outcome, plan};
use crate::says::{HEAD, answer, chunk, done, say, token, whole};
use crate::server::{Asked, Server, Step, spell};

async fn asked(dialect: &'static dyn Dialect, plan: Plan) -> (Server, Asked) {
    let server = Server::scripted(|_| vec![answer()]).await;
    let mut bench = Bench::speaking(dialect, &server.url()).await;
    bench.run(plan).await;
    let asked = server.asked().remove(0);
    (server, asked)
}

#[tokio::test]
async fn ollama_is_asked_as_its_chat_wants_it() {
    let plan = Plan {
        max_tokens: Some(77),
        ..plan(&[1])
    };
    let (server, asked) = asked(&Ollama, plan).await;
    let body = json!({ "model": "m", "stream": true, "options": { "num_predict": 77 },
        "messages": [{ "role": "user", "content": "why?" }] });
    assert_eq!(asked.body, body);
    let head = asked.head.to_lowercase();
    assert!(head.starts_with("post /api/chat http/1.1\r\n"), "{head}");
    let host = format!("\r\nhost: 127.0.0.1:{}\r\n", server.port());
    assert!(head.contains(&host), "{head}");
    assert_eq!(head.matches("\r\nhost:").count(), 1);
    assert!(head.contains("\r\ncontent-type: application/json\r\n"));
    assert!(head.contains(&format!(
        "\r\ncontent-length: {}\r\n",
        body.to_string().len()
    )));
    assert!(!head.contains("connection: close"), "{head}");
}

#[tokio::test]
async fn generate_is_asked_by_a_prompt_and_without_a_limit() {
    let plan = Plan {
        api: Api::Generate,
        max_tokens: None,
        ..plan(&[1])
    };
    let (_, asked) = asked(&Ollama, plan).await;
    assert!(asked.head.starts_with("POST /api/generate "));
    assert_eq!(
        asked.body,
        json!({ "model": "m", "stream": true, "prompt": "why?" })
    );
}

#[rstest]
#[case(Think::On, Value::Bool(true))]
#[case(Think::Off, Value::Bool(false))]
#[case(Think::Auto, Value::Null)]
#[tokio::test]
async fn thinking_is_asked_for_or_left_alone(#[case] think: Think, #[case] wanted: Value) {
    let (_, ollama) = asked(
        &Ollama,
        Plan {
            think,
            ..plan(&[1])
        },
    )
    .await;
    assert_eq!(ollama.body["think"], wanted);
    assert_eq!(ollama.body.get("think").is_some(), wanted.is_boolean());
}

#[tokio::test]
async fn openai_is_asked_for_its_own_count() {
    let server = Server::scripted(|_| {
        let events = [
            r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"choices":[{"delta":{"content":"Time"}}]}"#,
            r#"{"choices":[{"delta":{"content":" is"},"finish_reason":"length"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5}}"#,
            "[DONE]",
        ];
        let text = events.map(|e| format!("data: {e}\n\n")).concat();
        vec![say([HEAD, &chunk(text), "0\r\n\r\n"].concat())]
    })
    .await;
    let mut bench = Bench::speaking(&OpenAi, &server.url()).await;
    let plan = Plan {
        max_tokens: Some(5),
        think: Think::Off,
        ..plan(&[1])
    };
    let record = bench.run(plan).await.remove(0);
    let asked = server.asked().remove(0);
    assert!(asked.head.starts_with("POST /v1/chat/completions "));
    let body = json!({ "model": "m", "stream": true, "max_tokens": 5,
        "stream_options": { "include_usage": true },
        "chat_template_kwargs": { "enable_thinking": false },
        "messages": [{ "role": "user", "content": "why?" }] });
    assert_eq!(asked.body, body);
    assert!(server.loads().is_empty(), "this dialect loads no model");
    assert_eq!((record.chunks, record.output_tokens()), (2, 5));
    assert_eq!(record.server.prompt_tokens, Some(9));
}

fn lines() -> String {
    [token("Time "), token("is."), done(2)].concat()
}

#[rstest]
#[case::spelled(vec![spell(whole().into_bytes())], true)]
#[case::trailers(vec![say([HEAD.replace("\r\n\r\n", "\r\nTrailer: X-Sum\r\n\r\n"), chunk(lines()), "0\r\nX-Sum: 7\r\n\r\n".into()].concat())], true)]
#[case::chunk_extensions(vec![say([HEAD.to_owned(), chunk(lines()).replacen("\r\n", ";a=b\r\n", 1), "0\r\n\r\n".into()].concat())], true)]
#[case::continued(vec![say("HTTP/1.1 100 Continue\r\n\r\n"), answer()], true)]
#[case::early_hints(vec![say("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), answer()], true)]
#[case::with_a_length(vec![say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", lines().len(), lines()))], true)]
#[case::until_the_end(vec![say(format!("HTTP/1.1 200 OK\r\n\r\n{}", lines())), Step::Close], false)]
#[case::old_http(vec![say(format!("HTTP/1.0 200 OK\r\n\r\n{}", lines())), Step::Close], false)]
#[case::carriage_returns(vec![say([HEAD, &chunk(lines().replace('\n', "\r\n")), "0\r\n\r\n"].concat())], true)]
#[case::no_last_newline(vec![say([HEAD, &chunk(lines().trim_end()), "0\r\n\r\n"].concat())], true)]
#[case::blank_lines(vec![say([HEAD, &chunk(lines().replace('\n', "\n\n")), "0\r\n\r\n"].concat())], true)]
#[tokio::test]
async fn odd_but_legal_answers_are_answers(#[case] steps: Vec<Step>, #[case] kept: bool) {
    let server = Server::scripted(move |_| steps.clone()).await;
    let mut bench = Bench::at(&server.url()).await;
    let plan = Plan {
        shape: CycleShape::Waves(2),
        ..plan(&[1])
    };
    for record in bench.run(plan).await {
        assert_eq!(outcome(&record), "done", "{:?}", record.outcome);
        assert_eq!((record.chunks, record.server.output_tokens), (2, Some(2)));
        assert_eq!(record.answer.unwrap().text, "Time is.");
    }
    assert_eq!(server.connections(), if kept { 1 } else { 2 });
}

fn moved(status: &str, to: &str) -> Step {
    say(format!(
        "HTTP/1.1 {status}\r\nLocation: {to}\r\nContent-Length: 3\r\n\r\ngo!"
    ))
}

#[rstest]
#[case::temporary("307 Temporary Redirect", "/api/chat/")]
#[case::permanent("308 Permanent Redirect", "chat/?version=7")]
#[tokio::test]
async fn a_redirect_on_the_server_is_followed_once(#[case] status: &str, #[case] to: &str) {
    let (status, to) = (status.to_owned(), to.to_owned());
    let server = Server::scripted(move |asked| {
        if asked.head.starts_with("POST /api/chat ") {
            vec![moved(&status, &to)]
        } else {
            vec![answer()]
        }
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let plan = Plan {
        shape: CycleShape::Waves(3),
        ..plan(&[1])
    };
    for record in bench.run(plan).await {
        assert_eq!(outcome(&record), "done", "{:?}", record.outcome);
        assert_eq!((record.chunks, record.retries), (2, Some(0)));
    }
    let paths: Vec<String> = server
        .asked()
        .iter()
        .map(|asked| asked.head.split(' ').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(paths.len(), 4, "{paths:?}");
    assert!(paths.iter().skip(1).all(|path| *path == paths[1]));
    assert!(paths[1].starts_with("/api/chat/"), "{paths:?}");
    // The query of an address may be a secret.
    let warning = "The server redirects /api/chat to /api/chat/: requests go there directly";
    assert_eq!(bench.warnings(WarningKind::Other), [warning]);
    assert_eq!(server.connections(), 1);
}

#[rstest]
#[case::another_host(
    "307 Temporary Redirect",
    "http://elsewhere.invalid/api/chat?key=secret"
)]
#[case::another_method("302 Found", "/api/chat/")]
#[case::a_circle("308 Permanent Redirect", "/api/chat")]
#[tokio::test]
async fn another_redirect_is_a_failure_that_names_it(#[case] status: &str, #[case] to: &str) {
    let answer = moved(status, to);
    let server = Server::scripted(move |_| vec![answer.clone()]).await;
    let mut bench = Bench::at(&server.url()).await;
    let record = bench.run(plan(&[1])).await.remove(0);
    let Outcome::Failed { kind, message } = record.outcome else {
        panic!("{:?}", record.outcome);
    };
    assert_eq!(kind.to_string(), format!("http_{}", &status[..3]));
    let place = to.split('?').next().unwrap();
    assert!(
        message.contains(&format!("to {place}, which is not")),
        "{message}"
    );
}
