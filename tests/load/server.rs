//! A server under full control of the test: it says the bytes it is told, when it is told, and
//! counts who came.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A timed request, as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Which of all timed requests, from 0.
    pub(crate) number: usize,
    /// On which of the connections that held timed requests or the light ones before them.
    pub(crate) connection: usize,
    /// Its first line and headers.
    pub(crate) head: String,
    /// Its body.
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn prompt(&self) -> String {
        let body = &self.body;
        let prompt = body["prompt"]
            .as_str()
            .or(body["messages"][0]["content"].as_str());
        prompt.unwrap().to_owned()
    }
}

/// What the server does about a timed request, step by step.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Says these bytes, at once.
    Say(Vec<u8>),
    /// Says these bytes one by one.
    Spell(Vec<u8>),
    /// Waits until the test opens the gate.
    Await(CancellationToken),
    /// Closes the connection, politely.
    Close,
    /// Resets it.
    Reset,
    /// Says nothing more, until the client is gone.
    Hang,
}

/// What it does about the light request on a new connection.
#[derive(Debug, Clone, Default)]
pub(crate) enum Light {
    #[default]
    Answer,
    /// Never: it has accepted, that is all.
    Never,
    /// Answers, and takes no second request.
    AndClose,
    /// Answers slowly enough that others come meanwhile.
    Slowly,
}

type Script = dyn Fn(&Asked) -> Vec<Step> + Send + Sync;

/// How the server behaves.
pub(crate) struct Manners {
    /// What it does about timed requests.
    pub(crate) script: Box<Script>,
    pub(crate) light: Light,
    /// What it does about the request that loads the model; None to answer.
    pub(crate) load: Option<Vec<Step>>,
    /// Nobody listens any more once the model is loaded.
    pub(crate) deaf_after_load: bool,
}

impl Manners {
    pub(crate) fn new(script: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self {
            script: Box::new(script),
            light: Light::default(),
            load: None,
            deaf_after_load: false,
        }
    }
}

struct Shared {
    manners: Manners,
    asked: watch::Sender<Vec<Asked>>,
    connections: AtomicUsize,
    /// Connections that were accepted, and whose first request is not answered yet.
    opening: AtomicUsize,
    most_opening: AtomicUsize,
    gone: watch::Sender<usize>,
    deaf: CancellationToken,
    bodies: Mutex<Vec<String>>,
}

/// The server. It ends with the test's runtime.
pub(crate) struct Server {
    port: u16,
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            manners,
            asked: watch::Sender::default(),
            connections: AtomicUsize::new(0),
            opening: AtomicUsize::new(0),
            most_opening: AtomicUsize::new(0),
            gone: watch::Sender::default(),
            deaf: CancellationToken::new(),
            bodies: Mutex::default(),
        });
        tokio::spawn(listen(listener, Arc::clone(&shared)));
        Self { port, shared }
    }

    /// A server that does this about every timed request.
    pub(crate) async fn scripted(
        script: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self::start(Manners::new(script)).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The timed requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.borrow().clone()
    }

    /// Waits until so many timed requests have come.
    pub(crate) async fn was_asked(&self, times: usize) {
        let mut asked = self.shared.asked.subscribe();
        asked.wait_for(|asked| asked.len() >= times).await.unwrap();
    }

    /// Waits until so many clients have left while the server hung.
    pub(crate) async fn was_left(&self, times: usize) {
        let mut gone = self.shared.gone.subscribe();
        gone.wait_for(|gone| *gone >= times).await.unwrap();
    }

    /// Connections of the load so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The most connections that were being opened at once.
    pub(crate) fn most_opening(&self) -> usize {
        self.shared.most_opening.load(Ordering::SeqCst)
    }

    /// The bodies of the requests that loaded the model.
    pub(crate) fn loads(&self) -> Vec<String> {
        self.shared.bodies.lock().unwrap().clone()
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        tokio::select! {
            biased;
            () = shared.deaf.cancelled() => return,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let now = shared.opening.fetch_add(1, Ordering::SeqCst) + 1;
                shared.most_opening.fetch_max(now, Ordering::SeqCst);
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
        }
    }
}

/// One connection, request after request.
async fn converse(mut stream: TcpStream, shared: Arc<Shared>) {
    stream.set_nodelay(true).unwrap();
    let mut connection = None;
    let mut first = true;
    while let Some((head, body)) = request(&mut stream).await {
        if head.to_lowercase().contains("user-agent: tokometer/") && connection.is_none() {
            connection = Some(shared.connections.fetch_add(1, Ordering::SeqCst));
        }
        let steps = match (connection, head.starts_with("GET ")) {
            (_, false) if is_timed(&head, &body) => {
                let mut asked = Asked {
                    number: 0,
                    connection: connection.unwrap(),

                    head,
                    body: serde_json::from_str(&body).unwrap(),
                };
                shared.asked.send_modify(|all| {
                    asked.number = all.len();
                    all.push(asked.clone());
                });
                (shared.manners.script)(&asked)
            }
            (Some(_), true) => light(&shared.manners.light, &head),
            (None, false) if head.starts_with("POST /api/generate") => {
                shared.bodies.lock().unwrap().push(body);
                if shared.manners.deaf_after_load {
                    shared.deaf.cancel();
                    // The listener is closed once its task has seen it.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let loaded = vec![Step::Say(json(200, r#"{"load_duration":2000000000}"#))];
                shared.manners.load.clone().unwrap_or(loaded)
            }
            _ => vec![Step::Say(canned(&head))],
        };
        // Counted before the answer: with it the client may open the next one.
        if std::mem::take(&mut first) {
            shared.opening.fetch_sub(1, Ordering::SeqCst);
        }
        if !perform(&mut stream, steps, &shared).await {
            return;
        }
    }
}

fn is_timed(head: &str, body: &str) -> bool {
    head.starts_with("POST /api/chat")
        || head.starts_with("POST /v1/chat/completions")
        || (head.starts_with("POST /api/generate") && body.contains("\"prompt\""))
}

/// False once the connection is over.
async fn perform(stream: &mut TcpStream, steps: Vec<Step>, shared: &Shared) -> bool {
    for step in steps {
        match step {
            // A client that has seen enough may be gone.
            Step::Say(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return false;
                }
            }
            Step::Spell(bytes) => {
                for byte in bytes {
                    if stream.write_all(&[byte]).await.is_err() {
                        return false;
                    }
                    tokio::task::yield_now().await;
                }
            }
            Step::Await(gate) => gate.cancelled().await,
            Step::Close => {
                let _gone = stream.shutdown().await;
                return false;
            }
            Step::Reset => {
                stream.set_zero_linger().unwrap();
                return false;
            }
            Step::Hang => {
                let mut rest = Vec::new();
                while stream.read_buf(&mut rest).await.is_ok_and(|read| read > 0) {}
                shared.gone.send_modify(|gone| *gone += 1);
                return false;
            }
        }
    }
    true
}

fn light(light: &Light, head: &str) -> Vec<Step> {
    let answer = Step::Say(canned(head));
    match light {
        Light::Answer => vec![answer],
        Light::Never => vec![Step::Hang],
        Light::AndClose => vec![answer, Step::Close],
        Light::Slowly => vec![Step::Spell(canned(head))],
    }
}

fn canned(head: &str) -> Vec<u8> {
    let path = head.split(' ').nth(1).unwrap();
    let body = match path.rsplit('/').next().unwrap() {
        "version" => r#"{"version":"0.0.1"}"#,
        "tags" => r#"{"models":[{"name":"m","size":1}]}"#,
        "ps" => r#"{"models":[]}"#,
        "show" => r#"{"capabilities":["completion"]}"#,
        "models" => r#"{"data":[{"id":"m","owned_by":"vllm"}]}"#,
        _ => return json(404, r#"{"error":"not here"}"#),
    };
    json(200, body)
}

/// A whole answer with a length.
pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} Some Reason\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// The first line and headers, and the body, of the next request.
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
    let text = String::from_utf8(read[..head].to_vec()).unwrap();
    let lower = text.to_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while read.len() < head + length {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    Some((text, String::from_utf8_lossy(&read[head..]).into_owned()))
}
