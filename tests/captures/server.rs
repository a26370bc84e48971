//! A small server that answers one question with a capture.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokometer::event::Dialect;

/// How the bytes of the capture are cut, and how long to wait between two pieces.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub cut: usize,
    pub pause: Duration,
}

impl Pace {
    pub fn whole() -> Self {
        Self::cut(usize::MAX)
    }

    pub fn cut(cut: usize) -> Self {
        Self {
            cut,
            pause: Duration::ZERO,
        }
    }
}

/// A server that speaks as the recorded one did. It ends with the test's runtime.
pub struct ReplayServer {
    port: u16,
}

/// The bytes of a capture, head and all.
pub fn capture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures");
    std::fs::read(folder.join(format!("{name}.http"))).unwrap()
}

impl ReplayServer {
    pub async fn start(dialect: Dialect, name: &str, pace: Pace) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = capture(name);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, dialect, answer.clone(), pace));
            }
        });
        Self { port }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Answers requests until the one whose answer is the capture; then the connection ends.
async fn serve(mut stream: TcpStream, dialect: Dialect, answer: Vec<u8>, pace: Pace) {
    stream.set_nodelay(true).unwrap();
    while let Some((path, body)) = request(&mut stream).await {
        let canned = match (path.as_str(), dialect) {
            ("/api/version", Dialect::Ollama) => Some("ollama-version"),
            ("/api/tags", _) => Some("ollama-tags"),
            ("/api/ps", _) => Some("ollama-ps"),
            ("/api/show", _) => Some("ollama-show"),
            ("/v1/models", _) => Some("vllm-models"),
            ("/version", _) => Some("vllm-version"),
            // The empty prompt that loads the model.
            ("/api/generate", _) if !body.contains("\"prompt\"") => {
                Some("ollama-load-empty-prompt")
            }
            _ => None,
        };
        if let Some(name) = canned {
            stream.write_all(&capture(name)).await.unwrap();
            continue;
        }
        for piece in answer.chunks(pace.cut.min(answer.len())) {
            // A reader that has seen enough may have closed.
            if stream.write_all(piece).await.is_err() {
                return;
            }
            if !pace.pause.is_zero() {
                tokio::time::sleep(pace.pause).await;
            }
        }
        let _closed = stream.shutdown().await;
        return;
    }
}

/// The path and body of the next request.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut read = Vec::new();
    let head = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(read[..head].to_vec())
        .unwrap()
        .to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while read.len() < head + length {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    let path = text.split(' ').nth(1)?.to_owned();
    Some((path, String::from_utf8_lossy(&read[head..]).into_owned()))
}
