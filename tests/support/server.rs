//! A server under full control of the test: it says the bytes it is told, when it is told, and
//! counts who came. It is a server of models (with light requests, and one that loads the model, beside the
//! timed ones) or one of pages, as exporters are, of which every request is scripted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A scripted request, as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Which of all scripted requests, from 0.
    pub(crate) number: usize,
    /// On which of the connections that held timed requests or the light ones before them.
    pub(crate) connection: usize,
    /// Its first line and headers.
    pub(crate) head: String,
    /// Its body; null where there is none.
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

/// What the server does about a scripted request, step by step.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Says these bytes, at once.
    Say(Vec<u8>),
    /// Says these bytes in pieces of `size`, and pauses after each.
    Pieces {
        bytes: Vec<u8>,
        size: usize,
        pause: Duration,
    },
    /// Says these bytes again and again, and pauses after each time, until the client is gone.
    Forever { bytes: Vec<u8>, pause: Duration },
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
    /// What it does about scripted requests.
    pub(crate) script: Box<Script>,
    /// Whether every request is scripted, or the timed ones of a load only.
    pub(crate) is_of_pages: bool,
    /// What it says to the other requests, from their heads.
    pub(crate) canned: fn(&str) -> Vec<u8>,
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
            is_of_pages: false,
            canned,
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
    /// The listener is closed.
    closed: CancellationToken,
    bodies: Mutex<Vec<String>>,
}

/// The server. It ends with the test's runtime, or with the test's process if it is of pages.
pub(crate) struct Server {
    port: u16,
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) async fn start(manners: Manners) -> Self {
        let (server, listener) = Self::bind(manners).await;
        tokio::spawn(listen(listener, Arc::clone(&server.shared)));
        server
    }

    /// Another server where one was that listens no more.
    pub(crate) async fn start_at(port: u16, manners: Manners) -> Self {
        let (server, listener) = Self::bind_to(port, manners).await;
        tokio::spawn(listen(listener, Arc::clone(&server.shared)));
        server
    }

    async fn bind(manners: Manners) -> (Self, TcpListener) {
        Self::bind_to(0, manners).await
    }

    async fn bind_to(port: u16, manners: Manners) -> (Self, TcpListener) {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            manners,
            asked: watch::Sender::default(),
            connections: AtomicUsize::new(0),
            opening: AtomicUsize::new(0),
            most_opening: AtomicUsize::new(0),
            gone: watch::Sender::default(),
            deaf: CancellationToken::new(),
            closed: CancellationToken::new(),
            bodies: Mutex::default(),
        });
        (Self { port, shared }, listener)
    }

    /// A server of pages, on a thread of its own, that does this about every request. Gives its address.
    pub(crate) fn of_pages(script: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static) -> String {
        let manners = Manners {
            is_of_pages: true,
            ..Manners::new(script)
        };
        let (tell, address) = mpsc::channel();
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(async move {
                let (server, listener) = Self::bind(manners).await;
                tell.send(format!("127.0.0.1:{}", server.port)).unwrap();
                listen(listener, server.shared).await;
            });
        });
        address.recv().unwrap()
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

    /// Nobody listens any more; connections that are open stay so.
    pub(crate) async fn stop_listening(&self) {
        self.shared.deaf.cancel();
        self.shared.closed.cancelled().await;
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
    accept(listener, &shared).await;
    shared.closed.cancel();
}

async fn accept(listener: TcpListener, shared: &Arc<Shared>) {
    loop {
        tokio::select! {
            biased;
            () = shared.deaf.cancelled() => return,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let now = shared.opening.fetch_add(1, Ordering::SeqCst) + 1;
                shared.most_opening.fetch_max(now, Ordering::SeqCst);
                tokio::spawn(converse(stream, Arc::clone(shared)));
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
        let is_of_pages = shared.manners.is_of_pages;
        let is_of_load = is_of_pages || head.to_lowercase().contains("user-agent: tokometer/");
        if is_of_load && connection.is_none() {
            connection = Some(shared.connections.fetch_add(1, Ordering::SeqCst));
        }
        let steps = match (connection, head.starts_with("GET ")) {
            _ if is_of_pages || is_timed(&head, &body) => {
                let mut asked = Asked {
                    number: 0,
                    connection: connection.unwrap(),
                    head,
                    body: match body.as_str() {
                        "" => Value::Null,
                        body => serde_json::from_str(body).unwrap(),
                    },
                };
                shared.asked.send_modify(|all| {
                    asked.number = all.len();
                    all.push(asked.clone());
                });
                (shared.manners.script)(&asked)
            }
            (Some(_), true) => light(&shared.manners, &head),
            (None, false) if head.starts_with("POST /api/generate") => {
                shared.bodies.lock().unwrap().push(body);
                if shared.manners.deaf_after_load {
                    shared.deaf.cancel();
                    shared.closed.cancelled().await;
                }
                let loaded = vec![Step::Say(json(200, r#"{"load_duration":2000000000}"#))];
                shared.manners.load.clone().unwrap_or(loaded)
            }
            _ => vec![Step::Say((shared.manners.canned)(&head))],
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
        || head.starts_with("POST /v1/")
        || head.starts_with("POST /completion")
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
            Step::Pieces { bytes, size, pause } => {
                for piece in bytes.chunks(size) {
                    if stream.write_all(piece).await.is_err() {
                        return false;
                    }
                    rest(pause).await;
                }
            }
            Step::Forever { bytes, pause } => {
                while stream.write_all(&bytes).await.is_ok() {
                    rest(pause).await;
                }
                return false;
            }
            Step::Await(gate) => gate.cancelled().await,
            Step::Close => {
                let _ = stream.shutdown().await;
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

async fn rest(pause: Duration) {
    if pause.is_zero() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(pause).await;
    }
}

fn light(manners: &Manners, head: &str) -> Vec<Step> {
    let bytes = (manners.canned)(head);
    let answer = Step::Say(bytes.clone());
    match manners.light {
        Light::Answer => vec![answer],
        Light::Never => vec![Step::Hang],
        Light::AndClose => vec![answer, Step::Close],
        Light::Slowly => vec![spell(bytes)],
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

/// Says bytes one by one.
pub(crate) fn spell(bytes: Vec<u8>) -> Step {
    let (size, pause) = (1, Duration::ZERO);
    Step::Pieces { bytes, size, pause }
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
