//! A third dialect: plain text, a token a line. It shows what a dialect needs: this file, and its entry in
//! [`DIALECTS`](super::DIALECTS).

use futures_util::future::BoxFuture;

use crate::dialect::Access;
use crate::dialect::decode::{End, Finish, Piece, Text, WireError, bad_line};
use crate::dialect::discover::DiscoverError;
use crate::dialect::page::Page;
use crate::dialect::{Dialect, Discovery, Http};
use crate::event::{DialectId, Model, Route};
use crate::plan::{Api, Plan};

/// `GET /toy` gives the name of the only model, `POST /toy/ask` takes a prompt and gives a token a line; the last
/// line is `END` and their number.
#[derive(Debug)]
pub(crate) struct Toy;

impl Dialect for Toy {
    fn id(&self) -> DialectId {
        DialectId::new("toy")
    }

    fn server(&self) -> &'static str {
        "a toy"
    }

    fn about(&self) -> &'static str {
        "A toy: plain text, a token a line"
    }

    fn light_path(&self) -> &'static str {
        "/toy"
    }

    fn discover<'a>(
        &'a self,
        http: &'a Http,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Discovery, DiscoverError>> {
        Box::pin(async move {
            let page = Page::get(http, &format!("{url}/toy")).await?;
            let name = page.text();
            let name = name.ok_or_else(|| DiscoverError::NotSpoken(page.words()))?;
            Ok(Discovery {
                is_loading: false,
                dialect: &Toy,
                url: url.to_owned(),
                server: None,
                slots: Some(1),
                simulated: false,
                route: Route::default(),
                models: vec![Model {
                    name,
                    loaded: true,
                    ..Model::default()
                }],
            })
        })
    }

    fn unsupported(&self, _: &Plan) -> Vec<&'static str> {
        Vec::new()
    }

    fn path(&self, _: Api) -> &'static str {
        "/toy/ask"
    }

    fn body(&self, _: &str, prompt: &str, _: &Plan) -> Vec<u8> {
        prompt.as_bytes().to_vec()
    }

    fn read_line<'a>(&self, line: &'a [u8], finish: &mut Finish) -> Result<Piece<'a>, WireError> {
        let text = std::str::from_utf8(line).map_err(|_| bad_line(line))?;
        let mut piece = Piece::default();
        if let Some(count) = text.strip_prefix("END ") {
            finish.reason = Some("stop".to_owned());
            finish.figures.output_tokens = count.parse().ok();
            piece.end = Some(End::Stream);
        } else {
            piece.answer = Some(Text::Plain(text));
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use clap::Parser as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::cli::Cli;
    use crate::dialect::by_id;
    use crate::event::{EventKind, Outcome, RequestRecord, RunInfo};
    use crate::session::serve::{self, SessionOptions};
    use crate::session::{SessionCommand, SessionEvent};
    use crate::sim::SimConfig;

    /// Reads one request, answers it as a toy does, and closes.
    async fn answer(mut stream: TcpStream, asked: Arc<Mutex<Vec<String>>>) {
        let mut request = Vec::new();
        let whole = loop {
            let text = String::from_utf8_lossy(&request).to_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    break text;
                }
            }
            if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let line = whole.lines().next().unwrap().replace(" http/1.1", "");
        let (status, text) = match line.as_str() {
            "get /toy" => ("200 OK", "parrot"),
            "post /toy/ask" => ("200 OK", "one \ntwo \nthree\nEND 3\n"),
            _ => ("404 Not Found", "no\n"),
        };
        asked.lock().unwrap().push(line);
        let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{text}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// A toy server; its address, and the requests that it is asked.
    async fn toy_server() -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&asked)));
            }
        });
        (url, kept)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_toy_is_found_asked_measured_and_recorded() {
        let (url, asked) = toy_server().await;
        let runs = tempfile::tempdir().unwrap();
        let mut session = serve::start(SessionOptions {
            access: Access::default(),
            url: Some(url),
            dialect: None,
            simulator: SimConfig::default(),
            runs: Some(runs.path().to_owned()),
            reports: None,
        })
        .unwrap();
        session.commands.send(SessionCommand::Search).await.unwrap();
        let mut record: Option<RequestRecord> = None;
        let directory = loop {
            let event = tokio::time::timeout(Duration::from_secs(20), session.events.recv());
            match event.await.unwrap().unwrap() {
                SessionEvent::Found(found) => {
                    assert_eq!(found.dialect.id().as_str(), "toy");
                    let plan = Plan {
                        levels: vec![1],
                        warmup: 1,
                        ..Plan::default()
                    };
                    let (plan, model) = (Box::new(plan), Box::new(found.models[0].clone()));
                    assert_eq!(model.name, "parrot");
                    let start = SessionCommand::Start { plan, model };
                    session.commands.send(start).await.unwrap();
                }
                SessionEvent::Events(events) => {
                    record = record.or(events.into_iter().find_map(|event| match event.what {
                        EventKind::RequestEnded(record) => Some(*record),
                        _ => None,
                    }));
                }
                SessionEvent::Finished {
                    directory, error, ..
                } => {
                    assert_eq!(error, None);
                    break directory.unwrap();
                }
                SessionEvent::NotFound { tried } => panic!("{tried:?}"),
                _ => {}
            }
        };
        let record = record.unwrap();
        let reason = Some("stop".to_owned());
        assert_eq!(record.outcome, Outcome::Done { reason });
        assert_eq!((record.chunks, record.server.output_tokens), (3, Some(3)));
        assert_eq!(record.answer.unwrap().text, "one two three");
        assert!(record.sent < record.first_token.unwrap());
        let info = std::fs::read(directory.join("run.json")).unwrap();
        let info: RunInfo = serde_json::from_slice(&info).unwrap();
        assert_eq!(by_id(&info.target.dialect), Some(&Toy as &dyn Dialect));
        let asked = asked.lock().unwrap();
        let tried = ["get /api/version", "get /v1/models", "get /toy"];
        assert_eq!(asked[..3], tried);
        // The warm-up and the only request; before the cycle its connection is tried.
        let timed = asked.iter().filter(|line| *line == "post /toy/ask");
        assert_eq!(timed.count(), 2, "{asked:?}");
    }

    #[test]
    fn the_command_line_knows_every_dialect() {
        for dialect in crate::dialect::DIALECTS {
            let id = dialect.id();
            let cli = Cli::try_parse_from(["tokometer", "--dialect", id.as_str()]).unwrap();
            assert_eq!(cli.run.dialect, Some(*dialect));
        }
        let error = Cli::try_parse_from(["tokometer", "--dialect", "grpc"]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("ollama, openai, completions, anthropic, llama, toy")
        );
    }
}
