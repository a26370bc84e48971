//! A server that answers each request with what the test says, whole and at once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Status, type and body of an answer.
pub(crate) type Said = (&'static str, &'static str, String);

/// A request: its first line with the headers, and its body.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    /// The path, without a query.
    pub(crate) fn path(&self) -> &str {
        self.head.split([' ', '?']).nth(1).unwrap_or_default()
    }
}

pub(crate) struct Canned {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Canned {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || serve(&stream.unwrap(), &*answer, &seen));
            }
        });
        Self { url, asked }
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers the requests of a connection, until the client is gone.
fn serve(mut stream: &TcpStream, answer: &dyn Fn(&Asked) -> Said, seen: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let asked = Asked { head, body };
        let (status, kind, said) = answer(&asked);
        seen.lock().unwrap().push(asked);
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{said}",
            said.len()
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// JSON with the status 200.
pub(crate) fn json(body: &str) -> Said {
    ("200 OK", "application/json", body.to_owned())
}

/// A page of no such server.
pub(crate) fn missing() -> Said {
    let said = r#"{"error": {"message": "not found"}}"#;
    ("404 Not Found", "application/json", said.to_owned())
}

/// The events of a stream, each a line of data.
pub(crate) fn events(data: &[&str]) -> Said {
    let mut events = String::new();
    for data in data {
        events.extend(["data: ", data, "\n\n"]);
    }
    ("200 OK", "text/event-stream", events)
}

/// What an OpenAI server of the model `m` says, but for one path.
pub(crate) fn openai(asked: &Asked) -> Said {
    match asked.path() {
        "/v1/models" => json(r#"{"object": "list", "data": [{"id": "m"}]}"#),
        "/v1/chat/completions" => events(&[
            r#"{"choices":[{"delta":{"content":"one"}}]}"#,
            r#"{"choices":[{"delta":{"content":" two"},"finish_reason":"stop"}]}"#,
            "[DONE]",
        ]),
        _ => missing(),
    }
}
