//! A server that knows what it sent, and when.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// What it sends.
#[derive(Debug, Clone, Copy)]
pub enum RequestContext {
    /// As fast as it can, some tokens in each write.
    Flood { tokens: u32, together: u32 },
    /// 100 tokens a second after a wait that differs from request to request.
    Paced { tokens: u32 },
}

impl fmt::Display for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flood { tokens, together } => write!(f, "flood:{tokens}:{together}"),
            Self::Paced { tokens } => write!(f, "paced:{tokens}"),
        }
    }
}

impl FromStr for RequestContext {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| part.parse::<u32>().map_err(|error| error.to_string());
        match text.split(':').collect::<Vec<_>>().as_slice() {
            ["flood", tokens, together] => Ok(Self::Flood {
                tokens: number(tokens)?,
                together: number(together)?,
            }),
            ["paced", tokens] => Ok(Self::Paced {
                tokens: number(tokens)?,
            }),
            _ => Err(format!("no load: {text}")),
        }
    }
}

/// Serves until it is killed; prints its address first.
pub fn serve(load: RequestContext) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(4096).unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(connection(stream, load));
        }
    });
}

async fn connection(mut stream: TcpStream, load: RequestContext) {
    let mut read = Vec::new();
    let mut answered: u32 = 0;
    while let Some(path) = request(&mut stream, &mut read).await {
        let asked = Instant::now();
        let answer = match path.as_str() {
            "/api/version" => whole(r#"{"version":"0.33.0"}"#),
            "/api/tags" => whole(r#"{"models":[{"name":"m"}]}"#),
            "/api/ps" => whole(r#"{"models":[]}"#),
            "/api/show" => whole("{}"),
            "/api/generate" => {
                whole(r#"{"model":"m","response":"","done":true,"done_reason":"load"}"#)
            }
            _ => {
                let sent = match load {
                    RequestContext::Flood { tokens, together } => {
                        flood(&mut stream, tokens, together).await
                    }
                    RequestContext::Paced { tokens } => {
                        paced(&mut stream, tokens, asked, answered).await
                    }
                };
                if sent.is_err() {
                    return;
                }
                answered += 1;
                continue;
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn whole(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";

fn token(text: &str) -> String {
    chunk(&format!(
        "{{\"model\":\"m\",\"created_at\":\"2026-11-21T17:20:03.479249669Z\",\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\"done\":false}}\n"
    ))
}

fn last(tokens: u32) -> String {
    let line = format!(
        "{{\"model\":\"m\",\"message\":{{\"role\":\"assistant\",\"content\":\"\"}},\"done\":true,\"done_reason\":\"stop\",\"eval_count\":{tokens},\"eval_duration\":1000000000}}\n"
    );
    format!("{}0\r\n\r\n", chunk(&line))
}

fn chunk(line: &str) -> String {
    format!("{:x}\r\n{line}\r\n", line.len())
}

async fn flood(stream: &mut TcpStream, tokens: u32, together: u32) -> std::io::Result<()> {
    stream.write_all(HEAD.as_bytes()).await?;
    let write = token(" word").repeat(together as usize);
    for _ in 0..tokens / together {
        stream.write_all(write.as_bytes()).await?;
    }
    stream.write_all(last(tokens).as_bytes()).await
}

async fn paced(
    stream: &mut TcpStream,
    tokens: u32,
    asked: Instant,
    answered: u32,
) -> std::io::Result<()> {
    // Everyone waits the same in the first round; later rounds drift apart.
    let port = u64::from(stream.peer_addr()?.port());
    let jitter = if answered == 0 {
        0
    } else {
        (port * 7919 + u64::from(answered) * 104_729) % 1500
    };
    let start = tokio::time::Instant::from_std(asked) + Duration::from_millis(300 + jitter);
    tokio::time::sleep_until(start).await;
    let reported = |at: Instant| format!(" ttft_us={}", at.duration_since(asked).as_micros());
    let first = format!("{HEAD}{}", token(&reported(Instant::now())));
    stream.write_all(first.as_bytes()).await?;
    let next = token(" word");
    for number in 1..tokens {
        tokio::time::sleep_until(start + Duration::from_millis(10) * number).await;
        stream.write_all(next.as_bytes()).await?;
    }
    stream.write_all(last(tokens).as_bytes()).await
}

/// The path of the next request; its body is read and dropped.
async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<String> {
    let head = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while read.len() < head + length {
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
    read.drain(..head + length);
    text.split(' ').nth(1).map(str::to_owned)
}
