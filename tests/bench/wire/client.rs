//! The two readers: tokometer itself, and one that only counts lines.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokometer::dialect::Access;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ratatui::Terminal;
use ratatui::backend::{Backend, TestBackend};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokometer::event::{EventKind, RequestRecord};
use tokometer::plan::{CycleShape, Plan};
use tokometer::session::serve;
use tokometer::session::serve::{Session, SessionOptions};
use tokometer::session::{SessionCommand, SessionEvent};
use tokometer::tui;

/// Processor time of this process, seconds.
fn cpu_s() -> f64 {
    tokometer::platform::own_usage().cpu_s.unwrap()
}

/// What a run of tokometer came to.
pub struct Tokometer {
    pub records: Vec<RequestRecord>,
    pub cpu_s: f64,
    pub rss_mib: f64,
    pub dropped: u64,
    pub frames: u64,
}

impl Tokometer {
    pub fn chunks(&self) -> u64 {
        self.records
            .iter()
            .map(|record| u64::from(record.chunks))
            .sum()
    }

    /// One cycle of `users` users that ask `waves` times each, with the dashboard drawing at 120x40.
    pub fn run(url: &str, users: u32, waves: u32, record: bool) -> Self {
        let folder = std::env::temp_dir().join(format!("tokometer-bench-{}", std::process::id()));
        let session = serve::start(SessionOptions {
            access: Access::default(),
            url: Some(url.to_owned()),
            dialect: None,
            simulator: tokometer::sim::SimConfig::default(),
            runs: record.then(|| folder.clone()),
            reports: None,
        })
        .unwrap();
        let plan = Plan {
            levels: vec![users],
            shape: CycleShape::Waves(waves),
            max_tokens: None,
            warmup: 0,
            ..Plan::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let before = cpu_s();
        tokometer::platform::yield_to_the_load();
        let mut run = runtime.block_on(drive(session, plan));
        run.cpu_s -= before;
        let _ = std::fs::remove_dir_all(folder);
        run
    }
}

/// Starts the run and shows it in a dashboard until it is over.
async fn drive(session: Session, plan: Plan) -> Tokometer {
    let Session {
        commands,
        mut events,
        work,
    } = session;
    let (shown, screen_events) = mpsc::channel(256);
    let frames = Arc::new(AtomicU64::new(0));
    let mut terminal = Terminal::new(Counting::new(Arc::clone(&frames))).unwrap();
    let options = tui::DashboardOptions {
        plan: plan.clone(),
        ..tui::DashboardOptions::default()
    };
    let (over, is_over) = tokio::sync::oneshot::channel::<()>();
    let asked = commands.clone();
    let collect = tokio::spawn(async move {
        let mut records = Vec::new();
        let mut dropped = 0;
        let (mut cpu, mut rss) = (0.0, 0.0_f64);
        while let Some(message) = events.recv().await {
            match &message {
                SessionEvent::Found(found) => {
                    let model = Box::new(found.models[0].clone());
                    let plan = Box::new(plan.clone());
                    asked
                        .send(SessionCommand::Start { plan, model })
                        .await
                        .unwrap();
                }
                SessionEvent::Events(events) => {
                    for event in events {
                        match &event.what {
                            EventKind::RequestEnded(record) => records.push((**record).clone()),
                            EventKind::Client(cost) => {
                                dropped = cost.dropped_progress;
                                rss = rss.max(cost.rss_bytes.unwrap_or(0) as f64 / 1_048_576.0);
                            }
                            _ => {}
                        }
                    }
                }
                SessionEvent::Finished { error, .. } => {
                    assert_eq!(*error, None);
                    cpu = cpu_s();
                    break;
                }
                _ => {}
            }
            shown.send(message).await.unwrap();
        }
        let _ = over.send(());
        (records, dropped, cpu, rss)
    });
    let shutdown = async {
        let _ = is_over.await;
        tui::Shutdown { signal: 2 }
    };
    let input = futures_util::stream::pending::<io::Result<crossterm::event::Event>>();
    tui::run(
        &mut terminal,
        input,
        screen_events,
        commands,
        shutdown,
        options,
    )
    .await
    .unwrap();
    let (records, dropped, cpu_s, rss_mib) = collect.await.unwrap();
    work.finish().await;
    Tokometer {
        records,
        cpu_s,
        rss_mib,
        dropped,
        frames: frames.load(Ordering::Relaxed),
    }
}

/// TTFT as the client stamped it minus TTFT as the server told it in the first token, milliseconds.
pub fn ttft_error_ms(record: &RequestRecord) -> f64 {
    let answer = record.answer.as_ref().unwrap();
    let reported = answer.text.trim().strip_prefix("ttft_us=").unwrap();
    let reported: f64 = reported.split(' ').next().unwrap().parse().unwrap();
    record.ttft_s().unwrap() * 1e3 - reported / 1e3
}

/// Reads the same answers with the same HTTP library, hyper, and only counts their lines; gives its
/// processor time, seconds.
pub fn count_lines(url: &str, users: u32) -> f64 {
    let address = url.strip_prefix("http://").unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let before = cpu_s();
    runtime.block_on(async {
        let readers: Vec<_> = (0..users)
            .map(|_| tokio::spawn(count_answer(address.clone())))
            .collect();
        for reader in readers {
            assert!(reader.await.unwrap() > 20_000);
        }
    });
    cpu_s() - before
}

async fn count_answer(address: String) -> usize {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = hyper::Request::post("/api/chat").header("host", "m");
    let request = request
        .body(Full::new(Bytes::from_static(br#"{"model":"m"}"#)))
        .unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    let mut lines = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame.unwrap().into_data() {
            lines += memchr::memchr_iter(b'\n', &bytes).count();
        }
    }
    drop(sender);
    driver.await.unwrap().unwrap();
    lines
}

/// A terminal that counts its frames.
struct Counting {
    inner: TestBackend,
    frames: Arc<AtomicU64>,
}

impl Counting {
    fn new(frames: Arc<AtomicU64>) -> Self {
        Self {
            inner: TestBackend::new(120, 40),
            frames,
        }
    }
}

impl Backend for Counting {
    type Error = <TestBackend as Backend>::Error;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Self::Error>
    where
        I: Iterator<Item = (u16, u16, &'a ratatui::buffer::Cell)>,
    {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.inner.draw(content)
    }
    fn hide_cursor(&mut self) -> Result<(), Self::Error> {
        self.inner.hide_cursor()
    }
    fn show_cursor(&mut self) -> Result<(), Self::Error> {
        self.inner.show_cursor()
    }
    fn get_cursor_position(&mut self) -> Result<ratatui::layout::Position, Self::Error> {
        self.inner.get_cursor_position()
    }
    fn set_cursor_position<P: Into<ratatui::layout::Position>>(
        &mut self,
        position: P,
    ) -> Result<(), Self::Error> {
        self.inner.set_cursor_position(position)
    }
    fn clear(&mut self) -> Result<(), Self::Error> {
        self.inner.clear()
    }
    fn clear_region(&mut self, clear_type: ratatui::backend::ClearType) -> Result<(), Self::Error> {
        self.inner.clear_region(clear_type)
    }
    fn size(&self) -> Result<ratatui::layout::Size, Self::Error> {
        self.inner.size()
    }
    fn window_size(&mut self) -> Result<ratatui::backend::WindowSize, Self::Error> {
        self.inner.window_size()
    }
    fn flush(&mut self) -> Result<(), Self::Error> {
        self.inner.flush()
    }
}
